//! The lock file: which bytes a package's name stands for.

use crate::package::{Origin, Package};
use policy::Digest;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

/// The form of the file.
const VERSION: u32 = 1;
const HEADER: &str = "# Which bytes each package's name stands for. Written by `gloveport lock`; keep it in version control.\n";

/// Names and the digests that are pinned to them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lock {
    pins: BTreeMap<String, Pin>,
}

/// One pinned package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// The package's name.
    pub name: String,
    /// The sha256 of its bytes.
    pub digest: Digest,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    #[serde(default, rename = "package")]
    packages: Vec<Pin>,
}

/// A lock file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// The operating system said no.
    #[error("lock file {path}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What happened.
        error: io::Error,
    },
    /// Not of the expected form.
    #[error("lock file {path}: {message}")]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong, with its line.
        message: String,
    },
}

/// A package whose bytes are not the ones that were pinned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "package `{name}` ({origin}) is {found}, but {pinned} is pinned; look at what changed with `gloveport inspect`, then pin the new one with `gloveport lock --accept {name}`"
)]
pub struct Drift {
    /// The package.
    pub name: String,
    /// Where it is.
    pub origin: String,
    /// What its bytes are.
    pub found: Digest,
    /// What they should be.
    pub pinned: Digest,
}

impl Lock {
    /// Reads a lock file.
    ///
    /// # Errors
    /// Where it is not there, or not of the expected form.
    pub fn read(path: &Path) -> Result<Self, LockError> {
        let text = fs::read_to_string(path).map_err(|error| LockError::Io { path: path.to_owned(), error })?;
        let form = |message: String| LockError::Form { path: path.to_owned(), message };
        let file: File = toml::from_str(&text).map_err(|error| form(error.to_string().trim_end().to_owned()))?;
        if file.version != VERSION {
            return Err(form(format!("version {} is not known here; expected {VERSION}", file.version)));
        }
        let mut lock = Self::default();
        for pin in file.packages {
            let name = pin.name.clone();
            if lock.pins.insert(name.clone(), pin).is_some() {
                return Err(form(format!("package `{name}` is pinned twice")));
            }
        }
        Ok(lock)
    }

    /// Writes the lock file, whole or not at all. The same pins give the same text.
    ///
    /// # Errors
    /// The operating system's.
    pub fn write(&self, path: &Path) -> Result<(), LockError> {
        let wrong = |error| LockError::Io { path: path.to_owned(), error };
        let file = File { version: VERSION, packages: self.pins.values().cloned().collect() };
        let text = toml::to_string(&file).map_err(|error| wrong(io::Error::other(error)))?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut temporary = tempfile::NamedTempFile::new_in(folder).map_err(wrong)?;
        temporary.write_all(HEADER.as_bytes()).and_then(|()| temporary.write_all(text.as_bytes())).map_err(wrong)?;
        temporary.persist(path).map(drop).map_err(|error| wrong(error.error))
    }

    /// Compares a package with its pin. A package without one, and what is bundled, is not pinned: the program itself
    /// is what vouches for its bundle.
    ///
    /// # Errors
    /// Where it has other bytes.
    pub fn check(&self, package: &Package) -> Result<(), Drift> {
        match self.pins.get(&package.name) {
            Some(pin) if pin.digest != package.digest && package.origin != Origin::Bundled => Err(Drift {
                name: package.name.clone(),
                origin: package.origin.to_string(),
                found: package.digest,
                pinned: pin.digest,
            }),
            _ => Ok(()),
        }
    }

    /// Whether a package of this name is pinned.
    pub fn has(&self, name: &str) -> bool {
        self.pins.contains_key(name)
    }

    /// Pins a package to the bytes it has now.
    pub fn pin(&mut self, package: &Package) {
        let pin = Pin { name: package.name.clone(), digest: package.digest };
        self.pins.insert(package.name.clone(), pin);
    }
}
