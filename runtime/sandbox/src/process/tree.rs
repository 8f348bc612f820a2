//! The processes of one call: they run beside it, and end at the latest with it.

use super::{Exit, Leash};
use crate::{ledger::lock, stage::Running};
use std::sync::{
    Mutex,
    atomic::{AtomicBool, Ordering::Relaxed},
};
use tokio::{sync::watch, task::JoinSet};

/// What runs.
#[derive(Debug)]
pub(crate) struct Processes {
    tasks: Mutex<JoinSet<()>>,
    killed: watch::Sender<bool>,
    /// Whether any was ever started: most calls start none.
    any: AtomicBool,
}

/// One process, for the call that started it.
#[derive(Debug)]
pub struct Handle {
    kill: watch::Sender<bool>,
    exit: watch::Receiver<Option<Exit>>,
}

/// One that is about to run: the other half of its handle.
pub(crate) struct Prepared {
    exit: watch::Sender<Option<Exit>>,
}

impl Default for Processes {
    fn default() -> Self {
        Self { tasks: Mutex::default(), killed: watch::Sender::new(false), any: AtomicBool::new(false) }
    }
}

impl Processes {
    /// What it takes for one more.
    pub(crate) fn prepare(&self) -> (Handle, Prepared, Leash) {
        let (kill, own) = watch::channel(false);
        let (sender, exit) = watch::channel(None);
        (Handle { kill, exit }, Prepared { exit: sender }, Leash::new(own, self.killed.subscribe()))
    }

    /// Runs it.
    pub(crate) fn run(&self, prepared: Prepared, running: Running) {
        self.any.store(true, Relaxed);
        let mut tasks = lock(&self.tasks);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(async move {
            let exit = running.await;
            // Nobody may want to know.
            let _ = prepared.exit.send(Some(exit));
        });
    }

    /// Ends all of them, and waits until each has said what it did.
    pub(crate) async fn end(&self) {
        if !self.any.load(Relaxed) {
            return;
        }
        self.killed.send_replace(true);
        let mut tasks = std::mem::take(&mut *lock(&self.tasks));
        while tasks.join_next().await.is_some() {}
    }
}

impl Handle {
    pub(crate) fn kill(&self) {
        self.kill.send_replace(true);
    }

    /// How it ended; `None` while it runs.
    pub(crate) fn exit(&self) -> Option<Exit> {
        // Asked first: what it said before it went is seen then.
        let is_gone = self.exit.has_changed().is_err();
        let exit = self.exit.borrow().clone();
        // Its task is gone without a word: it panicked.
        exit.or_else(|| is_gone.then_some(Exit::Trap))
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self) -> Exit {
        let ended = self.exit.wait_for(Option::is_some).await;
        ended.ok().and_then(|exit| exit.clone()).unwrap_or(Exit::Trap)
    }
}
