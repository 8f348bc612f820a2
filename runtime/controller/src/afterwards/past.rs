//! Calls as a record tells them: with everything that policy was told when it decided on them.

use crate::{budget::Spent, gate::Proposal, plan::Step, progress::Progress, report::Record};
use journal::{Answer, EventBody, Verdict};
use policy::{Bounds, Digest, Limits, Narrow, Provenance, ToolId};
use sandbox::{Outcome, Tool};
use serde::Deserialize as _;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// A call that policy was asked about, and what became of it.
pub(super) struct Past<'a> {
    pub(super) step: &'a str,
    pub(super) tool: &'a ToolId,
    pub(super) digest: &'a Digest,
    pub(super) args: &'a Value,
    pub(super) provenance: &'a BTreeMap<String, Provenance>,
    pub(super) chosen: Arc<Provenance>,
    pub(super) narrow: Narrow,
    pub(super) limits: Limits,
    pub(super) spent: Spent,
    pub(super) decision: &'a Verdict,
    /// Who had agreed to it.
    pub(super) agreed: BTreeSet<String>,
    /// Absent where it did not run, or nobody knows how far it came.
    pub(super) outcome: Option<Outcome>,
}

/// Something that happened in a task, for whoever goes through it again.
pub(super) enum Told<'a> {
    Call(Box<Past<'a>>),
    /// A step was a task of its own: which of those within.
    Task(&'a str, &'a Record),
    /// A tool called another one, and this came of it.
    Invoked(Box<Inner<'a>>),
}

/// A call that a tool made of another one.
pub(super) struct Inner<'a> {
    pub(super) past: Past<'a>,
    /// The calls that it was made from, the outermost first.
    pub(super) chain: &'a [ToolId],
    /// Which process it is, where it is one.
    process: Option<u64>,
}

/// Everything that a record tells, in the order in which it began.
pub(super) fn told(record: &Record) -> Vec<Told<'_>> {
    let mut progress = Progress::new(Arc::clone(&record.plan));
    let (mut all, mut open, mut within) = (Vec::new(), BTreeMap::<&str, usize>::new(), BTreeSet::new());
    for event in &record.events {
        match &event.body {
            EventBody::Decided { step, tool, digest, args, provenance, decision, approval } => {
                let node = progress.graph.find(step).map(|at| progress.graph.nodes()[at].clone());
                let own = |limits: fn(&Step) -> Limits| node.as_ref().map(|node| limits(&node.step));
                let asks = progress.desk.asks().iter();
                let answered = asks.filter(|asked| Some(&asked.ask.digest) == approval.as_ref());
                let agreed = answered.filter_map(|asked| match &asked.answer {
                    Some((Answer::Approve, by)) => Some(by.name.clone()),
                    Some(_) | None => None,
                });
                open.insert(step, all.len());
                all.push(Told::Call(Box::new(Past {
                    step,
                    tool,
                    digest,
                    args,
                    provenance,
                    decision,
                    chosen: node.as_ref().map_or_else(Arc::default, |node| Arc::clone(&node.chosen)),
                    limits: granted(decision).or_else(|| own(|step| step.limits)).unwrap_or_default(),
                    narrow: node.as_ref().map_or_else(Narrow::default, |node| node.step.narrow.clone()),
                    spent: progress.spent,
                    agreed: agreed.collect(),
                    outcome: None,
                })));
            }
            EventBody::StepEnded { step, outcome, .. } => {
                if let Some(Told::Call(past)) = open.get(step.as_str()).and_then(|at| all.get_mut(*at)) {
                    past.outcome = Some(Outcome::from_record(outcome));
                }
            }
            EventBody::Delegated { step, task } if within.insert(*task) => {
                all.extend(record.within.iter().find(|(_, of)| of.task == *task).map(|(_, of)| Told::Task(step, of)));
            }
            EventBody::Invoked { step: Some(step), chain, tool, digest, args, provenance, chosen, decision } => {
                let spent = around(&all, &open, step, &progress);
                let past = Past::inner(step, (tool, digest), (args, provenance), chosen, decision, spent);
                all.push(Told::Invoked(Box::new(Inner { past, chain, process: None })));
            }
            EventBody::ProcessStarted {
                step: Some(step),
                chain,
                process,
                tool,
                digest,
                args,
                provenance,
                chosen,
                decision,
                ..
            } => {
                let spent = around(&all, &open, step, &progress);
                let past = Past::inner(step, (tool, digest), (args, provenance), chosen, decision, spent);
                all.push(Told::Invoked(Box::new(Inner { past, chain, process: Some(*process) })));
            }
            EventBody::ProcessEnded { step: Some(step), process, outcome, .. } => {
                let begun = all.iter_mut().rev().find_map(|told| match told {
                    Told::Invoked(inner) if inner.past.step == step && inner.process == Some(*process) => Some(inner),
                    _ => None,
                });
                if let Some(inner) = begun {
                    inner.past.outcome = outcome.as_ref().map(Outcome::from_record);
                }
            }
            EventBody::InvokeEnded { step: Some(step), chain, outcome, .. } => {
                let asked = all.iter_mut().rev().find_map(|told| match told {
                    Told::Invoked(inner)
                        if inner.past.step == step && inner.chain == chain && inner.process.is_none() =>
                    {
                        Some(inner)
                    }
                    _ => None,
                });
                if let Some(inner) = asked {
                    inner.past.outcome = outcome.as_ref().map(Outcome::from_record);
                }
            }
            _ => {}
        }
        progress.apply(event.at_ms, &event.body);
    }
    all
}

/// What was spent when the call began that another one is made from.
fn around(all: &[Told<'_>], open: &BTreeMap<&str, usize>, step: &str, progress: &Progress) -> Spent {
    match open.get(step).and_then(|at| all.get(*at)) {
        Some(Told::Call(around)) => around.spent,
        _ => progress.spent,
    }
}

/// The limits that a call was granted.
fn granted(decision: &Verdict) -> Option<Limits> {
    match decision {
        Verdict::Allow { grant } => Limits::deserialize(&grant["limits"]).ok(),
        Verdict::Ask { .. } | Verdict::Deny { .. } => None,
    }
}

impl<'a> Past<'a> {
    /// A call that was made from within another one.
    fn inner(
        step: &'a str,
        (tool, digest): (&'a ToolId, &'a Digest),
        (args, provenance): (&'a Value, &'a BTreeMap<String, Provenance>),
        chosen: &Provenance,
        decision: &'a Verdict,
        spent: Spent,
    ) -> Self {
        Self {
            step,
            tool,
            digest,
            args,
            provenance,
            decision,
            chosen: Arc::new(chosen.clone()),
            narrow: Narrow::default(),
            limits: granted(decision).unwrap_or_default(),
            spent,
            agreed: BTreeSet::new(),
            outcome: None,
        }
    }
}

impl Past<'_> {
    /// The same proposal, of the tool as it is now, within what the call around it was granted.
    pub(super) fn proposal<'b>(&'b self, tool: &'b Tool, within: Option<&'b Bounds>) -> Proposal<'b> {
        Proposal {
            tool,
            args: self.args,
            provenance: self.provenance,
            chosen: &self.chosen,
            narrow: &self.narrow,
            within,
            limits: self.limits,
            spent: self.spent,
        }
    }
}
