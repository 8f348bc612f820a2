//! What a call's answer is in MCP.

use controller::Answer;
use rmcp::{
    ErrorData,
    model::{CallToolResult, ContentBlock},
};
use sandbox::End;
use serde_json::{Value, json};

/// Whatever a caller can react to is a result with `isError`, so that a model gets to read it; only what is no fault
/// of the call is a protocol error.
pub(crate) fn result(answer: Answer) -> Result<CallToolResult, ErrorData> {
    match answer {
        Answer::Ran(outcome) => match outcome.end {
            End::Result(value) => Ok(structured(value)),
            End::ToolError(value) => Ok(failure(match value {
                Value::String(text) => text,
                value => value.to_string(),
            })),
            End::Limit(hit) => Ok(failure(hit.to_string())),
            End::Trap(message) => Ok(failure(format!("the tool trapped: {message}"))),
            End::Cancelled => Ok(failure("the call was cancelled".into())),
        },
        Answer::Denied(denial) => Ok(failure(denial.for_caller())),
        Answer::Asks { .. } => Ok(failure("the call waits for an approval, which cannot be given here".into())),
        Answer::BadArguments(bad) => Ok(failure(bad.to_string())),
        Answer::Failed(error) => Err(ErrorData::internal_error(error.for_caller(), None)),
    }
}

fn failure(text: String) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(text)])
}

/// The result once: as structured content, and not as text again.
fn structured(value: Value) -> CallToolResult {
    let mut result = CallToolResult::success(Vec::new());
    result.structured_content = Some(object(value));
    result
}

/// Structured content was an object before it could be anything; every revision takes an object.
fn object(value: Value) -> Value {
    if value.is_object() { value } else { json!({ "result": value }) }
}
