//! What another policy would have said of recorded decisions.

use super::past::{Past, Told, told};
use crate::{gate::Gate, record, report::Record};
use journal::Verdict;
use policy::{Bounds, Decision, Grant, ToolId};
use sandbox::{Action, Effect};
use serde::Serialize;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// What came of comparing one task's decisions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tested {
    /// How many were compared.
    pub compared: usize,
    /// Those that would be others.
    pub changes: Vec<Change>,
    /// Those that could not be compared, each with the reason.
    pub left_out: Vec<(String, String)>,
}

/// A decision that would be another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The step; those of a task within have its step before theirs.
    pub step: String,
    /// The tool.
    pub tool: ToolId,
    /// What was decided on: the call, or a request that it sent.
    pub what: String,
    /// What was decided.
    pub before: String,
    /// What would be.
    pub now: String,
}

/// Asks two policies about every recorded decision. `old` has the one in force then: where it does not say what was recorded,
/// something else has changed, and nothing is compared.
pub fn backtest(old: &Arc<Gate>, new: &Arc<Gate>, record: &Record) -> Tested {
    let mut tested = Tested::default();
    // What calls are granted that others are made from, by step and by how deep they stand.
    let mut around = BTreeMap::<(&str, usize), Decisions>::new();
    for told in told(record) {
        match told {
            Told::Call(past) => {
                around.retain(|(step, _), _| *step != past.step);
                around.extend(call(old, new, &past, None, &mut tested).map(|both| ((past.step, 1), both)));
            }
            Told::Task(step, within) => {
                let rules = within.plan.forbid.as_deref();
                // They were valid beside the one policy, and need not be beside the other.
                match (old.narrowed(step, rules), new.narrowed(step, rules)) {
                    (Ok(old), Ok(new)) => tested.add(step, backtest(&old, &new, within)),
                    (Err(error), _) | (_, Err(error)) => tested.left_out.push((step.to_owned(), error.to_string())),
                }
            }
            Told::Invoked(inner) => {
                let (past, depth) = (&inner.past, inner.chain.len());
                let bounds = match around.get(&(past.step, depth)) {
                    Some((Decision::Allow { grant: old }, Decision::Allow { grant: new })) => {
                        (old.bounds(), new.bounds())
                    }
                    _ => {
                        let why = format!("the call of {} from within it, which would not have run", past.tool);
                        tested.left_out.push((past.step.to_owned(), why));
                        continue;
                    }
                };
                match call(old, new, past, Some(&bounds), &mut tested) {
                    Some(both) => drop(around.insert((past.step, depth + 1), both)),
                    None => drop(around.remove(&(past.step, depth + 1))),
                }
            }
        }
    }
    tested
}

impl Tested {
    fn add(&mut self, step: &str, inner: Self) {
        self.compared += inner.compared;
        let place = |inner: String| format!("{step}/{inner}");
        self.changes.extend(inner.changes.into_iter().map(|one| Change { step: place(one.step), ..one }));
        self.left_out.extend(inner.left_out.into_iter().map(|(step, why)| (place(step), why)));
    }
}

/// What the one policy says, and the other.
type Decisions = (Decision, Decision);

