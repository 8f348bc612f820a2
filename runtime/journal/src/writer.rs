//! The thread that writes: it takes what is queued, chains it, and commits it in one transaction.

use crate::{
    Appended, JournalError, Result, TaskId,
    chain::{self, Link},
    event, store,
};
use policy::Digest;
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};
use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
    thread,
    time::{Duration, Instant},
};
use tokio::sync::{Semaphore, mpsc, oneshot};

/// How many events go into one commit.
const BATCH: usize = 1024;

/// How long what nobody waits for stays queued at most, so that more can go into its commit: waking this thread for every
/// event of a busy server would cost more than the calls that they record.
const LINGER: Duration = Duration::from_millis(5);

/// How many tasks' heads are remembered.
const HEADS: usize = 4096;

/// What the writing thread is asked for.
#[derive(Debug)]
pub(crate) enum Message {
    /// To record an event.
    Append(Entry),
    /// To say when everything before is recorded.
    Flush(oneshot::Sender<Result<()>>),
}

/// An event on its way into the database.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) task: TaskId,
    pub(crate) at_ms: u64,
    pub(crate) json: Vec<u8>,
    /// Whether nothing can follow it.
    pub(crate) closes: bool,
    /// What it took of the queue's room.
    pub(crate) cost: u32,
    /// Who waits for it, if anybody does.
    pub(crate) done: Option<oneshot::Sender<Result<Appended>>>,
}

/// The end of a task's chain.
#[derive(Debug, Clone, Copy)]
struct Head {
    /// Where the next event goes.
    next: u64,
    digest: Digest,
    closed: bool,
}

/// The writing thread's own.
pub(crate) struct Writer {
    db: Connection,
    queue: mpsc::UnboundedReceiver<Message>,
    room: Arc<Semaphore>,
    lost: Arc<OnceLock<JournalError>>,
    heads: Heads,
}

/// What goes into one commit.
#[derive(Debug, Default)]
struct Batch {
    entries: Vec<Entry>,
    flushes: Vec<oneshot::Sender<Result<()>>>,
}

/// The ends of chains as this connection last saw them; another process's commit makes all of them doubtful.
#[derive(Debug, Default)]
struct Heads {
    version: i64,
    known: HashMap<TaskId, Head>,
}

impl Writer {
    pub(crate) fn new(
        db: Connection,
        queue: mpsc::UnboundedReceiver<Message>,
        room: Arc<Semaphore>,
        lost: Arc<OnceLock<JournalError>>,
    ) -> Self {
        Self { db, queue, room, lost, heads: Heads::default() }
    }

    /// Writes until the last sender is gone and the queue is empty.
    pub(crate) fn run(mut self) {
        let mut batch = Batch::default();
        while let Some(first) = self.queue.blocking_recv() {
            batch.take(first);
            let until = Instant::now() + LINGER;
            loop {
                while !batch.full()
                    && let Ok(message) = self.queue.try_recv()
                {
                    batch.take(message);
                }
                let left = until.saturating_duration_since(Instant::now());
                if batch.is_awaited() || batch.full() || left.is_zero() || self.queue.is_closed() {
                    break;
                }
                // Whoever waits unparks.
                thread::park_timeout(left);
            }
            self.write(&mut batch.entries);
            for done in batch.flushes.drain(..) {
                // Whoever asked may be gone.
                let _ = done.send(self.lost.get().map_or(Ok(()), |error| Err(error.clone())));
            }
        }
    }

    /// Records a batch and tells everybody what came of it.
    fn write(&mut self, entries: &mut Vec<Entry>) {
        if entries.is_empty() {
            return;
        }
        let results = match self.lost.get() {
            Some(error) => Err(error.clone()),
            None => self.commit(entries),
        };
        let mut room = 0;
        let mut results = match results {
            Ok(results) => results.into_iter(),
            Err(error) => {
                self.heads.known.clear();
                vec![Err(error); entries.len()].into_iter()
            }
        };
        for entry in entries.drain(..) {
            room += entry.cost as usize;
            let result = results.next().unwrap_or(Err(JournalError::Stopped));
            match (entry.done, result) {
                // Whoever waited may be gone.
                (Some(done), result) => drop(done.send(result)),
                (None, Ok(_)) => {}
                (None, Err(error @ JournalError::Lost(_))) => drop(self.lost.set(error)),
                (None, Err(error)) => drop(self.lost.set(JournalError::Lost(Arc::new(error)))),
            }
        }
        self.room.add_permits(room);
    }

