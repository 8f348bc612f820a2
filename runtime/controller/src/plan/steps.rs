//! Steps as they are written, read into steps that can be carried out.

use super::{
    Retry, Step, Work,
    raw::{Quantity, RawRetry, RawStep},
    task,
};
use crate::{expression::Expression, planner::PlannerSettings, template::Template};
use policy::{Limits, Narrow, Unit};
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
};

/// How often a step can be tried.
const MAX_TRIES: u32 = 20;
/// How long to wait before the second try where the plan does not say, in milliseconds; each further wait is twice as long.
const WAIT: u64 = 1_000;
/// The longest wait where the plan does not say.
const LONGEST_WAIT: u64 = 60_000;

/// What every expression can name: what the task was given.
pub(super) const EVERYWHERE: &[&str] = &["input"];
/// What those of a call can name as well: `key` is the same for every try of one call, and `item` and `index` are those of a
/// `foreach`.
const OF_CALL: &[&str] = &["input", "key"];
const OF_EACH: &[&str] = &["input", "key", "item", "index"];

/// What there is for steps to refer to.
pub(super) struct Known<'a> {
    /// The ids of all steps.
    pub(super) ids: HashSet<&'a str>,
    /// What goes for all of them.
    pub(super) outer: Outer<'a>,
}

/// What steps have from the plan that they stand in.
pub(super) struct Outer<'a> {
    pub(super) planner: Option<&'a PlannerSettings>,
    /// The limits of calls whose step does not say.
    pub(super) limits: &'a Limits,
    /// How deep tasks may stand within its steps.
    pub(super) depth: u32,
}

pub(super) fn read(raw: RawStep, known: &Known<'_>, problems: &mut Vec<String>) -> Option<Step> {
    let before = problems.len();
    let place = format!("step `{}`", short(&raw.id));
    let variables = if raw.foreach.is_some() { OF_EACH } else { OF_CALL };
    let mut args = BTreeMap::new();
    for (key, value) in &raw.args {
        match Template::compile(value, variables) {
            Ok(template) => {
                args.insert(key.clone(), template);
            }
            Err(error) => problems.push(format!("{place}, args.{key}: {error}")),
        }
    }
    let foreach = raw.foreach.as_ref().map(|list| Template::compile(list, EVERYWHERE));
    let foreach = foreach.transpose().unwrap_or_else(|error| {
        problems.push(format!("{place}, foreach: {error}"));
        None
    });
    let mut expression = |source: &Option<String>, key: &str, variables: &[&str]| {
        let compiled = source.as_deref().map(|source| Expression::compile(source, variables)).transpose();
        compiled.unwrap_or_else(|error| {
            problems.push(format!("{place}, {key}: {error}"));
            None
        })
    };
    let of_call = |more: &[&'static str]| variables.iter().chain(more).copied().collect::<Vec<_>>();
    let expect = expression(&raw.expect, "expect", &of_call(&["result", "error", "state"]));
    // It is asked once, before a list is gone through.
    let when = expression(&raw.when, "when", EVERYWHERE);
    let retry = raw.retry.as_ref().map_or_else(Retry::default, |retry| self::retry(retry, &place, problems));

    let mut find = |id: &String, place: String| {
        let found = known.ids.contains(id.as_str());
        if !found {
            problems.push(format!("{place}: there is no step `{}`{}", short(id), nearest(id, &known.ids)));
        }
        found.then(|| id.clone())
    };
    let (mut after, mut uses) = (BTreeSet::new(), BTreeSet::new());
    let templates = args.iter().map(|(key, template)| (format!("{place}, args.{key}"), template));
    for (at, template) in templates.chain(foreach.iter().map(|list| (format!("{place}, foreach"), list))) {
        after.extend(template.steps().iter().filter_map(|id| find(id, at.clone())));
        uses.extend(template.results());
    }
    after.extend(raw.after.iter().filter_map(|id| find(id, format!("{place}, after"))));
    for (expression, key) in [(&expect, "expect"), (&when, "when")] {
        // A check may look at other steps, but never makes the step wait for what comes after it.
        let seen = expression.iter().flat_map(Expression::steps).filter(|id| **id != raw.id || key == "when");
        after.extend(seen.filter_map(|id| find(id, format!("{place}, {key}"))));
    }
    let work = match (&raw.tool, raw.task.clone()) {
        (Some(tool), None) => Some(Work::Call(tool.clone())),
        (None, Some(written)) => {
            not_of_tasks(&raw, &place, problems);
            task::read(written, raw.args.keys(), &place, known, problems).map(|task| Work::Task(Arc::new(task)))
        }
        (Some(_), Some(_)) | (None, None) => {
            problems.push(format!("{place}: expected either `tool` or `task`"));
            None
        }
    };
    let limits = limits(*known.outer.limits, &raw.limits, &format!("{place}, limits"), problems);
    if problems.len() > before {
        return None;
    }
    Some(Step {
        id: raw.id,
        title: raw.title,
        work: work?,
        args,
        after,
        uses,
        when,
        foreach,
        expect,
        retry,
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
            exec: raw.exec,
        },
        limits,
    })
}

