//! One step's way through the house: references resolved, arguments checked, policy asked, the intent recorded, the
//! call run, its result checked, the outcome recorded.

use crate::{
    approval,
    budget::{Exhausted, Room, Spent},
    check,
    delegate::{self, Hands, Job},
    expression::Scope,
    gate::{Admit, Asker, Gate, GateError, Proposal},
    plan::{Step, Work},
    progress::{Node, Progress},
    record,
    recorder::Recorder,
    template::Template,
};
use journal::{Again, Check, EventBody};
use policy::{Decision, LimitKind, Provenance, Repeat, Source};
use sandbox::{End, Outcome, Tool};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use std::{collections::BTreeMap, sync::Arc};

/// How many calls a `foreach` can be.
const MAX_ITEMS: usize = 10_000;

/// What a step needs to know of the rest of its task when it begins.
pub(crate) struct Before {
    node: Node,
    scope: Scope,
    /// Where each argument comes from.
    provenance: BTreeMap<String, Provenance>,
    /// Where the list comes from that it goes through.
    list: Provenance,
    spent: Spent,
    tries: u32,
    room: Result<Room, Exhausted>,
}

impl Before {
    /// What has happened so far, as far as this step looks at it, and the limits that the budget leaves for it.
    pub(crate) fn new(at: usize, progress: &Progress, room: Result<Room, Exhausted>) -> Self {
        let node = progress.graph.nodes()[at].clone();
        let mut scope = Scope::default();
        let (mut list, mut of_item) = (Provenance::new(), Provenance::new());
        scope.variables.insert("input", Arc::clone(&progress.input));
        let mut before = &node.after;
        if let Some(item) = node.item {
            // What it can look at is what its step waited for.
            before = &progress.graph.nodes()[item.of].after;
            let of = &progress.steps[item.of];
            of_item.join(&of.provenance);
            let value = of.items.as_ref().and_then(|(items, _)| items.get(item.index)).cloned().unwrap_or_default();
            scope.variables.insert("item", Arc::new(value));
            scope.variables.insert("index", Arc::new(item.index.into()));
        }
        for &other in before {
            scope.steps.insert(progress.graph.nodes()[other].step.id.clone(), Arc::clone(&progress.steps[other].view));
        }
        // An argument comes from whoever chose the step, and from everything that the results it refers to came from.
        let sources = |template: &Template| {
            let mut sources = Provenance::clone(&node.chosen);
            sources.join(&of_item);
            if template.needs_input() {
                sources.join(&progress.given());
            }
            for other in template.steps().iter().filter_map(|id| progress.graph.find(id)) {
                sources.join(&progress.steps[other].provenance);
            }
            sources
        };
        let step = &node.step;
        let provenance = step.args.iter().map(|(key, template)| (key.clone(), sources(template))).collect();
        if let Some(template) = &step.foreach {
            list = sources(template);
        }
        let tries = progress.steps[at].tries.saturating_sub(progress.steps[at].broke_off);
        Self { scope, provenance, list, spent: progress.spent, tries, room, node }
    }
}

/// Takes a step from its beginning to its end; what happens is recorded as it happens.
pub(crate) async fn run(
    gate: &Arc<Gate>,
    before: Before,
    recorder: &Arc<Recorder>,
    hands: &Hands,
    cancel: impl Future<Output = ()>,
) -> Result<(), GateError> {
    let Before { node, mut scope, mut provenance, list, spent, tries, room } = before;
    let (id, step) = (node.id.to_string(), &*node.step);
    let refuse = |why: String| EventBody::StepRefused { step: id.clone(), why, budget: false };
    if node.item.is_none() {
        match first(step, &scope) {
            Ok(First::Call) => {}
            Ok(First::Skip(why)) => return recorder.append(EventBody::StepSkipped { step: id, why }).await,
            Ok(First::Each(items)) => {
                return recorder.append(EventBody::StepExpanded { step: id, items, provenance: list }).await;
            }
            Err(why) => return recorder.append(refuse(why)).await,
        }
    }
    let key = key(recorder, &id);
    scope.variables.insert("key", Arc::new(key.clone().into()));
    let mut args = Map::new();
    for (name, template) in &step.args {
        match template.resolve(&scope) {
            Ok(value) => drop(args.insert(name.clone(), value)),
            Err(error) => return recorder.append(refuse(format!("args.{name}: {error}"))).await,
        }
    }
    let room = match room {
        Ok(room) => room,
        Err(exhausted) => {
            let why = exhausted.to_string();
            return recorder.append(EventBody::StepRefused { step: id, why, budget: true }).await;
        }
    };
    let (wanted, limits) = match (&step.work, room) {
        (Work::Call(wanted), Room::Call(limits)) => (wanted, limits),
        (Work::Task(task), Room::Task(budget)) => {
            let job = Job { node: &node, task, input: args, provenance, budget };
            let check = move |result: &Value| expected(step, scope, "done", result.clone(), Value::Null);
            return delegate::run(gate, recorder, hands, job, check).await;
        }
        (Work::Call(_), Room::Task(_)) | (Work::Task(_), Room::Call(_)) => {
            return recorder.append(refuse("what it may spend is not known".into())).await;
        }
    };
    // Steps that were added meanwhile are not checked before.
    let Some(tool) = gate.tool(wanted) else {
        let why = format!("there is no tool `{wanted}`{}", check::hint(wanted, gate.tools().map(|tool| &tool.id)));
        return recorder.append(refuse(why)).await;
    };
    if let Repeat::Keyed(argument) = tool.repeat()
        && args.get(argument).is_none_or(Value::is_null)
    {
        args.insert(argument.clone(), key.into());
        provenance.insert(argument.clone(), Provenance::clone(&node.chosen));
    }
    let args = Value::Object(args);
    let arguments = match tool.arguments(&args, limits.get(LimitKind::Arguments)) {
        Ok(arguments) => arguments,
        Err(bad) => return recorder.append(refuse(bad.to_string())).await,
    };
    let proposal = Proposal {
        tool,
        args: &args,
        provenance: &provenance,
        chosen: &node.chosen,
        narrow: &step.narrow,
        within: None,
        limits,
        spent,
    };
    let approval::Decided { decision, approval, ask } = approval::decide(gate, recorder, &id, &proposal);
    let mut of_arguments = Provenance::clone(&node.chosen);
    provenance.values().for_each(|of_argument| of_arguments.join(of_argument));
    let mut sources = of_arguments.clone();
    sources.insert(Source::Tool(tool.id.to_string()));
    let decided = EventBody::Decided {
        step: id.clone(),
        tool: tool.id.clone(),
        digest: tool.digest,
        args,
        provenance,
        decision: record::verdict(&decision),
        approval,
    };
    let Decision::Allow { grant } = decision else {
        return match ask {
            Some(ask) => recorder.append_both(decided, EventBody::Asked(Box::new(ask))).await,
            None => recorder.append(decided).await,
        };
    };
    let can_change = grant.can_change();
    recorder.append_both(decided, EventBody::StepStarted { step: id.clone(), can_change }).await?;
    let (task, keeper) = (*recorder.task(), Arc::clone(recorder));
    let admit: Admit = Arc::new(move || keeper.progress().admit(record::now_ms()));
    let (step_id, chosen, admit) = (Some(id.clone()), node.chosen, Some(admit));
    let asker = Asker { task, step: step_id, sources: of_arguments, chosen, spent, admit };
    let outcome = match gate.run(tool, arguments, grant, asker, cancel).await {
        Ok(outcome) => outcome,
        // Nothing ran: that is this step's end, and no other's.
        Err(error) => return recorder.append(refuse(error.to_string())).await,
    };
    // What it read through a door is in its result.
    sources.join(&outcome.effects.sources());
    let check = match &outcome.end {
        End::Result(value) => expected(step, scope, "done", value.clone(), Value::Null),
        End::ToolError(value) => expected(step, scope, "failed", Value::Null, value.clone()),
        End::Limit(_) | End::Trap(_) | End::Cancelled => None,
    };
    let again = again(step, tool, tries + 1, &outcome, check.as_ref());
    recorder
        .append(EventBody::StepEnded { step: id, outcome: record::json(&outcome), check, provenance: sources, again })
        .await
}

