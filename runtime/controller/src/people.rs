//! What people do to a task, from whatever process: answer what was asked, and steer. Each is an event with its author; the
//! process that works on the task, if any does, finds it in the journal.

use crate::{
    check::{Catalogue, Unfit, check_steps},
    plan::{Plan, PlanError},
    progress::{Progress, StepState},
    record::now_ms,
};
use journal::{
    About, Answer, Ask, Author, By, EventBody, Journal, JournalError, Reader, Standing, Steering, TaskId, TaskStarted,
    TaskState,
};
use policy::{Digest, Policy, PolicyError, Provenance, Source};
use serde_json::Value;
use std::sync::Arc;

/// Something that a person wants and that cannot be.
#[derive(Debug, thiserror::Error)]
pub enum PeopleError {
    /// Nothing is recorded of it.
    #[error("there is no task {0}; `gloveport tasks` lists them")]
    UnknownTask(TaskId),
    /// Its record is one of single calls.
    #[error("{0} is a record of single calls, not of a plan: nothing can be said to it")]
    NoPlan(TaskId),
    /// Nothing can follow any more.
    #[error("the task is {0}: nothing can be said to it any more")]
    Closed(&'static str),
    /// Nothing of that digest waits.
    #[error("nothing of task {task} waits under {digest}; `gloveport approvals {task}` lists what does")]
    NotAsked {
        /// The task.
        task: TaskId,
        /// What was named.
        digest: Digest,
    },
    /// It was answered already.
    #[error("{digest} was answered already, by {by}")]
    Answered {
        /// What was named.
        digest: Digest,
        /// Who was first.
        by: Author,
    },
    /// It waited for too long.
    #[error("{0} has expired; `gloveport resume` asks anew")]
    Expired(Digest),
    /// Another is asked.
    #[error("`{name}` is not asked: {}", .approvers.join(", "))]
    NotAnApprover {
        /// Who wants to answer.
        name: String,
        /// Who is asked.
        approvers: Vec<String>,
    },
    /// A word where a decision is wanted, or the other way round.
    #[error("{0}")]
    WrongAnswer(&'static str),
    /// There is nothing to continue.
    #[error("the task is not paused")]
    NotPaused,
    /// There is nobody to tell.
    #[error("the task has no planner to tell anything to; `gloveport edit` changes its plan")]
    NoPlanner,
    /// A step cannot be taken out.
    #[error("step `{step}` {why}, so it cannot be taken out")]
    CannotDrop {
        /// The step.
        step: String,
        /// Why.
        why: &'static str,
    },
    /// A step uses the package of none of the task's tools.
    #[error("step `{step}`: the task began without package `{package}`")]
    UnknownPackage {
        /// The step.
        step: String,
        /// The package.
        package: String,
    },
    /// The new steps are wrong.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The new steps do not fit the tools, or each other.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// The new rules are wrong.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The record cannot be read or written.
    #[error("the record cannot be written: {0}")]
    Journal(#[from] JournalError),
}

/// How many tasks are listed at once.
const PAGE: usize = 500;

/// The tasks of plans that could wait for a person, the newest first.
///
/// # Errors
/// Where the record cannot be read.
pub fn could_wait(reader: &Reader) -> Result<Vec<TaskId>, JournalError> {
    let (mut waiting, mut last) = (Vec::new(), None);
    loop {
        let page = reader.tasks(last.as_ref(), PAGE)?;
        let Some(oldest) = page.last() else { return Ok(waiting) };
        last = Some(oldest.task);
        let open = page.into_iter().filter(|summary| {
            let open = match summary.standing {
                Standing::Running | Standing::Interrupted | Standing::Ended { state: TaskState::Waiting } => true,
                Standing::Ended { .. } | Standing::Calls | Standing::Unreadable { .. } => false,
            };
            open && summary.objective.is_some()
        });
        waiting.extend(open.map(|summary| summary.task));
    }
}

/// A task as a person finds it.
pub struct Visited<'a> {
    journal: &'a Journal,
    task: TaskId,
    started: TaskStarted,
    progress: Progress,
    closed: Option<&'static str>,
}

impl<'a> Visited<'a> {
    /// Reads everything that was recorded by now.
    ///
    /// # Errors
    /// Where there is no such task, or it has no plan, or one that cannot be read.
    pub fn new(journal: &'a Journal, task: TaskId) -> Result<Self, PeopleError> {
        let (reader, mut closed, mut all) = (journal.reader()?, None, Vec::new());
        for event in reader.events(&task, 0) {
            let event = event?;
            if let EventBody::TaskEnded { state, .. } = &event.body
                && event.body.closes()
            {
                closed = Some(crate::task::word(*state));
            }
            all.push(event);
        }
        if all.is_empty() {
            return Err(PeopleError::UnknownTask(task));
        }
        let started = all.iter().find_map(|event| match &event.body {
            EventBody::TaskStarted(started) => Some((**started).clone()),
            _ => None,
        });
        let started = started.ok_or(PeopleError::NoPlan(task))?;
        let mut progress = Progress::new(Arc::new(Plan::recorded(&started)?));
        all.iter().for_each(|event| progress.apply(event.at_ms, &event.body));
        Ok(Self { journal, task, started, progress, closed })
    }

    /// What it began with.
    pub fn started(&self) -> &TaskStarted {
        &self.started
    }

    /// What waits for an answer.
    pub fn open(&self) -> impl Iterator<Item = &Ask> {
        self.progress.desk.open(now_ms()).filter(|_| self.closed.is_none())
    }

    /// Answers what was asked under a digest.
    ///
    /// # Errors
    /// Where nothing waits under it, or not for this person.
    pub async fn answer(&self, digest: Digest, answer: Answer, by: Author) -> Result<(), PeopleError> {
        self.check_open()?;
        let (task, now_ms) = (self.task, now_ms());
        let asked = self.progress.desk.find(&digest).ok_or(PeopleError::NotAsked { task, digest })?;
        if let Some((_, by)) = &asked.answer {
            return Err(PeopleError::Answered { digest, by: by.clone() });
        }
        if asked.used {
            return Err(PeopleError::NotAsked { task, digest });
        }
        if now_ms >= asked.ask.until_ms {
            return Err(PeopleError::Expired(digest));
        }
        if !asked.ask.approvers.is_empty() && !asked.ask.approvers.contains(&by.name) {
            return Err(PeopleError::NotAnApprover { name: by.name, approvers: asked.ask.approvers.clone() });
        }
        match (&asked.ask.about, &answer) {
            (About::Question, Answer::Say(_)) | (About::Step(_) | About::Plan, Answer::Approve | Answer::Reject(_)) => {
            }
            (About::Question, _) => {
                return Err(PeopleError::WrongAnswer("it is a question: answer it with `gloveport answer`"));
            }
            (_, Answer::Say(_)) => {
                return Err(PeopleError::WrongAnswer("it wants `gloveport approve` or `gloveport reject`"));
            }
        }
        self.append(EventBody::Answered { digest, answer, by }).await
    }

    /// Steers it.
    ///
    /// # Errors
    /// Where it has come to its end, or the steering fits nothing.
    pub async fn steer(&self, steering: Steering, by: Author) -> Result<(), PeopleError> {
        self.check_open()?;
        match &steering {
            Steering::Continue if self.progress.desk.paused().is_none() => return Err(PeopleError::NotPaused),
            Steering::Tell(_) if self.progress.plan().planner.is_none() => return Err(PeopleError::NoPlanner),
            Steering::Tighten(name, text) => {
                let rules = self.progress.desk.tightened().iter().cloned().chain([(name.clone(), text.clone())]);
                Policy::parse(&self.started.policy)?.tightened(&rules.collect::<Vec<_>>())?;
            }
            Steering::Pause | Steering::Continue | Steering::Cancel(_) | Steering::Tell(_) => {}
        }
        self.append(EventBody::Steered { steering, by }).await
    }

    /// Further rules, under a name that no other file of policies in the task has: those without an id are called by it.
    pub fn tightening(&self, of: &str, rules: String) -> Steering {
        let number = self.progress.desk.tightened().len() + 1;
        Steering::Tighten(format!("tightened-{number}-{of}.cedar"), rules)
    }

    /// Changes what remains of its plan.
    ///
    /// # Errors
    /// Where a step to take out has begun or is not there, or a new one is wrong.
    pub async fn edit(
        &self,
        add: Vec<Value>,
        drop: Vec<String>,
        by: Author,
        tools: &Catalogue<'_>,
    ) -> Result<(), PeopleError> {
        self.check_open()?;
        for id in &drop {
            let cannot = |why| PeopleError::CannotDrop { step: id.clone(), why };
            let at = self.progress.graph.find(id).ok_or_else(|| cannot("is not there"))?;
            match self.progress.steps[at].state {
                StepState::Waiting | StepState::Asking | StepState::Retrying { .. } | StepState::Expanded => {}
                StepState::Decided | StepState::Running { .. } => return Err(cannot("has begun")),
                StepState::Uncertain => return Err(cannot("may have changed something")),
                StepState::Done | StepState::Failed(_) | StepState::Skipped => return Err(cannot("is over")),
            }
        }
        let (plan, known) = (self.progress.plan(), self.progress.graph.ids());
        let mut called = Vec::new();
        let steps = plan.parse_more(&by.to_string(), &add, &known)?;
        steps.iter().for_each(|step| step.tools_called("", &mut called));
        for (step, tool) in called {
            let package = tool.package();
            if !self.started.packages.iter().any(|known| known.name == package) {
                return Err(PeopleError::UnknownPackage { step, package: package.to_owned() });
            }
        }
        check_steps(&steps, &self.progress.graph, plan, tools)?;
        // What a person writes is theirs, as the objective is.
        let provenance = Provenance::from_iter([Source::Objective]);
        self.append(EventBody::Replanned { by: By::Person(by), call: None, add, drop, provenance }).await
    }

    fn check_open(&self) -> Result<(), PeopleError> {
        self.closed.map_or(Ok(()), |word| Err(PeopleError::Closed(word)))
    }

    async fn append(&self, event: EventBody) -> Result<(), PeopleError> {
        self.journal.append(&self.task, event, now_ms()).await?;
        Ok(())
    }
}
