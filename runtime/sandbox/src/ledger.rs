//! What is known of a call while it runs, kept outside its store: a call that is stopped from outside loses its store,
//! but not the record of what it did.

use crate::{
    outcome::{Action, Effect, Effects, Level, LimitHit, Log, MAX_EFFECT_BYTES, MAX_EFFECTS, Printed},
    terms::Counted,
};
use policy::{Denial, LimitKind, Limits, Provenance, Refusal, Source};
use std::{
    collections::{BTreeSet, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};
use tokio::sync::watch;

/// Nothing here is left half-done by a panic, so a poisoned lock holds good data.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The running account of one call.
#[derive(Debug)]
pub(crate) struct Ledger {
    limits: Limits,
    effects: Mutex<Seen>,
    written: AtomicU64,
    created: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
    /// Requests and connections under way.
    connections: AtomicU64,
    invocations: AtomicU64,
    logged: AtomicU64,
    told: AtomicU64,
    /// Processes that run now, and those that were started, in the tree below this call.
    processes: AtomicU64,
    started: AtomicU64,
    /// The memory of this call and of all in the tree below it.
    tree_memory: AtomicU64,
    /// The account of the call that made this one: what is used here counts there too.
    outer: Option<Arc<Self>>,
    /// Whether it is a process's: what it reads can be in whatever another process of its tree writes or sends, since pipes
    /// lead from one to the other.
    process: bool,
    memory_peak: AtomicU64,
    printed: Mutex<Bytes>,
    /// A limit that was hit where no guest code could be told: in what the host does meanwhile.
    stopped: watch::Sender<Option<LimitHit>>,
}

#[derive(Debug, Default)]
struct Seen {
    effects: Effects,
    known: HashSet<(bool, Effect)>,
    changes: Room,
    others: Room,
}

/// What a list of effects has taken.
#[derive(Debug, Default)]
struct Room {
    effects: usize,
    bytes: usize,
}

impl Room {
    fn take(&mut self, bytes: usize) -> bool {
        let fits = self.effects < MAX_EFFECTS && self.bytes + bytes <= MAX_EFFECT_BYTES;
        if fits {
            self.effects += 1;
            self.bytes += bytes;
        }
        fits
    }
}

#[derive(Debug, Default)]
struct Bytes {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    logs: Vec<Log>,
    /// The bytes of logs and of messages about progress.
    logged: u64,
}

impl Bytes {
    /// Whether so many bytes more are within the limit.
    fn room(&self, more: u64, hit: LimitHit) -> Result<(), LimitHit> {
        let total = (self.stdout.len() + self.stderr.len()) as u64 + self.logged + more;
        if total > hit.value { Err(hit) } else { Ok(()) }
    }
}

/// Which of its two outputs a guest prints to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Output {
    Stdout,
    Stderr,
}

impl Ledger {
    pub(crate) fn new(limits: Limits, outer: Option<Arc<Self>>) -> Self {
        Self {
            limits,
            effects: Mutex::default(),
            written: AtomicU64::new(0),
            created: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            invocations: AtomicU64::new(0),
            logged: AtomicU64::new(0),
            told: AtomicU64::new(0),
            processes: AtomicU64::new(0),
            started: AtomicU64::new(0),
            tree_memory: AtomicU64::new(0),
            outer,
            process: false,
            memory_peak: AtomicU64::new(0),
            printed: Mutex::default(),
            stopped: watch::Sender::new(None),
        }
    }

    /// The account of a process that another call started.
    pub(crate) fn of_process(limits: Limits, outer: Option<Arc<Self>>) -> Self {
        Self { process: true, ..Self::new(limits, outer) }
    }

    /// Ends the call, wherever it is.
    pub(crate) fn stop(&self, hit: LimitHit) {
        self.stopped.send_if_modified(|stopped| stopped.is_none() && stopped.replace(hit).is_none());
    }

    /// The limit that was hit in what the host does meanwhile, where one was.
    pub(crate) fn hit_meanwhile(&self) -> Option<LimitHit> {
        *self.stopped.borrow()
    }

