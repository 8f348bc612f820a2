//! The task loop: steps begin as soon as what they wait for has ended, until nothing can begin any more. It knows what the
//! record says and nothing else, so it can be left and taken up at any point.

use crate::{
    approval,
    budget::{Exhausted, Room},
    check,
    delegate::{self, Hands},
    expression::Scope,
    footprint,
    gate::{Gate, GateError},
    plan::{OnFailure, Plan, Work},
    planner::{self, Planned, Planner},
    progress::{Failure, Node, Progress, StepState},
    record,
    recorder::{Recorder, Watch},
    step::{self, Before},
};
use journal::{About, Author, EventBody, Interrupted, PlannerFault, TaskId, TaskStarted, TaskState};
use policy::{PolicyError, Provenance, Source};
use serde_json::{Value, json};
use std::{pin::pin, sync::Arc, time::Duration};
use tokio::{sync::watch, task::JoinSet, time::sleep};

/// How often to look whether a person, or another process, has recorded something. Asking costs about a microsecond.
const LOOK: Duration = Duration::from_millis(20);

/// A task that is being worked on.
pub struct Task {
    gate: Arc<Gate>,
    recorder: Arc<Recorder>,
    hands: Arc<Hands>,
    /// How many of the rules that were added are in force.
    tightened: usize,
    /// Whether the plan may be carried out, with so many steps.
    permitted: bool,
    looked_at: usize,
    cancel: watch::Sender<bool>,
}

/// How a task's work ended for now.
#[derive(Debug, Clone)]
pub struct TaskEnd {
    /// How.
    pub state: TaskState,
    /// The failure that stopped it, where one did.
    pub failure: Option<Failure>,
    /// In words, where that is not plain.
    pub why: Option<String>,
    /// What it gives back, where its plan or its planner says that.
    pub result: Value,
    /// Where that came from.
    pub provenance: Provenance,
    /// Where its steps stand.
    pub progress: Progress,
}

