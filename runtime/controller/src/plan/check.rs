//! Everything about a plan that can be checked without running it.

use super::{
    Plan, PlanMount, Step,
    raw::{Quantity, RawMount, RawPlan, RawStep},
};
use crate::{budget::Budget, expression::Expression, template::Template};
use policy::{Limits, Narrow};
use sandbox::PathPatterns;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    path::Path,
};

/// How many steps a plan may have.
const MAX_STEPS: usize = 10_000;
/// How many steps run at once where the plan does not say.
const CONCURRENCY: usize = 4;
/// How many may run at once at most.
const MAX_CONCURRENCY: usize = 64;

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

pub(super) fn resolve(file: &str, raw: RawPlan, text: &str, folder: &Path) -> Result<Plan, PlanError> {
    let mut problems = Vec::new();
    if raw.steps.is_empty() {
        problems.push("it has no `[[step]]`".into());
    }
    if raw.steps.len() > MAX_STEPS {
        return Err(PlanError::one(file, format!("more than {MAX_STEPS} steps")));
    }
    let limits = limits(Limits::default(), &raw.limits, "limits", &mut problems);
    let budget = Budget::parse(raw.budget.iter().map(|(key, value)| (key.as_str(), value.to_string())));
    let budget = budget.unwrap_or_else(|error| {
        problems.push(format!("budget: {error}"));
        Budget::default()
    });
    let concurrency = raw.concurrency.unwrap_or(CONCURRENCY);
    if !(1..=MAX_CONCURRENCY).contains(&concurrency) {
        problems.push(format!("concurrency: {concurrency} is outside 1 to {MAX_CONCURRENCY}"));
    }

    let mut index = HashMap::new();
    for (position, step) in raw.steps.iter().enumerate() {
        if !is_id(&step.id) {
            problems.push(format!("step `{}`: an id is a letter and up to 63 letters, digits or `_`", short(&step.id)));
        }
        if index.insert(step.id.clone(), position).is_some() {
            problems.push(format!("step `{}`: the id is used twice", step.id));
        }
    }
    let steps: Vec<Step> =
        raw.steps.into_iter().filter_map(|step| self::step(step, &index, &limits, &mut problems)).collect();
    if problems.is_empty()
        && let Some(cycle) = cycle(&steps)
    {
        problems.push(format!("steps wait for each other: {cycle}"));
    }
    if !problems.is_empty() {
        return Err(PlanError { file: file.to_owned(), problems });
    }
    let mounts = raw.mounts.into_iter().map(|(name, mount)| {
        let patterns = PathPatterns { deny: mount.deny, read_only: mount.read_only };
        let RawMount { access, create, staged, .. } = mount;
        (name, PlanMount { path: folder.join(mount.path), access, create, patterns, staged })
    });
    Ok(Plan {
        objective: raw.objective,
        principal: raw.principal.unwrap_or_else(default_principal),
        roles: raw.roles,
        tools: raw.tools,
        policy: raw.policy.into_iter().map(|path| folder.join(path)).collect(),
        mounts: mounts.collect(),
        env: raw.env,
        secrets: raw.secrets,
        network: raw.network,
        isolation: raw.isolation,
        isolate: raw.isolate,
        require: raw.require,
        budget,
        concurrency,
        steps,
        text: text.to_owned(),
    })
}

fn default_principal() -> policy::Principal {
    "plan".parse().expect("a valid name")
}

fn is_id(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn short(text: &str) -> String {
    text.chars().take(80).collect()
}

fn limits(base: Limits, given: &BTreeMap<String, Quantity>, place: &str, problems: &mut Vec<String>) -> Limits {
    given.iter().fold(base, |limits, (key, value)| {
        limits.with(key, &value.to_string()).unwrap_or_else(|error| {
            problems.push(format!("{place}: {error}"));
            limits
        })
    })
}

fn step(raw: RawStep, index: &HashMap<String, usize>, base: &Limits, problems: &mut Vec<String>) -> Option<Step> {
    let before = problems.len();
    let place = format!("step `{}`", short(&raw.id));
    let mut args = BTreeMap::new();
    for (key, value) in &raw.args {
        match Template::compile(value) {
            Ok(template) => {
                args.insert(key.clone(), template);
            }
            Err(error) => problems.push(format!("{place}, args.{key}: {error}")),
        }
    }
    let expect = raw.expect.as_deref().map(|source| Expression::compile(source, &["result", "error", "state"]));
    let expect = expect.transpose().unwrap_or_else(|error| {
        problems.push(format!("{place}, expect: {error}"));
        None
    });

    let mut find = |id: &String, place: String| {
        let found = index.get(id).copied();
        if found.is_none() {
            let known: Vec<_> = index.keys().map(String::as_str).collect();
            problems.push(format!("{place}: there is no step `{}`{}", short(id), nearest(id, &known)));
        }
        found
    };
    let (mut after, mut uses) = (BTreeSet::new(), BTreeSet::new());
    for (key, template) in &args {
        after.extend(template.steps().iter().filter_map(|id| find(id, format!("{place}, args.{key}"))));
        uses.extend(template.results().iter().filter_map(|id| index.get(id)));
    }
    after.extend(raw.after.iter().filter_map(|id| find(id, format!("{place}, after"))));
    // A check may look at other steps, but never makes the step wait for what comes after it.
    if let Some(expect) = &expect {
        let seen = expect.steps().iter().filter(|id| **id != raw.id);
        after.extend(seen.filter_map(|id| find(id, format!("{place}, expect"))));
    }
    let limits = limits(*base, &raw.limits, &format!("{place}, limits"), problems);
    (problems.len() == before).then(|| Step {
        id: raw.id,
        title: raw.title,
        tool: raw.tool,
        args,
        after: after.into_iter().collect(),
        uses: uses.into_iter().copied().collect(),
        expect,
        on_failure: raw.on_failure,
        idempotent: raw.idempotent,
        narrow: Narrow {
            mounts: raw.mounts,
            env: raw.env,
            http: raw.http,
            tcp: raw.tcp,
            udp: raw.udp,
            listen: raw.listen,
            secrets: raw.secrets,
            invoke: raw.invoke,
        },
        limits,
    })
}

fn nearest(id: &str, known: &[&str]) -> String {
    let close = known.iter().map(|name| (strsim::levenshtein(id, name), name)).min();
    close
        .filter(|(distance, _)| *distance <= 3)
        .map(|(_, name)| format!("; did you mean `{name}`?"))
        .unwrap_or_default()
}

/// Steps that wait for each other, as `a → b → a`.
fn cycle(steps: &[Step]) -> Option<String> {
    // A step is taken away once all it waits for is taken away; what stays is on or behind a cycle.
    let mut waiting: Vec<usize> = steps.iter().map(|step| step.after.len()).collect();
    let mut followers = vec![Vec::new(); steps.len()];
    for (position, step) in steps.iter().enumerate() {
        for &before in &step.after {
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
        let before = steps[last].after.iter().copied().find(|&before| waiting[before] > 0)?;
        if let Some(start) = path.iter().position(|&seen| seen == before) {
            let mut names: Vec<_> = path[start..].iter().map(|&position| steps[position].id.as_str()).collect();
            names.push(&steps[before].id);
            names.reverse();
            return Some(names.join(" → "));
        }
        path.push(before);
    }
}
