//! Where a task stands: a fold over its events, and nothing else.

use crate::{
    budget::Spent,
    plan::{OnFailure, Plan},
};
use journal::{Check, EventBody, Interrupted, Verdict};
use policy::{LimitKind, Limits, Provenance};
use sandbox::{End, Outcome};
use serde_json::{Value, json};
use std::sync::Arc;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Policy said no.
    Denied,
    /// The tool gave an error.
    ToolError,
    /// A limit was hit, or a budget is spent.
    Limit,
    /// The guest trapped.
    Trap,
    /// Its check did not hold, or its arguments did not.
    Check,
    /// A person gave it up.
    GivenUp,
}

impl StepState {
    /// Whether nothing more happens to it by itself.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Failed(_) | Self::Skipped)
    }

    /// The word for it in expressions, reports and listings.
    pub fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Decided | Self::Running { .. } => "running",
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
    /// What became of its call.
    pub outcome: Option<Arc<Outcome>>,
    /// In words, why it did not succeed.
    pub why: Option<String>,
    /// What its call may still spend while it runs.
    held: Spent,
}

/// Where a task stands.
#[derive(Debug, Clone)]
pub struct Progress {
    /// Its steps, in the order of the plan.
    pub steps: Vec<StepProgress>,
    /// What it has spent.
    pub spent: Spent,
}

impl Progress {
    /// A task that has not begun.
    pub fn new(plan: &Plan) -> Self {
        let step = StepProgress {
            state: StepState::Waiting,
            view: Arc::new(json!({ "state": "waiting" })),
            provenance: Provenance::new(),
            outcome: None,
            why: None,
            held: Spent::default(),
        };
        Self { steps: vec![step; plan.steps.len()], spent: Spent::default() }
    }

    /// Whether a step failed after which no other may begin; the first of them in the plan.
    pub fn stopped_by<'a>(&self, plan: &'a Plan) -> Option<(&'a str, Failure)> {
        self.steps.iter().zip(&plan.steps).find_map(|(progress, step)| match progress.state {
            StepState::Failed(failure) if step.on_failure == OnFailure::Stop => Some((step.id.as_str(), failure)),
            _ => None,
        })
    }

    /// What is spent, and what calls that run may still spend: what is left of a budget is left beside that.
    pub(crate) fn reserved(&self) -> Spent {
        let running = |step: &&StepProgress| matches!(step.state, StepState::Decided | StepState::Running { .. });
        self.steps.iter().filter(running).fold(self.spent, |sum, step| Spent {
            // A call counts as spent from its beginning.
            calls: sum.calls + u64::from(step.state == StepState::Decided),
            cpu_us: sum.cpu_us.saturating_add(step.held.cpu_us),
            written: sum.written.saturating_add(step.held.written),
        })
    }

    /// Marks a step as begun, before any event says so.
    pub(crate) fn begin(&mut self, index: usize, limits: Option<&Limits>) {
        let step = &mut self.steps[index];
        step.state = StepState::Decided;
        step.held = limits.map_or_else(Spent::default, |limits| Spent {
            calls: 0,
            cpu_us: limits.get(LimitKind::Cpu).saturating_mul(1_000),
            written: limits.get(LimitKind::Written),
        });
    }

    /// Takes in what an event says. Events of no step, and of steps that the plan does not have, change no step.
    pub fn apply(&mut self, plan: &Plan, event: &EventBody) {
        if matches!(event, EventBody::TaskResumed) {
            // Whoever could agree may have, so policy is asked again.
            let asking =
                self.steps.iter_mut().filter(|step| matches!(step.state, StepState::Asking | StepState::Decided));
            asking.for_each(|step| step.set(StepState::Waiting, None));
        }
        let step = step_of(event).and_then(|id| plan.steps.iter().position(|step| step.id == id));
        if let Some(step) = step.and_then(|index| self.steps.get_mut(index)) {
            step.apply(event, &mut self.spent);
        }
    }
}

/// The step that an event is about.
fn step_of(event: &EventBody) -> Option<&str> {
    match event {
        EventBody::Decided { step, .. }
        | EventBody::StepStarted { step, .. }
        | EventBody::StepEnded { step, .. }
        | EventBody::StepRefused { step, .. }
        | EventBody::StepSkipped { step, .. }
        | EventBody::StepInterrupted { step, .. } => Some(step),
        EventBody::TaskStarted(_)
        | EventBody::TaskResumed
        | EventBody::TaskEnded { .. }
        | EventBody::Invoked { .. }
        | EventBody::Committing { .. }
        | EventBody::Committed { .. }
        | EventBody::Discarded { .. }
        | EventBody::CallStarted { .. }
        | EventBody::Call { .. } => None,
    }
}

