//! Whether steps fit together: what is passed to a tool is what it takes, and what is asked of a result is there.

use super::{
    KnownTool,
    schema::{self, Type, fits, kinds, words},
};
use crate::{
    expression::types::Names,
    plan::{Plan, Step},
    template::{Part, Template},
};
use policy::ToolId;
use serde_json::{Map, Value, json};

/// Checks steps one by one. Of a task, and of a tool that is not there, nothing more is known.
pub(super) fn check(
    step: &Step,
    names: &Names<'_>,
    tool: Option<(&ToolId, &KnownTool<'_>)>,
    problems: &mut Vec<String>,
) {
    let place = format!("step `{}`", step.id);
    let mut names = names.clone();
    names.add("key", Some(json!({ "type": "string" })));
    let truth = |of: Result<Type, String>, key: &str, problems: &mut Vec<String>| match of {
        Err(problem) => problems.push(format!("{place}, {key}: {problem}")),
        Ok(Some(found)) if !kinds(&found).contains("boolean") => {
            problems.push(format!("{place}, {key}: expected true or false, got {}", words(&found)));
        }
        Ok(_) => {}
    };
    if let Some(when) = &step.when {
        truth(when.infer(&names), "when", problems);
    }
    if let Some(foreach) = &step.foreach {
        match template(foreach, &names) {
            Err(problem) => problems.push(format!("{place}, foreach: {problem}")),
            Ok(found) => match schema::item(&found, None) {
                Err(problem) => problems.push(format!("{place}, foreach: {problem}")),
                Ok(item) => {
                    names.add("item", item);
                    names.add("index", Some(json!({ "type": "integer" })));
                }
            },
        }
    }
    arguments(step, tool, &names, &place, problems);
    if let Some(expect) = &step.expect {
        names.add("result", tool.map(|(_, tool)| tool.output.clone()));
        names.add("state", Some(json!({ "type": "string" })));
        names.add("error", None);
        truth(expect.infer(&names), "expect", problems);
    }
}

/// What a plan is given.
pub(super) fn input(plan: &Plan) -> Type {
    // What is given to a task within a task is known when it begins.
    let of = |value: &Value| if value.is_null() { json!({}) } else { schema::of(value) };
    let properties: Map<_, _> = plan.input.iter().map(|(name, value)| (name.clone(), of(value))).collect();
    let required: Vec<_> = plan.input.keys().cloned().collect();
    Some(json!({
        "type": "object", "properties": properties, "required": required, "additionalProperties": false,
    }))
}

/// Whether what a plan gives back can be made of these results.
pub(super) fn result(result: &Template, names: &Names<'_>) -> Result<(), String> {
    template(result, names).map(drop)
}

fn arguments(
    step: &Step,
    tool: Option<(&ToolId, &KnownTool<'_>)>,
    names: &Names<'_>,
    place: &str,
    problems: &mut Vec<String>,
) {
    let known = tool.and_then(|(id, tool)| Some((id, tool.input["properties"].as_object()?)));
    for (key, argument) in &step.args {
        let found = match template(argument, names) {
            Ok(found) => found,
            Err(problem) => {
                problems.push(format!("{place}, args.{key}: {problem}"));
                continue;
            }
        };
        let Some((id, known)) = known else { continue };
        match known.get(key) {
            Some(wanted) => {
                if let Some(found) = found
                    && let Err(problem) = fits(&found, wanted)
                {
                    problems.push(format!("{place}, args.{key}: {problem}"));
                }
            }
            None => {
                let keys: Vec<_> = known.keys().map(String::as_str).collect();
                let near = keys.iter().map(|known| (strsim::levenshtein(key, known), known)).min();
                let hint = match near.filter(|(distance, _)| *distance <= 2) {
                    Some((_, known)) => format!("; did you mean `{known}`?"),
                    None => format!("; `{id}` takes: {}", keys.join(", ")),
                };
                problems.push(format!("{place}, args.{key}: there is no such argument{hint}"));
            }
        }
    }
    let Some((id, tool)) = tool else { return };
    for key in tool.input["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !step.args.contains_key(key) {
            problems.push(format!("{place}, args: `{key}` is missing, which `{id}` needs"));
        }
    }
}

/// What a template will be.
fn template(template: &Template, names: &Names<'_>) -> Result<Type, String> {
    Ok(match template {
        Template::Literal(value) => Some(schema::of(value)),
        Template::Reference(expression) => expression.infer(names)?,
        Template::Text(parts) => {
            for part in parts {
                if let Part::Reference(expression) = part {
                    expression.infer(names)?;
                }
            }
            Some(json!({ "type": "string" }))
        }
        Template::Array(items) => {
            let items = items.iter().map(|item| self::template(item, names)).collect::<Result<Vec<_>, _>>()?;
            let items: Vec<_> = items.into_iter().map(Option::unwrap_or_default).map(any).collect();
            Some(json!({ "type": "array", "prefixItems": items }))
        }
        Template::Object(entries) => {
            let entry = |(key, value): &(String, Template)| {
                Ok::<_, String>((key.clone(), any(self::template(value, names)?.unwrap_or_default())))
            };
            let properties = entries.iter().map(entry).collect::<Result<serde_json::Map<_, _>, _>>()?;
            let required: Vec<_> = properties.keys().cloned().collect();
            Some(json!({
                "type": "object", "properties": properties, "required": required, "additionalProperties": false,
            }))
        }
    })
}

/// The schema that admits everything, where there is none.
fn any(schema: Value) -> Value {
    if schema.is_null() { json!({}) } else { schema }
}