/// Compares what is said of one call, and of what it sent; gives back what was said of the call where that could be compared.
fn call(
    old: &Gate,
    new: &Gate,
    past: &Past<'_>,
    within: Option<&(Bounds, Bounds)>,
    tested: &mut Tested,
) -> Option<Decisions> {
    let mut leave_out = |why: String| tested.left_out.push((past.step.to_owned(), why));
    let (Some(tool), Some(new_tool)) = (old.tool(past.tool), new.tool(past.tool)) else {
        leave_out("its package is not there any more".into());
        return None;
    };
    if tool.digest != *past.digest {
        leave_out(format!("its package is {} now", tool.digest));
        return None;
    }
    let before = old.decide_approved(&past.proposal(tool, within.map(|(old, _)| old)), &past.agreed);
    if !is_same(&before, past.decision) {
        leave_out(format!("the policy of its task says something else now: {}", words(&before)));
        return None;
    }
    let now = new.decide_approved(&past.proposal(new_tool, within.map(|(_, new)| new)), &past.agreed);
    tested.compared += 1;
    let change = |what: &str, before: String, now: String| Change {
        step: past.step.to_owned(),
        tool: past.tool.clone(),
        what: what.to_owned(),
        before,
        now,
    };
    match (&before, &now) {
        (Decision::Allow { grant: before }, Decision::Allow { grant: now }) => {
            if let Some((before, now)) = grants(before, now) {
                tested.changes.push(change("call", before, now));
            }
            let effects =
                past.outcome.iter().flat_map(|outcome| outcome.effects.done.iter().chain(&outcome.effects.refused));
            let effects: BTreeSet<(String, bool)> = effects.filter_map(|effect| requested(past, effect)).collect();
            for (what, sent) in effects {
                let says = |grant: &Grant| sending(past, grant, &what);
                let (before, now) = (says(before), says(now));
                // What it had read by then is not recorded, so what can be said of it may be less.
                if before.is_ok() != sent {
                    tested
                        .left_out
                        .push((past.step.to_owned(), format!("{what}: not everything is known that decided on it")));
                    continue;
                }
                tested.compared += 1;
                if before.is_ok() != now.is_ok() {
                    let told =
                        |says: Result<(), String>| says.map_or_else(|why| format!("deny: {why}"), |()| "allow".into());
                    tested.changes.push(change(&what, told(before), told(now)));
                }
            }
        }
        (before, now) => {
            let (before, now) = (words(before), words(now));
            if before != now {
                tested.changes.push(change("call", before, now));
            }
        }
    }
    Some((before, now))
}

/// Whether a decision is of the kind that was recorded.
fn is_same(now: &Decision, recorded: &Verdict) -> bool {
    match (now, recorded) {
        (Decision::Allow { .. }, Verdict::Allow { .. }) | (Decision::Deny(_), Verdict::Deny { .. }) => true,
        (Decision::Ask { .. }, Verdict::Ask { .. }) => true,
        // The plan asked, not a policy.
        (Decision::Allow { .. }, Verdict::Ask { policies, .. }) => {
            policies.iter().all(|id| id == crate::approval::BEYOND)
        }
        _ => false,
    }
}

fn words(decision: &Decision) -> String {
    match decision {
        Decision::Allow { .. } => "allow".into(),
        Decision::Ask { approvers, .. } => format!("ask {}", approvers.join(", ")),
        Decision::Deny(denial) => format!("deny: {denial}"),
    }
}

/// What two grants differ in, but for the policies that gave them.
fn grants(before: &Grant, now: &Grant) -> Option<(String, String)> {
    let parts = |grant: &Grant| match record::json(grant) {
        Value::Object(mut parts) => {
            parts.retain(|key, _| key != "policies" && key != "left_out");
            parts
        }
        _ => serde_json::Map::new(),
    };
    let (before, now) = (parts(before), parts(now));
    let keys: BTreeSet<_> = before.keys().chain(now.keys()).collect();
    let differ: Vec<_> = keys.into_iter().filter(|key| before.get(*key) != now.get(*key)).collect();
    let told = |parts: &serde_json::Map<String, Value>| {
        let one = |key: &&String| format!("{key} {}", parts.get(*key).unwrap_or(&Value::Null));
        format!("allow with {}", differ.iter().map(one).collect::<Vec<_>>().join(", "))
    };
    (!differ.is_empty()).then(|| (told(&before), told(&now)))
}

/// A request that was decided on, and whether it was sent.
fn requested(past: &Past<'_>, effect: &Effect) -> Option<(String, bool)> {
    let sent = past.outcome.as_ref()?.effects.done.contains(effect);
    (effect.action == Action::Request).then(|| (effect.path.clone(), sent))
}

/// What a grant says of a request, such as `GET https://example.com/path`.
fn sending(past: &Past<'_>, grant: &Grant, what: &str) -> Result<(), String> {
    let standing = grant.standing().ok_or("it may send nothing")?;
    let (method, url) = what.split_once(' ').ok_or("it cannot be read")?;
    let url: url::Url = url.parse().map_err(|error| format!("it cannot be read: {error}"))?;
    let path = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let read = past.outcome.as_ref().map(|outcome| outcome.effects.sources()).unwrap_or_default();
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let sending = policy::Sending {
        scheme: url.scheme(),
        method,
        host,
        port: url.port_or_known_default().unwrap_or_default(),
        path: &path,
        read: &read,
    };
    let answer = standing.request(&sending);
    answer.map(drop).map_err(|refusal| format!("{} {} ({})", refusal.action, refusal.resource, refusal.hint))
}
