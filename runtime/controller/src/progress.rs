//! Where a task stands: a fold over its events, and nothing else.

mod chosen;
mod desk;
mod graph;
mod step;
mod talk;

pub use desk::{Asked, Desk};
pub use graph::{Graph, Item, Node};
pub use step::{Failure, StepProgress, StepState, Took};
pub use talk::Talk;

use crate::{
    budget::{Exhausted, Part, Room, Spent},
    plan::{OnFailure, Plan},
    planner::Turn,
};
use journal::{About, Again, Answer, EventBody, Interrupted, Origin, Steering, TaskState, Verdict};
use policy::{Provenance, Source};
use sandbox::Outcome;
use serde::Deserialize as _;
use serde_json::Value;
use std::{collections::BTreeSet, sync::Arc};

/// Where a task stands.
#[derive(Debug, Clone)]
pub struct Progress {
    plan: Arc<Plan>,
    /// What it was given.
    pub(crate) input: Arc<Value>,
    /// The step of another task that it is.
    origin: Option<Origin>,
    /// Its steps, in the order in which they came to be.
    pub graph: Graph,
    /// Where they stand, in the same order.
    pub steps: Vec<StepProgress>,
    /// What it has spent.
    pub spent: Spent,
    /// What waits for people.
    pub desk: Desk,
    /// What was said with its planner.
    pub talk: Talk,
    /// Steps that wait for nothing any more.
    ready: BTreeSet<usize>,
    /// Steps that are tried again, by the time of that.
    retries: BTreeSet<(u64, usize)>,
    /// How many steps are over, and how many of those did not succeed.
    over: usize,
    /// What calls that are under way may still spend.
    held: Spent,
    /// Calls of tools by tools, as far as they are not recorded yet.
    inner: u64,
    /// The first step that failed and must not.
    stopped: Option<usize>,
    last_ms: Option<u64>,
    /// Why an event could not be taken in: nothing may be built on what is known then.
    broken: Option<String>,
}

impl Progress {
    /// A task that has not begun.
    pub fn new(plan: Arc<Plan>) -> Self {
        let mut this = Self {
            input: Arc::new(plan.input.clone().into_iter().collect()),
            origin: None,
            graph: Graph::default(),
            steps: Vec::new(),
            spent: Spent::default(),
            desk: Desk::default(),
            talk: Talk::default(),
            ready: BTreeSet::new(),
            retries: BTreeSet::new(),
            over: 0,
            held: Spent::default(),
            inner: 0,
            stopped: None,
            last_ms: None,
            broken: None,
            plan,
        };
        let chosen = Arc::new(Provenance::from_iter([Source::Plan]));
        this.add(this.plan.steps.clone(), &chosen);
        this
    }

