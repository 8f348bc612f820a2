//! What can happen in a task, as events say it. A task's state is what its events say, and nothing else.

use crate::outside::{NetworkSettings, Secrets};
use policy::{Access, Denial, Digest, MountName, Principal, Provenance, ToolId};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// What an event says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case", deny_unknown_fields)]
pub enum EventBody {
    /// A task began: everything that is needed to continue it, and to say afterwards under what it ran.
    TaskStarted(Box<TaskStarted>),
    /// Policy was asked about a step's call.
    Decided {
        /// The step's id.
        step: String,
        /// The tool that it calls.
        tool: ToolId,
        /// The digest of the tool's package.
        digest: Digest,
        /// The arguments, with all references resolved.
        args: Value,
        /// Where each argument came from.
        provenance: BTreeMap<String, Provenance>,
        /// What policy said.
        decision: Verdict,
    },
    /// A step's call is about to run. What follows it may have happened, whatever is recorded after.
    StepStarted {
        /// The step's id.
        step: String,
        /// Whether its grant lets it change anything.
        can_change: bool,
    },
    /// A step's call ended.
    StepEnded {
        /// The step's id.
        step: String,
        /// What became of it: end, usage, effects, output, as the sandbox says it.
        outcome: Value,
        /// The step's own check, where it has one and there was a result to check.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        check: Option<Check>,
        /// Where its result came from.
        provenance: Provenance,
    },
    /// A step did not come to its call: its references or its arguments did not hold, or a budget was spent.
    StepRefused {
        /// The step's id.
        step: String,
        /// Why.
        why: String,
        /// Whether a budget was spent.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        budget: bool,
    },
    /// A step was passed over.
    StepSkipped {
        /// The step's id.
        step: String,
        /// Why.
        why: String,
    },
    /// A step had begun when the process that ran it ended, so nobody knows how far it came.
    StepInterrupted {
        /// The step's id.
        step: String,
        /// What follows from it.
        then: Interrupted,
    },
    /// A process took the task up again.
    #[serde(deserialize_with = "nothing_else")]
    TaskResumed,
    /// The task came to its end, or to a point where a person has to do something.
    TaskEnded {
        /// How.
        state: TaskState,
        /// Why, where that is not plain.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    /// A tool called another one: the call ended, or was refused.
    Invoked {
        /// The step whose call it was made from; absent outside of a plan.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<String>,
        /// The calls that it was made from, the outermost first.
        chain: Vec<ToolId>,
        /// The tool that was called.
        tool: ToolId,
        /// The digest of its package.
        digest: Digest,
        /// Its arguments.
        args: Value,
        /// Where each argument came from.
        provenance: BTreeMap<String, Provenance>,
        /// What policy said.
        decision: Verdict,
        /// What became of it; absent where it was refused.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outcome: Option<Value>,
    },
    /// Staged changes are about to be taken over into their directories: those of this digest, and no others. Without an
    /// event that says so after it, some may have been.
    Committing {
        /// What stands for exactly these changes.
        digest: Digest,
        /// What they are, as the sandbox says it.
        changes: Value,
    },
    /// Staged changes were taken over.
    Committed {
        /// What stands for them.
        digest: Digest,
    },
    /// Staged changes were dropped.
    Discarded {
        /// What stands for them.
        digest: Digest,
        /// What they were.
        changes: Value,
    },
    /// A call outside of a plan, that can change something, is about to run.
    CallStarted {
        /// The tool.
        tool: ToolId,
        /// The digest of its package.
        digest: Digest,
        /// Its arguments.
        args: Value,
        /// What policy said.
        decision: Verdict,
    },
    /// A call outside of a plan ended, or was refused.
    Call {
        /// The tool.
        tool: ToolId,
        /// The digest of its package.
        digest: Digest,
        /// Its arguments; absent where the event that it started has them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        args: Option<Value>,
        /// What policy said; absent where the event that it started has it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        decision: Option<Verdict>,
        /// What became of it; absent where it was refused.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outcome: Option<Value>,
    },
}

/// The beginning of a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskStarted {
    /// What it is to achieve.
    pub objective: String,
    /// The plan's file, for people and for relative paths in it.
    pub plan_file: String,
    /// The plan, as it was read.
    pub plan: String,
    /// Policy: each file's name and text, as it was read.
    pub policy: Vec<(String, String)>,
    /// Whose world it is.
    pub tenant: String,
    /// On whose behalf its calls are made.
    pub principal: Principal,
    /// What that principal is, for policy.
    pub roles: Vec<String>,
    /// What its world holds.
    pub mounts: Vec<MountRecord>,
    /// The names of the environment variables that its world holds. Their values are not recorded.
    pub env: Vec<String>,
    /// The secrets that its world holds, by where they are.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: Secrets,
    /// What its world knows of the network.
    #[serde(default, skip_serializing_if = "NetworkSettings::is_default")]
    pub network: NetworkSettings,
    /// The walls that have to stand around its worker processes; absent where its calls run on threads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isolation: Option<Vec<String>>,
    /// The packages whose calls run in worker processes; empty for all where they do at all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub isolate: Vec<String>,
    /// Limits of the command line, as keys and values: they go before the plan's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<(String, String)>,
    /// Where its virtual clock starts, in milliseconds since 1970.
    pub clock_ms: u64,
    /// Its packages.
    pub packages: Vec<PackageRecord>,
}

/// A mount of a task's world.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MountRecord {
    /// The name.
    pub name: MountName,
    /// The directory on the host.
    pub path: String,
    /// What can be done in it at most.
    pub access: Access,
    /// Patterns of what no call sees of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<String>,
    /// Patterns of what no call changes of it.
    #[serde(default, rename = "read-only", skip_serializing_if = "Vec::is_empty")]
    pub read_only: Vec<String>,
    /// Whether all that is changed in it is staged.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub staged: bool,
}

/// A package of a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackageRecord {
    /// The name.
    pub name: String,
    /// The digest of its bytes.
    pub digest: Digest,
    /// The file that it came from; absent where it is bundled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

/// What policy said, without the authority to act on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Verdict {
    /// The call may run.
    Allow {
        /// What it may reach: mounts, variables, clock, limits, and the policies that allowed it.
        grant: Value,
    },
    /// A person has to agree first.
    Ask {
        /// Who may agree.
        approvers: Vec<String>,
        /// The policies that ask.
        policies: Vec<String>,
    },
    /// The call must not run.
    Deny {
        /// Why.
        denial: Denial,
    },
}

/// What a step's own check came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// Whether it held.
    pub held: bool,
    /// Why it could not be evaluated; it did not hold then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What follows from a step that was interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Interrupted {
    /// It could not change anything, or may be repeated as the plan says: it runs again.
    Harmless,
    /// It may have changed something: a person has to say what follows.
    Uncertain,
    /// A person said that it is to run again.
    Repeat,
    /// A person said that it counts as failed.
    GiveUp,
}

/// Where a task stands when nobody is working on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskState {
    /// Every step that had to succeed did.
    Done,
    /// A step failed that must not fail.
    Failed,
    /// A step waits for a person: for an approval, or for a word about what a crash left uncertain.
    Waiting,
}

impl EventBody {
    /// Whether nothing can follow it.
    pub fn closes(&self) -> bool {
        matches!(self, Self::TaskEnded { state: TaskState::Done | TaskState::Failed, .. })
    }
}

/// Refuses what the enum's `deny_unknown_fields` lets pass beside a variant without fields.
fn nothing_else<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}
    Nothing::deserialize(deserializer).map(|Nothing {}| ())
}
