//! What a planner can call: the task's tools, and four words to the task itself.

use super::Function;
use crate::gate::Gate;
use serde_json::{Value, json};

/// Hands over several steps at once, which can refer to each other.
pub(super) const PROPOSE: &str = "propose_plan";
/// Asks a person.
pub(super) const ASK: &str = "ask_person";
/// Says that the objective is reached.
pub(super) const FINISH: &str = "finish";
/// Says that it cannot be.
pub(super) const GIVE_UP: &str = "give_up";

/// All of them.
/// `depth` is how deep tasks may stand within its steps.
pub(super) fn offered(gate: &Gate, depth: u32) -> Vec<Function> {
    let tools = gate.tools().map(|tool| {
        let description = tool.description();
        Function {
            name: tool.id.to_string(),
            description: description.docs.clone().unwrap_or_default(),
            parameters: description.input.clone(),
        }
    });
    let own = [
        (
            PROPOSE,
            "Hands over several steps that belong together. They run as soon as what they wait for has ended; you are told when all are over. Steps refer to each other's results as ${{ steps.ID.result }}, so that you need not see a result to pass it on.",
            plan_schema(depth),
        ),
        (
            ASK,
            "Asks the person on whose behalf you work. Use it only where you cannot find out for yourself.",
            one_text("question", "What you want to know."),
        ),
        (
            FINISH,
            "Says that the objective is reached. Nothing can be called after it.",
            one_text("summary", "What was achieved, for the person who asked for it."),
        ),
        (GIVE_UP, "Says that the objective cannot be reached.", one_text("why", "What stands in the way.")),
    ];
    let own = own.into_iter().map(|(name, description, parameters)| Function {
        name: name.to_owned(),
        description: description.to_owned(),
        parameters,
    });
    tools.chain(own).collect()
}

fn one_text(name: &str, description: &str) -> Value {
    json!({
        "type": "object",
        "properties": { name: { "type": "string", "description": description } },
        "required": [name],
        "additionalProperties": false,
    })
}

fn plan_schema(depth: u32) -> Value {
    let mut step = json!({
        "type": "object",
        "properties": {
            "id": { "type": "string", "description": "A letter, then letters, digits or `_`; unique in the whole task." },
            "title": { "type": "string", "description": "What it is for." },
            "tool": { "type": "string", "description": "The tool's id, such as files.read." },
            "args": { "type": "object", "description": "The tool's arguments. A text that is one reference, ${{ … }}, becomes the value itself." },
            "after": { "type": "array", "items": { "type": "string" }, "description": "Steps that must have ended, beside those that it refers to." },
            "when": { "type": "string", "description": "A CEL expression; where it is false, the step is skipped." },
            "foreach": { "description": "A list, or a reference to one: the step is a call for each value, which ${{ item }} stands for." },
            "expect": { "type": "string", "description": "A CEL expression over `result`, `error` and `state` that must hold." },
            "on_failure": { "enum": ["stop", "continue"], "description": "Whether the steps that are left still run. Default: stop." },
        },
        "required": ["id", "tool"],
        "additionalProperties": false,
    });
    if depth > 0 {
        step["properties"]["task"] = json!({
            "type": "object",
            "description": "Instead of `tool`: a task of its own. Without steps, somebody like you plans it, who knows its objective and nothing else; `args` are what it is given, as ${{ input.name }}. Its result is `{ \"summary\": … }`.",
            "properties": {
                "objective": { "type": "string", "description": "What is to be achieved, in full." },
                "steps": { "type": "array", "items": { "type": "object" }, "description": "Its steps, where they are known." },
                "result": { "description": "With steps: what it gives back, as a reference to their results." },
                "budget": { "type": "object", "description": "What it may spend at most, such as { \"calls\": 5, \"tokens\": 20000 }." },
            },
            "required": ["objective"],
            "additionalProperties": false,
        });
        step["required"] = json!(["id"]);
    }
    json!({
        "type": "object",
        "properties": { "steps": { "type": "array", "items": step } },
        "required": ["steps"],
        "additionalProperties": false,
    })
}
