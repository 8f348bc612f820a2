//! Where one step stands.

use crate::budget::Spent;
use journal::{Check, TaskId};
use policy::Provenance;
use sandbox::{End, Outcome};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{ops::Range, sync::Arc};

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepState {
    /// Not begun.
    Waiting,
    /// Decided on, but its call not begun.
    Decided,
    /// Its call runs, or ran when a process ended.
    Running {
        /// Whether it can change anything.
        can_change: bool,
    },
    /// It is a call for each value of a list, and not all of those have ended.
    Expanded,
    /// It did not succeed, and is tried again.
    Retrying {
        /// Not before this time, in milliseconds since 1970.
        at_ms: u64,
    },
    /// It succeeded.
    Done,
    /// Its call did not succeed, or its check did not hold.
    Failed(Failure),
    /// It waits for an approval.
    Asking,
    /// It was passed over.
    Skipped,
    /// Nobody knows how far it came.
    Uncertain,
}

/// Why a step failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Failure {
    /// Policy said no, or whoever was asked.
    Denied,
    /// The tool gave an error.
    ToolError,
    /// A limit was hit, or a budget is spent.
    Limit,
    /// The guest trapped.
    Trap,
    /// Its check did not hold, or its arguments did not.
    Check,
    /// A person gave it up, or ended it.
    GivenUp,
}

impl StepState {
    /// Whether nothing more happens to it.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Failed(_) | Self::Skipped)
    }

    /// Whether a call of it is under way.
    pub(crate) fn is_under_way(self) -> bool {
        matches!(self, Self::Decided | Self::Running { .. })
    }

    /// The word for it in expressions, reports and listings.
    pub fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Decided | Self::Running { .. } | Self::Expanded => "running",
            Self::Retrying { .. } => "retrying",
            Self::Done => "done",
            Self::Failed(Failure::Denied) => "denied",
            Self::Failed(_) => "failed",
            Self::Asking => "asking",
            Self::Skipped => "skipped",
            Self::Uncertain => "uncertain",
        }
    }
}

/// What is known of one step.
#[derive(Debug, Clone)]
pub struct StepProgress {
    /// Where it stands.
    pub state: StepState,
    /// What expressions see of it: `state`, and `result` or `error`.
    pub view: Arc<Value>,
    /// Where its result came from.
    pub provenance: Provenance,
    /// In words, why it did not succeed.
    pub why: Option<String>,
    /// How often its call began.
    pub tries: u32,
    /// How many of those calls broke off with their process, which is no fault of theirs.
    pub(crate) broke_off: u32,
    /// When its first call began, in milliseconds since 1970.
    pub began_ms: Option<u64>,
    /// When it was over.
    pub ended_ms: Option<u64>,
    /// What its calls took.
    pub took: Took,
    /// The task that it is, where it is one that has begun.
    pub task: Option<TaskId>,
    /// What that has spent, as far as it counts already.
    pub(crate) counted: Spent,
    /// The list that it goes through, and the places of its calls.
    pub(crate) items: Option<(Arc<Vec<Value>>, Range<usize>)>,
    /// How many of what it waits for, or of its calls, are not over.
    pub(crate) open: usize,
    /// What its call may still spend while it runs.
    pub(crate) held: Spent,
}

/// What the calls of a step took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Took {
    /// Time that they computed, in microseconds.
    pub cpu_us: u64,
    /// Time from start to end, in microseconds.
    pub wall_us: u64,
    /// How much they did through the host.
    pub effects: usize,
    /// How much was refused to them.
    pub refused: usize,
}

impl StepProgress {
    pub(crate) fn new(open: usize) -> Self {
        Self {
            state: StepState::Waiting,
            view: Arc::new(json!({ "state": "waiting" })),
            provenance: Provenance::new(),
            why: None,
            tries: 0,
            broke_off: 0,
            began_ms: None,
            ended_ms: None,
            took: Took::default(),
            task: None,
            counted: Spent::default(),
            items: None,
            open,
            held: Spent::default(),
        }
    }

    /// How long it took or has taken, in milliseconds.
    pub fn elapsed_ms(&self, now_ms: u64) -> Option<u64> {
        Some(self.ended_ms.unwrap_or(now_ms).saturating_sub(self.began_ms?))
    }

    pub(super) fn set(&mut self, state: StepState, why: Option<String>) {
        self.state = state;
        self.why = why;
        self.view = Arc::new(json!({ "state": state.word() }));
    }

    /// `error` is what other steps may know of it.
    pub(super) fn fail(&mut self, failure: Failure, why: String, error: &Value) {
        self.set(StepState::Failed(failure), Some(why));
        self.view = Arc::new(json!({ "state": self.state.word(), "error": error }));
    }

    pub(super) fn end(&mut self, outcome: Outcome, check: Option<&Check>, provenance: &Provenance) {
        self.provenance.join(provenance);
        self.took.cpu_us = self.took.cpu_us.saturating_add(outcome.usage.cpu_us);
        self.took.wall_us = self.took.wall_us.saturating_add(outcome.usage.wall_us);
        self.took.effects += outcome.effects.done.len() + usize::try_from(outcome.effects.omitted).unwrap_or(0);
        self.took.refused += outcome.effects.refused.len();
        match (outcome.end, check) {
            (End::Result(value), check) => self.give(value, check),
            // A check may expect an error.
            (End::ToolError(value), Some(Check { held: true, .. })) => {
                self.set(StepState::Done, None);
                self.view = Arc::new(json!({ "state": "done", "error": value }));
            }
            (End::ToolError(value), _) => {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                self.fail(Failure::ToolError, text, &value);
            }
            (End::Limit(hit), _) => self.fail(Failure::Limit, hit.to_string(), &hit.to_string().into()),
            (End::Trap(message), _) => self.fail(Failure::Trap, message.clone(), &message.into()),
            (End::Cancelled, _) => self.fail(Failure::GivenUp, "cancelled".into(), &"cancelled".into()),
        }
    }

    /// It came to a result, which may not be what was expected.
    pub(super) fn give(&mut self, value: Value, check: Option<&Check>) {
        match check {
            Some(Check { held: false, error }) => {
                let why = error.clone().unwrap_or_else(|| "its result is not as expected".into());
                self.fail(Failure::Check, format!("its check did not hold: {why}"), &value);
            }
            Some(_) | None => self.done(value),
        }
    }

    pub(super) fn done(&mut self, result: Value) {
        self.set(StepState::Done, None);
        let mut view = serde_json::Map::new();
        view.insert("state".into(), "done".into());
        view.insert("result".into(), result);
        self.view = Arc::new(Value::Object(view));
    }
}
