//! Tools as MCP lists them.

use controller::Gate;
use policy::Access;
use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde_json::{Value, json};
use std::sync::Arc;

pub(crate) fn tools(gate: &Gate) -> Vec<Tool> {
    gate.tools().map(|tool| listed(tool)).collect()
}

fn listed(tool: &sandbox::Tool) -> Tool {
    let description = tool.description();
    let docs = description.docs.clone().unwrap_or_default();
    Tool::new(tool.id.to_string(), docs, Arc::new(object(description.input.clone())))
        .with_raw_output_schema(Arc::new(object(wrapped(description.output.clone()))))
        .with_annotations(annotations(tool))
}

/// Hints from what the component can reach at all. Its own claims are not repeated.
fn annotations(tool: &sandbox::Tool) -> ToolAnnotations {
    let writes = tool.needs().fs == Some(Access::ReadWrite);
    // There is no door to the network.
    ToolAnnotations::new().read_only(!writes).destructive(writes).open_world(false)
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
