//! What became of a call.

use policy::LimitKind;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;

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
}

impl Printed {
    /// Whether nothing was printed.
    pub fn is_empty(&self) -> bool {
        self.stdout.is_empty() && self.stderr.is_empty()
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
    /// How many more there were.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub omitted: u64,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl Effects {
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
    /// To what: `mount/path`, as the guest named it, without `.` and `..`.
    pub path: String,
    /// The new path of what was renamed or linked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// What can be done to a path.
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
}

impl Action {
    /// Whether it changes anything.
    pub fn changes(self) -> bool {
        !matches!(self, Self::Read | Self::List)
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
        }
    }
}
