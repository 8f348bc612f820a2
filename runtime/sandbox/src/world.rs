//! What exists outside the sandbox: the mounts and variables that grants choose from.

use crate::{
    doors::fs::{PathPatterns, PatternRefused, Ruled},
    secrets::Secrets,
};
use cap_std::{ambient_authority, fs::Dir};
use policy::{Access, MountName};
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The world of a task or a server: nothing outside it can be granted.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// Directories, by the name under which guests see them.
    pub mounts: BTreeMap<MountName, Mount>,
    /// Environment variables, by name.
    pub env: BTreeMap<String, String>,
    /// Secrets that requests can hold.
    pub secrets: Secrets,
    /// Where the virtual clock starts, in milliseconds since 1970.
    pub clock_ms: u64,
}

/// A directory of the host. It is opened once, so that what is later put in place of its path changes nothing.
#[derive(Debug, Clone)]
pub struct Mount {
    dir: Arc<Dir>,
    path: PathBuf,
    access: Access,
    ruled: Option<Arc<Ruled>>,
}

/// A mount that cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("mount `{name}`: {path}: {error}")]
pub struct MountError {
    /// The mount.
    pub name: MountName,
    /// The directory on the host.
    pub path: PathBuf,
    /// What happened.
    pub error: io::Error,
}

impl Mount {
    /// Opens a directory.
    ///
    /// # Errors
    /// Where there is none, or it cannot be entered.
    pub fn open(name: &MountName, path: &Path, access: Access) -> Result<Self, MountError> {
        let refuse = |error| MountError { name: name.clone(), path: path.to_owned(), error };
        let path = fs::canonicalize(path).map_err(refuse)?;
        let dir = Dir::open_ambient_dir(&path, ambient_authority()).map_err(refuse)?;
        Ok(Self { dir: Arc::new(dir), path, access, ruled: None })
    }

    /// The same with rules for its paths.
    ///
    /// # Errors
    /// Names the pattern that cannot be used.
    pub fn with(mut self, patterns: &PathPatterns) -> Result<Self, PatternRefused> {
        let rules = patterns.rules()?;
        self.ruled = (!patterns.is_empty()).then(|| Ruled::new(self.path.clone(), rules));
        Ok(self)
    }

    pub(crate) fn ruled(&self) -> Option<Arc<Ruled>> {
        self.ruled.clone()
    }

    /// The directory's path on the host when it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The most that any grant can hold of it.
    pub fn access(&self) -> Access {
        self.access
    }

    pub(crate) fn dir(&self) -> &Dir {
        &self.dir
    }
}
