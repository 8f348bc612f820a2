//! What a call needs of whoever runs it: other tools called, progress shown.

use crate::{
    ledger::Ledger,
    meter::Meter,
    process::{Exit, Process},
};
use policy::{Bounds, Limits, Provenance, ToolId};
use serde_json::Value;
use std::{fmt, pin::Pin, sync::Arc};

/// Makes the calls that tools ask for from within their own.
pub trait Stage: Send + Sync {
    /// Decides on a call, records and makes it.
    fn invoke(&self, invocation: Invocation) -> Invoking<'_>;

    /// Decides on a program that is to run as a process, and records that it begins. It runs where the answer is polled, to its
    /// recorded end.
    fn start(&self, start: Start) -> Starting<'_>;

    /// The tool that a program's name leads to.
    fn find(&self, program: &str) -> Option<ToolId>;

    /// The names of all programs, in order.
    fn programs(&self) -> Vec<String>;

    /// A call says how far it has come.
    fn progress(&self, progress: Progress);
}

/// The result of an invocation as JSON text, once it is there.
pub type Invoking<'a> = Pin<Box<dyn Future<Output = Result<String, NotInvoked>> + Send + 'a>>;

/// A call that another one asks for. Policy let the other one ask; the call itself is still to be decided on.
#[derive(Debug)]
pub struct Invocation {
    /// What is to be called.
    pub tool: ToolId,
    /// With what: an object.
    pub arguments: Value,
    /// What the asking call has read: it may be in the arguments.
    pub read: Provenance,
    /// What the call can be granted at most.
    pub within: Bounds,
    /// What is left of the asking call's limits.
    pub limits: Limits,
    /// The calls that it is made from.
    pub chain: Chain,
    /// Where what it uses counts too.
    pub account: Account,
}

/// A process that may run, once it is decided on.
pub type Starting<'a> = Pin<Box<dyn Future<Output = Result<Running, NotStarted>> + Send + 'a>>;

/// A process, to its end.
pub type Running = Pin<Box<dyn Future<Output = Exit> + Send>>;

/// A program that a call wants to run as a process. Policy let the call ask; the process's own call is still to be decided on.
#[derive(Debug)]
pub struct Start {
    /// The tool that the program is.
    pub tool: ToolId,
    /// Its arguments, without its name.
    pub args: Vec<String>,
    /// What only a process has.
    pub process: Process,
    /// What the starting call, and the processes around it, have read: it may be in the arguments and the input.
    pub read: Provenance,
    /// What the process can be granted at most.
    pub within: Bounds,
    /// What is left of the starting call's limits.
    pub limits: Limits,
    /// The calls that it is started from.
    pub chain: Chain,
    /// Where what it uses counts too.
    pub account: Account,
}

/// Why a process does not run; in words for the call that asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotStarted {
    /// There is no such program.
    NotFound,
    /// Policy said no.
    Denied(String),
    /// It cannot be run like this.
    Invalid(String),
    /// As many run as may.
    TooMany,
    /// The host could not.
    Failed,
}

/// The account of a call, to which the calls that it makes are charged too.
#[derive(Debug, Clone)]
pub struct Account {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) meter: Arc<Meter>,
}

/// Why an invocation gave no result; in words for the tool that asked.
#[derive(Debug, Clone, PartialEq)]
pub enum NotInvoked {
    /// Policy said no.
    Denied(String),
    /// There is no such tool, or the arguments do not fit.
    Invalid(String),
    /// The tool's own error.
    Failed(Value),
    /// It ended otherwise.
    Stopped(String),
}

/// How far a call has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The tool that says so.
    pub tool: ToolId,
    /// So much.
    pub done: u64,
    /// Of so much.
    pub total: Option<u64>,
    /// In words.
    pub message: String,
}

/// The calls that are under way within each other, the outermost first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain(Vec<ToolId>);

impl Chain {
    /// A call that no other makes.
    pub fn of(tool: ToolId) -> Self {
        Self(vec![tool])
    }

    /// The same with one call more.
    #[must_use]
    pub fn and(&self, tool: ToolId) -> Self {
        let mut tools = self.0.clone();
        tools.push(tool);
        Self(tools)
    }

    /// The tools, the outermost first.
    pub fn tools(&self) -> &[ToolId] {
        &self.0
    }

    pub(crate) fn holds(&self, tool: &ToolId) -> bool {
        self.0.contains(tool)
    }

    /// How many calls are under way within each other.
    pub(crate) fn depth(&self) -> u64 {
        self.0.len() as u64
    }

    /// The tool that is running: the innermost.
    pub fn caller(&self) -> ToolId {
        // A chain is made with one tool, and only grows.
        self.0[self.0.len() - 1].clone()
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, tool) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(" → ")?;
            }
            tool.fmt(f)?;
        }
        Ok(())
    }
}
