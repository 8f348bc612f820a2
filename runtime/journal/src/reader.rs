//! A look at a journal, from any process.

use crate::{Appended, Event, Follow, JournalError, Lease, Result, TaskId, Until, event::decode, store};
use policy::Digest;
use rusqlite::{Connection, OptionalExtension as _, Row};
use std::{
    collections::VecDeque,
    fmt,
    path::{Path, PathBuf},
};

/// How much of a record is in memory at once: pages end after so many events or bytes, whichever comes first.
const PAGE_EVENTS: usize = 256;
const PAGE_BYTES: usize = 1 << 20;

/// Reads a journal. Each read sees what was committed by then, and holds nothing up.
///
/// Reading takes events as they are; [`Reader::verify`] says whether they are what was recorded.
pub struct Reader {
    pub(crate) dir: PathBuf,
    pub(crate) db: Connection,
}

/// A row of the table as it is stored; every part is a claim.
pub(crate) struct Stored {
    pub(crate) seq: i64,
    pub(crate) at_ms: i64,
    pub(crate) prev: Vec<u8>,
    pub(crate) digest: Vec<u8>,
    pub(crate) json: Vec<u8>,
}

impl Reader {
    /// Opens the journal of a state directory.
    ///
    /// # Errors
    /// [`JournalError::Missing`] where there is none yet.
    pub fn open(dir: &Path) -> Result<Self> {
        Ok(Self { dir: dir.to_owned(), db: store::open_to_read(&store::path(dir))? })
    }

    /// A task's events from one on, in order, read page by page. A task without a record has none.
    pub fn events(&self, task: &TaskId, from: u64) -> Events<'_> {
        Events { reader: self, task: *task, next: from, page: VecDeque::new(), over: false }
    }

    /// The end of a task's chain; none where it has no record.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn head(&self, task: &TaskId) -> Result<Option<Appended>> {
        let mut last =
            self.db.prepare_cached("SELECT seq, digest FROM event WHERE task = ?1 ORDER BY seq DESC LIMIT 1")?;
        let head = last.query_row([task.as_str()], |row| {
            Ok(Appended { seq: row.get::<_, i64>(0)?.cast_unsigned(), digest: Digest(row.get(1)?) })
        });
        Ok(head.optional()?)
    }

    /// A task's events from one on, as they are recorded.
    pub fn follow(self, task: &TaskId, from: u64, until: Until) -> Follow {
        Follow::new(self, task, from, until)
    }

    /// Whether some process drives the task at this moment.
    ///
    /// # Errors
    /// Where its lock cannot be looked at.
    pub fn is_driven(&self, task: &TaskId) -> Result<bool> {
        Lease::is_taken(&self.dir, task)
    }

    /// The next rows of a task; empty where there is no more.
    pub(crate) fn stored(&self, task: &TaskId, from: i64) -> Result<Vec<Stored>> {
        let mut select = self.db.prepare_cached(
            "SELECT seq, at_ms, prev, digest, CAST(body AS BLOB) FROM event WHERE task = ?1 AND seq >= ?2 ORDER BY seq",
        )?;
        let mut rows = select.query((task.as_str(), from))?;
        let (mut page, mut bytes) = (Vec::new(), 0);
        while page.len() < PAGE_EVENTS && bytes < PAGE_BYTES {
            let Some(row) = rows.next()? else { break };
            let stored = Stored::try_from(row)?;
            bytes += stored.json.len();
            page.push(stored);
        }
        Ok(page)
    }

    pub(crate) fn page(&self, task: &TaskId, from: u64) -> Result<VecDeque<Event>> {
        let Ok(from) = i64::try_from(from) else { return Ok(VecDeque::new()) };
        self.stored(task, from)?.iter().map(|stored| stored.event(task)).collect()
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl TryFrom<&Row<'_>> for Stored {
    type Error = rusqlite::Error;

    fn try_from(row: &Row<'_>) -> std::result::Result<Self, rusqlite::Error> {
        Ok(Self { seq: row.get(0)?, at_ms: row.get(1)?, prev: row.get(2)?, digest: row.get(3)?, json: row.get(4)? })
    }
}

impl Stored {
    fn event(&self, task: &TaskId) -> Result<Event> {
        let seq = self.seq.cast_unsigned();
        let digest = |bytes: &[u8], name| {
            let bytes = bytes.try_into().map_err(|_| JournalError::Unreadable {
                task: *task,
                seq,
                why: format!("its {name} has {} bytes, not 32", bytes.len()),
            });
            bytes.map(Digest)
        };
        Ok(Event {
            seq,
            at_ms: self.at_ms.cast_unsigned(),
            body: decode(task, seq, &self.json)?,
            prev: digest(&self.prev, "prev")?,
            digest: digest(&self.digest, "digest")?,
        })
    }
}

/// A task's events in order; ends after the last, or after the first error.
#[derive(Debug)]
pub struct Events<'a> {
    reader: &'a Reader,
    task: TaskId,
    next: u64,
    page: VecDeque<Event>,
    over: bool,
}

impl Iterator for Events<'_> {
    type Item = Result<Event>;

    fn next(&mut self) -> Option<Result<Event>> {
        if self.page.is_empty() && !self.over {
            match self.reader.page(&self.task, self.next) {
                Ok(page) => self.page = page,
                Err(error) => {
                    self.over = true;
                    return Some(Err(error));
                }
            }
        }
        let Some(event) = self.page.pop_front() else {
            self.over = true;
            return None;
        };
        self.next = event.seq.saturating_add(1);
        Some(Ok(event))
    }
}
