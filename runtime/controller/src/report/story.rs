//! What happened in a task, put together from its events for whoever writes it down.

use crate::{
    plan::Plan,
    progress::{Progress, StepState},
};
use journal::{Ask, Event, EventBody, Steering, TaskId, TaskStarted, TaskState, Verdict};
use policy::{Digest, Provenance, ToolId};
use sandbox::{Effects, Outcome};
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc};

/// A task's story.
pub(super) struct Story<'a> {
    pub(super) task: &'a TaskId,
    pub(super) progress: Progress,
    pub(super) started: Option<&'a TaskStarted>,
    pub(super) ended: Option<Ended<'a>>,
    pub(super) steps: Vec<StepStory<'a>>,
    /// What people and planners said and did, each with its time.
    pub(super) said: Vec<(u64, Said<'a>)>,
    pub(super) staged: Vec<Staged<'a>>,
    pub(super) first_ms: u64,
    pub(super) last_ms: u64,
    pub(super) events: usize,
    pub(super) head: Option<Digest>,
}

/// How the task ended, or began to wait.
#[derive(Clone, Copy)]
pub(super) struct Ended<'a> {
    pub(super) state: TaskState,
    pub(super) why: Option<&'a str>,
    result: &'a Value,
}

/// What happened to one step, in its order.
#[derive(Default)]
pub(super) struct StepStory<'a> {
    pub(super) decided: Vec<Decided<'a>>,
    /// Each call's start and end, and what became of it.
    pub(super) calls: Vec<Call>,
    pub(super) invoked: Vec<Inner<'a>>,
    pub(super) delegated: Vec<&'a TaskId>,
}

pub(super) struct Decided<'a> {
    pub(super) tool: &'a ToolId,
    pub(super) digest: &'a Digest,
    pub(super) args: &'a Value,
    pub(super) provenance: &'a BTreeMap<String, Provenance>,
    pub(super) decision: &'a Verdict,
    pub(super) approval: Option<&'a Digest>,
}

/// A call that a tool asked for.
pub(super) struct Inner<'a> {
    pub(super) chain: &'a [ToolId],
    pub(super) tool: &'a ToolId,
    pub(super) args: &'a Value,
    pub(super) provenance: &'a BTreeMap<String, Provenance>,
    pub(super) decision: &'a Verdict,
    /// Which process it is, where it is one.
    process: Option<u64>,
    /// Once it has ended: the outcome, or that it could not begin.
    ended: Option<Option<Outcome>>,
}

impl Inner<'_> {
    /// What became of it, where it was allowed.
    pub(super) fn end(&self) -> Option<String> {
        let Verdict::Allow { .. } = self.decision else { return None };
        Some(match &self.ended {
            Some(Some(outcome)) => crate::record::json(&outcome.end).to_string(),
            Some(None) => "it could not begin".into(),
            None => "how far it came is not known".into(),
        })
    }

    pub(super) fn effects(&self) -> Option<&Effects> {
        Some(&self.ended.as_ref()?.as_ref()?.effects)
    }

    /// Where its arguments came from: all that the call around it had seen.
    pub(super) fn sources(&self) -> Provenance {
        self.provenance.values().fold(Provenance::new(), |mut all, one| {
            all.join(one);
            all
        })
    }
}

pub(super) struct Call {
    pub(super) began_ms: u64,
    pub(super) ended_ms: Option<u64>,
    pub(super) outcome: Option<Outcome>,
}

