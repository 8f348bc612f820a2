//! The task loop: steps begin as soon as what they wait for has ended, until nothing can begin any more.

use crate::{
    budget::Exhausted,
    gate::{Gate, GateError},
    plan::Plan,
    progress::{Failure, Progress, StepState},
    record,
    step::{self, Before},
};
use journal::{EventBody, Interrupted, TaskId, TaskStarted, TaskState};
use policy::{Limits, ToolId};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::task::JoinSet;

/// Called with every event after it is recorded.
pub type Watch = Arc<dyn Fn(&EventBody, &Progress) + Send + Sync>;

/// A task that is being worked on.
pub struct Task {
    gate: Arc<Gate>,
    recorder: Arc<Recorder>,
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
    /// Where its steps stand.
    pub progress: Progress,
}

/// A task that cannot begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// A step calls a tool that is not there.
    #[error("step `{step}`: there is no tool `{tool}`{hint}")]
    UnknownTool {
        /// The step.
        step: String,
        /// The tool.
        tool: ToolId,
        /// What might be meant.
        hint: String,
    },
    /// It has come to its end.
    #[error("the task is {0} and cannot be resumed")]
    Closed(&'static str),
    /// A step of `--repeat` or `--give-up` is not uncertain.
    #[error("step `{0}` is not uncertain: there is nothing to say about it")]
    NotUncertain(String),
    /// The host failed.
    #[error(transparent)]
    Gate(#[from] GateError),
}

/// What a person says about steps that a crash left uncertain.
#[derive(Debug, Clone, Default)]
pub struct Words {
    /// Steps to run again.
    pub repeat: Vec<String>,
    /// Steps that count as failed.
    pub give_up: Vec<String>,
}

/// Writes events, and keeps what they say.
pub(crate) struct Recorder {
    gate: Arc<Gate>,
    task: TaskId,
    plan: Arc<Plan>,
    progress: Mutex<Progress>,
    watch: Watch,
}

impl Recorder {
    pub(crate) fn task(&self) -> &TaskId {
        &self.task
    }

    /// Returns when the event is in the journal.
    pub(crate) async fn append(&self, event: EventBody) -> Result<(), GateError> {
        self.gate.journal().append(&self.task, event.clone(), record::now_ms()).await?;
        let mut progress = self.progress();
        progress.apply(&self.plan, &event);
        (self.watch)(&event, &progress);
        Ok(())
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Task {
    /// Begins a task.
    ///
    /// # Errors
    /// Where a step calls a tool that is not there, or the record cannot be written. Nothing has run then.
    pub async fn start(
        gate: Arc<Gate>,
        plan: Arc<Plan>,
        task: TaskId,
        started: TaskStarted,
        watch: Watch,
    ) -> Result<Self, TaskError> {
        check_tools(&gate, &plan)?;
        let this = Self::new(gate, Progress::new(&plan), plan, task, watch);
        this.recorder.append(EventBody::TaskStarted(Box::new(started))).await?;
        Ok(this)
    }

    /// Takes a task up again from what is recorded of it.
    ///
    /// # Errors
    /// Where it has come to its end, a word of `words` fits nothing, or the record cannot be written.
    pub async fn resume(
        gate: Arc<Gate>,
        plan: Arc<Plan>,
        task: TaskId,
        events: &[EventBody],
        words: &Words,
        watch: Watch,
    ) -> Result<Self, TaskError> {
        check_tools(&gate, &plan)?;
        let mut progress = Progress::new(&plan);
        for event in events {
            if let EventBody::TaskEnded { state, .. } = event
                && event.closes()
            {
                return Err(TaskError::Closed(if *state == TaskState::Done { "done" } else { "failed" }));
            }
            progress.apply(&plan, event);
        }
        let mut interrupted = Vec::new();
        for (step, known) in plan.steps.iter().zip(&progress.steps) {
            let then = match known.state {
                StepState::Running { can_change: true } if !step.idempotent => Interrupted::Uncertain,
                StepState::Running { .. } => Interrupted::Harmless,
                StepState::Uncertain => Interrupted::Uncertain,
                _ => continue,
            };
            interrupted.push((step.id.clone(), then, known.state));
        }
        for word in words.repeat.iter().chain(&words.give_up) {
            if !interrupted.iter().any(|(id, then, _)| id == word && *then == Interrupted::Uncertain) {
                return Err(TaskError::NotUncertain(word.clone()));
            }
        }
        let this = Self::new(gate, progress, plan, task, watch);
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

    fn new(gate: Arc<Gate>, progress: Progress, plan: Arc<Plan>, task: TaskId, watch: Watch) -> Self {
        let recorder = Recorder { gate: Arc::clone(&gate), task, plan, progress: Mutex::new(progress), watch };
        Self { gate, recorder: Arc::new(recorder) }
    }

    /// Works until nothing can begin any more.
    ///
    /// # Errors
    /// Where the record cannot be written, or the host fails. The task can be resumed then.
    pub async fn run(self) -> Result<TaskEnd, TaskError> {
        let plan = Arc::clone(&self.recorder.plan);
        let mut running = JoinSet::new();
        loop {
            while let Some(next) = self.next(&plan, running.len()) {
                match next {
                    Next::Skip(index, why) => {
                        let step = plan.steps[index].id.clone();
                        self.recorder.append(EventBody::StepSkipped { step, why }).await?;
                    }
                    Next::Begin(index, limits) => {
                        let before = {
                            let mut progress = self.recorder.progress();
                            // Until its first event is recorded, nothing else says that it has begun.
                            progress.begin(index, limits.as_ref().ok());
                            Before::new(&plan, &plan.steps[index], &progress, limits)
                        };
                        let (gate, plan, recorder) =
                            (Arc::clone(&self.gate), Arc::clone(&plan), Arc::clone(&self.recorder));
                        let tool = find_tool(&gate, &plan.steps[index])?;
                        running
                            .spawn(async move { step::run(&gate, &tool, &plan.steps[index], before, &recorder).await });
                    }
                }
            }
            match running.join_next().await {
                Some(ended) => ended.map_err(GateError::Broken)??,
                None => return self.end(&plan).await,
            }
        }
    }

    /// What can happen now.
    fn next(&self, plan: &Plan, running: usize) -> Option<Next> {
        let progress = self.recorder.progress();
        if running >= plan.concurrency || progress.stopped_by(plan).is_some() {
            return None;
        }
        let reserved = progress.reserved();
        plan.steps.iter().enumerate().find_map(|(index, step)| {
            let state = |other: &usize| progress.steps[*other].state;
            if progress.steps[index].state != StepState::Waiting
                || !step.after.iter().all(|other| state(other).is_over())
            {
                return None;
            }
            let lacking = step.uses.iter().find(|other| state(other) != StepState::Done);
            if let Some(other) = lacking {
                let id = &plan.steps[*other].id;
                return Some(Next::Skip(
                    index,
                    format!("it uses the result of `{id}`, which is {}", state(other).word()),
                ));
            }
            let limits = plan.budget.clip(&reserved, &step.limits);
            // What is held for calls that run may be left over when they end.
            (limits.is_ok() || running == 0).then_some(Next::Begin(index, limits))
        })
    }

    async fn end(self, plan: &Plan) -> Result<TaskEnd, TaskError> {
        let progress = self.recorder.progress().clone();
        let waits =
            |step: &&crate::progress::StepProgress| matches!(step.state, StepState::Asking | StepState::Uncertain);
        let (state, failure, why) = if let Some((step, failure)) = progress.stopped_by(plan) {
            (TaskState::Failed, Some(failure), Some(format!("step `{step}` did not succeed")))
        } else if let Some(position) = progress.steps.iter().position(|step| waits(&step)) {
            let why = progress.steps[position].why.clone().unwrap_or_default();
            (TaskState::Waiting, None, Some(format!("step `{}`: {why}", plan.steps[position].id)))
        } else {
            match staged(&self.gate, self.recorder.task()) {
                Some(why) => (TaskState::Waiting, None, Some(why)),
                None => (TaskState::Done, None, None),
            }
        };
        self.recorder.append(EventBody::TaskEnded { state, why: why.clone() }).await?;
        Ok(TaskEnd { state, failure, why, progress })
    }
}

/// What is said of staged changes that nobody has taken over yet, where there are any.
fn staged(gate: &Gate, task: &TaskId) -> Option<String> {
    let changes = gate.world().staged().map(|staged| staged.diff().map_or(1, |diff| diff.changes.len()));
    let changes: usize = changes.sum();
    (changes > 0).then(|| format!("{changes} staged changes wait: `gloveport diff {task}` shows them"))
}

enum Next {
    Begin(usize, Result<Limits, Exhausted>),
    Skip(usize, String),
}

fn find_tool(gate: &Gate, step: &crate::plan::Step) -> Result<Arc<sandbox::Tool>, TaskError> {
    gate.tool(&step.tool).cloned().ok_or_else(|| {
        let near = gate.tools().map(|tool| (strsim::levenshtein(step.tool.as_str(), tool.id.as_str()), &tool.id));
        let near = near.min().filter(|(distance, _)| *distance <= 4);
        let hint = near.map_or_else(
            || format!("; `gloveport tools {}` lists them", step.tool.package()),
            |(_, id)| format!("; did you mean `{id}`?"),
        );
        TaskError::UnknownTool { step: step.id.clone(), tool: step.tool.clone(), hint }
    })
}

/// Everything that can be known before anything runs.
fn check_tools(gate: &Gate, plan: &Plan) -> Result<(), TaskError> {
    plan.steps.iter().try_for_each(|step| find_tool(gate, step).map(drop))
}