/// A task that cannot begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// The plan cannot be carried out.
    #[error(transparent)]
    Unfit(#[from] check::Unfit),
    /// Policy would deny a step's call, whatever happens before it.
    #[error("{}", .0.iter().map(|(step, why)| format!("step `{step}` would be denied: {why}")).collect::<Vec<_>>().join("\n"))]
    WouldBeDenied(Vec<(String, String)>),
    /// It has come to its end.
    #[error("the task is {0} and cannot be resumed")]
    Closed(&'static str),
    /// A step of `--repeat` or `--give-up` is not uncertain.
    #[error("step `{0}` is not uncertain: there is nothing to say about it")]
    NotUncertain(String),
    /// The record says something that this program cannot carry out.
    #[error("the record cannot be carried on: {0}")]
    Broken(String),
    /// Rules that a person added are not valid here.
    #[error("rules that were added are not valid: {0}")]
    Rules(#[from] PolicyError),
    /// The host failed.
    #[error(transparent)]
    Gate(#[from] GateError),
}

impl From<journal::JournalError> for TaskError {
    fn from(error: journal::JournalError) -> Self {
        Self::Gate(error.into())
    }
}

/// What a person says about steps that a crash left uncertain.
#[derive(Debug, Clone, Default)]
pub struct Words {
    /// Steps to run again.
    pub repeat: Vec<String>,
    /// Steps that count as failed.
    pub give_up: Vec<String>,
}

/// Who attends to a task while it is worked on.
#[derive(Default)]
pub struct Attended {
    /// Who plans, where somebody does.
    pub planner: Option<Planner>,
    /// Whether what a person has to say is waited for, as long as it takes.
    pub wait: bool,
    /// What a person says about steps that a crash left uncertain; those of a task within are named `step/inner`.
    pub words: Words,
}

impl From<Attended> for Hands {
    fn from(Attended { planner, wait, words }: Attended) -> Self {
        Self { planner, wait, words: Arc::new(words), outer: None }
    }
}

impl Task {
    /// Begins a task.
    ///
    /// # Errors
    /// Where the plan cannot be carried out, or the record cannot be written. Nothing has run then.
    pub async fn start(
        gate: Arc<Gate>,
        plan: Arc<Plan>,
        task: TaskId,
        started: TaskStarted,
        hands: Attended,
        watch: Watch,
    ) -> Result<Self, TaskError> {
        Self::start_with(gate, plan, task, started, hands.into(), watch).await
    }

    /// The same, within another task or not.
    pub(crate) async fn start_with(
        gate: Arc<Gate>,
        plan: Arc<Plan>,
        task: TaskId,
        mut started: TaskStarted,
        hands: Hands,
        watch: Watch,
    ) -> Result<Self, TaskError> {
        check::check_plan(&plan, &check::catalogue(&gate))?;
        delegate::check_rules(&gate, &plan)?;
        let footprint = footprint::of_plan(&gate, &plan);
        let stops = |id: &str| plan.steps.iter().any(|step| step.id == id && step.on_failure == OnFailure::Stop);
        let denied: Vec<_> = footprint.denied.iter().filter(|(step, _)| stops(step)).collect();
        if !denied.is_empty() {
            let own = |(step, why): (&String, &String)| (step.clone(), why.clone());
            return Err(TaskError::WouldBeDenied(denied.into_iter().map(own).collect()));
        }
        started.footprint = record::json(&footprint);
        let this = Self::new(gate, Progress::new(plan), task, 0, hands, watch)?;
        this.recorder.append(EventBody::TaskStarted(Box::new(started))).await?;
        Ok(this)
    }

    /// Takes a task up again from what is recorded of it.
    ///
    /// # Errors
    /// Where it has come to its end, a word of `words` fits nothing, or the record cannot be read or written.
    pub async fn resume(
        gate: Arc<Gate>,
        plan: Arc<Plan>,
        task: TaskId,
        hands: Attended,
        watch: Watch,
    ) -> Result<Self, TaskError> {
        Self::resume_with(gate, plan, task, hands.into(), watch).await
    }

    /// The same, within another task or not.
    pub(crate) async fn resume_with(
        gate: Arc<Gate>,
        plan: Arc<Plan>,
        task: TaskId,
        hands: Hands,
        watch: Watch,
    ) -> Result<Self, TaskError> {
        let words = Arc::clone(&hands.words);
        let mut progress = Progress::new(plan);
        let mut next = 0;
        for event in gate.journal().reader()?.events(&task, 0) {
            let event = event?;
            if let EventBody::TaskEnded { state, .. } = &event.body
                && event.body.closes()
            {
                return Err(TaskError::Closed(word(*state)));
            }
            progress.apply(event.at_ms, &event.body);
            next = event.seq + 1;
        }
        let mut interrupted = Vec::new();
        for (node, known) in progress.graph.nodes().iter().zip(&progress.steps) {
            let then = match known.state {
                StepState::Running { can_change: true } if !may_repeat(&gate, node)? => Interrupted::Uncertain,
                StepState::Running { .. } => Interrupted::Harmless,
                StepState::Uncertain => Interrupted::Uncertain,
                _ => continue,
            };
            interrupted.push((node.id.to_string(), then, known.state));
        }
        for word in words.repeat.iter().chain(&words.give_up) {
            let of_own = interrupted.iter().any(|(id, then, _)| id == word && *then == Interrupted::Uncertain);
            // What is said of tasks within it, they look at.
            let mut open =
                progress.graph.nodes().iter().zip(&progress.steps).filter(|(_, known)| !known.state.is_over());
            if !of_own && !open.any(|(node, _)| delegate::is_inner(&node.step, &node.id, word)) {
                return Err(TaskError::NotUncertain(word.clone()));
            }
        }
        let mut this = Self::new(gate, progress, task, next, hands, watch)?;
        // Rules that a person added are in force before anything else.
        this.tighten()?;
        this.recorder.append(EventBody::TaskResumed).await?;
        for (step, then, state) in interrupted {
            let said = match then {
                Interrupted::Uncertain if words.repeat.contains(&step) => Some(Interrupted::Repeat),
                Interrupted::Uncertain if words.give_up.contains(&step) => Some(Interrupted::GiveUp),
                _ => None,
            };
            // What is known to be uncertain needs no second event that says so.
            if state != StepState::Uncertain {
                this.recorder.append(EventBody::StepInterrupted { step: step.clone(), then }).await?;
            }
            if let Some(then) = said {
                this.recorder.append(EventBody::StepInterrupted { step, then }).await?;
            }
        }
        Ok(this)
    }

    fn new(
        gate: Arc<Gate>,
        progress: Progress,
        task: TaskId,
        next: u64,
        hands: Hands,
        watch: Watch,
    ) -> Result<Self, TaskError> {
        let recorder = Arc::new(Recorder::new(Arc::clone(&gate), task, progress, next, watch)?);
        let cancel = watch::Sender::new(false);
        Ok(Self { gate, recorder, hands: Arc::new(hands), tightened: 0, permitted: false, looked_at: 0, cancel })
    }

    /// Works until nothing can begin any more.
    ///
    /// # Errors
    /// Where the record cannot be read or written, or the host fails. The task can be resumed then.
    pub async fn run(mut self) -> Result<TaskEnd, TaskError> {
        let wait = self.hands.wait;
        let mut running = JoinSet::new();
        loop {
            self.heed()?;
            self.permitted = self.is_permitted().await?;
            while let Some(next) = self.next(running.len()) {
                match next {
                    Next::Skip(step, why) => self.recorder.append(EventBody::StepSkipped { step, why }).await?,
                    Next::Begin(at, room) => self.begin(at, room, &mut running),
                }
            }
            let wake = self.recorder.progress().next_retry();
            if running.is_empty() && wake.is_none() && self.plans().await? {
                continue;
            }
            if running.is_empty() && (wake.is_none() || self.stands()) && !(wait && self.waits_for_people()) {
                return self.end().await;
            }
            let now_ms = record::now_ms();
            let pause = wake.map_or(LOOK, |at_ms| LOOK.min(Duration::from_millis(at_ms.saturating_sub(now_ms))));
            tokio::select! {
                biased;
                Some(ended) = running.join_next() => ended.map_err(GateError::Broken)??,
                () = sleep(pause) => self.recorder.catch_up()?,
            }
        }
    }

    /// Does what people said meanwhile.
    fn heed(&mut self) -> Result<(), TaskError> {
        self.tighten()?;
        let progress = self.recorder.progress();
        if let Some(why) = progress.broken() {
            return Err(TaskError::Broken(why.to_owned()));
        }
        let cancelled = progress.desk.cancelled().is_some();
        drop(progress);
        if cancelled || self.outer_cancelled().is_some() {
            self.cancel.send_replace(true);
        }
        Ok(())
    }

    /// Whether the plan as it is now may be carried out.
    async fn is_permitted(&mut self) -> Result<bool, TaskError> {
        let (steps, refused) = {
            let progress = self.recorder.progress();
            (progress.graph.nodes().len(), progress.desk.refused().is_some())
        };
        if refused {
            return Ok(false);
        }
        // What was permitted stays so until there is more of it.
        if self.permitted && self.looked_at == steps {
            return Ok(true);
        }
        self.looked_at = steps;
        Ok(approval::of_plan(&self.gate, &self.recorder).await?)
    }

    /// Puts rules into force that were added.
    fn tighten(&mut self) -> Result<(), TaskError> {
        let mut rules = self.recorder.progress().desk.tightened()[self.tightened..].to_vec();
        if !rules.is_empty() {
            if self.hands.outer.is_some() {
                // The task around it has rules of the same names.
                rules.iter_mut().for_each(|(name, _)| *name = format!("{}-{name}", self.recorder.task()));
            }
            self.gate.tighten(&rules)?;
            self.tightened += rules.len();
        }
        Ok(())
    }

    /// Whether a step failed after which nothing comes.
    fn stopped(&self, progress: &Progress) -> bool {
        progress.stopped_by().is_some() && self.hands.planner.is_none()
    }

    /// Whether no further step may begin.
    fn stands(&self) -> bool {
        let progress = self.recorder.progress();
        let own = !self.permitted
            || progress.stopped_by().is_some()
            || progress.desk.paused().is_some()
            || progress.desk.cancelled().is_some();
        drop(progress);
        own || self.outer_paused().is_some() || self.outer_cancelled().is_some()
    }

    /// Who stopped a task around it for now.
    fn outer_paused(&self) -> Option<Author> {
        self.hands.outer.as_ref()?.paused()
    }

    /// Who ended a task around it, and why.
    fn outer_cancelled(&self) -> Option<(Author, String)> {
        self.hands.outer.as_ref()?.cancelled()
    }

    /// Has the planner say what comes next, where it can; whether there may be something to do then.
    async fn plans(&self) -> Result<bool, TaskError> {
        let Some(planner) = &self.hands.planner else { return Ok(false) };
        if self.outer_paused().is_some() || self.outer_cancelled().is_some() {
            return Ok(false);
        }
        {
            let progress = self.recorder.progress();
            let stands = progress.desk.paused().is_some() || progress.desk.cancelled().is_some();
            if stands || !self.permitted || progress.waits().is_some() {
                return Ok(false);
            }
        }
        let mut planned = pin!(planner::plan(planner, &self.gate, &self.recorder));
        loop {
            tokio::select! {
                biased;
                planned = &mut planned => return Ok(matches!(planned?, Planned::Goes)),
                () = sleep(LOOK) => {
                    self.recorder.catch_up()?;
                    // What it would say is not wanted any more.
                    if self.recorder.progress().desk.cancelled().is_some() || self.outer_cancelled().is_some() {
                        return Ok(true);
                    }
                }
            }
        }
    }

    /// Whether a person could let it go on.
    fn waits_for_people(&self) -> bool {
        let progress = self.recorder.progress();
        let over = self.stopped(&progress) || progress.desk.cancelled().is_some();
        let waits = progress.desk.open(record::now_ms()).next().is_some() || progress.desk.paused().is_some();
        drop(progress);
        !over && self.outer_cancelled().is_none() && (waits || self.outer_paused().is_some())
    }

    fn begin(&self, at: usize, room: Result<Room, Exhausted>, running: &mut JoinSet<Result<(), GateError>>) {
        let before = {
            let mut progress = self.recorder.progress();
            let before = Before::new(at, &progress, room.clone());
            // Until its first event is recorded, nothing else says that it has begun.
            progress.begin(at, room.as_ref().ok());
            before
        };
        let (gate, recorder, hands) = (Arc::clone(&self.gate), Arc::clone(&self.recorder), Arc::clone(&self.hands));
        let mut cancel = self.cancel.subscribe();
        running.spawn(async move {
            let cancelled = async {
                if cancel.wait_for(|cancelled| *cancelled).await.is_err() {
                    std::future::pending().await
                }
            };
            step::run(&gate, before, &recorder, &hands, cancelled).await
        });
    }

    /// What can happen now.
    fn next(&self, running: usize) -> Option<Next> {
        if running >= self.recorder.plan().concurrency || self.stands() {
            return None;
        }
        let now_ms = record::now_ms();
        let mut progress = self.recorder.progress();
        progress.wake(now_ms);
        let reserved = progress.reserved(now_ms);
        progress.ready().find_map(|at| {
            let node = &progress.graph.nodes()[at];
            let state = |other: &usize| progress.steps[*other].state;
            if let Some(other) = node.uses.iter().find(|other| state(other) != StepState::Done) {
                let (id, word) = (&progress.graph.nodes()[*other].id, state(other).word());
                return Some(Next::Skip(node.id.to_string(), format!("it uses the result of `{id}`, which is {word}")));
            }
            let budget = &self.recorder.plan().budget;
            let clipped = budget.clip(&reserved, &node.step.limits);
            let room = clipped.map(|limits| match &node.step.work {
                Work::Call(_) => Room::Call(limits),
                // What it has spent already counts as spent here.
                Work::Task(task) => {
                    Room::Task(task.plan.budget.within(&budget.left(&reserved).and(&progress.steps[at].counted)))
                }
            });
            // What is held for calls that run may be left over when they end.
            (room.is_ok() || running == 0).then_some(Next::Begin(at, room))
        })
    }

    async fn end(self) -> Result<TaskEnd, TaskError> {
        let progress = self.recorder.progress().clone();
        let paused = progress.desk.paused().cloned().or_else(|| self.outer_paused());
        let cancelled = progress.desk.cancelled().cloned().or_else(|| self.outer_cancelled());
        let mut waits_for_staged = false;
        let (mut state, mut failure, mut why) = if let Some((by, why)) = cancelled {
            let why = if why.is_empty() { String::new() } else { format!(": {why}") };
            (TaskState::Cancelled, Some(Failure::GivenUp), Some(format!("cancelled by {by}{why}")))
        } else if let Some((step, failure)) = progress.stopped_by() {
            (TaskState::Failed, Some(failure), Some(format!("step `{step}` did not succeed")))
        } else if let Some(at) = progress.waits() {
            let why = progress.steps[at].why.clone().unwrap_or_default();
            (TaskState::Waiting, None, Some(format!("step `{}`: {why}", progress.graph.nodes()[at].id)))
        } else if let Some(by) = paused {
            (TaskState::Waiting, None, Some(format!("paused by {by}")))
        } else if let Some((by, why)) = progress.desk.refused() {
            let why = if why.is_empty() { String::new() } else { format!(": {why}") };
            (TaskState::Failed, Some(Failure::Denied), Some(format!("the plan was rejected by {by}{why}")))
        } else if let Some(ask) = progress.desk.open(record::now_ms()).next() {
            let what = match ask.about {
                About::Question => ask.shown["question"].as_str().unwrap_or_default(),
                About::Plan | About::Step(_) => ask.shown["text"].as_str().unwrap_or_default(),
            };
            (TaskState::Waiting, None, Some(format!("asks: {what}")))
        } else if let Some(end) = self.hands.planner.as_ref().and_then(|planner| end_of(planner, &progress)) {
            end
        } else {
            // What is staged within a task waits where the task around it ends.
            match staged(&self.gate, self.recorder.task()).filter(|_| self.hands.outer.is_none()) {
                Some(why) => {
                    waits_for_staged = true;
                    (TaskState::Waiting, None, Some(why))
                }
                None => (TaskState::Done, None, None),
            }
        };
        let (mut result, mut provenance) = (Value::Null, Provenance::new());
        if state == TaskState::Done || waits_for_staged {
            match given_back(&progress, self.hands.planner.as_ref()) {
                Ok(given) => (result, provenance) = given,
                Err(error) => {
                    (state, failure, why) = (TaskState::Failed, Some(Failure::Check), Some(format!("result: {error}")));
                }
            }
        }
        let end =
            EventBody::TaskEnded { state, why: why.clone(), result: result.clone(), provenance: provenance.clone() };
        self.recorder.append(end).await?;
        Ok(TaskEnd { state, failure, why, result, provenance, progress })
    }
}

/// What a task gives back, and where that came from.
fn given_back(
    progress: &Progress,
    planner: Option<&Planner>,
) -> Result<(Value, Provenance), crate::expression::ExpressionError> {
    let mut sources = progress.origin().map_or_else(Provenance::new, |origin| origin.chosen.clone());
    if let (Some(planner), Some(summary)) = (planner, progress.talk.finished()) {
        sources.join(&planner::source(&planner.settings.name, progress));
        return Ok((json!({ "summary": summary }), sources));
    }
    let Some(template) = &progress.plan().result else { return Ok((Value::Null, sources)) };
    let mut scope = Scope::default();
    scope.variables.insert("input", Arc::clone(&progress.input));
    sources.insert(Source::Plan);
    if template.needs_input() {
        sources.join(&progress.given());
    }
    for id in template.steps() {
        if let Some(at) = progress.graph.find(&id) {
            sources.join(&progress.steps[at].provenance);
            scope.steps.insert(id, Arc::clone(&progress.steps[at].view));
        }
    }
    Ok((template.resolve(&scope)?, sources))
}

/// Whether a step that had begun may simply run again. A task within looks at its own steps.
fn may_repeat(gate: &Gate, node: &Node) -> Result<bool, check::Unfit> {
    match &node.step.work {
        Work::Call(tool) => Ok(step::may_repeat(&node.step, &*check::find_tool(gate, &node.id, tool)?)),
        Work::Task(_) => Ok(true),
    }
}

/// How a task stands whose planner says nothing more, where that is no success.
fn end_of(planner: &Planner, progress: &Progress) -> Option<(TaskState, Option<Failure>, Option<String>)> {
    if progress.talk.finished().is_some() {
        return None;
    }
    let (fault, why) = progress.talk.failed().unwrap_or((PlannerFault::Unavailable, "it has nothing more to say"));
    let why = Some(format!("planner {}: {why}", planner.settings.name));
    Some(match fault {
        PlannerFault::Unavailable => (TaskState::Waiting, None, why),
        PlannerFault::Declined => (TaskState::Failed, Some(Failure::GivenUp), why),
        PlannerFault::Spent => (TaskState::Failed, Some(Failure::Limit), why),
    })
}

/// The word for a state in which a task is closed.
pub(crate) fn word(state: TaskState) -> &'static str {
    match state {
        TaskState::Done => "done",
        TaskState::Failed => "failed",
        TaskState::Waiting => "waiting",
        TaskState::Cancelled => "cancelled",
    }
}

/// What is said of staged changes that nobody has taken over yet, where there are any.
fn staged(gate: &Gate, task: &TaskId) -> Option<String> {
    let changes = gate.world().staged().map(|staged| staged.diff().map_or(1, |diff| diff.changes.len()));
    let changes: usize = changes.sum();
    (changes > 0).then(|| format!("{changes} staged changes wait: `gloveport diff {task}` shows them"))
}

enum Next {
    Begin(usize, Result<Room, Exhausted>),
    Skip(String, String),
}
