//! Calls to which a person has to agree first. What waits is in the journal: no process has to stay for it.

use crate::{
    footprint::Footprint,
    gate::{Gate, GateError, Proposal},
    progress::StepState,
    record,
    recorder::Recorder,
};
use journal::{About, Ask, EventBody};
use policy::{Bounds, Decision, Digest};
use serde_json::{Value, json};

/// How long an answer counts where the plan does not say, in milliseconds: a week.
pub(crate) const UNTIL: u64 = 7 * 24 * 60 * 60 * 1_000;

/// What is decided on a call, with approvals.
pub(crate) struct Decided {
    pub(crate) decision: Decision,
    /// The approval that is used up by it.
    pub(crate) approval: Option<Digest>,
    /// What has to be asked, where that was not asked yet.
    pub(crate) ask: Option<Ask>,
}

/// Asks policy; where somebody has to agree, whether they have, to exactly this.
pub(crate) fn decide(gate: &Gate, recorder: &Recorder, step: &str, proposal: &Proposal<'_>) -> Decided {
    let plain = |decision| Decided { decision, approval: None, ask: None };
    let decision = match gate.decide(proposal) {
        Decision::Allow { grant } => match beyond(recorder, proposal, &grant.bounds()) {
            true => Decision::Ask { approvers: recorder.plan().approvers.clone(), policies: vec![BEYOND.to_owned()] },
            false => return plain(Decision::Allow { grant }),
        },
        decision @ Decision::Ask { .. } => decision,
        decision @ Decision::Deny(_) => return plain(decision),
    };
    let foreseen = match gate.foresee(proposal) {
        Ok(foreseen) => foreseen,
        Err(denial) => return plain(Decision::Deny(denial)),
    };
    let shown = json!({
        "task": recorder.task(),
        "step": step,
        "tool": proposal.tool.id,
        "package": proposal.tool.digest,
        "args": proposal.args,
        "provenance": proposal.provenance,
        "grant": foreseen.bounds,
    });
    let digest = digest(&shown);
    let now_ms = record::now_ms();
    let (agreed, asked) = {
        let progress = recorder.progress();
        let asked = progress.desk.open(now_ms).any(|ask| ask.digest == digest);
        (progress.desk.approvals(&digest, now_ms), asked)
    };
    let decision = if agreed.is_empty() { decision } else { gate.decide_approved(proposal, &agreed) };
    match decision {
        Decision::Ask { approvers, policies } => {
            let ask = (!asked).then(|| Ask {
                digest,
                about: About::Step(step.to_owned()),
                approvers: approvers.clone(),
                policies: policies.clone(),
                shown,
                until_ms: now_ms.saturating_add(recorder.plan().expires_ms),
            });
            Decided { decision: Decision::Ask { approvers, policies }, approval: None, ask }
        }
        decision => Decided { decision, approval: Some(digest), ask: None },
    }
}

/// What asks where no policy does.
pub(crate) const BEYOND: &str = "approval.plan";

/// Whether a call would do more than what was approved of the whole plan.
fn beyond(recorder: &Recorder, proposal: &Proposal<'_>, bounds: &Bounds) -> bool {
    if recorder.plan().approvers.is_empty() {
        return false;
    }
    let own = Footprint::of_call(proposal.tool, bounds, proposal.args);
    !recorder.progress().desk.agreed().is_some_and(|agreed| agreed.covers(&own))
}

/// Asks whether a plan may be carried out, where that was not asked or answered yet; whether it may.
pub(crate) async fn of_plan(gate: &Gate, recorder: &Recorder) -> Result<bool, GateError> {
    let plan = recorder.plan();
    if plan.approvers.is_empty() {
        return Ok(true);
    }
    let ask = {
        let progress = recorder.progress();
        // What was taken out, or passed over, does nothing any more.
        let nodes = progress.graph.nodes().iter().zip(&progress.steps);
        let nodes = nodes.filter(|(node, step)| node.item.is_none() && step.state != StepState::Skipped);
        let footprint = Footprint::of(gate, nodes.map(|(node, _)| (&*node.step, &*node.chosen)));
        if footprint.count == 0 || progress.desk.agreed().is_some_and(|agreed| agreed.covers(&footprint)) {
            return Ok(true);
        }
        let ids: Vec<_> = progress.graph.ids().into_iter().map(str::to_owned).collect();
        let shown = json!({
            "task": recorder.task(), "objective": plan.objective, "text": footprint.to_string(), "footprint": footprint,
            "steps": ids, "plan": registry::digest(plan.text.as_bytes()),
        });
        let (digest, now_ms) = (digest(&shown), record::now_ms());
        if progress.desk.open(now_ms).any(|ask| ask.digest == digest) {
            return Ok(false);
        }
        let (about, approvers) = (About::Plan, plan.approvers.clone());
        let until_ms = now_ms.saturating_add(plan.expires_ms);
        Ask { digest, about, approvers, policies: vec![BEYOND.to_owned()], shown, until_ms }
    };
    recorder.append(EventBody::Asked(Box::new(ask))).await?;
    Ok(false)
}

/// What stands for exactly this.
pub(crate) fn digest(shown: &Value) -> Digest {
    registry::digest(shown.to_string().as_bytes())
}
