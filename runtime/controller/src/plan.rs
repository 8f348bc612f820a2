//! A plan: an objective, a world, and a graph of steps, read from TOML.

mod check;
mod planner;
mod raw;
mod steps;
mod task;

pub use check::PlanError;
pub use task::SubTask;

use crate::{budget::Budget, expression::Expression, planner::PlannerSettings, template::Template};
use journal::TaskStarted;
use policy::{Access, Classification, LimitError, Limits, MountName, Narrow, Principal, ToolId};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
};

/// A plan that has been checked: ids are unique, references lead to steps, nothing waits for itself.
#[derive(Debug)]
pub struct Plan {
    /// What the task is to achieve.
    pub objective: String,
    /// On whose behalf its calls are made.
    pub principal: Principal,
    /// What that principal is, for policy.
    pub roles: Vec<String>,
    /// What it is given, by name: `${{ input.name }}`.
    pub input: BTreeMap<String, serde_json::Value>,
    /// What it gives back.
    pub(crate) result: Option<Template>,
    /// How deep tasks may stand within it.
    pub depth: u32,
    /// The packages that its steps may use: names of known packages, or paths of files ending in `.wasm`.
    pub tools: Vec<String>,
    /// The names of packages whose programs its processes can be, the first that has a name before the others.
    pub path: Vec<String>,
    /// Policy files.
    pub policy: Vec<PathBuf>,
    /// Further rules, which can only forbid.
    pub forbid: Option<String>,
    /// What the world holds, by name.
    pub mounts: BTreeMap<MountName, PlanMount>,
    /// What goes for sources.
    pub sources: Classification,
    /// Who proposes steps while it runs; `None` where the file has all of them.
    pub planner: Option<PlannerSettings>,
    /// Environment variables that the world holds.
    pub env: Vec<String>,
    /// The secrets that the world holds, by where they are; files relative to the plan's own folder.
    pub secrets: journal::Secrets,
    /// What the world knows of the network; files relative to the plan's own folder.
    pub network: journal::NetworkSettings,
    /// Where its calls run; `None` where it does not say.
    pub isolation: Option<Isolation>,
    /// Packages whose calls run in worker processes wherever others run.
    pub isolate: Vec<String>,
    /// The walls that have to stand around a worker process.
    pub require: Vec<sandbox::Wall>,
    /// The bounds of calls whose step does not say.
    pub limits: Limits,
    /// What the whole task may spend.
    pub budget: Budget,
    /// Who has to agree to what the plan would do at most before anything of it is done; empty where nobody has to.
    pub approvers: Vec<String>,
    /// How long an approval counts, in milliseconds.
    pub expires_ms: u64,
    /// How many steps may run at once.
    pub concurrency: usize,
    /// Its steps, in the order of the file.
    pub steps: Vec<Step>,
    /// The file as it was read, for the record.
    pub text: String,
}

/// Where calls run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Isolation {
    /// On threads of the host's process, behind the engine alone.
    Thread,
    /// In worker processes that have given up what a call does not need.
    Process,
}

/// A word that says nowhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no isolation: expected `thread` or `process`")]
pub struct NoIsolation(String);

impl FromStr for Isolation {
    type Err = NoIsolation;

    fn from_str(text: &str) -> Result<Self, NoIsolation> {
        match text {
            "thread" => Ok(Self::Thread),
            "process" => Ok(Self::Process),
            other => Err(NoIsolation(other.chars().take(60).collect())),
        }
    }
}

/// A directory that a plan asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanMount {
    /// Where it is; relative to the plan's own folder.
    pub path: PathBuf,
    /// What can be done in it at most.
    pub access: Access,
    /// Whether it is made where it is missing.
    pub create: bool,
    /// Rules for its paths.
    pub patterns: sandbox::PathPatterns,
    /// Whether all that is changed in it is staged, until a person takes it over.
    pub staged: bool,
    /// Whether others see what is written there.
    pub shared: bool,
}

/// What a step is.
#[derive(Debug, Clone)]
pub enum Work {
    /// A call of this tool.
    Call(ToolId),
    /// A task of its own.
    Task(Arc<SubTask>),
}

impl Work {
    /// The tool, where it is a call.
    pub fn tool(&self) -> Option<&ToolId> {
        match self {
            Self::Call(tool) => Some(tool),
            Self::Task(_) => None,
        }
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(tool) => tool.fmt(f),
            Self::Task(_) => f.write_str("a task"),
        }
    }
}

