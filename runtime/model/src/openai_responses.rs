//! The OpenAI Responses API (`POST /responses`, streamed): a list of items in, a list of items out.

use crate::{
    names::Names,
    wire::{Wrong, count, text, written},
};
use controller::{Heard, Message, Prompt, Stop, Tokens, Turn};
use serde_json::{Value, json};

pub(crate) fn body(model: &str, prompt: &Prompt, names: &Names) -> Value {
    let mut input = Vec::new();
    for message in &prompt.messages {
        match message {
            Message::Person(words) => input.push(json!({ "role": "user", "content": words })),
            Message::Turn(turn) => {
                // Reasoning goes back as it came, before what followed from it.
                input.extend(turn.kept.iter().filter_map(Value::as_array).flatten().cloned());
                if !turn.text.is_empty() {
                    input.push(json!({ "role": "assistant", "content": turn.text }));
                }
                input.extend(turn.calls.iter().map(|call| {
                    json!({
                        "type": "function_call", "call_id": call.id, "name": names.wire(&call.name),
                        "arguments": written(&call.arguments),
                    })
                }));
            }
            Message::Results(results) => input.extend(results.iter().map(
                |result| json!({ "type": "function_call_output", "call_id": result.id, "output": result.content }),
            )),
        }
    }
    let tools: Vec<_> = prompt
        .functions
        .iter()
        .map(|function| {
            json!({
                "type": "function", "name": names.wire(&function.name), "description": function.description,
                "parameters": function.parameters, "strict": false,
            })
        })
        .collect();
    json!({
        "model": model,
        "instructions": prompt.system,
        "input": input,
        "tools": tools,
        "parallel_tool_calls": true,
        "max_output_tokens": prompt.max_output,
        "stream": true,
        // Nothing is left there: the whole conversation is told each time, reasoning included.
        "store": false,
        "include": ["reasoning.encrypted_content"],
    })
}

/// An answer as it comes; only its end is said to be whole.
#[derive(Default)]
pub(crate) struct Answer {
    response: Option<Value>,
    /// Items that were said to be done, in their places: some servers leave them out of the end.
    items: Vec<(u64, Value)>,
}

impl Answer {
    pub(crate) fn take(&mut self, event: &Value, heard: &Heard<'_>) -> Result<bool, Wrong> {
        match text(event, "type") {
            "response.output_text.delta" | "response.refusal.delta" => heard(text(event, "delta")),
            "response.output_item.done" => self.items.push((count(&event["output_index"]), event["item"].clone())),
            "response.completed" | "response.incomplete" => {
                self.response = Some(event["response"].clone());
                return Ok(true);
            }
            "response.failed" => return Err(failed(&event["response"]["error"])),
            "error" => return Err(failed(if event["error"].is_object() { &event["error"] } else { event })),
            _ => {}
        }
        Ok(false)
    }

    pub(crate) fn take_whole(&mut self, response: &Value, heard: &Heard<'_>) -> Result<(), Wrong> {
        if response["error"].is_object() {
            return Err(failed(&response["error"]));
        }
        if !response["output"].is_array() {
            return Err(Wrong::Form("an answer without `output`".into()));
        }
        self.response = Some(response.clone());
        heard(&said(response["output"].as_array().into_iter().flatten()).0);
        Ok(())
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.response.is_some()
    }

    pub(crate) fn turn(self, names: &Names) -> Turn {
        let response = self.response.unwrap_or_default();
        let mut items = self.items;
        items.sort_by_key(|(place, _)| *place);
        let done: Vec<_> = items.into_iter().map(|(_, item)| item).collect();
        let output = match response["output"].as_array() {
            Some(output) if !output.is_empty() => output.clone(),
            _ => done,
        };
        let (words, refusal) = said(output.iter());
        let of_kind = |kind: &'static str| output.iter().filter(move |item| text(item, "type") == kind);
        let calls: Vec<_> = of_kind("function_call")
            .map(|item| names.call(text(item, "call_id").into(), text(item, "name").into(), text(item, "arguments")))
            .collect();
        let kept: Vec<_> = of_kind("reasoning").cloned().collect();
        let stop = match (text(&response, "status"), text(&response["incomplete_details"], "reason")) {
            _ if !refusal.is_empty() => Stop::Refused(refusal),
            ("incomplete", "content_filter") => Stop::Refused("a filter of the API's stopped it".into()),
            ("incomplete", _) => Stop::Length,
            _ if !calls.is_empty() => Stop::Calls,
            _ => Stop::End,
        };
        let usage = &response["usage"];
        let tokens = Tokens {
            input: count(&usage["input_tokens"]),
            cached: count(&usage["input_tokens_details"]["cached_tokens"]),
            output: count(&usage["output_tokens"]),
        };
        Turn { text: words, calls, stop, tokens, kept: (!kept.is_empty()).then(|| kept.into()) }
    }
}

/// The words of an answer, and those with which it declines.
fn said<'a>(output: impl Iterator<Item = &'a Value>) -> (String, String) {
    let (mut words, mut refusal) = (String::new(), String::new());
    for part in
        output.filter(|item| text(item, "type") == "message").flat_map(|item| item["content"].as_array()).flatten()
    {
        words.push_str(text(part, "text"));
        refusal.push_str(text(part, "refusal"));
    }
    (words, refusal)
}

fn failed(error: &Value) -> Wrong {
    let kind = [text(error, "code"), text(error, "type")].into_iter().find(|kind| !kind.is_empty());
    Wrong::Api { kind: kind.unwrap_or_default().to_owned(), message: text(error, "message").to_owned() }
}