/// What a step is before it is a call.
enum First {
    Call,
    Skip(String),
    Each(Vec<Value>),
}

fn first(step: &Step, scope: &Scope) -> Result<First, String> {
    if let Some(when) = &step.when {
        match when.evaluate(scope) {
            Ok(Value::Bool(true)) => {}
            Ok(Value::Bool(false)) => return Ok(First::Skip(format!("`{}` is false", when.source()))),
            Ok(other) => return Err(format!("when: `{}` is {other}, not true or false", when.source())),
            Err(error) => return Err(format!("when: {error}")),
        }
    }
    let Some(foreach) = &step.foreach else { return Ok(First::Call) };
    match foreach.resolve(scope) {
        Ok(Value::Array(items)) if items.len() <= MAX_ITEMS => Ok(First::Each(items)),
        Ok(Value::Array(items)) => Err(format!("foreach: {} values are more than {MAX_ITEMS}", items.len())),
        Ok(other) => {
            let found: String = other.to_string().chars().take(80).collect();
            Err(format!("foreach: expected a list, got {found}"))
        }
        Err(error) => Err(format!("foreach: {error}")),
    }
}

/// What is the same for every try of one call, also after a crash, and for no other call.
fn key(recorder: &Recorder, id: &str) -> String {
    let hash = Sha256::new_with_prefix(b"gloveport step key 1").chain_update(recorder.task().as_str()).chain_update(id);
    hex::encode(&hash.finalize()[..16])
}

/// Whether it is safe to run again, whatever it did.
pub(crate) fn may_repeat(step: &Step, tool: &Tool) -> bool {
    step.idempotent || !matches!(tool.repeat(), Repeat::Unsafe)
}

/// When it is tried again, where it did not succeed.
fn again(step: &Step, tool: &Tool, tries: u32, outcome: &Outcome, check: Option<&Check>) -> Option<Again> {
    let succeeded = match (&outcome.end, check) {
        (End::Result(_), check) => check.is_none_or(|check| check.held),
        (End::ToolError(_), check) => check.is_some_and(|check| check.held),
        (End::Limit(_) | End::Trap(_), _) => false,
        // Somebody does not want it any more.
        (End::Cancelled, _) => true,
    };
    if succeeded || !may_repeat(step, tool) {
        return None;
    }
    let wait = step.retry.wait(tries)?;
    Some(Again { tries, at_ms: record::now_ms().saturating_add(wait) })
}

/// Evaluates a step's own check, where there is something to check.
fn expected(step: &Step, mut scope: Scope, state: &str, result: Value, error: Value) -> Option<Check> {
    let expect = step.expect.as_ref()?;
    scope.variables.insert("state", Arc::new(state.into()));
    scope.variables.insert("result", Arc::new(result));
    scope.variables.insert("error", Arc::new(error));
    Some(match expect.evaluate(&scope) {
        Ok(Value::Bool(held)) => Check { held, error: (!held).then(|| format!("`{}` is false", expect.source())) },
        Ok(other) => Check { held: false, error: Some(format!("`{}` is {other}, not true or false", expect.source())) },
        Err(error) => Check { held: false, error: Some(error.to_string()) },
    })
}
