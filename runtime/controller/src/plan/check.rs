//! Everything about a plan that can be checked without running it.

use super::{
    Plan, PlanMount, Step, Work, planner,
    raw::{RawMount, RawPlan, RawStep},
    steps::{self, Known, Outer, is_id, limits, short},
};
use crate::{approval, budget::Budget, template::Template};
use policy::Limits;
use sandbox::PathPatterns;
use std::{
    collections::{HashMap, HashSet},
    fmt,
    path::Path,
};

/// How many steps a plan may have.
const MAX_STEPS: usize = 10_000;
/// How many steps run at once where the plan does not say.
const CONCURRENCY: usize = 4;
/// How many may run at once at most.
const MAX_CONCURRENCY: usize = 64;
/// How deep tasks may stand within tasks where the plan does not say.
const DEPTH: u32 = 3;
/// How deep they may stand at most.
const MAX_DEPTH: u32 = 8;

/// Everything that is wrong with a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanError {
    /// The file.
    pub file: String,
    /// What is wrong, each with its place.
    pub problems: Vec<String>,
}

impl std::error::Error for PlanError {}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let end = if index + 1 == self.problems.len() { "" } else { "\n" };
            write!(f, "plan {}: {problem}{end}", self.file)?;
        }
        Ok(())
    }
}

impl PlanError {
    pub(super) fn one(file: &str, problem: String) -> Self {
        Self { file: file.to_owned(), problems: vec![problem] }
    }
}

/// `outer` is the plan that it stands in, where it does in one.
pub(super) fn resolve(
    file: &str,
    raw: RawPlan,
    text: &str,
    folder: &Path,
    outer: Option<&Outer<'_>>,
) -> Result<Plan, PlanError> {
    let mut problems = Vec::new();
    // Whoever plans the task around it plans what has no steps of its own.
    let inherited = outer.and_then(|outer| outer.planner.cloned()).filter(|_| raw.steps.is_empty());
    if raw.steps.is_empty() && raw.planner.is_none() && inherited.is_none() {
        problems.push("it has no `[[step]]`, and no `[planner]` that could propose any".into());
    }
    let planner = raw.planner.and_then(|planner| planner::read(planner, &mut problems)).or(inherited);
    if raw.steps.len() > MAX_STEPS {
        return Err(PlanError::one(file, format!("more than {MAX_STEPS} steps")));
    }
    let base = outer.map_or_else(Limits::default, |outer| *outer.limits);
    let limits = limits(base, &raw.limits, "limits", &mut problems);
    let budget = Budget::parse(raw.budget.iter().map(|(key, value)| (key.as_str(), value.to_string())));
    let budget = budget.unwrap_or_else(|error| {
        problems.push(format!("budget: {error}"));
        Budget::default()
    });
    let expires_ms = steps::time(&raw.approval.expires, approval::UNTIL, || "approval.expires".into(), &mut problems);
    let concurrency = raw.concurrency.unwrap_or(CONCURRENCY);
    if !(1..=MAX_CONCURRENCY).contains(&concurrency) {
        problems.push(format!("concurrency: {concurrency} is outside 1 to {MAX_CONCURRENCY}"));
    }

    let depth = raw.depth.unwrap_or(DEPTH);
    if depth > MAX_DEPTH {
        problems.push(format!("depth: {depth} is more than {MAX_DEPTH}"));
    }
    let ids: Vec<_> = raw.steps.iter().map(|step| step.id.clone()).collect();
    let mut known = HashSet::new();
    check_ids(ids.iter().map(String::as_str), &mut known, &mut problems);
    let around = Outer { planner: planner.as_ref(), limits: &limits, depth };
    let known = Known { ids: known, outer: around };
    let mut steps: Vec<Step> = Vec::new();
    for step in raw.steps {
        steps.extend(steps::read(step, &known, &mut problems));
    }
    if problems.is_empty()
        && let Some(cycle) = cycle(&steps)
    {
        problems.push(format!("steps wait for each other: {cycle}"));
    }
    let result = raw.result.as_ref().and_then(|result| {
        let template = Template::compile(result, steps::EVERYWHERE).map_err(|error| error.to_string());
        let unknown = |template: &Template| template.steps().into_iter().find(|id| !known.ids.contains(id.as_str()));
        let checked = template.and_then(|template| match unknown(&template) {
            Some(id) => Err(format!("there is no step `{}`{}", short(&id), steps::nearest(&id, &known.ids))),
            None => Ok(template),
        });
        checked.map_err(|problem| problems.push(format!("result: {problem}"))).ok()
    });
    if planner.is_some() && raw.result.is_some() {
        problems.push("result: with a planner, what it says at the end is the result".into());
    }
    if count(&steps) > MAX_STEPS {
        problems.push(format!("more than {MAX_STEPS} steps, those of tasks within it included"));
    }
    if !problems.is_empty() {
        return Err(PlanError { file: file.to_owned(), problems });
    }
    let mounts = raw.mounts.into_iter().map(|(name, mount)| {
        let patterns = PathPatterns { deny: mount.deny, read_only: mount.read_only };
        let RawMount { access, create, staged, shared, .. } = mount;
        (name, PlanMount { path: folder.join(mount.path), access, create, patterns, staged, shared })
    });
    Ok(Plan {
        objective: raw.objective,
        principal: raw.principal.unwrap_or_else(default_principal),
        roles: raw.roles,
        input: raw.input,
        result,
        depth,
        tools: raw.tools,
        path: raw.path,
        policy: raw.policy.into_iter().map(|path| folder.join(path)).collect(),
        forbid: raw.forbid,
        mounts: mounts.collect(),
        sources: raw.sources,
        planner,
        env: raw.env,
        secrets: raw.secrets,
        network: raw.network,
        isolation: raw.isolation,
        isolate: raw.isolate,
        require: raw.require,
        limits,
        budget,
        approvers: raw.approval.plan.iter().map(ToString::to_string).collect(),
        expires_ms,
        concurrency,
        steps,
        text: text.to_owned(),
    })
}

