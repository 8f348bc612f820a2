//! Whether a record is what was recorded.

use crate::{
    JournalError, Reader, Result, TaskId,
    chain::{self, Link},
    event, list,
    reader::Stored,
};
use policy::Digest;
use serde::Serialize;
use std::fmt;

/// How many places are tried to find out where an event that does not fit came from; each takes a third of a microsecond.
const PLACES: u64 = 10_000_000;

/// A chain in which everything fits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// How many events it has.
    pub events: u64,
    /// The digest of the last one. Noted elsewhere, it shows later whether the end was cut off.
    pub head: Digest,
    /// Whether the last one is an end that nothing can follow. Where it is not, events may be missing after it.
    pub closed: bool,
}

/// A chain in which something does not fit. Events before that place are what was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("event {seq} of task {task} {fault}")]
pub struct Broken {
    /// The task.
    pub task: TaskId,
    /// The first place that does not fit.
    pub seq: u64,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Fault {
    /// It is not there, though later ones are.
    Missing,
    /// Its text, time, predecessor or digest is not what was recorded.
    Altered,
    /// It was recorded in another place of the same task.
    Moved {
        /// Which one.
        from: u64,
    },
    /// It was recorded for another task.
    Foreign {
        /// Which one.
        owner: TaskId,
        /// And where.
        from: u64,
    },
    /// It fits itself, but does not follow on the event before it: that one is not what was recorded.
    Unlinked,
    /// The event before it is an end that nothing can follow.
    AfterEnd,
    /// It fits, but is none that this program knows.
    Unreadable {
        /// Why.
        why: String,
    },
    /// It is the last one, and the chain was to end with another.
    Head {
        /// The digest that was expected.
        expected: Digest,
        /// The earlier event of this chain that has it: all after it is newer than the note. Absent where none has it.
        earlier: Option<u64>,
    },
    /// It says how far the record of a task within this one had come, and that record has no such event.
    Within {
        /// Which one.
        task: TaskId,
        /// The digest that it should have.
        head: Digest,
    },
}

/// Why a record is not verified.
#[derive(Debug, Clone, thiserror::Error)]
pub enum VerifyError {
    /// It is not what was recorded.
    #[error(transparent)]
    Broken(#[from] Box<Broken>),
    /// It cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl From<rusqlite::Error> for VerifyError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Journal(error.into())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("is missing, though there are later ones: it was removed"),
            Self::Altered => f.write_str("was altered: its digest is another than that of what it says"),
            Self::Moved { from } => write!(f, "stands in the wrong place: it was recorded as event {from}"),
            Self::Foreign { owner, from } => write!(f, "is foreign: it was recorded as event {from} of task {owner}"),
            Self::Unlinked => f.write_str("does not follow on the event before it, which was replaced"),
            Self::AfterEnd => f.write_str("comes after the task's end"),
            Self::Unreadable { why } => write!(f, "is what was recorded, but cannot be read here: {why}"),
            Self::Within { task, head } => {
                write!(f, "says that the record of task {task} had come to {head}, which is not in it any more")
            }
            Self::Head { expected, earlier: None } => {
                write!(f, "is the last one, and {expected} is nowhere in the chain: its end was cut off or replaced")
            }
            Self::Head { expected, earlier: Some(seq) } => {
                write!(f, "is the last one, and {expected} is the digest of event {seq}: more was recorded since")
            }
        }
    }
}

impl Reader {
    /// Recomputes a task's chain from its beginning, and compares its head to one that was noted elsewhere.
    ///
    /// # Errors
    /// [`VerifyError::Broken`] names the first place that does not fit.
    pub fn verify(&self, task: &TaskId, expected: Option<&Digest>) -> std::result::Result<Verified, VerifyError> {
        let mut state = Verified { events: 0, head: chain::genesis(task), closed: false };
        let mut earlier = None;
        // The key is signed, and what is below zero does not fit either.
        let mut from = i64::MIN;
        loop {
            let page = self.stored(task, from)?;
            let Some(last) = page.last() else { break };
            let next = last.seq.checked_add(1);
            for stored in &page {
                let seq = state.events;
                let fits = self.check(task, &mut state, stored);
                fits?.map_err(|fault| Box::new(Broken { task: *task, seq, fault }))?;
                if expected == Some(&state.head) {
                    earlier = Some(seq);
                }
            }
            match next {
                Some(next) => from = next,
                None => break,
            }
        }
        let Some(last) = state.events.checked_sub(1) else {
            return Err(JournalError::UnknownTask(*task).into());
        };
        match expected {
            Some(expected) if *expected != state.head => {
                let fault = Fault::Head { expected: *expected, earlier };
                Err(Box::new(Broken { task: *task, seq: last, fault }).into())
            }
            Some(_) | None => Ok(state),
        }
    }

    /// Whether the row is the next event of the chain; takes it in if it is.
    fn check(&self, task: &TaskId, state: &mut Verified, stored: &Stored) -> Result<std::result::Result<(), Fault>> {
        if state.closed {
            return Ok(Err(Fault::AfterEnd));
        }
        let Ok(seq) = u64::try_from(stored.seq) else { return Ok(Err(Fault::Altered)) };
        if seq != state.events {
            return Ok(Err(Fault::Missing));
        }
        let (Ok(prev), Ok(digest)) = (stored.prev.as_slice().try_into(), stored.digest.as_slice().try_into()) else {
            return Ok(Err(Fault::Altered));
        };
        let (prev, digest) = (Digest(prev), Digest(digest));
        let link = Link { seq, at_ms: stored.at_ms.cast_unsigned(), prev, body: chain::body(&stored.json) };
        if link.digest(task) != digest {
            return Ok(Err(self.origin(task, link, digest)?));
        }
        if prev != state.head {
            return Ok(Err(Fault::Unlinked));
        }
        let body = match event::decode(task, seq, &stored.json) {
            Ok(body) => body,
            Err(JournalError::Unreadable { why, .. }) => return Ok(Err(Fault::Unreadable { why })),
            Err(error) => return Err(error),
        };
        *state = Verified { events: state.events + 1, head: digest, closed: body.closes() };
        Ok(Ok(()))
    }

    /// Where an event with that digest was recorded, if it was anywhere in this journal.
    fn origin(&self, task: &TaskId, link: Link, digest: Digest) -> Result<Fault> {
        let mut longest =
            self.db.prepare_cached("SELECT task, max(seq) FROM event GROUP BY task ORDER BY task <> ?1")?;
        let mut rows = longest.query([task.as_str()])?;
        let mut tried = 0;
        while let Some(row) = rows.next()? {
            let owner = list::task_id(row)?;
            // One place more than there are now: it may have been the last.
            let places = u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0).saturating_add(2).min(PLACES - tried);
            if let Some(from) = (0..places).find(|&seq| Link { seq, ..link }.digest(&owner) == digest) {
                return Ok(if owner == *task { Fault::Moved { from } } else { Fault::Foreign { owner, from } });
            }
            tried += places;
        }
        Ok(Fault::Altered)
    }
}