    /// One transaction: either all of the batch is recorded but for events that cannot be, or nothing.
    fn commit(&mut self, entries: &[Entry]) -> Result<Vec<Result<Appended>>> {
        // Immediate: what is read of heads then holds until the commit.
        let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        self.heads.refresh(&tx)?;
        let mut results = Vec::with_capacity(entries.len());
        {
            let mut insert = tx.prepare_cached(
                "INSERT INTO event (task, seq, at_ms, prev, digest, body) VALUES (?1, ?2, ?3, ?4, ?5, CAST(?6 AS TEXT))",
            )?;
            for entry in entries {
                let head = match self.heads.of(&tx, &entry.task) {
                    Ok(head) if head.closed => {
                        results.push(Err(JournalError::Closed(entry.task)));
                        continue;
                    }
                    Ok(head) => head,
                    // A damaged task must not stop the others.
                    Err(error @ JournalError::Unreadable { .. }) => {
                        results.push(Err(error));
                        continue;
                    }
                    Err(error) => return Err(error),
                };
                let body = chain::body(&entry.json);
                let link = Link { seq: head.next, at_ms: entry.at_ms, prev: head.digest, body };
                let digest = link.digest(&entry.task);
                insert.execute(params![
                    entry.task.as_str(),
                    link.seq.cast_signed(),
                    link.at_ms.cast_signed(),
                    link.prev.0,
                    digest.0,
                    entry.json,
                ])?;
                *head = Head { next: head.next + 1, digest, closed: entry.closes };
                results.push(Ok(Appended { seq: link.seq, digest }));
            }
        }
        tx.commit()?;
        Ok(results)
    }
}

impl Batch {
    fn take(&mut self, message: Message) {
        match message {
            Message::Append(entry) => self.entries.push(entry),
            Message::Flush(done) => self.flushes.push(done),
        }
    }

    fn full(&self) -> bool {
        self.entries.len() >= BATCH
    }

    fn is_awaited(&self) -> bool {
        !self.flushes.is_empty() || self.entries.iter().any(|entry| entry.done.is_some())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Whoever waits for room must not wait for a thread that is gone.
        self.room.close();
    }
}

impl Heads {
    /// Forgets what another process may have changed.
    fn refresh(&mut self, tx: &Transaction<'_>) -> Result<()> {
        let version = store::data_version(tx)?;
        if version != self.version || self.known.len() >= HEADS {
            self.known.clear();
            self.version = version;
        }
        Ok(())
    }

    fn of(&mut self, tx: &Transaction<'_>, task: &TaskId) -> Result<&mut Head> {
        use std::collections::hash_map::Entry;
        match self.known.entry(*task) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(unknown) => Ok(unknown.insert(Head::read(tx, task)?)),
        }
    }
}

impl Head {
    fn read(tx: &Transaction<'_>, task: &TaskId) -> Result<Self> {
        let mut last = tx.prepare_cached(
            "SELECT seq, digest, CAST(body AS BLOB) FROM event WHERE task = ?1 ORDER BY seq DESC LIMIT 1",
        )?;
        let last = last.query_row([task.as_str()], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, [u8; 32]>(1)?, row.get::<_, Vec<u8>>(2)?))
        });
        let Some((seq, digest, json)) = last.optional()? else {
            return Ok(Self { next: 0, digest: chain::genesis(task), closed: false });
        };
        let seq = seq.cast_unsigned();
        let closed = event::decode(task, seq, &json)?.closes();
        Ok(Self { next: seq.wrapping_add(1), digest: Digest(digest), closed })
    }
}
