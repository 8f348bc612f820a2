//! The Anthropic Messages API (`POST /messages`, streamed): messages of blocks, which take turns.

use crate::{
    names::Names,
    wire::{Wrong, count, text},
};
use controller::{Arguments, Heard, Message, Prompt, Stop, Tokens, Turn};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(crate) fn body(model: &str, prompt: &Prompt, names: &Names) -> Value {
    let mut messages: Vec<(&str, Vec<Value>)> = Vec::new();
    let mut say = |role, blocks: Vec<Value>| match messages.last_mut() {
        // Two in a row are one.
        Some((last, all)) if *last == role => all.extend(blocks),
        _ => messages.push((role, blocks)),
    };
    for message in &prompt.messages {
        match message {
            Message::Person(words) => say("user", vec![json!({ "type": "text", "text": words })]),
            Message::Turn(turn) => {
                // Thoughts go back as they came, before everything else.
                let mut blocks: Vec<_> = turn.kept.iter().filter_map(Value::as_array).flatten().cloned().collect();
                if !turn.text.is_empty() {
                    blocks.push(json!({ "type": "text", "text": turn.text }));
                }
                blocks.extend(turn.calls.iter().map(|call| {
                    let input = match &call.arguments {
                        Arguments::Json(value) if value.is_object() => value.clone(),
                        Arguments::Json(other) => json!({ "malformed": other.to_string() }),
                        Arguments::Malformed(text) => json!({ "malformed": text }),
                    };
                    json!({ "type": "tool_use", "id": call.id, "name": names.wire(&call.name), "input": input })
                }));
                if blocks.is_empty() {
                    blocks.push(json!({ "type": "text", "text": "…" }));
                }
                say("assistant", blocks);
            }
            Message::Results(results) => {
                let block = |result: &controller::CallResult| {
                    json!({
                        "type": "tool_result", "tool_use_id": result.id, "content": result.content,
                        "is_error": result.failed,
                    })
                };
                say("user", results.iter().map(block).collect());
            }
        }
    }
    let tools: Vec<_> = prompt
        .functions
        .iter()
        .map(|function| {
            json!({
                "name": names.wire(&function.name), "description": function.description,
                "input_schema": function.parameters,
            })
        })
        .collect();
    let messages: Vec<_> =
        messages.into_iter().map(|(role, content)| json!({ "role": role, "content": content })).collect();
    json!({
        "model": model,
        "system": prompt.system,
        "messages": messages,
        "tools": tools,
        "max_tokens": prompt.max_output,
        "stream": true,
    })
}

/// An answer as it comes.
#[derive(Default)]
pub(crate) struct Answer {
    blocks: BTreeMap<u64, Value>,
    /// The arguments of calls, in pieces.
    inputs: BTreeMap<u64, String>,
    stop: String,
    tokens: Tokens,
    whole: bool,
}

impl Answer {
    pub(crate) fn take(&mut self, event: &Value, heard: &Heard<'_>) -> Result<bool, Wrong> {
        let place = count(&event["index"]);
        match text(event, "type") {
            "message_start" => self.usage(&event["message"]["usage"]),
            "content_block_start" => {
                heard(text(&event["content_block"], "text"));
                self.blocks.insert(place, event["content_block"].clone());
            }
            "content_block_delta" => self.delta(place, &event["delta"], heard),
            "message_delta" => {
                self.stop = text(&event["delta"], "stop_reason").to_owned();
                self.usage(&event["usage"]);
            }
            "message_stop" => {
                self.whole = true;
                return Ok(true);
            }
            "error" => return Err(failed(&event["error"])),
            // `ping`, `content_block_stop`, and what later versions add.
            _ => {}
        }
        Ok(false)
    }

    fn delta(&mut self, place: u64, delta: &Value, heard: &Heard<'_>) {
        let field = match text(delta, "type") {
            "text_delta" => "text",
            "thinking_delta" => "thinking",
            "signature_delta" => "signature",
            "input_json_delta" => {
                self.inputs.entry(place).or_default().push_str(text(delta, "partial_json"));
                return;
            }
            _ => return,
        };
        let more = text(delta, field);
        if field == "text" {
            heard(more);
        }
        if let Some(block) = self.blocks.get_mut(&place) {
            let whole = format!("{}{more}", text(block, field));
            block[field] = whole.into();
        }
    }

    /// What is not said anew stays.
    fn usage(&mut self, usage: &Value) {
        if usage["input_tokens"].is_u64() {
            let cached = count(&usage["cache_read_input_tokens"]);
            let input = count(&usage["input_tokens"]) + cached + count(&usage["cache_creation_input_tokens"]);
            self.tokens = Tokens { input, cached, ..self.tokens };
        }
        if usage["output_tokens"].is_u64() {
            self.tokens.output = count(&usage["output_tokens"]);
        }
    }

    pub(crate) fn take_whole(&mut self, message: &Value, heard: &Heard<'_>) -> Result<(), Wrong> {
        if text(message, "type") == "error" {
            return Err(failed(&message["error"]));
        }
        let Some(content) = message["content"].as_array() else {
            return Err(Wrong::Form("an answer without `content`".into()));
        };
        content.iter().for_each(|block| heard(text(block, "text")));
        self.blocks = (0..).zip(content.iter().cloned()).collect();
        self.stop = text(message, "stop_reason").to_owned();
        self.usage(&message["usage"]);
        self.whole = true;
        Ok(())
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.whole
    }

    pub(crate) fn turn(self, names: &Names) -> Turn {
        let (mut words, mut calls, mut kept) = (String::new(), Vec::new(), Vec::new());
        for (place, block) in self.blocks {
            match text(&block, "type") {
                "text" => words.push_str(text(&block, "text")),
                "tool_use" => {
                    let whole = block["input"].to_string();
                    let input = self.inputs.get(&place).unwrap_or(&whole);
                    calls.push(names.call(text(&block, "id").into(), text(&block, "name").into(), input));
                }
                "thinking" | "redacted_thinking" => kept.push(block),
                _ => {}
            }
        }
        let stop = match self.stop.as_str() {
            "refusal" => Stop::Refused(if words.is_empty() { "it gives no reason".into() } else { words.clone() }),
            "max_tokens" | "model_context_window_exceeded" => Stop::Length,
            _ if !calls.is_empty() => Stop::Calls,
            _ => Stop::End,
        };
        Turn { text: words, calls, stop, tokens: self.tokens, kept: (!kept.is_empty()).then(|| kept.into()) }
    }
}

fn failed(error: &Value) -> Wrong {
    Wrong::Api { kind: text(error, "type").to_owned(), message: text(error, "message").to_owned() }
}
