//! Steps that are tasks of their own. Each has its own record, gate, budget and, where it has no steps, its own conversation
//! with the planner; what forbids, stops or ends the task around it does so to it.

use crate::{
    budget::Budget,
    check,
    gate::{Gate, GateError},
    plan::{Plan, Step, SubTask, Work},
    planner::Planner,
    progress::{Failure, Node, Progress},
    record,
    recorder::Recorder,
    task::{Task, TaskEnd, TaskError, Words},
};
use journal::{Check, EventBody, Origin, TaskId, TaskStarted, TaskState};
use policy::Provenance;
use serde_json::{Map, Value};
use std::{collections::BTreeMap, path::Path, pin::Pin, sync::Arc};

/// What tasks within a task have from it.
#[derive(Clone)]
pub(crate) struct Hands {
    /// Who plans, where somebody does.
    pub(crate) planner: Option<Planner>,
    /// Whether people are waited for.
    pub(crate) wait: bool,
    /// What a person said of steps that a crash left uncertain.
    pub(crate) words: Arc<Words>,
    /// The task around the task, where it is within one.
    pub(crate) outer: Option<Arc<Outer>>,
}

/// A task around another one.
pub(crate) struct Outer {
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) outer: Option<Arc<Self>>,
}

impl Outer {
    /// Who stopped it, or a task around it, for now.
    pub(crate) fn paused(&self) -> Option<journal::Author> {
        let own = self.recorder.progress().desk.paused().cloned();
        own.or_else(|| self.outer.as_ref()?.paused())
    }

    /// Who ended it, or a task around it, and why.
    pub(crate) fn cancelled(&self) -> Option<(journal::Author, String)> {
        let own = self.recorder.progress().desk.cancelled().cloned();
        own.or_else(|| self.outer.as_ref()?.cancelled())
    }
}

/// A step that is a task, and is about to begin or to go on.
pub(crate) struct Job<'a> {
    pub(crate) node: &'a Node,
    pub(crate) task: &'a SubTask,
    /// What it is given, and where that came from.
    pub(crate) input: Map<String, Value>,
    pub(crate) provenance: BTreeMap<String, Provenance>,
    /// What it may spend at most.
    pub(crate) budget: Budget,
}

/// Takes the step as far as it goes now. The check is its own, of the result.
pub(crate) fn run<'a>(
    gate: &'a Arc<Gate>,
    recorder: &'a Arc<Recorder>,
    hands: &'a Hands,
    job: Job<'a>,
    check: impl FnOnce(&Value) -> Option<Check> + Send + 'a,
) -> Pin<Box<dyn Future<Output = Result<(), GateError>> + Send + 'a>> {
    // A task within a task within a task: a future that holds itself has to be somewhere else.
    Box::pin(async move {
        let step = job.node.id.to_string();
        let begun = {
            let progress = recorder.progress();
            progress.graph.find(&step).and_then(|at| progress.steps[at].task)
        };
        let task = match begun {
            Some(task) => task,
            None => TaskId::generate(),
        };
        recorder.append(EventBody::Delegated { step: step.clone(), task }).await?;
        let mut sources = Provenance::clone(&job.node.chosen);
        job.provenance.values().for_each(|of_one| sources.join(of_one));
        let end = match carry_out(gate, recorder, hands, job, task).await {
            Ok(end) => end,
            Err(TaskError::Gate(error)) => return Err(error),
            Err(error) => failed(recorder, error.to_string()),
        };
        sources.join(&end.provenance);
        let check = if end.state == TaskState::Done { check(&end.result) } else { None };
        let head = gate.journal().reader()?.head(&task)?;
        let returned = EventBody::Returned {
            step,
            task,
            state: end.state,
            why: end.why,
            failure: end.failure.map(|failure| record::json(&failure)).unwrap_or_default(),
            result: end.result,
            spent: record::json(&end.progress.spent),
            head: head.map(|head| head.digest),
            check,
            provenance: sources,
        };
        recorder.append(returned).await
    })
}

