//! What is known of a call while it runs, kept outside its store: a call that is stopped from outside loses its store,
//! but not the record of what it did.

use crate::outcome::{Action, Effect, Effects, LimitHit, MAX_EFFECT_BYTES, MAX_EFFECTS, Printed};
use policy::{LimitKind, Limits};
use std::{
    collections::HashSet,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

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
    memory_peak: AtomicU64,
    printed: Mutex<Bytes>,
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
}

/// Which of its two outputs a guest prints to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Output {
    Stdout,
    Stderr,
}

impl Ledger {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            effects: Mutex::default(),
            written: AtomicU64::new(0),
            created: AtomicU64::new(0),
            memory_peak: AtomicU64::new(0),
            printed: Mutex::default(),
        }
    }

    /// The limit of this kind, as an error.
    pub(crate) fn hit(&self, limit: LimitKind) -> LimitHit {
        LimitHit { limit, value: self.limits.get(limit) }
    }

    pub(crate) fn done(&self, action: Action, path: String) {
        self.note(true, Effect { action, path, to: None });
    }

    pub(crate) fn refused(&self, action: Action, path: String) {
        self.note(false, Effect { action, path, to: None });
    }

    pub(crate) fn note(&self, done: bool, effect: Effect) {
        let mut seen = lock(&self.effects);
        // A link or a new name lets what was read nowhere be read elsewhere.
        if done && (!effect.action.changes() || effect.to.is_some()) {
            let mount = effect.path.split('/').next().unwrap_or_default();
            if !seen.effects.mounts_read.contains(mount) {
                seen.effects.mounts_read.insert(mount.to_owned());
            }
        }
        let entry = (done, effect);
        if seen.known.contains(&entry) {
            return;
        }
        // Room of their own for changes: what only looks, or was refused, cannot crowd them out.
        let bytes = entry.1.path.len() + entry.1.to.as_ref().map_or(0, String::len);
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
        self.count(&self.written, bytes, LimitKind::Written)
    }

    /// Counts a file, directory or link before it is made.
    pub(crate) fn create(&self) -> Result<(), LimitHit> {
        self.count(&self.created, 1, LimitKind::Created)
    }

    fn count(&self, counter: &AtomicU64, more: u64, limit: LimitKind) -> Result<(), LimitHit> {
        let max = self.limits.get(limit);
        let add = |now: u64| now.checked_add(more).filter(|sum| *sum <= max);
        counter.fetch_update(Relaxed, Relaxed, add).map(drop).map_err(|_| self.hit(limit))
    }

    /// Takes what a guest prints.
    pub(crate) fn print(&self, output: Output, bytes: &[u8]) -> Result<(), LimitHit> {
        let mut printed = lock(&self.printed);
        let total = (printed.stdout.len() + printed.stderr.len() + bytes.len()) as u64;
        if total > self.limits.get(LimitKind::Output) {
            return Err(self.hit(LimitKind::Output));
        }
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
        std::mem::take(&mut lock(&self.effects).effects)
    }

    pub(crate) fn take_printed(&self) -> Printed {
        let bytes = std::mem::take(&mut *lock(&self.printed));
        Printed { stdout: text(bytes.stdout), stderr: text(bytes.stderr) }
    }

    pub(crate) fn written(&self) -> u64 {
        self.written.load(Relaxed)
    }

    pub(crate) fn memory_peak(&self) -> u64 {
        self.memory_peak.load(Relaxed)
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