    /// Its plan, as it began.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The step of another task that it is, where it is one.
    pub fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }

    /// Where what it was given came from.
    pub(crate) fn given(&self) -> Provenance {
        let mut sources = Provenance::new();
        match &self.origin {
            Some(origin) => origin.input.values().for_each(|of_one| sources.join(of_one)),
            // Who asks for the task gives it as well.
            None => sources.insert(Source::Objective),
        }
        sources
    }

    /// Why its record says something that cannot be carried out.
    pub fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    /// The first step in the plan that failed after which no other may begin.
    pub fn stopped_by(&self) -> Option<(&str, Failure)> {
        let at = self.stopped?;
        match self.steps[at].state {
            StepState::Failed(failure) => Some((&self.graph.nodes()[at].id, failure)),
            _ => None,
        }
    }

    /// How many steps are over.
    pub fn over(&self) -> usize {
        self.over
    }

    /// The first step that waits for a word of a person.
    pub fn waits(&self) -> Option<usize> {
        self.steps.iter().position(|step| matches!(step.state, StepState::Asking | StepState::Uncertain))
    }

    /// Steps that can begin.
    pub(crate) fn ready(&self) -> impl Iterator<Item = usize> {
        self.ready.iter().copied()
    }

    /// When the next step is tried again.
    pub(crate) fn next_retry(&self) -> Option<u64> {
        self.retries.first().map(|(at_ms, _)| *at_ms)
    }

    /// Lets steps begin whose time to be tried again has come.
    pub(crate) fn wake(&mut self, now_ms: u64) {
        while let Some((at_ms, at)) = self.retries.first().copied()
            && at_ms <= now_ms
        {
            self.set(at, StepState::Waiting, None);
        }
    }

    /// What is spent, and what calls that run may still spend: what is left of a budget is left beside that.
    pub(crate) fn reserved(&self, now_ms: u64) -> Spent {
        let mut sum = self.spent;
        sum.add(&self.held);
        sum.calls = sum.calls.saturating_add(self.inner);
        sum.time_ms = sum.time_ms.saturating_add(self.last_ms.map_or(0, |last| now_ms.saturating_sub(last)));
        sum
    }

    /// Takes a call that a tool makes out of what the budget leaves.
    pub(crate) fn admit(&mut self, now_ms: u64) -> Result<(), Exhausted> {
        self.plan.budget.check(&self.reserved(now_ms), &[Part::Calls])?;
        self.inner += 1;
        Ok(())
    }

    /// Marks a step as begun, before any event says so.
    pub(crate) fn begin(&mut self, at: usize, room: Option<&Room>) {
        self.set(at, StepState::Decided, None);
        let held = match room {
            Some(Room::Task(budget)) => {
                // A part of it may count as spent already.
                let mut most = budget.most();
                most.take(&self.steps[at].counted);
                most
            }
            // A call counts as spent from its beginning.
            Some(Room::Call(limits)) => Spent { calls: 1, ..Spent::at_most(limits) },
            None => Spent { calls: 1, ..Spent::default() },
        };
        self.hold(at, held);
    }

    /// Takes in what an event says. Events of no step, and of steps that the plan does not have, change no step.
    pub fn apply(&mut self, at_ms: u64, event: &EventBody) {
        // The time that nobody worked on it does not count.
        let idle = matches!(event, EventBody::TaskResumed) || self.last_ms.is_none();
        if !idle && let Some(last) = self.last_ms {
            self.spent.time_ms = self.spent.time_ms.saturating_add(at_ms.saturating_sub(last));
        }
        // What others say while nobody works on it is no work.
        let foreign = matches!(event, EventBody::Answered { .. } | EventBody::Steered { .. });
        let worked = !matches!(event, EventBody::TaskEnded { .. }) && (self.last_ms.is_some() || !foreign);
        self.last_ms = worked.then_some(at_ms);
        match event {
            EventBody::Decided { .. }
            | EventBody::StepStarted { .. }
            | EventBody::StepEnded { .. }
            | EventBody::StepExpanded { .. }
            | EventBody::StepRefused { .. }
            | EventBody::StepSkipped { .. }
            | EventBody::StepInterrupted { .. }
            | EventBody::Delegated { .. }
            | EventBody::Returned { .. } => self.step(at_ms, event),
            EventBody::TaskStarted(started) => {
                self.last_ms = Some(at_ms);
                if let Some(origin) = &started.origin {
                    self.graph.choose(&Arc::new(origin.chosen.clone()));
                    self.talk.hear(&origin.chosen);
                    self.origin = Some(origin.clone());
                }
            }
            EventBody::TaskResumed => {
                self.last_ms = Some(at_ms);
                self.talk.try_again();
                // Whoever could agree may have, so policy is asked again.
                let again = |step: &StepProgress| matches!(step.state, StepState::Asking | StepState::Decided);
                let asking: Vec<_> = (0..self.steps.len()).filter(|at| again(&self.steps[*at])).collect();
                asking.into_iter().for_each(|at| self.set(at, StepState::Waiting, None));
            }
            EventBody::Replanned { by, call, add, drop, provenance } => {
                self.replan(at_ms, by, add, drop, provenance);
                if let Some(call) = call {
                    let ids = add.iter().filter_map(|step| step["id"].as_str().map(str::to_owned));
                    self.talk.propose(call, ids.collect());
                }
            }
            EventBody::Turn { turn, cost, provenance, .. } => match Turn::deserialize(turn) {
                Ok(turn) => {
                    let tokens = turn.tokens.input.saturating_add(turn.tokens.output);
                    self.spent.add(&Spent { tokens, money: *cost, ..Spent::default() });
                    self.talk.turn(turn, provenance);
                }
                Err(error) => self.broken = Some(format!("a planner's turn cannot be read: {error}")),
            },
            EventBody::PlannerFailed { fault, why, .. } => self.talk.fail(*fault, why),
            EventBody::Shown { call, content, failed, provenance, .. } => {
                self.talk.show(call, content, *failed, provenance);
            }
            EventBody::Finished { summary, .. } => self.talk.finish(summary),
            EventBody::Asked(ask) => {
                if let (About::Question, Some(call)) = (&ask.about, ask.shown["call"].as_str()) {
                    self.talk.ask(call, ask.digest);
                }
                self.desk.ask((**ask).clone());
            }
            EventBody::Answered { digest, answer, by } => {
                if let Some(about) = self.desk.answer(digest, answer, by, at_ms) {
                    self.answered(at_ms, &about, answer, &by.to_string());
                }
            }
            EventBody::Steered { steering, by } => {
                self.desk.steer(steering, by);
                if let Steering::Tell(words) = steering {
                    self.talk.say(format!("{}: {words}", by.name));
                }
            }
            EventBody::Invoked { decision: Verdict::Allow { .. }, .. } => {
                self.spent.calls += 1;
                self.inner = self.inner.saturating_sub(1);
            }
            EventBody::Invoked { .. }
            | EventBody::InvokeEnded { .. }
            | EventBody::ProcessStarted { .. }
            | EventBody::ProcessEnded { .. }
            | EventBody::TaskEnded { .. }
            | EventBody::Committing { .. }
            | EventBody::Committed { .. }
            | EventBody::Discarded { .. }
            | EventBody::CallStarted { .. }
            | EventBody::Call { .. } => {}
        }
    }

    fn step(&mut self, at_ms: u64, event: &EventBody) {
        let (EventBody::Decided { step: id, .. }
        | EventBody::StepStarted { step: id, .. }
        | EventBody::StepEnded { step: id, .. }
        | EventBody::StepExpanded { step: id, .. }
        | EventBody::StepRefused { step: id, .. }
        | EventBody::StepSkipped { step: id, .. }
        | EventBody::StepInterrupted { step: id, .. }
        | EventBody::Delegated { step: id, .. }
        | EventBody::Returned { step: id, .. }) = event
        else {
            return;
        };
        let Some(at) = self.graph.find(id) else { return };
        match event {
            EventBody::Decided { decision, approval, .. } => {
                if let Some(digest) = approval {
                    self.desk.spend(digest);
                }
                match decision {
                    Verdict::Allow { .. } => self.set(at, StepState::Decided, None),
                    Verdict::Ask { approvers, .. } => {
                        let why = format!("waits for the approval of {}", approvers.join(", "));
                        self.set(at, StepState::Asking, Some(why));
                    }
                    Verdict::Deny { denial } => {
                        let (why, error) = (denial.to_string(), denial.for_caller().into());
                        self.change(at, at_ms, |step| step.fail(Failure::Denied, why, &error));
                    }
                }
            }
            EventBody::StepStarted { can_change, .. } => {
                self.set(at, StepState::Running { can_change: *can_change }, None);
                let held = Spent { calls: 0, ..self.steps[at].held };
                self.hold(at, held);
                self.spent.calls += 1;
                let step = &mut self.steps[at];
                step.tries += 1;
                step.began_ms.get_or_insert(at_ms);
            }
            EventBody::StepEnded { outcome, check, provenance, again, .. } => {
                let outcome = Outcome::from_record(outcome);
                let usage = outcome.usage;
                self.spent.add(&Spent {
                    cpu_us: usage.cpu_us,
                    written: usage.written,
                    sent: usage.sent,
                    received: usage.received,
                    ..Spent::default()
                });
                self.change(at, at_ms, |step| {
                    step.end(outcome, check.as_ref(), provenance);
                    if let (Some(Again { at_ms, .. }), StepState::Failed(_)) = (again, step.state) {
                        let why = step.why.take();
                        step.set(StepState::Retrying { at_ms: *at_ms }, why);
                    }
                });
            }
            EventBody::Delegated { task, .. } => {
                self.set(at, StepState::Running { can_change: true }, None);
                self.steps[at].task = Some(*task);
                self.steps[at].began_ms.get_or_insert(at_ms);
            }
            EventBody::Returned { .. } => self.returned(at, at_ms, event),
            EventBody::StepExpanded { items, provenance, .. } => self.expand(at, at_ms, items, provenance),
            EventBody::StepRefused { why, budget, .. } => {
                let failure = if *budget { Failure::Limit } else { Failure::Check };
                self.change(at, at_ms, |step| step.fail(failure, why.clone(), &why.clone().into()));
            }
            EventBody::StepSkipped { why, .. } => self.skip(at, at_ms, why.clone()),
            EventBody::StepInterrupted { then, .. } => match then {
                Interrupted::Harmless | Interrupted::Repeat => {
                    self.steps[at].broke_off += 1;
                    self.set(at, StepState::Waiting, None);
                }
                Interrupted::Uncertain => {
                    let why = "it had begun when the process ended, and may have changed something";
                    self.set(at, StepState::Uncertain, Some(why.into()));
                }
                Interrupted::GiveUp => {
                    let why = "given up after it was interrupted";
                    self.change(at, at_ms, |step| step.fail(Failure::GivenUp, why.into(), &why.into()));
                }
            },
            _ => {}
        }
    }

    /// The task that a step is has come to an end, or to a point where it waits.
    fn returned(&mut self, at: usize, at_ms: u64, event: &EventBody) {
        let EventBody::Returned { task, state, why, failure, result, spent, check, provenance, .. } = event else {
            return;
        };
        match Spent::deserialize(spent) {
            Ok(spent) => {
                // It says what all of it took, of which a part may count already. Both go on at the same time.
                let spent = Spent { time_ms: 0, ..spent };
                let counted = std::mem::replace(&mut self.steps[at].counted, spent);
                self.spent.take(&counted);
                self.spent.add(&spent);
                let step = &mut self.steps[at];
                step.took.cpu_us = spent.cpu_us;
                step.took.wall_us = at_ms.saturating_sub(step.began_ms.unwrap_or(at_ms)).saturating_mul(1_000);
            }
            Err(error) => self.broken = Some(format!("what a task has spent cannot be read: {error}")),
        }
        let failure = Failure::deserialize(failure).unwrap_or(Failure::GivenUp);
        let why = why.clone().unwrap_or_default();
        match state {
            TaskState::Waiting => self.set(at, StepState::Asking, Some(format!("task {task} waits: {why}"))),
            TaskState::Done => self.change(at, at_ms, |step| {
                step.provenance.join(provenance);
                step.give(result.clone(), check.as_ref());
            }),
            TaskState::Failed | TaskState::Cancelled => self.change(at, at_ms, |step| {
                step.provenance.join(provenance);
                let why = format!("task {task}: {why}");
                step.fail(failure, why.clone(), &why.into());
            }),
        }
    }

    /// A person's answer was one.
    fn answered(&mut self, at_ms: u64, about: &About, answer: &Answer, by: &str) {
        match (about, answer) {
            (About::Step(id), Answer::Approve) => {
                if let Some(at) = self.graph.find(id)
                    && self.steps[at].state == StepState::Asking
                {
                    self.set(at, StepState::Waiting, None);
                }
            }
            (About::Step(id), Answer::Reject(why) | Answer::Say(why)) => {
                if let Some(at) = self.graph.find(id)
                    && self.steps[at].state == StepState::Asking
                {
                    let why =
                        if why.is_empty() { format!("rejected by {by}") } else { format!("rejected by {by}: {why}") };
                    self.change(at, at_ms, |step| step.fail(Failure::Denied, why, &"rejected".into()));
                }
            }
            // What waits for it looks at the desk.
            (About::Plan | About::Question, _) => {}
        }
    }

    fn replan(&mut self, at_ms: u64, by: &journal::By, add: &[Value], drop: &[String], provenance: &Provenance) {
        let who = match by {
            journal::By::Planner(name) => format!("planner {name}"),
            journal::By::Person(author) => author.to_string(),
        };
        for id in drop {
            if let Some(at) = self.graph.find(id)
                && !self.steps[at].state.is_over()
            {
                self.skip(at, at_ms, format!("taken out of the plan by {who}"));
            }
        }
        match self.plan.parse_more(&who, add, &self.graph.ids()) {
            Ok(steps) => self.add(steps, &Arc::new(provenance.clone())),
            Err(error) => self.broken = Some(error.to_string()),
        }
        // What stopped the task was taken into account by whoever planned anew.
        self.stopped = None;
    }

    fn add(&mut self, steps: Vec<crate::plan::Step>, chosen: &Arc<Provenance>) {
        let places = self.graph.add(steps, chosen);
        for at in places {
            let is_open = |other: &&usize| !self.steps.get(**other).is_some_and(|step| step.state.is_over());
            let open = self.graph.nodes()[at].after.iter().filter(is_open).count();
            self.steps.push(StepProgress::new(open));
            if open == 0 {
                self.weigh(at);
                self.ready.insert(at);
            }
        }
    }

    fn expand(&mut self, at: usize, at_ms: u64, items: &[Value], provenance: &Provenance) {
        let places = self.graph.expand(at, items.len());
        for place in places.clone() {
            self.steps.push(StepProgress::new(0));
            self.ready.insert(place);
        }
        self.set(at, StepState::Expanded, None);
        let step = &mut self.steps[at];
        step.provenance.join(provenance);
        step.began_ms.get_or_insert(at_ms);
        step.open = places.len();
        step.items = Some((Arc::new(items.to_vec()), places.clone()));
        if places.is_empty() {
            self.change(at, at_ms, |step| step.done(Value::Array(Vec::new())));
        }
    }

    fn skip(&mut self, at: usize, at_ms: u64, why: String) {
        if let Some((_, calls)) = self.steps[at].items.clone() {
            for call in calls {
                if !self.steps[call].state.is_over() && !self.steps[call].state.is_under_way() {
                    self.change(call, at_ms, |step| step.set(StepState::Skipped, Some(why.clone())));
                }
            }
        }
        if !self.steps[at].state.is_over() {
            self.change(at, at_ms, |step| step.set(StepState::Skipped, Some(why)));
        }
    }

    fn set(&mut self, at: usize, state: StepState, why: Option<String>) {
        self.change(at, 0, |step| step.set(state, why));
    }

    /// Changes a step, and everything that hangs on where it stands. What is over stays so.
    fn change(&mut self, at: usize, at_ms: u64, change: impl FnOnce(&mut StepProgress)) {
        let step = &mut self.steps[at];
        if step.state.is_over() {
            return;
        }
        if let StepState::Retrying { at_ms } = step.state {
            self.retries.remove(&(at_ms, at));
        }
        change(step);
        let state = step.state;
        if state == StepState::Waiting && step.open == 0 {
            self.ready.insert(at);
        } else {
            self.ready.remove(&at);
        }
        if let StepState::Retrying { at_ms } = state {
            self.retries.insert((at_ms, at));
        }
        if !state.is_under_way() {
            self.hold(at, Spent::default());
        }
        if state.is_over() {
            self.steps[at].ended_ms = Some(at_ms);
            self.is_over(at, at_ms);
        }
    }

    fn is_over(&mut self, at: usize, at_ms: u64) {
        self.over += 1;
        let node = &self.graph.nodes()[at];
        let (item, id) = (node.item, Arc::clone(&node.id));
        if matches!(self.steps[at].state, StepState::Failed(_)) && node.step.on_failure == OnFailure::Stop {
            self.stopped = Some(self.stopped.map_or(at, |stopped| stopped.min(at)));
        }
        for follower in node.followers.clone() {
            let step = &mut self.steps[follower];
            step.open -= 1;
            if step.open == 0 {
                let waits = step.state == StepState::Waiting;
                self.weigh(follower);
                if waits {
                    self.ready.insert(follower);
                }
            }
        }
        self.desk.withdraw(&id);
        if let Some(Item { of, .. }) = item {
            self.steps[of].open -= 1;
            if self.steps[of].open == 0 {
                self.gather(of, at_ms);
            }
        }
    }

    /// All calls of a `foreach` are over: together they are its result.
    fn gather(&mut self, at: usize, at_ms: u64) {
        let Some((_, calls)) = self.steps[at].items.clone() else { return };
        let (mut results, mut lost, mut took) = (Vec::with_capacity(calls.len()), Vec::new(), Took::default());
        let mut provenance = Provenance::new();
        for call in calls {
            let step = &mut self.steps[call];
            provenance.join(&step.provenance);
            took.add(&step.took);
            if step.state != StepState::Done {
                lost.push(call);
            }
            // Nothing else refers to it: it is held only once.
            let view = std::mem::replace(&mut step.view, Arc::new(Value::Null));
            let view = Arc::try_unwrap(view).unwrap_or_else(|view| (*view).clone());
            results.push(match view {
                Value::Object(mut view) => view.remove("result").unwrap_or_default(),
                _ => Value::Null,
            });
        }
        let first = lost.first().map(|&call| {
            let failure = match self.steps[call].state {
                StepState::Failed(failure) => failure,
                _ => Failure::GivenUp,
            };
            let why = self.steps[call].why.clone().unwrap_or_default();
            let count = if lost.len() == 1 { String::new() } else { format!(" and {} more", lost.len() - 1) };
            (failure, format!("{}{count}: {why}", self.graph.nodes()[call].id))
        });
        self.change(at, at_ms, |step| {
            step.provenance.join(&provenance);
            step.took = took;
            match first {
                None => step.done(Value::Array(results)),
                Some((failure, why)) => step.fail(failure, why.clone(), &why.into()),
            }
        });
    }

    fn hold(&mut self, at: usize, held: Spent) {
        let before = std::mem::replace(&mut self.steps[at].held, held);
        self.held.take(&before);
        self.held.add(&held);
    }
}

impl Took {
    fn add(&mut self, more: &Self) {
        self.cpu_us = self.cpu_us.saturating_add(more.cpu_us);
        self.wall_us = self.wall_us.saturating_add(more.wall_us);
        self.effects += more.effects;
        self.refused += more.refused;
    }
}
