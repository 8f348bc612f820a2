//! The last resort: two archives that lie beside the checkout.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::TRIPLE;
use super::rustc::Rustc;
use super::sources::Sources;
use crate::{commands, process};

/// Where they are looked for, from the folder that holds the checkout.
const FOLDER: &str = "shared/toolchain";

/// Unpacking takes a second or two.
const LIMIT: Duration = Duration::from_secs(60);

/// Unpacks the sources of exactly this rustc's library, and the newest C library, into `work`.
pub(super) fn fetch(rustc: &Rustc, work: &Path) -> Result<Sources> {
    let root = commands::root();
    let folder = root.parent().unwrap_or(&root).join(FOLDER);
    let library = folder.join(format!("rust-std-{}-src.tar.xz", rustc.version));
    ensure!(library.is_file(), "there is no {}", library.display());
    let libc = newest_libc(&folder)?;
    for archive in [&library, &libc] {
        process::capture(Command::new("tar").arg("-C").arg(work).arg("-xJf").arg(archive), LIMIT)?;
    }
    let origin = format!("{} and {}", library.display(), libc.display());
    Sources::new(&work.join("library"), &work.join(TRIPLE), origin)
}

/// The archive `wasi-libc-<date>-wasip2.tar.xz` with the latest date.
fn newest_libc(folder: &Path) -> Result<PathBuf> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut found: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.file_name().is_some_and(is_libc))
        .collect();
    found.sort();
    found.pop().with_context(|| format!("there is no wasi-libc-*-wasip2.tar.xz in {}", folder.display()))
}

fn is_libc(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| name.starts_with("wasi-libc-") && name.ends_with("-wasip2.tar.xz"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(files: &[&str], expected: Option<&str>) {
        let folder = tempfile::tempdir().expect("a temporary directory");
        for file in files {
            fs::write(folder.path().join(file), "").expect("a file");
        }
        let newest = newest_libc(folder.path()).ok();
        assert_eq!(newest, expected.map(|name| folder.path().join(name)));
    }

    #[test]
    fn the_newest_libc_for_this_target_is_chosen() {
        let (older, newer) = ("wasi-libc-20251130-wasip2.tar.xz", "wasi-libc-20260129-wasip2.tar.xz");
        check(&[newer, older, "wasi-libc-20270101-wasip1.tar.xz", "rust-std-1.95.0-src.tar.xz"], Some(newer));
        check(&["wasi-libc-20260129-wasip2.tar.gz"], None);
    }
}