async fn carry_out(
    gate: &Arc<Gate>,
    recorder: &Arc<Recorder>,
    hands: &Hands,
    job: Job<'_>,
    task: TaskId,
) -> Result<TaskEnd, TaskError> {
    let Job { node, task: written, input, provenance, budget } = job;
    let journal = Arc::clone(gate.journal());
    // Whoever finds its record sees that somebody works on it.
    let _lease = journal.lease(&task)?;
    let inner = gate.narrowed(&format!("{}-{}", recorder.task(), node.id), written.plan.forbid.as_deref())?;
    let planner = written.plan.planner.as_ref().and(hands.planner.clone());
    let hands = Hands {
        planner,
        wait: hands.wait,
        words: Arc::new(hands.words.within(&node.id)),
        outer: Some(Arc::new(Outer { recorder: Arc::clone(recorder), outer: hands.outer.clone() })),
    };
    let watch = recorder.watch();
    let begun = match begin_of(gate, &task)? {
        Some(started) => {
            let plan = plan(&started, &budget)?;
            match Task::resume_with(inner, plan, task, hands, watch).await {
                Ok(task) => task,
                // It had come to its end before that was recorded here.
                Err(TaskError::Closed(_)) => return ended(gate, &started, &task, &budget),
                Err(error) => return Err(error),
            }
        }
        None => {
            let around = begin_of(gate, recorder.task())?.ok_or(TaskError::Broken("it has no beginning".into()))?;
            let text = written.text(recorder.plan());
            let started = TaskStarted {
                objective: written.plan.objective.clone(),
                plan: text.map_err(|error| TaskError::Broken(error.to_string()))?,
                footprint: Value::Null,
                input: input.into_iter().collect(),
                origin: Some(Origin {
                    task: *recorder.task(),
                    step: node.id.to_string(),
                    chosen: Provenance::clone(&node.chosen),
                    input: provenance,
                }),
                ..around
            };
            let plan = plan(&started, &budget)?;
            Task::start_with(inner, plan, task, started, hands, watch).await?
        }
    };
    begun.run().await
}

/// Its plan, as its record has it, with no more to spend than what is left around it.
fn plan(started: &TaskStarted, budget: &Budget) -> Result<Arc<Plan>, TaskError> {
    let folder = Path::new(&started.plan_file).parent().unwrap_or(Path::new(""));
    let plan = Plan::parse(&started.plan_file, &started.plan, folder);
    let mut plan = plan.map_err(|error| TaskError::Unfit(check::Unfit { problems: error.problems }))?;
    plan.input.extend(started.input.clone());
    plan.limit(&started.limits).map_err(|error| TaskError::Broken(error.to_string()))?;
    plan.budget = plan.budget.within(budget);
    Ok(Arc::new(plan))
}

/// The beginning of a task, where it has begun.
fn begin_of(gate: &Gate, task: &TaskId) -> Result<Option<TaskStarted>, TaskError> {
    for event in gate.journal().reader()?.events(task, 0) {
        if let EventBody::TaskStarted(started) = event?.body {
            return Ok(Some(*started));
        }
    }
    Ok(None)
}

/// How a task has ended, from its record.
fn ended(gate: &Gate, started: &TaskStarted, task: &TaskId, budget: &Budget) -> Result<TaskEnd, TaskError> {
    let mut progress = Progress::new(plan(started, budget)?);
    let mut end = None;
    for event in gate.journal().reader()?.events(task, 0) {
        let event = event?;
        progress.apply(event.at_ms, &event.body);
        if let EventBody::TaskEnded { state, why, result, provenance } = event.body {
            end = Some((state, why, result, provenance));
        }
    }
    let (state, why, result, provenance) = end.ok_or(TaskError::Broken("it has no end".into()))?;
    let failure = progress.stopped_by().map_or(Failure::GivenUp, |(_, failure)| failure);
    let failure = (state != TaskState::Done).then_some(failure);
    Ok(TaskEnd { state, failure, why, result, provenance, progress })
}

/// The end of a task that could not begin.
fn failed(recorder: &Recorder, why: String) -> TaskEnd {
    TaskEnd {
        state: TaskState::Failed,
        failure: Some(Failure::Check),
        why: Some(why),
        result: Value::Null,
        provenance: Provenance::new(),
        progress: Progress::new(Arc::clone(recorder.plan())),
    }
}

/// Whether the rules of all tasks within a plan are valid, and only forbid.
pub fn check_rules(gate: &Gate, plan: &Plan) -> Result<(), check::Unfit> {
    let mut problems = Vec::new();
    for step in &plan.steps {
        let Work::Task(task) = &step.work else { continue };
        let place = format!("step `{}`, task", step.id);
        match gate.narrowed(&step.id, task.plan.forbid.as_deref()) {
            Err(error) => problems.push(format!("{place}, forbid: {error}")),
            Ok(inner) => {
                let found = check_rules(&inner, &task.plan).err().into_iter().flat_map(|unfit| unfit.problems);
                problems.extend(found.map(|problem| format!("{place}: {problem}")));
            }
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(check::Unfit { problems }) }
}

impl Words {
    /// What of it is about the steps of a task within, which are named `step/inner`.
    pub(crate) fn within(&self, step: &str) -> Self {
        let of = |words: &[String]| {
            let inner = words.iter().filter_map(|word| word.strip_prefix(step)?.strip_prefix('/'));
            inner.map(str::to_owned).collect()
        };
        Self { repeat: of(&self.repeat), give_up: of(&self.give_up) }
    }
}

/// Whether a step's word is about a task within it.
pub(crate) fn is_inner(step: &Step, id: &str, word: &str) -> bool {
    step.work.tool().is_none() && word.strip_prefix(id).is_some_and(|rest| rest.starts_with('/'))
}
