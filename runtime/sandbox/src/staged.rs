//! A mount's directory as a copy-on-write view: reads come from the directory, changes go into a folder of their own, and
//! a person looks at them before they are taken over.
//!
//! Two layers: the mount's directory (the base), and the folder's `files`, which holds a copy of whatever was changed. What
//! was removed is named in the folder's `gone`; it hides the base's entry of that path and all below it. Paths are followed
//! here and not by the kernel, since a link may lead from one layer to the other; whatever is opened is opened by a path
//! without links, so that nothing that is swapped meanwhile leads anywhere else.

mod change;
mod commit;
mod copy;
mod diff;
mod layers;
mod mode;
mod remove;

pub use commit::CommitError;
pub use diff::{Change, Content, Diff};
pub(crate) use layers::{End, Found, Kind, Layer, Spot, join};
pub use mode::{FileMode, NoMode};

use layers::{Beneath as _, Gone};
use policy::MountName;
use rustix::{
    fs::{FlockOperation, Mode, OFlags, fstat, mkdirat},
    io::Errno,
};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, DirBuilder},
    io,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::fs::DirBuilderExt as _,
    },
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

/// The name of the file that says what a folder of staged changes belongs to.
const ABOUT: &str = "mount.json";

/// A copy-on-write view of one directory.
#[derive(Debug)]
pub struct Staged {
    about: About,
    folder: PathBuf,
    open_folder: OwnedFd,
    base: OwnedFd,
    files: OwnedFd,
    gone_folder: OwnedFd,
    /// Copies are made here, and moved to their place when they are whole.
    new: Arc<OwnedFd>,
    gone: Mutex<Gone>,
    /// Whose turn it is: one operation at a time looks and acts.
    turn: Arc<tokio::sync::Mutex<()>>,
    /// Whether other processes have the same view.
    shared: AtomicBool,
}

/// How long to wait before another process's turn is looked at again: so long at first, and at most.
const WAITS: (Duration, Duration) = (Duration::from_micros(50), Duration::from_millis(2));

/// A turn.
#[derive(Clone)]
pub(crate) struct Turn(#[expect(dead_code, reason = "held until the last of them is dropped")] Arc<Held>);

struct Held {
    _here: tokio::sync::OwnedMutexGuard<()>,
    locked: Option<Arc<OwnedFd>>,
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(folder) = &self.locked {
            let _ = rustix::fs::flock(folder, FlockOperation::Unlock);
        }
    }
}

/// What a folder of staged changes belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct About {
    mount: MountName,
    path: PathBuf,
    device: u64,
    inode: u64,
}

/// A folder of staged changes that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StagedError {
    /// The operating system said no.
    #[error("staged changes, {path}: {error}")]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// What happened.
        error: io::Error,
    },
    /// The directory that the changes are for is not the one that they began with.
    #[error("the changes were staged for another directory than what {path} is now; `gloveport discard` drops them")]
    OtherDirectory {
        /// The directory's path.
        path: PathBuf,
    },
}

impl StagedError {
    fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::Io { path, error }
    }
}

impl Staged {
    /// Opens the view of a directory whose changes are kept in `folder`, and makes the folder where it is missing. The
    /// directory is the one that is open: what its path leads to by now may be somebody else's choice.
    pub(crate) fn of(mount: &MountName, open: impl AsFd, path: &Path, folder: &Path) -> Result<Self, StagedError> {
        let own = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let base = rustix::fs::openat(open, ".", own, Mode::empty());
        let base = base.map_err(|error| StagedError::at(path)(error.into()))?;
        let stat = fstat(&base).map_err(|error| StagedError::at(path)(error.into()))?;
        let about = About { mount: mount.clone(), path: path.to_owned(), device: stat.st_dev, inode: stat.st_ino };
        let written = folder.join(ABOUT);
        if !written.exists() {
            let mut private = DirBuilder::new();
            private.recursive(true).mode(0o700).create(folder).map_err(StagedError::at(folder))?;
            for layer in ["files", "gone", "new"] {
                private.create(folder.join(layer)).map_err(StagedError::at(folder))?;
            }
            let text = serde_json::to_vec(&about).map_err(|error| StagedError::at(&written)(error.into()))?;
            write_whole(&written, &text)?;
        }
        let this = Self::on(folder, Some(base))?;
        if this.about == about { Ok(this) } else { Err(StagedError::OtherDirectory { path: path.to_owned() }) }
    }

    /// Opens a folder of staged changes.
    ///
    /// # Errors
    /// Where it is not one, or the directory that the changes are for is not there any more.
    pub fn open(folder: &Path) -> Result<Self, StagedError> {
        Self::on(folder, None)
    }

    fn on(folder: &Path, base: Option<OwnedFd>) -> Result<Self, StagedError> {
        let written = folder.join(ABOUT);
        let text = fs::read(&written).map_err(StagedError::at(&written))?;
        let about: About = serde_json::from_slice(&text).map_err(|error| StagedError::at(&written)(error.into()))?;
        let base = base.map_or_else(|| open_directory(&about.path), Ok)?;
        let stat = fstat(&base).map_err(|error| StagedError::at(&about.path)(error.into()))?;
        if (stat.st_dev, stat.st_ino) != (about.device, about.inode) {
            return Err(StagedError::OtherDirectory { path: about.path });
        }
        Self::with(about, folder.to_owned(), base, open_directory(folder)?, false)
    }

