//! One step's way through the house: references resolved, arguments checked, policy asked, the intent recorded, the
//! call run, its result checked, the outcome recorded.

use crate::{
    budget::{Exhausted, Spent},
    expression::Scope,
    gate::{Asker, Gate, GateError, Proposal},
    plan::{Plan, Step},
    progress::Progress,
    record,
    task::Recorder,
};
use journal::{Check, EventBody};
use policy::{Decision, LimitKind, Limits, Provenance, Source};
use sandbox::{End, Outcome, Tool};
use serde_json::{Map, Value};
use std::{collections::BTreeMap, future::pending, sync::Arc};

/// What a step needs to know of the rest of its task when it begins.
pub(crate) struct Before {
    scope: Scope,
    provenance: BTreeMap<String, Provenance>,
    spent: Spent,
    limits: Result<Limits, Exhausted>,
}

impl Before {
    /// What has happened so far, as far as this step looks at it, and the limits that the budget leaves for it.
    pub(crate) fn new(plan: &Plan, step: &Step, progress: &Progress, limits: Result<Limits, Exhausted>) -> Self {
        let mut scope = Scope::default();
        for &index in &step.after {
            scope.steps.insert(plan.steps[index].id.clone(), Arc::clone(&progress.steps[index].view));
        }
        // An argument comes from the plan, and from everything that the results it refers to came from.
        let sources = |steps: std::collections::BTreeSet<String>| {
            let mut sources = Provenance::from_iter([Source::Plan]);
            for (other, known) in plan.steps.iter().zip(&progress.steps) {
                if steps.contains(&other.id) {
                    sources.join(&known.provenance);
                }
            }
            sources
        };
        let provenance = step.args.iter().map(|(key, template)| (key.clone(), sources(template.steps()))).collect();
        Self { scope, provenance, spent: progress.spent, limits }
    }
}

/// Takes a step from its beginning to its end; what happens is recorded as it happens.
pub(crate) async fn run(
    gate: &Gate,
    tool: &Tool,
    step: &Step,
    before: Before,
    recorder: &Recorder,
) -> Result<(), GateError> {
    let refuse = |why: String| EventBody::StepRefused { step: step.id.clone(), why, budget: false };
    let mut args = Map::new();
    for (key, template) in &step.args {
        match template.resolve(&before.scope) {
            Ok(value) => drop(args.insert(key.clone(), value)),
            Err(error) => return recorder.append(refuse(format!("args.{key}: {error}"))).await,
        }
    }
    let args = Value::Object(args);
    let limits = match before.limits {
        Ok(limits) => limits,
        Err(exhausted) => {
            let why = exhausted.to_string();
            return recorder.append(EventBody::StepRefused { step: step.id.clone(), why, budget: true }).await;
        }
    };
    let arguments = match tool.arguments(&args, limits.get(LimitKind::Arguments)) {
        Ok(arguments) => arguments,
        Err(bad) => return recorder.append(refuse(bad.to_string())).await,
    };
    let decision = gate.decide(&Proposal {
        tool,
        args: &args,
        provenance: &before.provenance,
        narrow: &step.narrow,
        within: None,
        limits,
        spent: before.spent,
    });
    let mut of_arguments = Provenance::new();
    before.provenance.values().for_each(|of_argument| of_arguments.join(of_argument));
    let mut sources = of_arguments.clone();
    sources.insert(Source::Tool(tool.id.to_string()));
    recorder
        .append(EventBody::Decided {
            step: step.id.clone(),
            tool: tool.id.clone(),
            digest: tool.digest,
            args,
            provenance: before.provenance,
            decision: record::verdict(&decision),
        })
        .await?;
    let Decision::Allow { grant } = decision else { return Ok(()) };

    let can_change = grant.can_change();
    recorder.append(EventBody::StepStarted { step: step.id.clone(), can_change }).await?;
    let asker =
        Asker { task: *recorder.task(), step: Some(step.id.clone()), sources: of_arguments, spent: before.spent };
    let outcome = match gate.run(tool, arguments, grant, asker, pending()).await {
        Ok(outcome) => outcome,
        // Nothing ran: that is this step's end, and no other's.
        Err(error) => return recorder.append(refuse(error.to_string())).await,
    };
    // What it read through a door is in its result.
    sources.join(&outcome.effects.sources());
    let check = check(step, before.scope, &outcome);
    recorder
        .append(EventBody::StepEnded {
            step: step.id.clone(),
            outcome: record::json(&outcome),
            check,
            provenance: sources,
        })
        .await
}

/// Evaluates a step's own check, where there is something to check.
fn check(step: &Step, mut scope: Scope, outcome: &Outcome) -> Option<Check> {
    let expect = step.expect.as_ref()?;
    let (state, result, error) = match &outcome.end {
        End::Result(value) => ("done", value.clone(), Value::Null),
        End::ToolError(value) => ("failed", Value::Null, value.clone()),
        End::Limit(_) | End::Trap(_) | End::Cancelled => return None,
    };
    scope.variables.insert("state", Arc::new(state.into()));
    scope.variables.insert("result", Arc::new(result));
    scope.variables.insert("error", Arc::new(error));
    Some(match expect.evaluate(&scope) {
        Ok(Value::Bool(held)) => Check { held, error: (!held).then(|| format!("`{}` is false", expect.source())) },
        Ok(other) => Check { held: false, error: Some(format!("`{}` is {other}, not true or false", expect.source())) },
        Err(error) => Check { held: false, error: Some(error.to_string()) },
    })
}
