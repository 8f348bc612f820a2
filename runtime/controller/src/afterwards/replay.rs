//! Runs what a task ran once more, offline, and compares. Nothing that it does then stays.

use super::past::{Past, Told, told};
use crate::{
    budget::Spent,
    gate::{Asker, Gate},
    record,
    report::Record,
};
use journal::TaskId;
use policy::{Decision, LimitKind, Provenance, ToolId};
use sandbox::{End, Outcome};
use serde::Serialize;
use std::{collections::BTreeMap, pin::Pin, sync::Arc};

/// A recorded call, and what came of it this time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// The step; those of a task within have its step before theirs, as `research/fetch`.
    pub step: String,
    /// The tool.
    pub tool: ToolId,
    /// What came of it.
    #[serde(flatten)]
    pub again: Again,
}

/// How a call compares to its record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "again", rename_all = "kebab-case")]
pub enum Again {
    /// End, effects and output are byte for byte what was recorded.
    Identical,
    /// Some of it is not.
    Differs {
        /// Which parts: `end`, `effects`, `printed`; each with what was recorded and what came now.
        parts: Vec<(&'static str, serde_json::Value, serde_json::Value)>,
    },
    /// It was not run again.
    Not {
        /// Why.
        why: String,
    },
}

/// Runs a record's calls again, in the order in which they began. The gate's mounts are staged and its network is closed:
/// that is for its maker to see to.
pub fn replay<'a>(gate: &'a Arc<Gate>, record: &'a Record) -> Pin<Box<dyn Future<Output = Vec<Replayed>> + Send + 'a>> {
    Box::pin(async move {
        let (mut all, told) = (Vec::new(), told(record));
        // What a tool had done by others it has done.
        let mut inner = BTreeMap::<&str, String>::new();
        for told in &told {
            if let Told::Invoked(call) = told
                && let Some(what) = call.past.outcome.as_ref().and_then(outside)
            {
                inner.entry(call.past.step).or_insert(format!("{what}, by {}", call.past.tool));
            }
        }
        for told in told {
            match told {
                Told::Call(past) if past.outcome.is_some() => {
                    let again = match inner.get(past.step) {
                        Some(what) => Again::Not { why: format!("it went outside: {what}") },
                        None => again(gate, &past).await.unwrap_or_else(|why| Again::Not { why }),
                    };
                    all.push(Replayed { step: past.step.to_owned(), tool: past.tool.clone(), again });
                }
                Told::Task(step, within) => {
                    // Its record began under rules that were valid.
                    let Ok(inner) = gate.narrowed(step, within.plan.forbid.as_deref()) else { continue };
                    let inner = replay(&inner, within).await.into_iter();
                    all.extend(inner.map(|one| Replayed { step: format!("{step}/{}", one.step), ..one }));
                }
                Told::Call(_) | Told::Invoked(_) => {}
            }
        }
        all
    })
}

/// The first thing that a call did which is neither of files nor a call of another tool nor a process.
fn outside(outcome: &Outcome) -> Option<String> {
    let within = [sandbox::Action::Invoke, sandbox::Action::Exec];
    let outside = |effect: &&sandbox::Effect| !effect.action.is_of_files() && !within.contains(&effect.action);
    let effect = outcome.effects.done.iter().find(outside)?;
    Some(format!("{} {}", effect.action.name(), effect.path))
}

async fn again(gate: &Arc<Gate>, past: &Past<'_>) -> Result<Again, String> {
    let before = past.outcome.as_ref().ok_or("it did not end")?;
    if before.end == End::Cancelled {
        return Err("it was cancelled".into());
    }
    if let Some(what) = outside(before) {
        return Err(format!("it went outside: {what}"));
    }
    let tool = gate.tool(past.tool).ok_or("its package is not there any more")?;
    if tool.digest != *past.digest {
        return Err(format!("its package is {} now", tool.digest));
    }
    let arguments = tool.arguments(past.args, past.limits.get(LimitKind::Arguments)).map_err(|bad| bad.to_string())?;
    let grant = match gate.decide_approved(&past.proposal(tool, None), &past.agreed) {
        Decision::Allow { grant } => grant,
        Decision::Ask { approvers, .. } => {
            return Err(format!("it would need the approval of {}", approvers.join(", ")));
        }
        Decision::Deny(denial) => return Err(format!("it would be denied: {denial}")),
    };
    let mut sources = Provenance::clone(&past.chosen);
    past.provenance.values().for_each(|of_one| sources.join(of_one));
    let asker = Asker {
        task: TaskId::generate(),
        step: None,
        sources,
        chosen: Arc::clone(&past.chosen),
        spent: Spent::default(),
        admit: None,
    };
    let now =
        gate.run(tool, arguments, grant, asker, std::future::pending()).await.map_err(|error| error.to_string())?;
    Ok(compared(before, &now))
}

fn compared(before: &Outcome, now: &Outcome) -> Again {
    let parts = [
        ("end", record::json(&before.end), record::json(&now.end)),
        ("effects", record::json(&before.effects), record::json(&now.effects)),
        ("printed", record::json(&before.printed), record::json(&now.printed)),
    ];
    // Byte by byte: also the order of an object's keys.
    let bytes = serde_json::Value::to_string;
    let parts: Vec<_> = parts.into_iter().filter(|(_, before, now)| bytes(before) != bytes(now)).collect();
    if parts.is_empty() { Again::Identical } else { Again::Differs { parts } }
}
