//! Who drives a task: a lock on a file beside the database, which the system takes back when its process dies.

use crate::{JournalError, Result, TaskId};
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::ErrorKind,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

/// The folder of locks in the state directory; an empty file for each task that was ever driven.
const FOLDER: &str = "locks";

/// A look at a lock holds it for some microseconds. Whoever wants it tries again before it says that it is taken.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(10);

/// The right to drive a task, until it is dropped or the process ends, however it ends.
#[derive(Debug)]
pub struct Lease {
    task: TaskId,
    /// Open, and therefore locked.
    _file: File,
}

impl Lease {
    /// The task that it is for.
    pub fn task(&self) -> &TaskId {
        &self.task
    }

    pub(crate) fn take(dir: &Path, task: &TaskId) -> Result<Self> {
        let folder = dir.join(FOLDER);
        fs::create_dir_all(&folder).map_err(JournalError::file(&folder))?;
        let path = path(dir, task);
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(JournalError::file(&path))?;
        for _ in 0..TRIES {
            match file.try_lock() {
                Ok(()) => return Ok(Self { task: *task, _file: file }),
                Err(TryLockError::WouldBlock) => thread::sleep(PAUSE),
                Err(TryLockError::Error(error)) => return Err(JournalError::file(path)(error)),
            }
        }
        Err(JournalError::Leased(*task))
    }

    /// Whether somebody drives a task.
    pub(crate) fn is_taken(dir: &Path, task: &TaskId) -> Result<bool> {
        let path = path(dir, task);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(JournalError::file(path)(error)),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(JournalError::file(path)(error)),
        }
    }
}

fn path(dir: &Path, task: &TaskId) -> PathBuf {
    dir.join(FOLDER).join(format!("{task}.lock"))
}