    fn with(
        about: About,
        folder: PathBuf,
        base: OwnedFd,
        open_folder: OwnedFd,
        shared: bool,
    ) -> Result<Self, StagedError> {
        let layer = |name: &str| {
            let layer = open_folder.open(name, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty());
            layer.map_err(|error| StagedError::at(&folder.join(name))(error.into()))
        };
        let (files, gone_folder, new) = (layer("files")?, layer("gone")?, Arc::new(layer("new")?));
        let (gone, turn, shared) = (Mutex::default(), Arc::default(), AtomicBool::new(shared));
        let this = Self { about, folder, open_folder, base, files, gone_folder, new, gone, turn, shared };
        this.read_gone()?;
        Ok(this)
    }

    /// The views whose changes are kept below a folder; none where nothing was ever staged there.
    ///
    /// # Errors
    /// As [`Staged::open`].
    pub fn all(folder: &Path) -> Result<Vec<Self>, StagedError> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(StagedError::at(folder)(error)),
        };
        let mut folders = entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(StagedError::at(folder))?;
        folders.sort();
        // One that a crash left before it was whole holds nothing, or nothing any more.
        let whole = |folder: &&PathBuf| folder.join(ABOUT).exists() && !remove::is_discarded(folder);
        folders.iter().filter(whole).map(|folder| Self::open(folder)).collect()
    }

    /// Drops all changes below a folder, whatever they are: also those that cannot be looked at.
    ///
    /// # Errors
    /// The operating system's.
    pub fn discard_all(folder: &Path) -> Result<(), StagedError> {
        remove::discard(folder).map_err(StagedError::at(folder))
    }

    /// The view of another process, from the open base and the open folder.
    pub(crate) fn shared(about: About, folder: PathBuf, [base, open]: [OwnedFd; 2]) -> Result<Self, StagedError> {
        Self::with(about, folder, base, open, true)
    }

    /// From now on others have the same view: whoever acts here heeds their turns, too. Where they change a part of it, that
    /// part is there to be changed.
    pub(crate) async fn share(&self, floor: &str, writes: bool) -> io::Result<()> {
        let _here = self.turn.lock().await;
        self.shared.store(true, Relaxed);
        if writes && !floor.is_empty() {
            self.make_parents(&join(floor, "inside"))?;
        }
        Ok(())
    }

    /// The directory that it is a view of, open.
    pub(crate) fn base(&self) -> BorrowedFd<'_> {
        self.base.as_fd()
    }

    /// The folder of changes, open.
    pub(crate) fn open_folder(&self) -> BorrowedFd<'_> {
        self.open_folder.as_fd()
    }

    /// What is in the folder of changes.
    pub(crate) fn layers_of_changes(&self) -> [BorrowedFd<'_>; 3] {
        [self.files.as_fd(), self.gone_folder.as_fd(), self.new.as_fd()]
    }

    pub(crate) fn about(&self) -> &About {
        &self.about
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Looks and acts by itself until the guard is dropped: in this process, and where other processes have the same view,
    /// beside them.
    pub(crate) async fn turn(&self) -> Result<Turn, Errno> {
        let here = Arc::clone(&self.turn).lock_owned().await;
        if !self.shared.load(Relaxed) {
            return Ok(Turn(Arc::new(Held { _here: here, locked: None })));
        }
        let (mut wait, most) = WAITS;
        // Asked for again and again, since whoever waits in the kernel cannot be called off.
        while let Err(error) = rustix::fs::flock(&*self.new, FlockOperation::NonBlockingLockExclusive) {
            if error != Errno::WOULDBLOCK {
                return Err(error);
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(most);
        }
        let turn = Turn(Arc::new(Held { _here: here, locked: Some(Arc::clone(&self.new)) }));
        self.read_gone().map_err(|_| Errno::IO)?;
        Ok(turn)
    }

    /// The mount that it is a view of.
    pub fn mount(&self) -> &MountName {
        &self.about.mount
    }

    /// The directory that it is a view of.
    pub fn path(&self) -> &Path {
        &self.about.path
    }

    /// Drops all changes.
    ///
    /// # Errors
    /// The operating system's.
    pub fn discard(self) -> Result<(), StagedError> {
        remove::discard(&self.folder).map_err(StagedError::at(&self.folder))
    }

    /// The directory that holds what was changed.
    pub(crate) fn layer_of_changes(&self) -> &OwnedFd {
        &self.files
    }

    fn layer(&self, layer: Layer) -> &OwnedFd {
        match layer {
            Layer::Base => &self.base,
            Layer::Files => &self.files,
        }
    }

    /// A directory in the layer of changes, with all that it is in.
    fn make_parents(&self, path: &str) -> Result<(), Errno> {
        let ends = path.match_indices('/').map(|(at, _)| &path[..at]);
        for directory in ends {
            if self.files.stat(directory)?.is_none() {
                let (parent, name) = self.files.parent(directory)?;
                mkdirat(parent, name, Mode::from_raw_mode(0o777))?;
            }
        }
        Ok(())
    }
}

fn open_directory(path: &Path) -> Result<OwnedFd, StagedError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).map_err(|error| StagedError::at(path)(error.into()))
}

/// A name that nobody can take beforehand.
fn unguessable(prefix: &str) -> Result<String, Errno> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| Errno::IO)?;
    Ok(format!("{prefix}{}", hex::encode(bytes)))
}

/// Writes a file, or nothing.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), StagedError> {
    let whole = || {
        let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
        io::Write::write_all(&mut file, bytes)?;
        file.persist(path).map_err(|error| error.error)
    };
    whole().map(drop).map_err(StagedError::at(path))
}
