//! Tools as MCP lists them.

use controller::Gate;
use policy::Annotations;
use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde_json::{Value, json};
use std::sync::Arc;

pub(crate) fn tools(gate: &Gate) -> Vec<Tool> {
    gate.tools().map(|tool| listed(tool, gate.annotations(tool))).collect()
}

fn listed(tool: &sandbox::Tool, annotations: Annotations) -> Tool {
    let description = tool.description();
    let docs = description.docs.clone().unwrap_or_default();
    Tool::new(tool.id.to_string(), docs, Arc::new(object(description.input.clone())))
        .with_raw_output_schema(Arc::new(object(wrapped(description.output.clone()))))
        .with_annotations(hints(annotations))
}

/// All four are said: what is absent, a client has to take for the worst.
fn hints(annotations: Annotations) -> ToolAnnotations {
    let Annotations { read_only, destructive, idempotent, open_world } = annotations;
    ToolAnnotations::new().read_only(read_only).destructive(destructive).idempotent(idempotent).open_world(open_world)
}

/// The schema of what [`crate::answer`] makes of a result.
fn wrapped(schema: Value) -> Value {
    if schema.get("type").is_some_and(|kind| kind == "object") {
        return schema;
    }
    json!({
        "type": "object", "properties": { "result": schema }, "required": ["result"], "additionalProperties": false,
    })
}

fn object(value: Value) -> JsonObject {
    match value {
        Value::Object(map) => map,
        other => JsonObject::from_iter([("const".to_owned(), other)]),
    }
}
