//! What can go wrong with a journal.

use crate::TaskId;
use std::{io, path::PathBuf, sync::Arc};

/// A result of this crate.
pub type Result<T> = std::result::Result<T, JournalError>;

/// A journal that cannot be opened, read or written. It can be cloned because one failed commit fails many appends.
#[derive(Debug, Clone, thiserror::Error)]
pub enum JournalError {
    /// A file cannot be touched.
    #[error("{}: {error}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        #[source]
        error: Arc<io::Error>,
    },
    /// There is none yet.
    #[error("there is no journal at {}; one is made when the first call or task is recorded", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The file is something else. It was not changed.
    #[error("{} is not a journal: {why}; it was left as it is. Choose another state directory", path.display())]
    NotAJournal {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        why: &'static str,
    },
    /// Written by a later program. It was not changed.
    #[error("{} has format {found}, and this program knows {known}; use a newer one", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The latest that is known here.
        known: u32,
    },
    /// The database refused, or is damaged.
    #[error("journal: {0}")]
    Database(#[source] Arc<rusqlite::Error>),
    /// No event of that task was ever recorded.
    #[error("there is no record of task {0}")]
    UnknownTask(TaskId),
    /// The task came to its end.
    #[error("task {0} has ended: nothing can be added to its record")]
    Closed(TaskId),
    /// Another process, or another part of this one, works on the task.
    #[error("task {0} is being worked on already; wait for that to end, or stop it")]
    Leased(TaskId),
    /// A stored event is none that this program knows.
    #[error("event {seq} of task {task} cannot be read: {why}")]
    Unreadable {
        /// The task.
        task: TaskId,
        /// Which event.
        seq: u64,
        /// What is wrong with it.
        why: String,
    },
    /// An event that could not be read back.
    #[error("an event nested {depth} deep cannot be recorded; at most {}", crate::MAX_DEPTH)]
    TooDeep {
        /// How deep.
        depth: usize,
    },
    /// An event that would take too much.
    #[error("an event of {bytes} bytes cannot be recorded; at most {}", crate::MAX_BODY_BYTES)]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// An event that has no JSON form.
    #[error("an event cannot be written as JSON: {0}")]
    Encode(#[source] Arc<serde_json::Error>),
    /// An event that nobody waited for was not written, so nothing is written any more.
    #[error("an earlier event was lost: {0}")]
    Lost(#[source] Arc<JournalError>),
    /// The writing thread cannot start.
    #[error("the journal's thread cannot start: {0}")]
    Thread(#[source] Arc<io::Error>),
    /// The writing thread is gone.
    #[error("the journal has stopped")]
    Stopped,
}

impl From<rusqlite::Error> for JournalError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(Arc::new(error))
    }
}

impl JournalError {
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        |error| Self::File { path, error: Arc::new(error) }
    }
}
