//! What exists outside the sandbox: the mounts and variables that grants choose from.

use crate::{
    doors::fs::{PathPatterns, PatternRefused, Ruled},
    ledger::lock,
    secrets::Secrets,
    staged::{Staged, StagedError},
};
use cap_std::{ambient_authority, fs::Dir};
use policy::{Access, MountName};
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
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
    /// Whose world it is. Tenants share no worker process, and the processor in equal parts.
    pub tenant: Arc<str>,
}

impl World {
    /// What is staged by now, mount by mount.
    pub fn staged(&self) -> impl Iterator<Item = Arc<Staged>> {
        let begun = |mount: &Mount| mount.staging.as_ref().and_then(|staging| lock(&staging.begun).clone());
        self.mounts.values().filter_map(begun)
    }
}

/// A directory of the host. It is opened once, so that what is later put in place of its path changes nothing.
#[derive(Debug, Clone)]
pub struct Mount {
    dir: Arc<Dir>,
    path: PathBuf,
    access: Access,
    ruled: Option<Arc<Ruled>>,
    staging: Option<Staging>,
}

/// Where a mount's changes can be staged.
#[derive(Debug, Clone)]
struct Staging {
    folder: PathBuf,
    /// Whether they all are, whatever a grant says.
    always: bool,
    /// The view, from when something is staged.
    begun: Arc<Mutex<Option<Arc<Staged>>>>,
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
        Ok(Self { dir: Arc::new(dir), path, access, ruled: None, staging: None })
    }

    /// The same with rules for its paths.
    ///
    /// # Errors
    /// Names the pattern that cannot be used.
    pub fn with(mut self, patterns: &PathPatterns) -> Result<Self, PatternRefused> {
        let rules = patterns.rules()?;
        self.ruled =
            (!patterns.is_empty()).then(|| Ruled::new(self.path.clone(), patterns.clone(), rules, Some(self.dir())));
        Ok(self)
    }

    /// Says where its changes are kept where policy wants them staged; with `always`, they all are.
    #[must_use]
    pub fn staged(mut self, folder: PathBuf, always: bool) -> Self {
        self.staging = Some(Staging { folder, always, begun: Arc::default() });
        self
    }

    /// Whether all changes are staged.
    pub fn is_staged(&self) -> bool {
        self.staging.as_ref().is_some_and(|staging| staging.always)
    }

    /// The view that a call works on; `None` where it works on the directory. From the first call whose changes are staged,
    /// all calls see what it changed.
    pub(crate) fn view(&self, name: &MountName, demanded: bool) -> Result<Option<Arc<Staged>>, StagedError> {
        let Some(staging) = &self.staging else {
            // A grant that says so is not served otherwise.
            let error = io::Error::new(
                io::ErrorKind::Unsupported,
                "policy wants changes staged, and there is no place for them",
            );
            return if demanded { Err(StagedError::Io { path: self.path.clone(), error }) } else { Ok(None) };
        };
        let mut begun = lock(&staging.begun);
        if begun.is_none() && (demanded || staging.always || staging.folder.exists()) {
            *begun = Some(Arc::new(Staged::of(name, &*self.dir, &self.path, &staging.folder)?));
        }
        Ok(begun.clone())
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

    pub(crate) fn dir(&self) -> Arc<Dir> {
        Arc::clone(&self.dir)
    }
}
