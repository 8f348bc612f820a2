//! What a planner is told of its calls: results that it may see, the shape of those that it may not, and what went wrong.

use super::{
    Planner,
    shown::{shape, shorten},
    turn::source,
};
use crate::{
    gate::Gate,
    plan::Work,
    progress::{Failure, StepState},
    recorder::Recorder,
};
use policy::{Provenance, Source, ToolId};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What is told of a call.
pub(super) struct Told {
    pub(super) content: String,
    /// Whose results it holds.
    pub(super) steps: Vec<String>,
    pub(super) failed: bool,
    /// Whose results it does not hold, and by which policies.
    pub(super) withheld: BTreeMap<String, Vec<String>>,
    pub(super) provenance: Provenance,
}

impl Told {
    pub(super) fn plain(content: String, provenance: Provenance) -> Self {
        Self { content, steps: Vec::new(), failed: false, withheld: BTreeMap::new(), provenance }
    }

    pub(super) fn wrong(content: String) -> Self {
        Self { failed: true, ..Self::plain(content, Provenance::new()) }
    }
}

/// What is told of the steps of a call, which are over.
pub(super) fn of_steps(gate: &Gate, recorder: &Recorder, planner: &Planner, steps: &[String]) -> Told {
    let progress = recorder.progress();
    let (mut parts, mut provenance, mut failed) = (Vec::new(), Provenance::new(), false);
    let (mut shown, mut withheld) = (Vec::new(), BTreeMap::new());
    let knows = source(&planner.settings.name, &progress);
    // How a step ended, and how large a result is, can give away what is in it.
    let shapes = |sources: &Provenance| -> Provenance {
        let private = |source: &&Source| progress.plan().sources.of(source).private;
        sources.iter().filter(private).map(Source::shape).collect()
    };
    // Each gets its part of what may be shown.
    let room = (planner.settings.result_bytes / steps.len().max(1) as u64).max(256);
    for id in steps {
        let Some(at) = progress.graph.find(id) else { continue };
        let (node, known) = (&progress.graph.nodes()[at], &progress.steps[at]);
        let mut part = json!({ "step": id, "state": known.state.word() });
        failed |= matches!(known.state, StepState::Failed(_));
        let mut sources = progress.ended_by(id);
        node.step.referred().iter().for_each(|id| sources.join(&progress.ended_by(id)));
        let view = known.view.as_object();
        let (key, value) =
            match view.and_then(|view| view.get_key_value("result").or_else(|| view.get_key_value("error"))) {
                Some((key, value)) => (key.as_str(), value),
                // It came to no call: what stands there is this program's own, and of the plan.
                None => {
                    provenance.join(&shapes(&sources));
                    part["why"] = known.why.clone().unwrap_or_default().into();
                    parts.push(part);
                    continue;
                }
            };
        // A denial holds nothing of any result. What is wrong with arguments may, of those that went into them.
        let own = known.state == StepState::Failed(Failure::Denied);
        match if own { Ok(()) } else { revealed(gate, &node.step.work, &sources, &knows) } {
            Ok(()) => {
                let (short, cut) = shorten(value, room);
                part[key] = short;
                if cut {
                    part["shortened"] = format!("the whole is ${{{{ steps.{id}.{key} }}}}").into();
                }
                if known.state == StepState::Failed(Failure::Check) {
                    part["why"] = known.why.clone().unwrap_or_default().into();
                }
                provenance.join(&if own { shapes(&sources) } else { sources });
                shown.push(id.clone());
            }
            Err(by) => {
                withheld.insert(id.clone(), by);
                if known.state == StepState::Failed(Failure::Check) {
                    part["why"] = "its check did not hold".into();
                }
                provenance.join(&shapes(&sources));
                let schema = match &node.step.work {
                    Work::Call(tool) => gate.tool(tool).map(|tool| tool.description().output.clone()),
                    Work::Task(task) => task.output(),
                };
                let schema = schema.unwrap_or_default();
                part["withheld"] = shape(value, &schema, 0);
                part["bytes"] = value.to_string().len().into();
                part["reference"] = format!("${{{{ steps.{id}.{key} }}}}").into();
            }
        }
        parts.push(part);
    }
    let content = match parts.as_slice() {
        [one] => one.to_string(),
        all => Value::from(all.to_vec()).to_string(),
    };
    Told { content, steps: shown, failed, withheld, provenance }
}

/// Whether a result of these sources may be shown; the policies that withhold it.
fn revealed(gate: &Gate, work: &Work, sources: &Provenance, knows: &Provenance) -> Result<(), Vec<String>> {
    // The shape of something else that it was told is in all that it chooses since, and shows nothing more of that.
    let known = |source: &&Source| !matches!(source, Source::Shape(_)) || knows.iter().all(|known| known != *source);
    let sources: &Provenance = &sources.iter().filter(known).cloned().collect();
    // What a task gives back, the tools have made that are among its sources.
    let inner =
        || sources.iter().filter_map(|source| if let Source::Tool(tool) = source { tool.parse().ok() } else { None });
    let tools: Vec<ToolId> = work.tool().map_or_else(|| inner().collect(), |tool| vec![tool.clone()]);
    for tool in tools {
        match gate.tool(&tool) {
            Some(tool) => drop(gate.reveal(tool, sources).map_err(|refusal| refusal.policies)?),
            // There was no call: what stands there is this program's own.
            None if work.tool().is_some() => {}
            None => return Err(Vec::new()),
        }
    }
    Ok(())
}
