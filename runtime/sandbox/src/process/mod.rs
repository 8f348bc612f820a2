//! Processes: command components that a call starts, each a call of its own, and the streams between them.

mod capture;
mod duplicate;
mod pipe;
mod tree;

pub use capture::Capture;
pub(crate) use capture::capture;
pub use duplicate::{Input, Output};
pub(crate) use pipe::pipe;
pub use tree::Handle;
pub(crate) use tree::Processes;

use crate::outcome::{End, Outcome};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};
use tokio::sync::watch;

/// What a process has that another call has not.
pub struct Process {
    /// The name under which it was started.
    pub(crate) name: String,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) cwd: Option<String>,
    pub(crate) streams: Streams,
    pub(crate) leash: Leash,
}

/// Its standard streams; nothing where there is none.
pub(crate) struct Streams {
    pub(crate) stdin: Option<Input>,
    pub(crate) stdout: Option<Output>,
    pub(crate) stderr: Option<Output>,
}

/// What whoever runs a process holds of it.
#[derive(Debug, Clone)]
pub struct Leash {
    /// Whether it wrote to a pipe that nobody reads.
    broken: Arc<AtomicBool>,
    /// Set when it is to end, by itself or with all others of the call that started it.
    killed: [watch::Receiver<bool>; 2],
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this code.
    Code(u8),
    /// It wrote to a pipe that nobody reads any more.
    BrokenPipe,
    /// It was killed.
    Killed,
    /// It hit a limit; which.
    Limit(String),
    /// Its code broke off, or it could not begin.
    Trap,
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Process {
    /// The name under which it was started.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What to hold of it when it runs.
    pub fn leash(&self) -> Leash {
        self.leash.clone()
    }

    /// The directory that it starts in.
    pub fn cwd(&self) -> Option<&str> {
        self.cwd.as_deref()
    }

    /// The variables that it sees.
    pub fn env(&self) -> &[(String, String)] {
        &self.env
    }
}

impl Leash {
    pub(crate) fn new(own: watch::Receiver<bool>, all: watch::Receiver<bool>) -> Self {
        Self { broken: Arc::default(), killed: [own, all] }
    }

    /// Completes when it is to end.
    pub async fn killed(&self) {
        let [mut own, mut all] = self.killed.clone();
        // Whoever could kill it being gone is no reason to: then it is dropped.
        let wait = async |killed: &mut watch::Receiver<bool>| {
            if killed.wait_for(|killed| *killed).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = wait(&mut own) => {}
            () = wait(&mut all) => {}
        }
    }

    /// How it ended.
    pub fn exit(&self, outcome: &Outcome) -> Exit {
        if self.broken.load(Relaxed) {
            return Exit::BrokenPipe;
        }
        match &outcome.end {
            End::Result(_) => Exit::Code(0),
            End::ToolError(value) => Exit::Code(value["exit_code"].as_u64().map_or(1, |code| code as u8)),
            End::Limit(hit) => Exit::Limit(hit.limit.to_string()),
            End::Trap(_) => Exit::Trap,
            End::Cancelled => Exit::Killed,
        }
    }

    pub(crate) fn broken(&self) -> &Arc<AtomicBool> {
        &self.broken
    }
}