/// How many steps there are, those of tasks within tasks included.
fn count(steps: &[Step]) -> usize {
    let of = |step: &Step| match &step.work {
        Work::Call(_) => 1,
        Work::Task(task) => 1 + count(&task.plan.steps),
    };
    steps.iter().map(of).sum()
}

fn default_principal() -> policy::Principal {
    "plan".parse().expect("a valid name")
}

/// Refuses ids that are malformed or used twice, among these and those that are known.
fn check_ids<'a>(steps: impl Iterator<Item = &'a str>, known: &mut HashSet<&'a str>, problems: &mut Vec<String>) {
    for id in steps {
        if !is_id(id) {
            problems.push(format!("step `{}`: an id is a letter and up to 63 letters, digits or `_`", short(id)));
        }
        if !known.insert(id) {
            problems.push(format!("step `{}`: the id is used twice", short(id)));
        }
    }
}

/// Steps that are added to a plan that is being carried out. They can refer to those that are there, which are `known`.
pub(super) fn more(name: &str, steps: Vec<RawStep>, known: &[&str], plan: &Plan) -> Result<Vec<Step>, PlanError> {
    let mut problems = Vec::new();
    if known.len() + steps.len() > MAX_STEPS {
        return Err(PlanError::one(name, format!("the plan would have more than {MAX_STEPS} steps")));
    }
    let mut own = Vec::new();
    let ids: Vec<_> = steps.iter().map(|step| step.id.clone()).collect();
    let mut all: HashSet<&str> = known.iter().copied().collect();
    check_ids(ids.iter().map(String::as_str), &mut all, &mut problems);
    let outer = Outer { planner: plan.planner.as_ref(), limits: &plan.limits, depth: plan.depth };
    let known = Known { ids: all, outer };
    for step in steps {
        own.extend(steps::read(step, &known, &mut problems));
    }
    if problems.is_empty()
        && let Some(cycle) = cycle(&own)
    {
        problems.push(format!("steps wait for each other: {cycle}"));
    }
    if problems.is_empty() { Ok(own) } else { Err(PlanError { file: name.to_owned(), problems }) }
}

/// Steps that wait for each other, as `a → b → a`.
fn cycle(steps: &[Step]) -> Option<String> {
    let index: HashMap<&str, usize> = steps.iter().enumerate().map(|(at, step)| (step.id.as_str(), at)).collect();
    // What is not among these steps is there already, and waits for none of them.
    let after: Vec<Vec<usize>> =
        steps.iter().map(|step| step.after.iter().filter_map(|id| index.get(id.as_str()).copied()).collect()).collect();
    // A step is taken away once all it waits for is taken away; what stays is on or behind a cycle.
    let mut waiting: Vec<usize> = after.iter().map(Vec::len).collect();
    let mut followers = vec![Vec::new(); steps.len()];
    for (position, after) in after.iter().enumerate() {
        for &before in after {
            followers[before].push(position);
        }
    }
    let mut ready: Vec<usize> = (0..steps.len()).filter(|&position| waiting[position] == 0).collect();
    let mut taken = 0;
    while let Some(position) = ready.pop() {
        taken += 1;
        for &follower in &followers[position] {
            waiting[follower] -= 1;
            if waiting[follower] == 0 {
                ready.push(follower);
            }
        }
    }
    if taken == steps.len() {
        return None;
    }
    // From any step that stays, what it waits for stays too: going back along that must come round.
    let mut path = vec![waiting.iter().position(|&count| count > 0)?];
    loop {
        let last = *path.last()?;
        let before = after[last].iter().copied().find(|&before| waiting[before] > 0)?;
        if let Some(start) = path.iter().position(|&seen| seen == before) {
            let mut names: Vec<_> = path[start..].iter().map(|&position| steps[position].id.as_str()).collect();
            names.push(&steps[before].id);
            names.reverse();
            return Some(names.join(" → "));
        }
        path.push(before);
    }
}