impl StepProgress {
    fn apply(&mut self, event: &EventBody, spent: &mut Spent) {
        match event {
            EventBody::Decided { decision, .. } => match decision {
                Verdict::Allow { .. } => self.set(StepState::Decided, None),
                Verdict::Ask { approvers, .. } => {
                    self.set(StepState::Asking, Some(format!("waits for the approval of {}", approvers.join(", "))));
                }
                Verdict::Deny { denial } => {
                    self.fail(Failure::Denied, denial.to_string(), &denial.for_caller().into());
                }
            },
            EventBody::StepStarted { can_change, .. } => {
                self.set(StepState::Running { can_change: *can_change }, None);
                spent.calls += 1;
            }
            EventBody::StepEnded { outcome, check, provenance, .. } => {
                let outcome = Outcome::from_record(outcome);
                spent.cpu_us = spent.cpu_us.saturating_add(outcome.usage.cpu_us);
                spent.written = spent.written.saturating_add(outcome.usage.written);
                self.end(outcome, check.as_ref(), provenance);
            }
            EventBody::StepRefused { why, budget, .. } => {
                let failure = if *budget { Failure::Limit } else { Failure::Check };
                self.fail(failure, why.clone(), &why.clone().into());
            }
            EventBody::StepSkipped { why, .. } => self.set(StepState::Skipped, Some(why.clone())),
            EventBody::StepInterrupted { then, .. } => match then {
                Interrupted::Harmless | Interrupted::Repeat => self.set(StepState::Waiting, None),
                Interrupted::Uncertain => {
                    let why = "it had begun when the process ended, and may have changed something";
                    self.set(StepState::Uncertain, Some(why.into()));
                }
                Interrupted::GiveUp => {
                    let why = "given up after it was interrupted";
                    self.fail(Failure::GivenUp, why.into(), &why.into());
                }
            },
            EventBody::TaskStarted(_)
            | EventBody::TaskResumed
            | EventBody::TaskEnded { .. }
            | EventBody::Invoked { .. }
            | EventBody::Committing { .. }
            | EventBody::Committed { .. }
            | EventBody::Discarded { .. }
            | EventBody::CallStarted { .. }
            | EventBody::Call { .. } => {}
        }
    }

    fn set(&mut self, state: StepState, why: Option<String>) {
        self.state = state;
        self.why = why;
        self.view = Arc::new(json!({ "state": state.word() }));
    }

    /// `error` is what other steps may know of it.
    fn fail(&mut self, failure: Failure, why: String, error: &Value) {
        self.set(StepState::Failed(failure), Some(why));
        self.view = Arc::new(json!({ "state": self.state.word(), "error": error }));
    }

    fn end(&mut self, outcome: Outcome, check: Option<&Check>, provenance: &Provenance) {
        self.provenance = provenance.clone();
        let outcome = Arc::new(outcome);
        self.outcome = Some(Arc::clone(&outcome));
        match (&outcome.end, check) {
            (End::Result(value), Some(Check { held: false, error })) => {
                let why = error.clone().unwrap_or_else(|| "its result is not as expected".into());
                self.fail(Failure::Check, format!("its check did not hold: {why}"), value);
            }
            (End::Result(value), _) => {
                self.set(StepState::Done, None);
                self.view = Arc::new(json!({ "state": "done", "result": value }));
            }
            // A check may expect an error.
            (End::ToolError(value), Some(Check { held: true, .. })) => {
                self.set(StepState::Done, None);
                self.view = Arc::new(json!({ "state": "done", "error": value }));
            }
            (End::ToolError(value), _) => {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                self.fail(Failure::ToolError, text, value);
            }
            (End::Limit(hit), _) => self.fail(Failure::Limit, hit.to_string(), &hit.to_string().into()),
            (End::Trap(message), _) => self.fail(Failure::Trap, message.clone(), &message.clone().into()),
            (End::Cancelled, _) => self.fail(Failure::GivenUp, "cancelled".into(), &"cancelled".into()),
        }
    }
}
