//! Looking on while a task runs, from any process.

use crate::{Event, EventBody, Reader, Result, TaskId, store};
use std::{collections::VecDeque, thread, time::Duration};

/// How often to look whether something was recorded. SQLite tells no other process of a commit: the number that changes
/// with one has to be asked for, which takes about a microsecond.
const PAUSE: Duration = Duration::from_millis(20);

/// When there is nothing more to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// The task ended, or waits for a person: after the next `task-ended` of any kind.
    Ended,
    /// No process drives the task any more, or nothing can follow: a record of single calls, of a task that was interrupted or
    /// that waits, or of one that is over.
    Left,
    /// Nothing can follow any more.
    Closed,
}

/// A task's events as they are recorded. As an iterator it waits for the next one, and blocks its thread meanwhile;
/// [`Follow::ready`] does not wait. After an error it ends.
#[derive(Debug)]
pub struct Follow {
    reader: Reader,
    task: TaskId,
    next: u64,
    until: Until,
    page: VecDeque<Event>,
    /// What the database said before it was last read.
    version: Option<i64>,
    over: bool,
}

impl Follow {
    pub(crate) fn new(reader: Reader, task: &TaskId, from: u64, until: Until) -> Self {
        Self { reader, task: *task, next: from, until, page: VecDeque::new(), version: None, over: false }
    }

    /// The next event, where it is recorded already.
    ///
    /// # Errors
    /// Where the database or the event cannot be read.
    pub fn ready(&mut self) -> Result<Option<Event>> {
        if self.over {
            return Ok(None);
        }
        if self.page.is_empty() {
            self.page = self.read().inspect_err(|_| self.over = true)?;
        }
        let event = self.page.pop_front();
        if let Some(event) = &event {
            self.next = event.seq.saturating_add(1);
            self.over = match self.until {
                Until::Ended => matches!(event.body, EventBody::TaskEnded { .. }),
                // A task that waited may have gone on.
                Until::Left | Until::Closed => event.body.closes(),
            };
        }
        Ok(event)
    }

    /// Goes on with another event; those before it are not given out any more.
    pub fn skip_to(&mut self, seq: u64) {
        self.next = self.next.max(seq);
        while self.page.front().is_some_and(|event| event.seq < seq) {
            self.page.pop_front();
        }
    }

    /// Whether the event that it was to go on until has been given out, or an error.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// What was recorded since; empty at once where nothing was committed at all.
    fn read(&mut self) -> Result<VecDeque<Event>> {
        // Asked before reading: what is committed in between is then read again, never missed.
        let version = store::data_version(&self.reader.db)?;
        if self.version == Some(version) {
            return Ok(VecDeque::new());
        }
        let page = self.reader.page(&self.task, self.next)?;
        if page.is_empty() {
            self.version = Some(version);
        }
        Ok(page)
    }
}

impl Iterator for Follow {
    type Item = Result<Event>;

    fn next(&mut self) -> Option<Result<Event>> {
        let mut left = false;
        loop {
            match self.ready() {
                Ok(Some(event)) => return Some(Ok(event)),
                Ok(None) if self.over || left => return None,
                // Then it is read once more: the last driver may have recorded something before it left.
                Ok(None) if self.until == Until::Left => match self.reader.is_driven(&self.task) {
                    Ok(true) => thread::sleep(PAUSE),
                    Ok(false) => left = true,
                    Err(error) => {
                        self.over = true;
                        return Some(Err(error));
                    }
                },
                Ok(None) => thread::sleep(PAUSE),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}
