//! What became of a call.

use crate::redact::Redactor;
use policy::{LimitKind, Provenance, Source};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{borrow::Cow, collections::BTreeSet};

/// What became of a call: how it ended, what it used, what it did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// How it ended.
    pub end: End,
    /// What it used.
    pub usage: Usage,
    /// What it did through the host.
    #[serde(default, skip_serializing_if = "Effects::is_empty")]
    pub effects: Effects,
    /// What it printed. A command's output is in its result too.
    #[serde(default, skip_serializing_if = "Printed::is_empty")]
    pub printed: Printed,
}

impl Outcome {
    /// The outcome in a record. One that an older or newer program wrote in a form that is not known here counts as a
    /// trap that says so: nothing that is unknown is taken for a success.
    pub fn from_record(record: &Value) -> Self {
        Self::deserialize(record).unwrap_or_else(|error| Self {
            end: End::Trap(format!("its record cannot be read: {error}")),
            usage: Usage::default(),
            effects: Effects::default(),
            printed: Printed::default(),
        })
    }
}

impl Outcome {
    /// Masks secrets wherever something of the guest's stands.
    pub(crate) fn mask(&mut self, redactor: &Redactor) {
        if redactor.is_empty() {
            return;
        }
        let mask = |text: &mut String| {
            if let Cow::Owned(masked) = redactor.text(text) {
                *text = masked;
            }
        };
        match &mut self.end {
            End::Result(value) | End::ToolError(value) => drop(redactor.json(value)),
            End::Trap(text) => mask(text),
            End::Limit(_) | End::Cancelled => {}
        }
        mask(&mut self.printed.stdout);
        mask(&mut self.printed.stderr);
        self.printed.logs.iter_mut().for_each(|log| mask(&mut log.text));
        for effect in self.effects.done.iter_mut().chain(&mut self.effects.refused) {
            mask(&mut effect.path);
            effect.to.iter_mut().chain(&mut effect.why).for_each(mask);
        }
    }
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "value")]
pub enum End {
    /// It gave a result.
    Result(Value),
    /// It gave an error of its own: a command that exits with another code than 0, too.
    ToolError(Value),
    /// It hit a limit.
    Limit(LimitHit),
    /// It trapped: a panic, a wrong access, a stack that ran out.
    Trap(String),
    /// Whoever asked for it took that back.
    Cancelled,
}

/// A limit that a call ran into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("limit `{limit}` of {} was hit", .limit.show(*.value))]
pub struct LimitHit {
    /// Which limit.
    pub limit: LimitKind,
    /// Its value, in its unit.
    pub value: u64,
}

/// What a call used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Usage {
    /// Time on a thread, in microseconds: the guest's code, and host functions that do not wait.
    pub cpu_us: u64,
    /// Time from start to end, in microseconds.
    pub wall_us: u64,
    /// The most that memories and tables took together, in bytes.
    pub memory: u64,
    /// Bytes written to files.
    pub written: u64,
    /// Bytes sent over the network.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub sent: u64,
    /// Bytes received from it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub received: u64,
}

/// What a call printed, as text; bytes that are not UTF-8 are replaced.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Printed {
    /// Standard output.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub stdout: String,
    /// Standard error.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub stderr: String,
    /// What it logged through `gloveport:tool/host`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logs: Vec<Log>,
}

/// A message for the operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// How much it matters.
    pub level: Level,
    /// What it says.
    pub text: String,
}

/// How much a message matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Every step.
    Trace,
    /// For whoever looks for a fault in the tool.
    Debug,
    /// Worth knowing.
    Info,
    /// Something is odd.
    Warn,
    /// Something went wrong.
    Error,
}

impl Level {
    /// The word for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

impl Printed {
    /// Whether nothing was printed.
    pub fn is_empty(&self) -> bool {
        self.stdout.is_empty() && self.stderr.is_empty() && self.logs.is_empty()
    }
}

/// How many different changes are listed one by one, and how many of everything else; the rest is counted.
pub const MAX_EFFECTS: usize = 1_000;
/// And how many bytes of their paths.
pub(crate) const MAX_EFFECT_BYTES: usize = 1 << 20;

/// What a call did through the host, and what it tried in vain. Each thing is listed once, in the order of its first
/// time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Effects {
    /// What it did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub done: Vec<Effect>,
    /// What was refused to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Effect>,
    /// The mounts that something was read from: complete, where the lists are bounded.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub mounts_read: BTreeSet<String>,
    /// The hosts that something came back from: complete.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub hosts_read: BTreeSet<String>,
    /// The tools that were called from within: complete.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tools_read: BTreeSet<String>,
    /// How many more there were.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub omitted: u64,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl Effects {
    /// Where what the call read came from.
    pub fn sources(&self) -> Provenance {
        let mounts = self.mounts_read.iter().cloned().map(Source::Mount);
        let hosts = self.hosts_read.iter().cloned().map(Source::Http);
        let tools = self.tools_read.iter().cloned().map(Source::Tool);
        mounts.chain(hosts).chain(tools).collect()
    }

    /// Whether nothing was done or tried.
    pub fn is_empty(&self) -> bool {
        self.done.is_empty() && self.refused.is_empty()
    }
}

/// One thing done or tried.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Effect {
    /// What was done.
    pub action: Action,
    /// To what: `mount/path`, as the guest named it, without `.` and `..`; `GET https://host/path`, `host:port`, the name
    /// of a secret, or the id of a tool.
    pub path: String,
    /// The new path of what was renamed or linked; the host that a secret was sent to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// For the operator: why it was refused, and what would allow it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl Effect {
    pub(crate) fn new(action: Action, path: String) -> Self {
        Self { action, path, to: None, why: None }
    }
}

/// What can be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// A file was opened to be read, or a link was read.
    Read,
    /// A directory's entries were read.
    List,
    /// Content or size or times were changed.
    Write,
    /// A file, directory or link was made.
    Create,
    /// A file or directory got another name.
    Rename,
    /// A file got a second name.
    Link,
    /// A file or directory was removed.
    Remove,
    /// An HTTP request was sent.
    Request,
    /// A name was looked up.
    Resolve,
    /// A TCP connection was opened.
    Connect,
    /// A datagram was sent.
    Datagram,
    /// An address was listened on.
    Listen,
    /// A secret was put into a request.
    Inject,
    /// Another tool was called.
    Invoke,
    /// A program was started as a process.
    Exec,
}

impl Action {
    /// Whether it changes anything.
    pub fn changes(self) -> bool {
        !matches!(self, Self::Read | Self::List)
    }

    /// Whether it is done to a path in a mount.
    pub fn is_of_files(self) -> bool {
        !matches!(
            self,
            Self::Request
                | Self::Resolve
                | Self::Connect
                | Self::Datagram
                | Self::Listen
                | Self::Inject
                | Self::Invoke
                | Self::Exec
        )
    }

    /// The word for people: `read`, `write`…
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::List => "list",
            Self::Write => "write",
            Self::Create => "create",
            Self::Rename => "rename",
            Self::Link => "link",
            Self::Remove => "remove",
            Self::Request => "request",
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Datagram => "datagram",
            Self::Listen => "listen",
            Self::Inject => "inject",
            Self::Invoke => "invoke",
            Self::Exec => "exec",
        }
    }
}
