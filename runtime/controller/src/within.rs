//! Calls that tools make from within their own: the same way as every other call, under what the calling one was
//! granted.

use crate::{
    budget::Spent,
    gate::{Admit, Gate, Proposal},
    record,
};
use journal::{EventBody, TaskId, Verdict};
use policy::{Decision, LimitKind, Narrow, Provenance, Source, ToolId};
use sandbox::{End, Invocation, Invoking, NotInvoked, NotStarted, Progress, Setting, Stage, Start, Starting};
use std::{
    future::pending,
    sync::{Arc, Weak},
};

mod processes;

/// What a running call needs of its gate.
pub(crate) struct Within {
    pub(crate) gate: Weak<Gate>,
    /// The record that it goes into.
    pub(crate) task: TaskId,
    /// The step whose call it is; `None` outside of a plan.
    pub(crate) step: Option<String>,
    /// Where the arguments of the call came from, all of them together.
    pub(crate) sources: Provenance,
    /// Where the choice of the call came from.
    pub(crate) chosen: Arc<Provenance>,
    /// What the task has spent before.
    pub(crate) spent: Spent,
    /// Whether the budget leaves a further call.
    pub(crate) admit: Option<Admit>,
}

impl Stage for Within {
    fn invoke(&self, invocation: Invocation) -> Invoking<'_> {
        Box::pin(async move {
            // The host is about to end.
            let gate = self.gate.upgrade().ok_or_else(|| NotInvoked::Stopped("the host is stopping".into()))?;
            self.call(&gate, invocation).await
        })
    }

    fn start(&self, start: Start) -> Starting<'_> {
        Box::pin(async move {
            let gate = self.gate.upgrade().ok_or(NotStarted::Failed)?;
            processes::start(self, gate, start).await
        })
    }

    fn find(&self, program: &str) -> Option<ToolId> {
        self.gate.upgrade()?.programs().get(program).cloned()
    }

    fn programs(&self) -> Vec<String> {
        self.gate.upgrade().map_or_else(Vec::new, |gate| gate.programs().keys().cloned().collect())
    }

    fn progress(&self, progress: Progress) {
        if let Some(gate) = self.gate.upgrade() {
            gate.tell(&self.task, self.step.as_deref(), &progress);
        }
    }
}

impl Within {
    async fn call(&self, gate: &Arc<Gate>, invocation: Invocation) -> Result<String, NotInvoked> {
        let Invocation { tool, arguments: args, read, within, limits, chain, account } = invocation;
        let Some(tool) = gate.tool(&tool) else {
            return Err(NotInvoked::Invalid(format!("there is no tool `{tool}`")));
        };
        let arguments = tool.arguments(&args, limits.get(LimitKind::Arguments));
        let arguments = arguments.map_err(|bad| NotInvoked::Invalid(bad.to_string()))?;
        // Whatever the calling one has seen may be in each of them.
        let mut sources = self.sources.clone();
        sources.join(&read);
        sources.insert(Source::Tool(chain.caller().to_string()));
        // So it may be the reason for this call.
        let mut chosen = Provenance::clone(&self.chosen);
        chosen.join(&sources);
        let keys = args.as_object().into_iter().flat_map(serde_json::Map::keys);
        let provenance = keys.map(|key| (key.clone(), sources.clone())).collect();
        let decision = gate.decide(&Proposal {
            tool,
            args: &args,
            provenance: &provenance,
            chosen: &chosen,
            narrow: &Narrow::default(),
            within: Some(&within),
            limits,
            spent: self.spent,
        });
        // What policy allows, the budget has to leave as well.
        let admitted = match (&self.admit, &decision) {
            (Some(admit), Decision::Allow { .. }) => admit(),
            _ => Ok(()),
        };
        let verdict = match &admitted {
            Ok(()) => record::verdict(&decision),
            Err(exhausted) => Verdict::Deny { denial: exhausted.denial(&tool.id) },
        };
        let asked = EventBody::Invoked {
            step: self.step.clone(),
            chain: chain.tools().to_vec(),
            tool: tool.id.clone(),
            digest: tool.digest,
            args,
            provenance,
            chosen: chosen.clone(),
            decision: verdict,
        };
        let changes = matches!(&decision, Decision::Allow { grant } if grant.can_change());
        self.record(gate, asked, changes).await?;
        admitted.map_err(|exhausted| NotInvoked::Stopped(exhausted.to_string()))?;
        let grant = match decision {
            Decision::Allow { grant } => grant,
            Decision::Deny(denial) => return Err(NotInvoked::Denied(denial.for_caller())),
            Decision::Ask { .. } => {
                return Err(NotInvoked::Denied(format!("call {}: a person would have to agree", tool.id)));
            }
        };
        let inner = self.inner(sources, chosen);
        let setting = Setting {
            world: gate.world(),
            seed: 0,
            stage: Some(Arc::new(inner)),
            within: Some((chain.clone(), account)),
            process: None,
        };
        let outcome = gate.sandbox().call(tool, arguments, grant, setting, pending()).await;
        let ended = EventBody::InvokeEnded {
            step: self.step.clone(),
            chain: chain.tools().to_vec(),
            tool: tool.id.clone(),
            outcome: outcome.as_ref().ok().map(record::json),
        };
        self.record(gate, ended, changes).await?;
        // What it was is for the operator, and no fault of the tool's.
        let outcome = outcome.map_err(|_| NotInvoked::Stopped("the call could not begin".into()))?;
        match outcome.end {
            End::Result(value) => Ok(value.to_string()),
            End::ToolError(value) => Err(NotInvoked::Failed(value)),
            End::Limit(hit) => Err(NotInvoked::Stopped(hit.to_string())),
            End::Trap(_) => Err(NotInvoked::Stopped(format!("`{}` trapped", tool.id))),
            End::Cancelled => Err(NotInvoked::Stopped("it was cancelled".into())),
        }
    }

    /// What a call within this one needs.
    fn inner(&self, sources: Provenance, chosen: Provenance) -> Self {
        Self {
            gate: self.gate.clone(),
            task: self.task,
            step: self.step.clone(),
            sources,
            chosen: Arc::new(chosen),
            spent: self.spent,
            admit: self.admit.clone(),
        }
    }

    /// Without a record nothing goes on. What can change something is recorded before it begins, and its end before anybody
    /// hears of it.
    async fn record(&self, gate: &Gate, event: EventBody, changes: bool) -> Result<(), NotInvoked> {
        let (journal, at_ms) = (gate.journal(), record::now_ms());
        let appended = if changes {
            journal.append(&self.task, event, at_ms).await.map(drop)
        } else {
            journal.append_unwaited(&self.task, event, at_ms).await
        };
        appended.map_err(|_| NotInvoked::Stopped("the call could not be recorded".into()))
    }
}
