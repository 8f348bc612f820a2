//! Everything about a plan that can be known before anything runs: whether its tools are there, and whether its steps fit
//! together.

pub(crate) mod schema;
mod types;

use crate::{
    gate::Gate,
    plan::{Plan, Step},
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
    check_steps(&plan.steps, BTreeMap::new(), tools)
}

/// The same for steps that can refer to others, of whose results this is known.
pub(crate) fn check_steps(
    steps: &[Step],
    mut results: BTreeMap<String, schema::Type>,
    tools: &Catalogue<'_>,
) -> Result<(), Unfit> {
    let mut problems = Vec::new();
    for step in steps {
        results.insert(step.id.clone(), result(step, tools));
    }
    for step in steps {
        match tools.get(&step.tool) {
            None => problems.push(format!(
                "step `{}`: there is no tool `{}`{}",
                step.id,
                step.tool,
                hint(&step.tool, tools.keys())
            )),
            Some(tool) if step.retry.tries > 1 && !step.idempotent && *tool.repeat == Repeat::Unsafe => {
                problems.push(format!(
                    "step `{}`, retry: `{}` may be unsafe to repeat; where it is not in this case, say `idempotent = true`",
                    step.id, step.tool
                ));
            }
            Some(_) => {}
        }
        types::check(step, &results, tools, &mut problems);
    }
    if problems.is_empty() { Ok(()) } else { Err(Unfit { problems }) }
}

/// What a step's result will be.
pub(crate) fn result(step: &Step, tools: &Catalogue<'_>) -> schema::Type {
    let output = tools.get(&step.tool)?.output.clone();
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
pub(crate) fn find_tool(gate: &Gate, step: &Step) -> Result<Arc<Tool>, Unfit> {
    gate.tool(&step.tool).cloned().ok_or_else(|| {
        let hint = hint(&step.tool, gate.tools().map(|tool| &tool.id));
        Unfit { problems: vec![format!("step `{}`: there is no tool `{}`{hint}", step.id, step.tool)] }
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
