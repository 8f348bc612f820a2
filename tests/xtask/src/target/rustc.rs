//! Which compiler the target must fit.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::process;

/// The compiler that cargo uses here.
#[derive(Debug)]
pub(super) struct Rustc {
    /// Such as `1.95.0`: the name of its sources.
    pub(super) version: String,
    /// The line that tells one build of rustc from all others; libraries of one cannot be used by another.
    pub(super) identity: String,
    /// The folder of the toolchain.
    pub(super) sysroot: PathBuf,
}

impl Rustc {
    /// Asks the `rustc` on the path, which under rustup is the toolchain that runs this program.
    pub(super) fn ask() -> Result<Self> {
        // A proxy of rustup may have to load its settings; a compiler answers at once.
        let limit = Duration::from_secs(60);
        let verbose = process::capture(Command::new("rustc").arg("-vV"), limit)?;
        let sysroot = process::capture(Command::new("rustc").args(["--print", "sysroot"]), limit)?;
        Self::from_text(&verbose, &sysroot)
    }

    /// Reads what `rustc -vV` and `rustc --print sysroot` print.
    pub(super) fn from_text(verbose: &str, sysroot: &str) -> Result<Self> {
        let release = verbose.lines().find_map(|line| line.strip_prefix("release: "));
        let version = release.with_context(|| format!("`rustc -vV` names no release:\n{verbose}"))?;
        Ok(Self {
            version: version.trim().to_owned(),
            identity: verbose.lines().next().unwrap_or_default().trim().to_owned(),
            sysroot: PathBuf::from(sysroot.trim()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_is_the_release() {
        let verbose = "rustc 1.95.0 (59807616e 2026-04-14)\nbinary: rustc\nrelease: 1.95.0\nLLVM version: 22.1.2\n";
        let rustc = Rustc::from_text(verbose, "/toolchain\n").expect("it is well formed");
        assert_eq!(rustc.version, "1.95.0");
        assert_eq!(rustc.identity, "rustc 1.95.0 (59807616e 2026-04-14)");
        assert_eq!(rustc.sysroot, PathBuf::from("/toolchain"));
    }

    #[test]
    fn a_compiler_without_release_is_refused() {
        let error = Rustc::from_text("mrustc 0.11\n", "/toolchain").expect_err("it names no release");
        assert!(error.to_string().contains("mrustc 0.11"), "{error}");
    }
}