/// One call or one task, with what it waits for and what must hold of its result.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its id, unique in the plan.
    pub id: String,
    /// What it is for, for people.
    pub title: Option<String>,
    /// What it does.
    pub work: Work,
    pub(crate) args: BTreeMap<String, Template>,
    /// The steps that must have ended before it begins: those it names, and those it refers to.
    pub(crate) after: BTreeSet<String>,
    /// The steps whose results it uses: where one of them has none, it is skipped.
    pub(crate) uses: BTreeSet<String>,
    /// Where it is false, the step is skipped.
    pub(crate) when: Option<Expression>,
    /// A list: the step is a call for each of its values.
    pub(crate) foreach: Option<Template>,
    pub(crate) expect: Option<Expression>,
    /// How often it is tried.
    pub retry: Retry,
    /// What happens to the task when it does not succeed.
    pub on_failure: OnFailure,
    /// Whether it may run again, whatever its tool's package says.
    pub idempotent: bool,
    /// What it gives up of what policy would allow.
    pub narrow: Narrow,
    /// The bounds of its call.
    pub limits: Limits,
}

impl Step {
    /// The tools that it calls, or its task does, each with the step's path, such as `research/fetch`.
    pub(crate) fn tools_called<'a>(&'a self, within: &str, called: &mut Vec<(String, &'a ToolId)>) {
        let path = if within.is_empty() { self.id.clone() } else { format!("{within}/{}", self.id) };
        match &self.work {
            Work::Call(tool) => called.push((path, tool)),
            Work::Task(task) => task.plan.steps.iter().for_each(|step| step.tools_called(&path, called)),
        }
    }

    /// The steps whose results, errors or states may be in its arguments, or in how it ends.
    pub(crate) fn referred(&self) -> BTreeSet<String> {
        let mut all: BTreeSet<_> = self.args.values().chain(&self.foreach).flat_map(Template::steps).collect();
        self.when.iter().chain(&self.expect).for_each(|condition| all.extend(condition.steps().iter().cloned()));
        all
    }
}

/// How often a step is tried, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// How many tries there are at most.
    pub tries: u32,
    /// How long to wait before the second, in milliseconds. Before each further one it is twice as long.
    pub first_ms: u64,
    /// The longest wait.
    pub longest_ms: u64,
}

impl Default for Retry {
    fn default() -> Self {
        Self { tries: 1, first_ms: 0, longest_ms: 0 }
    }
}

impl Retry {
    /// How long to wait after so many tries, in milliseconds; `None` where there is no further one.
    pub(crate) fn wait(&self, tries: u32) -> Option<u64> {
        let doublings = tries.saturating_sub(1).min(32);
        (tries < self.tries).then(|| self.first_ms.saturating_mul(1 << doublings).min(self.longest_ms))
    }
}

/// What a step's failure means for the task.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// No further step begins, and the task fails.
    #[default]
    Stop,
    /// Steps that do not use its result go on.
    Continue,
}

impl Plan {
    /// Reads a plan. Paths in it are relative to `folder`.
    ///
    /// # Errors
    /// Every problem that was found, each with its place in `name`.
    pub fn parse(name: &str, text: &str, folder: &std::path::Path) -> Result<Self, PlanError> {
        let raw = raw::RawPlan::parse(name, text)?;
        check::resolve(name, raw, text, folder, None)
    }

    /// The plan of a recorded task, as it began.
    ///
    /// # Errors
    /// Where the record holds none that this program can carry out.
    pub fn recorded(started: &TaskStarted) -> Result<Self, PlanError> {
        let file = Path::new(&started.plan_file);
        let mut plan = Self::parse(&started.plan_file, &started.plan, file.parent().unwrap_or(Path::new("")))?;
        plan.limit(&started.limits).map_err(|error| PlanError {
            file: started.plan_file.clone(),
            problems: vec![format!("--limit: {error}")],
        })?;
        plan.input.extend(started.input.clone());
        Ok(plan)
    }

    /// Puts limits in force that go before those of the plan.
    ///
    /// # Errors
    /// Names the limit that there is not, or whose value is none.
    pub fn limit(&mut self, given: &[(String, String)]) -> Result<(), LimitError> {
        for (key, value) in given {
            self.limits = self.limits.with(key, value)?;
            for step in &mut self.steps {
                step.limits = step.limits.with(key, value)?;
            }
        }
        Ok(())
    }

    /// The limits of all its steps, and of those of tasks within it.
    pub fn all_limits(&self) -> Vec<&Limits> {
        let mut all = vec![&self.limits];
        for step in &self.steps {
            match &step.work {
                Work::Call(_) => all.push(&step.limits),
                Work::Task(task) => all.extend(task.plan.all_limits()),
            }
        }
        all
    }

    /// Every tool that its steps call, and those of tasks within it, each with the step.
    pub fn tools_called(&self) -> Vec<(String, &ToolId)> {
        let mut called = Vec::new();
        for step in &self.steps {
            step.tools_called("", &mut called);
        }
        called
    }

    /// Reads steps that somebody adds to a plan that is being carried out: a list in the form of a plan's file.
    ///
    /// # Errors
    /// As for [`Plan::parse`]; `name` is who proposes them.
    pub(crate) fn parse_more(
        &self,
        name: &str,
        steps: &[serde_json::Value],
        known: &[&str],
    ) -> Result<Vec<Step>, PlanError> {
        let raw = raw::RawStep::list(name, steps)?;
        check::more(name, raw, known, self)
    }
}
