//! The folder of the toolchain in which rustc looks for the target's libraries.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail, ensure};

use super::rustc::Rustc;
use super::sources::LIBC_FILES;
use super::{TRIPLE, say};

/// Names another folder to look in and install to, to try an install without touching the toolchain.
const LIBDIR: &str = "GLOVEPORT_WASM_LIBDIR";

/// Where the C library's files lie within the folder.
const SELF_CONTAINED: &str = "self-contained";

/// Says which compiler the libraries were built for, as a toolchain that is updated in place keeps what rustup did not put
/// there. What rustup installs has no such file and is rustup's to keep right.
const STAMP: &str = "built-for-rustc";

/// Where the target's libraries belong.
#[derive(Debug)]
pub(super) struct Place {
    libdir: PathBuf,
    identity: String,
}

impl Place {
    /// The folder of this compiler, or the one that `GLOVEPORT_WASM_LIBDIR` names.
    pub(super) fn of(rustc: &Rustc) -> Result<Self> {
        let libdir = match env::var_os(LIBDIR) {
            Some(path) => {
                std::path::absolute(&path).with_context(|| format!("{LIBDIR} is not a path: {}", path.display()))?
            }
            None => rustc.sysroot.join("lib/rustlib").join(TRIPLE).join("lib"),
        };
        Ok(Self::new(libdir, &rustc.identity))
    }

    fn new(libdir: PathBuf, identity: &str) -> Self {
        Self { libdir, identity: identity.to_owned() }
    }

    /// The folder itself.
    pub(super) fn libdir(&self) -> &Path {
        &self.libdir
    }

    /// What keeps the target from being used; empty when it is complete.
    pub(super) fn missing(&self) -> Vec<String> {
        self.missing_in(&self.libdir)
    }

    fn missing_in(&self, folder: &Path) -> Vec<String> {
        let mut missing = Vec::new();
        if !names_in(folder).iter().any(|name| is_library(name, "libstd-", ".rlib")) {
            missing.push("libstd-*.rlib".to_owned());
        }
        for file in LIBC_FILES {
            if !folder.join(SELF_CONTAINED).join(file).is_file() {
                missing.push(format!("{SELF_CONTAINED}/{file}"));
            }
        }
        match fs::read_to_string(folder.join(STAMP)) {
            Ok(stamp) if stamp.trim() != self.identity => {
                missing.push(format!("libraries for {} (they are for {})", self.identity, stamp.trim()));
            }
            _ => {}
        }
        missing
    }

    /// Waits until no other install is at work here; the install is this program's until the file is dropped.
    pub(super) fn lock(&self) -> Result<File> {
        let parent = self.parent()?;
        fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
        // The folder itself is locked, so that no lock file stays behind in the toolchain.
        let file = File::open(parent).with_context(|| format!("cannot open {}", parent.display()))?;
        if file.try_lock().is_err() {
            say("waiting for another install to end");
            file.lock().with_context(|| format!("cannot lock {}", parent.display()))?;
        }
        Ok(file)
    }

    /// Puts the libraries and the C library in place, all or nothing: they are gathered beside the folder, and take its name
    /// when they are complete. An install that is killed leaves a folder of another name, which the next one removes.
    pub(super) fn install(&self, rlibs: &[PathBuf], libc: &Path, identity: &str) -> Result<()> {
        let (incoming, outgoing) = (self.beside("incoming")?, self.beside("outgoing")?);
        for leftover in [&incoming, &outgoing] {
            remove(leftover)?;
        }
        self.refuse_foreign()?;
        let self_contained = incoming.join(SELF_CONTAINED);
        fs::create_dir_all(&self_contained).with_context(|| format!("cannot make {}", self_contained.display()))?;
        for rlib in rlibs {
            copy_into(&incoming, rlib)?;
        }
        for file in LIBC_FILES {
            copy_into(&self_contained, &libc.join(file))?;
        }
        let stamp = incoming.join(STAMP);
        fs::write(&stamp, identity).with_context(|| format!("cannot write {}", stamp.display()))?;
        let missing = self.missing_in(&incoming);
        ensure!(missing.is_empty(), "what was built lacks {}", missing.join(", "));

        if self.libdir.exists() {
            rename(&self.libdir, &outgoing)?;
        }
        rename(&incoming, &self.libdir)?;
        remove(&outgoing)
    }

    /// Only an incomplete target is replaced: a folder with anything else in it was named by mistake.
    fn refuse_foreign(&self) -> Result<()> {
        for name in names_in(&self.libdir) {
            let ours = name == SELF_CONTAINED
                || name == STAMP
                || is_library(&name, "lib", ".rlib")
                || is_library(&name, "lib", ".rmeta");
            if !ours {
                bail!("{} holds {name}, which is no part of a target; it is left as it is", self.libdir.display());
            }
        }
        Ok(())
    }

    fn parent(&self) -> Result<&Path> {
        self.libdir.parent().ok_or_else(|| anyhow!("{LIBDIR} is the root folder"))
    }

    /// A folder in the same file system, so that renaming is one step.
    fn beside(&self, suffix: &str) -> Result<PathBuf> {
        let mut name = OsString::from(".");
        name.push(self.libdir.file_name().unwrap_or_default());
        name.push(".");
        name.push(suffix);
        Ok(self.parent()?.join(name))
    }
}

/// The names in a folder; none when it cannot be read, which is as good as empty to every reader here.
fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.filter_map(Result::ok).map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn is_library(name: &str, prefix: &str, suffix: &str) -> bool {
    name.starts_with(prefix) && name.ends_with(suffix)
}

fn copy_into(folder: &Path, file: &Path) -> Result<()> {
    let name = file.file_name().with_context(|| format!("{} is not a file", file.display()))?;
    let to = folder.join(name);
    fs::copy(file, &to).with_context(|| format!("cannot copy {} to {}", file.display(), to.display()))?;
    Ok(())
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).with_context(|| format!("cannot rename {} to {}", from.display(), to.display()))
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
