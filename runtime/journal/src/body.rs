//! What can happen in a task, as events say it. A task's state is what its events say, and nothing else.

use crate::{Answer, Ask, Author, Steering, TaskId, TaskStarted};
use policy::{Denial, Digest, Provenance, ToolId};
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
        /// The approval that it used up, by its digest.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        approval: Option<Digest>,
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
        /// Where it did not succeed and is tried again: when.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        again: Option<Again>,
    },
    /// A step is a call for each of these; their steps are called `STEP[0]`, `STEP[1]` and so on.
    StepExpanded {
        /// The step's id.
        step: String,
        /// One value a call.
        items: Vec<Value>,
        /// Where the list came from.
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
    /// The plan became another one: steps were added, or taken out before they began.
    Replanned {
        /// Who did it.
        by: By,
        /// The call of the planner's that asked for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        call: Option<String>,
        /// The new steps, in the form of a plan's file.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        add: Vec<Value>,
        /// The ids of steps that are not to begin any more.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        drop: Vec<String>,
        /// Where the choice of these steps came from, and with it everything in them.
        provenance: Provenance,
    },
    /// A language model said something.
    Turn {
        /// The planner's name.
        planner: String,
        /// What it said, and what that took, as the controller says it.
        turn: Value,
        /// What it cost, in millionths of the money of its prices.
        #[serde(default, skip_serializing_if = "is_zero")]
        cost: u64,
        /// Where what it knew came from.
        provenance: Provenance,
    },
    /// A planner said nothing, or nothing more.
    PlannerFailed {
        /// The planner's name.
        planner: String,
        /// What kind of end it is.
        fault: PlannerFault,
        /// Why.
        why: String,
    },
    /// A planner was shown something: a result, or what stands for it.
    Shown {
        /// The call of the planner's that it answers.
        call: String,
        /// The steps whose results, or errors, it holds.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        steps: Vec<String>,
        /// What it was told.
        content: String,
        /// Whether what it asked for did not succeed.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        failed: bool,
        /// The steps of whose results it was told the shape and the size instead, and by which policies.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        withheld: BTreeMap<String, Vec<String>>,
        /// Where what it was told came from.
        #[serde(default)]
        provenance: Provenance,
    },
    /// A planner considers the objective reached.
    Finished {
        /// The planner's name.
        planner: String,
        /// What it says of it.
        summary: String,
        /// Where that came from.
        provenance: Provenance,
    },
    /// A person has to say something. It is answered by an event of the same digest.
    Asked(Box<Ask>),
    /// A person said it.
    Answered {
        /// The digest of what was asked.
        digest: Digest,
        /// What was said.
        answer: Answer,
        /// Who.
        by: Author,
    },
    /// A person steered.
    Steered {
        /// How.
        steering: Steering,
        /// Who.
        by: Author,
    },
    /// A step is a task of its own.
    Delegated {
        /// The step's id.
        step: String,
        /// The task.
        task: TaskId,
    },
    /// The task that a step is has ended, or waits for a person.
    Returned {
        /// The step's id.
        step: String,
        /// The task.
        task: TaskId,
        /// How it ended.
        state: TaskState,
        /// Why, where that is not plain.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
        /// What kind of failure it was, as the controller says it.
        #[serde(default, skip_serializing_if = "Value::is_null")]
        failure: Value,
        /// What it gives back.
        #[serde(default, skip_serializing_if = "Value::is_null")]
        result: Value,
        /// What all of it has spent by now, as the controller says it.
        spent: Value,
        /// The last event of its record by now: what stands before it cannot be changed without being seen here. Absent where
        /// it could not begin.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        head: Option<Digest>,
        /// The step's own check, where it has one and there was a result to check.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        check: Option<Check>,
        /// Where its result came from.
        provenance: Provenance,
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
        /// What it gives back, where its plan or its planner says that.
        #[serde(default, skip_serializing_if = "Value::is_null")]
        result: Value,
        /// Where that came from.
        #[serde(default, skip_serializing_if = "Provenance::is_empty")]
        provenance: Provenance,
    },
    /// A tool asked for a call of another one. Where it may run, it is about to.
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
        /// Where the choice of it came from.
        chosen: Provenance,
        /// What policy said, or the budget where that is used up.
        decision: Verdict,
    },
    /// The last call that was asked for from within these ended: a tool waits for one before it asks for another.
    InvokeEnded {
        /// The step whose call it was made from; absent outside of a plan.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<String>,
        /// The calls that it was made from, the outermost first.
        chain: Vec<ToolId>,
        /// The tool that was called.
        tool: ToolId,
        /// What became of it; absent where it could not begin.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outcome: Option<Value>,
    },
    /// A call asked for a program to be started as a process. Where it may run, it is about to.
    ProcessStarted {
        /// The step whose call it was started from; absent outside of a plan.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<String>,
        /// The calls that it was started from, the outermost first.
        chain: Vec<ToolId>,
        /// Tells it from the other processes of the task that run at the same time.
        process: u64,
        /// The name under which it was started.
        program: String,
        /// The tool that it is.
        tool: ToolId,
        /// The digest of its package.
        digest: Digest,
        /// Its arguments, and the directory that it starts in.
        args: Value,
        /// The names of the variables that it sees. Their values are not recorded.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        env: Vec<String>,
        /// Where its arguments may have come from, and its input with them.
        provenance: BTreeMap<String, Provenance>,
        /// Where the choice of it came from.
        chosen: Provenance,
        /// What policy said.
        decision: Verdict,
    },
    /// A process ended.
    ProcessEnded {
        /// The step whose call it was started from; absent outside of a plan.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<String>,
        /// Which one.
        process: u64,
        /// The tool that it was.
        tool: ToolId,
        /// What became of it; absent where it could not begin.
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
        /// Who wants it.
        by: Author,
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
        /// Who wanted it.
        by: Author,
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

/// Who changed a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// A planner of this name.
    Planner(String),
    /// A person.
    Person(Author),
}

/// Why a planner says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlannerFault {
    /// It cannot be spoken to; another time it may be.
    Unavailable,
    /// It declines, or gives up.
    Declined,
    /// What the plan lets it spend is spent.
    Spent,
}

/// When a step is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Again {
    /// How many tries there were by then.
    pub tries: u32,
    /// Not before this time, in milliseconds since 1970.
    pub at_ms: u64,
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
    /// A person ended it.
    Cancelled,
}

impl EventBody {
    /// Whether nothing can follow it.
    pub fn closes(&self) -> bool {
        matches!(self, Self::TaskEnded { state: TaskState::Done | TaskState::Failed | TaskState::Cancelled, .. })
    }
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// Refuses what the enum's `deny_unknown_fields` lets pass beside a variant without fields.
fn nothing_else<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}
    Nothing::deserialize(deserializer).map(|Nothing {}| ())
}
