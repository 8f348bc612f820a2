//! Everything about a plan that can be known before anything runs: whether its tools are there, and whether its steps fit
//! together.

pub(crate) mod schema;
mod types;

use crate::{
    expression::types::Names,
    gate::Gate,
    plan::{Plan, Step, Work},
    progress::Graph,
};
use policy::{Repeat, ToolId};
use sandbox::Tool;
use serde_json::{Value, json};
use std::{collections::BTreeMap, fmt, sync::Arc};

/// A plan that cannot be carried out here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    /// What is wrong; at least one, each with its step.
    pub problems: Vec<String>,
}

impl std::error::Error for Unfit {}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problems.join("\n"))
    }
}

/// What is known of a tool without running it.
#[derive(Debug, Clone, Copy)]
pub struct KnownTool<'a> {
    /// The JSON Schema of its arguments.
    pub input: &'a Value,
    /// The JSON Schema of its result.
    pub output: &'a Value,
    /// Whether it can run again.
    pub repeat: &'a Repeat,
}

/// The tools that there are.
pub type Catalogue<'a> = BTreeMap<ToolId, KnownTool<'a>>;

/// Checks a plan's steps against the tools that there are.
///
/// # Errors
/// Lists everything that is wrong.
pub fn check_plan(plan: &Plan, tools: &Catalogue<'_>) -> Result<(), Unfit> {
    let mut unfit = Unfit { problems: Vec::new() };
    check_within(plan, "", tools, &mut unfit);
    if unfit.problems.is_empty() { Ok(()) } else { Err(unfit) }
}

fn check_within(plan: &Plan, place: &str, tools: &Catalogue<'_>, unfit: &mut Unfit) {
    let (results, input) = (results(&plan.steps, tools), types::input(plan));
    let names = Names::new(&results, &input);
    let mut found = Unfit { problems: Vec::new() };
    each(&plan.steps, &names, tools, &mut found);
    if let Some(result) = &plan.result
        && let Err(problem) = types::result(result, &names)
    {
        found.problems.push(format!("result: {problem}"));
    }
    unfit.problems.extend(found.problems.into_iter().map(|problem| format!("{place}{problem}")));
}

/// The same for steps that are added to a task, and can refer to all that it has.
pub(crate) fn check_steps(steps: &[Step], graph: &Graph, plan: &Plan, tools: &Catalogue<'_>) -> Result<(), Unfit> {
    let known = graph.nodes().iter().filter(|node| node.item.is_none());
    let mut known: BTreeMap<_, _> = known.map(|node| (node.id.to_string(), result(&node.step, tools))).collect();
    known.extend(results(steps, tools));
    let (input, mut unfit) = (types::input(plan), Unfit { problems: Vec::new() });
    each(steps, &Names::new(&known, &input), tools, &mut unfit);
    if unfit.problems.is_empty() { Ok(()) } else { Err(unfit) }
}

fn results(steps: &[Step], tools: &Catalogue<'_>) -> BTreeMap<String, schema::Type> {
    steps.iter().map(|step| (step.id.clone(), result(step, tools))).collect()
}

fn each(steps: &[Step], names: &Names<'_>, tools: &Catalogue<'_>, unfit: &mut Unfit) {
    for step in steps {
        let tool = match &step.work {
            Work::Task(task) => {
                check_within(&task.plan, &format!("step `{}`, task: ", step.id), tools, unfit);
                None
            }
            Work::Call(id) => tools.get(id).map(|tool| (id, tool)).or_else(|| {
                let hint = hint(id, tools.keys());
                unfit.problems.push(format!("step `{}`: there is no tool `{id}`{hint}", step.id));
                None
            }),
        };
        if let Some((id, tool)) = tool
            && step.retry.tries > 1
            && !step.idempotent
            && *tool.repeat == Repeat::Unsafe
        {
            unfit.problems.push(format!(
                "step `{}`, retry: `{id}` may be unsafe to repeat; where it is not in this case, say `idempotent = true`",
                step.id
            ));
        }
        types::check(step, names, tool, &mut unfit.problems);
    }
}

/// What a step's result will be.
fn result(step: &Step, tools: &Catalogue<'_>) -> schema::Type {
    let output = match &step.work {
        Work::Call(tool) => tools.get(tool)?.output.clone(),
        Work::Task(task) => task.output()?,
    };
    Some(if step.foreach.is_some() { json!({ "type": "array", "items": output }) } else { output })
}

/// The tools of a gate.
pub(crate) fn catalogue(gate: &Gate) -> Catalogue<'_> {
    gate.tools()
        .map(|tool| {
            let description = tool.description();
            let known = KnownTool { input: &description.input, output: &description.output, repeat: tool.repeat() };
            (tool.id.clone(), known)
        })
        .collect()
}

/// The tool that a step calls.
pub(crate) fn find_tool(gate: &Gate, step: &str, id: &ToolId) -> Result<Arc<Tool>, Unfit> {
    gate.tool(id).cloned().ok_or_else(|| {
        let hint = hint(id, gate.tools().map(|tool| &tool.id));
        Unfit { problems: vec![format!("step `{step}`: there is no tool `{id}`{hint}")] }
    })
}

/// What might be meant by the id of a tool that is not there.
pub(crate) fn hint<'a>(id: &ToolId, known: impl Iterator<Item = &'a ToolId>) -> String {
    let near = known.map(|known| (strsim::levenshtein(id.as_str(), known.as_str()), known));
    near.min().filter(|(distance, _)| *distance <= 4).map_or_else(
        || format!("; `gloveport tools {}` lists them", id.package()),
        |(_, known)| format!("; did you mean `{known}`?"),
    )
}
