//! The journal of a process that works on tasks.

use crate::{
    Durability, EventBody, JournalError, Lease, Reader, Result, TaskId,
    event::encode,
    store,
    writer::{Entry, Message, Writer},
};
use policy::Digest;
use std::{
    fs, mem,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    thread::JoinHandle,
};
use tokio::sync::{Semaphore, mpsc, oneshot};

/// How many bytes of events can wait for the writing thread. Whoever would exceed it waits.
const QUEUE_BYTES: u32 = 16 << 20;

/// What an event costs in the queue beside its JSON.
const ENTRY_BYTES: u32 = mem::size_of::<Message>() as u32;

/// A journal to append to. One thread writes, and commits together what arrives while it is busy.
///
/// Its futures need no runtime of any kind. When it is dropped, what was queued is still written; only
/// [`Journal::flush`] says whether that went well.
#[derive(Debug)]
pub struct Journal {
    dir: PathBuf,
    /// Gone only while the journal is being dropped.
    queue: Option<mpsc::UnboundedSender<Message>>,
    room: Arc<Semaphore>,
    lost: Arc<OnceLock<JournalError>>,
    thread: Option<JoinHandle<()>>,
}

/// Where an event was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Its place in the task's chain.
    pub seq: u64,
    /// Its digest, and so the head of the task's chain.
    pub digest: Digest,
}

impl Journal {
    /// Opens the journal in a state directory; makes both where there is none.
    ///
    /// # Errors
    /// Where the directory cannot be written, or holds something else under the journal's name, which stays untouched.
    pub fn open(dir: &Path, durability: Durability) -> Result<Self> {
        fs::create_dir_all(dir).map_err(JournalError::file(dir))?;
        let db = store::open(&store::path(dir), durability)?;
        let room = Arc::new(Semaphore::new(QUEUE_BYTES as usize));
        let lost = Arc::new(OnceLock::new());
        let (queue, entries) = mpsc::unbounded_channel();
        let writer = Writer::new(db, entries, Arc::clone(&room), Arc::clone(&lost));
        let thread = std::thread::Builder::new().name("journal".into()).spawn(|| writer.run());
        let thread = thread.map_err(|error| JournalError::Thread(Arc::new(error)))?;
        Ok(Self { dir: dir.to_owned(), queue: Some(queue), room, lost, thread: Some(thread) })
    }

    /// Records an event; returns once it is committed. Time is in milliseconds since 1970.
    ///
    /// Events of one task are recorded in the order in which their appends are first polled. An append that is dropped
    /// while it waits may or may not be recorded.
    ///
    /// # Errors
    /// Where it was not recorded: also where the task has ended.
    pub async fn append(&self, task: &TaskId, body: EventBody, at_ms: u64) -> Result<Appended> {
        let (done, answer) = oneshot::channel();
        self.queue(task, body, at_ms, Some(done)).await?;
        answer.await.map_err(|_| JournalError::Stopped)?
    }

    /// Queues an event; returns at once, or when the queue has room. It is committed a few milliseconds later, together
    /// with what else has come by then: that much is what a crash can take. Where it turns out that the event cannot be
    /// recorded, nothing is recorded any more, and every later append or flush says so.
    ///
    /// # Errors
    /// Where an earlier event was lost, or this one cannot be queued.
    pub async fn append_unwaited(&self, task: &TaskId, body: EventBody, at_ms: u64) -> Result<()> {
        self.queue(task, body, at_ms, None).await
    }

    /// Waits until everything that was queued before is committed.
    ///
    /// # Errors
    /// Where an event that nobody waited for was lost.
    pub async fn flush(&self) -> Result<()> {
        let (done, answer) = oneshot::channel();
        self.send(Message::Flush(done), true)?;
        answer.await.map_err(|_| JournalError::Stopped)?
    }

    /// The folder that it is in.
    pub fn folder(&self) -> &Path {
        &self.dir
    }

    /// Takes a task for itself: one process at a time drives it.
    ///
    /// # Errors
    /// [`JournalError::Leased`] where another has it.
    pub fn lease(&self, task: &TaskId) -> Result<Lease> {
        Lease::take(&self.dir, task)
    }

    /// Another look at the same journal.
    ///
    /// # Errors
    /// Where the database cannot be opened once more.
    pub fn reader(&self) -> Result<Reader> {
        Reader::open(&self.dir)
    }

    async fn queue(
        &self,
        task: &TaskId,
        body: EventBody,
        at_ms: u64,
        done: Option<oneshot::Sender<Result<Appended>>>,
    ) -> Result<()> {
        if let Some(error) = self.lost.get() {
            return Err(error.clone());
        }
        let json = encode(&body)?;
        // An event larger than the queue goes alone.
        let cost = u32::try_from(json.len()).unwrap_or(u32::MAX).saturating_add(ENTRY_BYTES).min(QUEUE_BYTES);
        let room = self.room.acquire_many(cost).await.map_err(|_| JournalError::Stopped)?;
        let awaited = done.is_some();
        self.send(Message::Append(Entry { task: *task, at_ms, json, closes: body.closes(), cost, done }), awaited)?;
        // The writer gives it back when the event is committed.
        room.forget();
        Ok(())
    }

    fn send(&self, message: Message, awaited: bool) -> Result<()> {
        let queue = self.queue.as_ref().ok_or(JournalError::Stopped)?;
        queue.send(message).map_err(|_| JournalError::Stopped)?;
        if awaited {
            self.hurry();
        }
        Ok(())
    }

    /// Has the writing thread not wait for more to write.
    fn hurry(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        drop(self.queue.take());
        self.hurry();
        if let Some(thread) = self.thread.take() {
            // A panic there was reported by the panic hook, and by the appends that it left unanswered.
            let _ = thread.join();
        }
    }
}