/// Refuses what goes for calls only.
fn not_of_tasks(raw: &RawStep, place: &str, problems: &mut Vec<String>) {
    let narrow = [
        ("mounts", raw.mounts.is_some()),
        ("env", raw.env.is_some()),
        ("http", raw.http.is_some()),
        ("tcp", raw.tcp.is_some()),
        ("udp", raw.udp.is_some()),
        ("listen", raw.listen.is_some()),
        ("secrets", raw.secrets.is_some()),
        ("invoke", raw.invoke.is_some()),
        ("exec", raw.exec.is_some()),
    ];
    for (key, _) in narrow.into_iter().filter(|(_, given)| *given) {
        problems.push(format!("{place}, {key}: a task is narrowed by rules of its own (`task.forbid`)"));
    }
    for (key, given, there) in [
        ("retry", raw.retry.is_some(), "its steps"),
        ("idempotent", raw.idempotent, "its steps"),
        ("limits", !raw.limits.is_empty(), "`task.limits`"),
    ] {
        if given {
            problems.push(format!("{place}, {key}: for a task, it stands in {there}"));
        }
    }
}

fn retry(raw: &RawRetry, place: &str, problems: &mut Vec<String>) -> Retry {
    if !(1..=MAX_TRIES).contains(&raw.tries) {
        problems.push(format!("{place}, retry.tries: {} is outside 1 to {MAX_TRIES}", raw.tries));
    }
    let first_ms = time(&raw.wait, WAIT, || format!("{place}, retry.wait"), problems);
    let longest_ms = time(&raw.longest, LONGEST_WAIT, || format!("{place}, retry.longest"), problems);
    Retry { tries: raw.tries, first_ms, longest_ms: longest_ms.max(first_ms) }
}

/// A time in milliseconds.
pub(super) fn time(
    given: &Option<Quantity>,
    default: u64,
    place: impl FnOnce() -> String,
    problems: &mut Vec<String>,
) -> u64 {
    let Some(quantity) = given else { return default };
    Unit::Milliseconds.parse(&quantity.to_string()).unwrap_or_else(|| {
        let expected = Unit::Milliseconds.expected();
        problems.push(format!("{}: `{}` is not {expected}", place(), short(&quantity.to_string())));
        default
    })
}

pub(super) fn limits(
    base: Limits,
    given: &BTreeMap<String, Quantity>,
    place: &str,
    problems: &mut Vec<String>,
) -> Limits {
    given.iter().fold(base, |limits, (key, value)| {
        limits.with(key, &value.to_string()).unwrap_or_else(|error| {
            problems.push(format!("{place}: {error}"));
            limits
        })
    })
}

pub(super) fn is_id(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

pub(super) fn short(text: &str) -> String {
    text.chars().take(80).collect()
}

pub(super) fn nearest(id: &str, known: &HashSet<&str>) -> String {
    let close = known.iter().map(|name| (strsim::levenshtein(id, name), name)).min();
    close
        .filter(|(distance, _)| *distance <= 3)
        .map(|(_, name)| format!("; did you mean `{name}`?"))
        .unwrap_or_default()
}
