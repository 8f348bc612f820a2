//! Processes that calls start: decided on and recorded as every other call, and run beside whoever started them.

use super::Within;
use crate::{
    gate::{Gate, Proposal},
    record,
};
use journal::EventBody;
use policy::{Decision, LimitKind, Narrow, Source};
use sandbox::{Exit, NotStarted, Running, Setting, Start};
use serde_json::json;
use std::{collections::BTreeMap, sync::Arc};

/// Decides on a process, and records that it begins.
pub(super) async fn start(within: &Within, gate: Arc<Gate>, start: Start) -> Result<Running, NotStarted> {
    let Start { tool, args: given, process, read, within: bounds, limits, chain, account } = start;
    let tool = Arc::clone(gate.tool(&tool).ok_or(NotStarted::NotFound)?);
    let mut args = json!({ "args": given });
    let arguments = tool.arguments(&args, limits.get(LimitKind::Arguments));
    let arguments = arguments.map_err(|bad| NotStarted::Invalid(bad.to_string()))?;
    if let Some(cwd) = process.cwd() {
        args["cwd"] = cwd.into();
    }
    // Whatever the starting one and its other processes have seen may be in its arguments and its input.
    let mut sources = within.sources.clone();
    sources.join(&read);
    sources.insert(Source::Tool(chain.caller().to_string()));
    let mut chosen = (*within.chosen).clone();
    chosen.join(&sources);
    let provenance: BTreeMap<_, _> = ["args", "cwd"].map(|key| (key.to_owned(), sources.clone())).into();
    let decision = gate.decide(&Proposal {
        tool: &tool,
        args: &args,
        provenance: &provenance,
        chosen: &chosen,
        narrow: &Narrow::default(),
        within: Some(&bounds),
        limits,
        spent: within.spent,
    });
    let id = gate.next_process();
    let begun = EventBody::ProcessStarted {
        step: within.step.clone(),
        chain: chain.tools().to_vec(),
        process: id,
        program: process.name().to_owned(),
        tool: tool.id.clone(),
        digest: tool.digest,
        args,
        env: process.env().iter().map(|(name, _)| name.clone()).collect(),
        provenance,
        chosen: chosen.clone(),
        decision: record::verdict(&decision),
    };
    // The call that it belongs to is recorded already, and its own end is only after those of its processes: what is lost in a
    // crash between them is a part of what that call's uncertainty covers.
    let appended = gate.journal().append_unwaited(&within.task, begun, record::now_ms()).await;
    appended.map_err(|_| NotStarted::Failed)?;
    let grant = match decision {
        Decision::Allow { grant } => grant,
        Decision::Deny(denial) => return Err(NotStarted::Denied(denial.for_caller())),
        Decision::Ask { .. } => {
            return Err(NotStarted::Denied(format!("start {}: a person would have to agree", process.name())));
        }
    };
    let (inner, task, step) = (within.inner(sources, chosen), within.task, within.step.clone());
    Ok(Box::pin(async move {
        let leash = process.leash();
        let setting = Setting {
            world: gate.world(),
            seed: id,
            stage: Some(Arc::new(inner)),
            within: Some((chain, account)),
            process: Some(process),
        };
        let outcome = gate.sandbox().call(&tool, arguments, grant, setting, leash.killed()).await;
        let ended = EventBody::ProcessEnded {
            step,
            process: id,
            tool: tool.id.clone(),
            outcome: outcome.as_ref().ok().map(record::json),
        };
        let appended = gate.journal().append_unwaited(&task, ended, record::now_ms()).await;
        match (outcome, appended) {
            (Ok(outcome), Ok(_)) => leash.exit(&outcome),
            // Without a record nothing goes on.
            (Err(_), _) | (_, Err(_)) => Exit::Trap,
        }
    }))
}