    /// Completes when the call has to end.
    pub(crate) async fn stopped(&self) -> LimitHit {
        let mut stopped = self.stopped.subscribe();
        loop {
            if let Some(hit) = *stopped.borrow_and_update() {
                return hit;
            }
            // The sender is here, so this waits.
            if stopped.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// The limit of this kind, as an error.
    pub(crate) fn hit(&self, limit: LimitKind) -> LimitHit {
        LimitHit { limit, value: self.limits.get(limit) }
    }

    /// How many bytes the headers of one request or response may take.
    pub(crate) fn limit_of_headers(&self) -> usize {
        usize::try_from(self.limits.get(LimitKind::Headers)).unwrap_or(usize::MAX)
    }

    pub(crate) fn done(&self, action: Action, path: String) {
        self.note(true, Effect::new(action, path));
    }

    pub(crate) fn refused(&self, action: Action, path: String) {
        self.note(false, Effect::new(action, path));
    }

    /// Something that policy refused, with its reasons for the operator.
    pub(crate) fn denied(&self, action: Action, path: String, refusal: &Refusal) {
        let why = Denial { refused: vec![refusal.clone()] }.to_string();
        self.note(false, Effect { why: Some(why), ..Effect::new(action, path) });
    }

    /// Something of this host came back, and may be in the result.
    pub(crate) fn heard(&self, host: &str) {
        self.see(|effects| &mut effects.hosts_read, host);
    }

    /// Notes what was read, here and at once wherever it can get to.
    fn see(&self, of: fn(&mut Effects) -> &mut BTreeSet<String>, name: &str) {
        let mut account = Some(self);
        while let Some(ledger) = account {
            let mut seen = lock(&ledger.effects);
            let read = of(&mut seen.effects);
            if !read.contains(name) {
                read.insert(name.to_owned());
            }
            drop(seen);
            account = ledger.outer.as_deref().filter(|_| ledger.process);
        }
    }

    /// What the call has read in another process: of its mounts. What it heard of hosts and tools came through this one.
    pub(crate) fn learn(&self, read: &Provenance, mounts: &BTreeSet<String>) {
        for source in read.iter() {
            if let Source::Mount(name) = source
                && mounts.contains(name)
            {
                self.see(|effects| &mut effects.mounts_read, name);
            }
        }
    }

    /// What the call did in another process, where its limits held.
    pub(crate) fn absorb(&self, effects: Effects, printed: Printed, memory: u64) {
        for (done, list) in [(true, effects.done), (false, effects.refused)] {
            list.into_iter().for_each(|effect| self.note(done, effect));
        }
        let mut seen = lock(&self.effects);
        seen.effects.mounts_read.extend(effects.mounts_read);
        seen.effects.omitted = seen.effects.omitted.saturating_add(effects.omitted);
        drop(seen);
        self.memory(memory);
        let mut bytes = lock(&self.printed);
        bytes.stdout.extend_from_slice(printed.stdout.as_bytes());
        bytes.stderr.extend_from_slice(printed.stderr.as_bytes());
        bytes.logs.extend(printed.logs);
    }

    /// The accounts outside of this one as they stand, the innermost first.
    pub(crate) fn outer(&self) -> Vec<Counted> {
        let mut accounts = Vec::new();
        let mut account = self.outer.as_deref();
        while let Some(ledger) = account {
            accounts.push(Counted { limits: ledger.limits, counted: ledger.counted() });
            account = ledger.outer.as_deref();
        }
        accounts
    }

    /// An account within accounts of another process.
    pub(crate) fn within(limits: Limits, outer: &[Counted]) -> Self {
        let outer = outer.iter().rev().fold(None, |outer, Counted { limits, counted }| {
            let ledger = Self::new(*limits, outer);
            let counts = [&ledger.written, &ledger.created, &ledger.sent, &ledger.received];
            counts.into_iter().zip(counted).for_each(|(count, counted)| count.store(*counted, Relaxed));
            Some(Arc::new(ledger))
        });
        Self::new(limits, outer)
    }

    /// Adds what was counted in another process alone: bytes written, things created, bytes sent and received. The limit that
    /// it is too much for together with what was counted here, where there is one.
    pub(crate) fn settle(&self, counted: [u64; 4]) -> Option<LimitHit> {
        let kinds = [LimitKind::Written, LimitKind::Created, LimitKind::Sent, LimitKind::Received];
        // What is claimed beyond the limit cannot have been.
        let counted = std::array::from_fn(|kind| counted[kind].min(self.limits.get(kinds[kind])));
        self.charge(counted);
        let over = |(kind, sum): (&LimitKind, u64)| (sum > self.limits.get(*kind)).then(|| self.hit(*kind));
        kinds.iter().zip(self.counted()).find_map(over)
    }

    /// Counts what was used elsewhere, where it was within limits.
    pub(crate) fn charge(&self, counted: [u64; 4]) {
        let mut account = Some(self);
        while let Some(ledger) = account {
            let counts = [&ledger.written, &ledger.created, &ledger.sent, &ledger.received];
            counts.into_iter().zip(counted).for_each(|(count, more)| add(count, more));
            account = ledger.outer.as_deref();
        }
    }

    /// Bytes written, things created, bytes sent and received.
    pub(crate) fn counted(&self) -> [u64; 4] {
        [&self.written, &self.created, &self.sent, &self.received].map(|count| count.load(Relaxed))
    }

    /// What the call has read so far, and what came to it through pipes.
    pub(crate) fn read(&self) -> Provenance {
        let mut read = lock(&self.effects).effects.sources();
        if let Some(outer) = self.outer.as_ref().filter(|_| self.process) {
            read.join(&outer.read());
        }
        read
    }

    pub(crate) fn note(&self, done: bool, effect: Effect) {
        // A link or a new name lets what was read nowhere be read elsewhere.
        if done && effect.action.is_of_files() && (!effect.action.changes() || effect.to.is_some()) {
            self.see(|effects| &mut effects.mounts_read, effect.path.split('/').next().unwrap_or_default());
        }
        let mut seen = lock(&self.effects);
        let entry = (done, effect);
        if seen.known.contains(&entry) {
            return;
        }
        // Room of their own for changes: what only looks, or was refused, cannot crowd them out.
        let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let bytes = entry.1.path.len() + length(&entry.1.to) + length(&entry.1.why);
        let room = if done && entry.1.action.changes() { &mut seen.changes } else { &mut seen.others };
        if !room.take(bytes) {
            seen.effects.omitted += 1;
            return;
        }
        let list = if done { &mut seen.effects.done } else { &mut seen.effects.refused };
        list.push(entry.1.clone());
        seen.known.insert(entry);
    }

    /// Counts bytes before they are written.
    pub(crate) fn write(&self, bytes: u64) -> Result<(), LimitHit> {
        self.count(|ledger| &ledger.written, bytes, LimitKind::Written)
    }

    /// Counts a file, directory or link before it is made.
    pub(crate) fn create(&self) -> Result<(), LimitHit> {
        self.create_many(1)
    }

    pub(crate) fn create_many(&self, count: u64) -> Result<(), LimitHit> {
        self.count(|ledger| &ledger.created, count, LimitKind::Created)
    }

    /// Counts bytes before they are sent.
    pub(crate) fn send(&self, bytes: u64) -> Result<(), LimitHit> {
        self.count(|ledger| &ledger.sent, bytes, LimitKind::Sent)
    }

    /// Counts bytes that were received before the guest gets them.
    pub(crate) fn receive(&self, bytes: u64) -> Result<(), LimitHit> {
        self.count(|ledger| &ledger.received, bytes, LimitKind::Received)
    }

    /// Counts a call of another tool before it is made.
    pub(crate) fn invocation(&self) -> Result<(), LimitHit> {
        self.count(|ledger| &ledger.invocations, 1, LimitKind::Invocations)
    }

    /// Takes a place among what is under way at once, until it is dropped.
    pub(crate) fn connection(self: &Arc<Self>) -> Result<Connection, LimitHit> {
        self.count(|ledger| &ledger.connections, 1, LimitKind::Connections)?;
        Ok(Connection(Arc::clone(self)))
    }

    /// Counts a process that is to be started.
    pub(crate) fn start(&self) -> Result<(), LimitHit> {
        self.count(|ledger| &ledger.started, 1, LimitKind::Started)
    }

    /// Takes a place for a process until it is dropped; none where as many run as may.
    pub(crate) fn process(self: &Arc<Self>) -> Option<RunningProcess> {
        self.count(|ledger| &ledger.processes, 1, LimitKind::Processes).ok()?;
        Some(RunningProcess(Arc::clone(self)))
    }

    /// Counts memory for as long as the instance has it.
    pub(crate) fn take_memory(&self, bytes: u64) -> Result<(), LimitHit> {
        self.count(|ledger| &ledger.tree_memory, bytes, LimitKind::TreeMemory)
    }

    /// The instance is gone.
    pub(crate) fn give_memory(&self, bytes: u64) {
        self.uncount(|ledger| &ledger.tree_memory, bytes);
    }

    fn uncount(&self, of: fn(&Self) -> &AtomicU64, less: u64) {
        let mut account = Some(self);
        while let Some(ledger) = account {
            of(ledger).fetch_sub(less, Relaxed);
            account = ledger.outer.as_deref();
        }
    }

    /// Counts bytes that a guest has kept for itself, which are bounded like output.
    pub(crate) fn keep(&self, bytes: u64) -> Result<(), LimitHit> {
        let mut printed = lock(&self.printed);
        printed.room(bytes, self.hit(LimitKind::Output))?;
        printed.logged += bytes;
        Ok(())
    }

    /// Counts here and in every account outside of this one. What one of them refuses is counted in none: the call ends, and
    /// those around it may go on.
    fn count(&self, of: fn(&Self) -> &AtomicU64, more: u64, limit: LimitKind) -> Result<(), LimitHit> {
        let max = self.limits.get(limit);
        let add = |now: u64| now.checked_add(more).filter(|sum| *sum <= max);
        of(self).fetch_update(Relaxed, Relaxed, add).map_err(|_| self.hit(limit))?;
        let around = self.outer.as_deref().map_or(Ok(()), |outer| outer.count(of, more, limit));
        around.inspect_err(|_| {
            of(self).fetch_sub(more, Relaxed);
        })
    }

    /// Keeps what a guest says to the operator.
    pub(crate) fn log(&self, level: Level, text: String) -> Result<(), LimitHit> {
        self.count(|ledger| &ledger.logged, 1, LimitKind::Logs)?;
        let mut printed = lock(&self.printed);
        printed.room(text.len() as u64, self.hit(LimitKind::Output))?;
        printed.logged += text.len() as u64;
        printed.logs.push(Log { level, text });
        Ok(())
    }

    /// Counts a message about progress, which is bounded like output but not kept.
    pub(crate) fn progress(&self, text: &str) -> Result<(), LimitHit> {
        self.count(|ledger| &ledger.told, 1, LimitKind::Progress)?;
        let mut printed = lock(&self.printed);
        printed.room(text.len() as u64, self.hit(LimitKind::Output))?;
        printed.logged += text.len() as u64;
        Ok(())
    }

    /// Takes what a guest prints.
    pub(crate) fn print(&self, output: Output, bytes: &[u8]) -> Result<(), LimitHit> {
        let mut printed = lock(&self.printed);
        printed.room(bytes.len() as u64, self.hit(LimitKind::Output))?;
        match output {
            Output::Stdout => printed.stdout.extend_from_slice(bytes),
            Output::Stderr => printed.stderr.extend_from_slice(bytes),
        }
        Ok(())
    }

    pub(crate) fn memory(&self, total: u64) {
        self.memory_peak.fetch_max(total, Relaxed);
    }

    pub(crate) fn take_effects(&self) -> Effects {
        self.tell_outer();
        std::mem::take(&mut lock(&self.effects).effects)
    }

    pub(crate) fn take_printed(&self) -> Printed {
        let bytes = std::mem::take(&mut *lock(&self.printed));
        Printed { stdout: text(bytes.stdout), stderr: text(bytes.stderr), logs: bytes.logs }
    }

    /// Takes both outputs, which a command's result holds, and leaves what it logged.
    pub(crate) fn take_output(&self) -> (String, String) {
        let mut printed = lock(&self.printed);
        (text(std::mem::take(&mut printed.stdout)), text(std::mem::take(&mut printed.stderr)))
    }

    /// The result of another tool may be in this one's.
    pub(crate) fn used(&self, tool: &str) {
        self.see(|effects| &mut effects.tools_read, tool);
    }

    /// What the call has read went, or may have gone, to the one that made it.
    fn tell_outer(&self) {
        let Some(outer) = &self.outer else { return };
        let inner = lock(&self.effects);
        let mut seen = lock(&outer.effects);
        seen.effects.mounts_read.extend(inner.effects.mounts_read.iter().cloned());
        seen.effects.hosts_read.extend(inner.effects.hosts_read.iter().cloned());
        seen.effects.tools_read.extend(inner.effects.tools_read.iter().cloned());
    }

    pub(crate) fn written(&self) -> u64 {
        self.written.load(Relaxed)
    }

    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Relaxed)
    }

    pub(crate) fn received(&self) -> u64 {
        self.received.load(Relaxed)
    }

    pub(crate) fn memory_peak(&self) -> u64 {
        self.memory_peak.load(Relaxed)
    }
}

/// A request or connection that is under way.
#[derive(Debug)]
pub(crate) struct Connection(Arc<Ledger>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.uncount(|ledger| &ledger.connections, 1);
    }
}

/// A process that runs.
#[derive(Debug)]
pub(crate) struct RunningProcess(Arc<Ledger>);

impl Drop for RunningProcess {
    fn drop(&mut self) {
        self.0.uncount(|ledger| &ledger.processes, 1);
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Adds what another process claims: a count never comes round to where it was.
fn add(count: &AtomicU64, more: u64) {
    let _ = count.fetch_update(Relaxed, Relaxed, |count| Some(count.saturating_add(more)));
}