/// What somebody said or did.
pub(super) enum Said<'a> {
    Asked(&'a Ask),
    Answered(&'a Digest, &'a journal::Answer, &'a journal::Author),
    Steered(&'a Steering, &'a journal::Author),
    Replanned {
        by: &'a journal::By,
        add: usize,
        drop: &'a [String],
    },
    Turn {
        planner: &'a str,
        turn: &'a Value,
        cost: u64,
    },
    PlannerFailed {
        planner: &'a str,
        why: &'a str,
    },
    Finished {
        planner: &'a str,
        summary: &'a str,
    },
    /// A planner was shown the results of steps.
    Shown {
        steps: &'a [String],
        provenance: &'a Provenance,
    },
    /// A planner was shown what stands for a step's result, by these policies.
    Withheld {
        step: &'a str,
        by: &'a [String],
    },
}

/// What became of staged changes.
pub(super) enum Staged<'a> {
    Committing(&'a Digest, &'a Value, &'a journal::Author),
    Committed(&'a Digest),
    Discarded(&'a Digest, &'a Value, &'a journal::Author),
}

impl StepStory<'_> {
    /// What its calls did, and those that they made.
    pub(super) fn effects(&self) -> impl Iterator<Item = &Effects> {
        let own = self.calls.iter().filter_map(|call| Some(&call.outcome.as_ref()?.effects));
        own.chain(self.invoked.iter().filter_map(Inner::effects))
    }

    /// Whether something was refused to one of its calls.
    pub(super) fn was_refused(&self) -> bool {
        self.effects().any(|effects| !effects.refused.is_empty())
    }
}

impl<'a> Story<'a> {
    pub(super) fn new(task: &'a TaskId, plan: &Arc<Plan>, events: &'a [Event]) -> Self {
        let mut this = Self {
            task,
            progress: Progress::new(Arc::clone(plan)),
            started: None,
            ended: None,
            steps: Vec::new(),
            said: Vec::new(),
            staged: Vec::new(),
            first_ms: events.first().map_or(0, |event| event.at_ms),
            last_ms: events.last().map_or(0, |event| event.at_ms),
            events: events.len(),
            head: events.last().map(|event| event.digest),
        };
        for event in events {
            this.progress.apply(event.at_ms, &event.body);
            this.take(event);
        }
        this.steps.resize_with(this.progress.steps.len(), StepStory::default);
        this
    }

    fn step(&mut self, id: &str) -> Option<&mut StepStory<'a>> {
        let at = self.progress.graph.find(id)?;
        if self.steps.len() <= at {
            self.steps.resize_with(at + 1, StepStory::default);
        }
        self.steps.get_mut(at)
    }

    fn take(&mut self, event: &'a Event) {
        let at_ms = event.at_ms;
        let mut say = |said| self.said.push((at_ms, said));
        match &event.body {
            EventBody::TaskStarted(started) => self.started = Some(started),
            EventBody::TaskResumed => self.ended = None,
            EventBody::TaskEnded { state, why, result, .. } => {
                self.ended = Some(Ended { state: *state, why: why.as_deref(), result });
            }
            EventBody::Decided { step, tool, digest, args, provenance, decision, approval } => {
                let approval = approval.as_ref();
                let decided = Decided { tool, digest, args, provenance, decision, approval };
                if let Some(step) = self.step(step) {
                    step.decided.push(decided);
                }
            }
            EventBody::StepStarted { step, .. } => {
                if let Some(step) = self.step(step) {
                    step.calls.push(Call { began_ms: at_ms, ended_ms: None, outcome: None });
                }
            }
            EventBody::StepEnded { step, outcome, .. } => {
                if let Some(call) = self.step(step).and_then(|step| step.calls.last_mut()) {
                    call.ended_ms = Some(at_ms);
                    call.outcome = Some(Outcome::from_record(outcome));
                }
            }
            EventBody::Invoked { step: Some(step), chain, tool, args, provenance, decision, .. } => {
                if let Some(step) = self.step(step) {
                    step.invoked.push(Inner { chain, tool, args, provenance, decision, process: None, ended: None });
                }
            }
            EventBody::ProcessStarted {
                step: Some(step), chain, process, tool, args, provenance, decision, ..
            } => {
                if let Some(step) = self.step(step) {
                    let process = Some(*process);
                    step.invoked.push(Inner { chain, tool, args, provenance, decision, process, ended: None });
                }
            }
            EventBody::ProcessEnded { step: Some(step), process, outcome, .. } => {
                let same = |call: &&mut Inner<'_>| call.process == Some(*process);
                if let Some(call) = self.step(step).and_then(|step| step.invoked.iter_mut().rev().find(same)) {
                    call.ended = Some(outcome.as_ref().map(Outcome::from_record));
                }
            }
            EventBody::InvokeEnded { step: Some(step), chain, outcome, .. } => {
                let open = self.step(step).and_then(|step| {
                    step.invoked
                        .iter_mut()
                        .rev()
                        .find(|call| call.process.is_none() && call.chain == chain && call.ended.is_none())
                });
                if let Some(call) = open {
                    call.ended = Some(outcome.as_ref().map(Outcome::from_record));
                }
            }
            EventBody::Delegated { step, task } => {
                if let Some(step) = self.step(step)
                    && !step.delegated.contains(&task)
                {
                    step.delegated.push(task);
                }
            }
            EventBody::Asked(ask) => say(Said::Asked(ask)),
            EventBody::Answered { digest, answer, by } => say(Said::Answered(digest, answer, by)),
            EventBody::Steered { steering, by } => say(Said::Steered(steering, by)),
            EventBody::Replanned { by, add, drop, .. } => say(Said::Replanned { by, add: add.len(), drop }),
            EventBody::Turn { planner, turn, cost, .. } => say(Said::Turn { planner, turn, cost: *cost }),
            EventBody::PlannerFailed { planner, why, .. } => say(Said::PlannerFailed { planner, why }),
            EventBody::Shown { steps, withheld, provenance, .. } => {
                if !steps.is_empty() {
                    say(Said::Shown { steps, provenance });
                }
                withheld.iter().for_each(|(step, by)| say(Said::Withheld { step, by }));
            }
            EventBody::Finished { planner, summary, .. } => say(Said::Finished { planner, summary }),
            EventBody::Committing { digest, changes, by } => self.staged.push(Staged::Committing(digest, changes, by)),
            EventBody::Committed { digest } => self.staged.push(Staged::Committed(digest)),
            EventBody::Discarded { digest, changes, by } => self.staged.push(Staged::Discarded(digest, changes, by)),
            EventBody::Returned { .. }
            | EventBody::StepExpanded { .. }
            | EventBody::StepRefused { .. }
            | EventBody::StepSkipped { .. }
            | EventBody::StepInterrupted { .. }
            | EventBody::Invoked { step: None, .. }
            | EventBody::InvokeEnded { step: None, .. }
            | EventBody::ProcessStarted { step: None, .. }
            | EventBody::ProcessEnded { step: None, .. }
            | EventBody::CallStarted { .. }
            | EventBody::Call { .. } => {}
        }
    }

    /// What it was given.
    pub(super) fn given(&self) -> Option<String> {
        let input = &self.progress.plan().input;
        (!input.is_empty()).then(|| crate::record::json(input).to_string())
    }

    /// What it gave back.
    pub(super) fn result(&self) -> Option<&'a Value> {
        self.ended.map(|ended| ended.result).filter(|result| !result.is_null())
    }

    /// The word for where the task stands.
    pub(super) fn state(&self) -> &'static str {
        self.ended.map_or("running, or interrupted", |ended| crate::task::word(ended.state))
    }

    /// How many steps stand where.
    pub(super) fn counts(&self) -> Vec<(&'static str, usize)> {
        let mut counts: Vec<(&'static str, usize)> = Vec::new();
        for state in self.progress.steps.iter().map(|step| step.state) {
            match counts.iter_mut().find(|(word, _)| *word == state.word()) {
                Some((_, count)) => *count += 1,
                None => counts.push((state.word(), 1)),
            }
        }
        counts
    }

    /// Whether a step needs no section of its own: nothing ever happened to it.
    pub(super) fn is_untouched(&self, at: usize) -> bool {
        self.steps[at].decided.is_empty() && self.progress.steps[at].state == StepState::Waiting
    }
}
