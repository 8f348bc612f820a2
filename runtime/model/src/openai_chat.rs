//! Chat completions (`POST /chat/completions`, streamed), as OpenAI has them and other servers speak them.

use crate::{
    names::Names,
    wire::{Wrong, count, text, written},
};
use controller::{Heard, Message, Prompt, Stop, Tokens, Turn};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(crate) fn body(model: &str, prompt: &Prompt, names: &Names) -> Value {
    let mut messages = vec![json!({ "role": "system", "content": prompt.system })];
    for message in &prompt.messages {
        match message {
            Message::Person(words) => messages.push(json!({ "role": "user", "content": words })),
            Message::Turn(turn) => {
                let calls: Vec<_> = turn
                    .calls
                    .iter()
                    .map(|call| {
                        json!({
                            "id": call.id, "type": "function",
                            "function": { "name": names.wire(&call.name), "arguments": written(&call.arguments) },
                        })
                    })
                    .collect();
                let mut said = json!({ "role": "assistant", "content": turn.text });
                if !calls.is_empty() {
                    said["tool_calls"] = calls.into();
                }
                messages.push(said);
            }
            Message::Results(results) => messages.extend(
                results
                    .iter()
                    .map(|result| json!({ "role": "tool", "tool_call_id": result.id, "content": result.content })),
            ),
        }
    }
    let tools: Vec<_> = prompt
        .functions
        .iter()
        .map(|function| {
            json!({
                "type": "function",
                "function": {
                    "name": names.wire(&function.name), "description": function.description,
                    "parameters": function.parameters,
                },
            })
        })
        .collect();
    let mut body = json!({
        "model": model,
        "messages": messages,
        "stream": true,
        "stream_options": { "include_usage": true },
        // OpenAI's newer models refuse `max_tokens`; servers that know only that pass over this one.
        "max_completion_tokens": prompt.max_output,
    });
    if !tools.is_empty() {
        body["tools"] = tools.into();
    }
    body
}

/// An answer as it comes.
#[derive(Default)]
pub(crate) struct Answer {
    words: String,
    refusal: String,
    calls: BTreeMap<u64, Call>,
    finish: String,
    tokens: Tokens,
}

#[derive(Default)]
struct Call {
    id: String,
    name: String,
    arguments: String,
}

impl Answer {
    pub(crate) fn take(&mut self, chunk: &Value, heard: &Heard<'_>) -> Result<bool, Wrong> {
        self.error(chunk)?;
        self.usage(&chunk["usage"]);
        let choice = &chunk["choices"][0];
        self.part(&choice["delta"], heard);
        if let Some(reason) = choice["finish_reason"].as_str() {
            self.finish = reason.to_owned();
        }
        // What was used comes after it, and `[DONE]` after that.
        Ok(false)
    }

    pub(crate) fn take_whole(&mut self, answer: &Value, heard: &Heard<'_>) -> Result<(), Wrong> {
        self.error(answer)?;
        let choice = &answer["choices"][0];
        if !choice["message"].is_object() {
            return Err(Wrong::Form("an answer without `choices[0].message`".into()));
        }
        self.part(&choice["message"], heard);
        self.usage(&answer["usage"]);
        self.finish = choice["finish_reason"].as_str().unwrap_or("stop").to_owned();
        Ok(())
    }

    fn error(&self, chunk: &Value) -> Result<(), Wrong> {
        let error = &chunk["error"];
        if error.is_null() {
            return Ok(());
        }
        let kind = [text(error, "code"), text(error, "type")].into_iter().find(|kind| !kind.is_empty());
        let message = error.as_str().unwrap_or_else(|| text(error, "message"));
        Err(Wrong::Api { kind: kind.unwrap_or_default().to_owned(), message: message.to_owned() })
    }

    fn usage(&mut self, usage: &Value) {
        if usage.is_object() {
            self.tokens = Tokens {
                input: count(&usage["prompt_tokens"]),
                cached: count(&usage["prompt_tokens_details"]["cached_tokens"]),
                output: count(&usage["completion_tokens"]),
            };
        }
    }

    fn part(&mut self, part: &Value, heard: &Heard<'_>) {
        let words = text(part, "content");
        if !words.is_empty() {
            heard(words);
        }
        self.words.push_str(words);
        self.refusal.push_str(text(part, "refusal"));
        for (place, piece) in part["tool_calls"].as_array().into_iter().flatten().enumerate() {
            let call = self.calls.entry(piece["index"].as_u64().unwrap_or(place as u64)).or_default();
            // The id and the name come once, at the beginning; the arguments in pieces.
            if call.id.is_empty() {
                call.id = text(piece, "id").to_owned();
            }
            if call.name.is_empty() {
                call.name = text(&piece["function"], "name").to_owned();
            }
            call.arguments.push_str(text(&piece["function"], "arguments"));
        }
    }

    pub(crate) fn is_whole(&self) -> bool {
        !self.finish.is_empty()
    }

    pub(crate) fn turn(self, names: &Names) -> Turn {
        let call = |(place, call): (u64, Call)| {
            // Some servers give none, and want one back.
            let id = if call.id.is_empty() { format!("call_{place}") } else { call.id };
            names.call(id, call.name, &call.arguments)
        };
        let calls: Vec<_> = self.calls.into_iter().map(call).collect();
        let stop = match self.finish.as_str() {
            _ if !self.refusal.is_empty() => Stop::Refused(self.refusal),
            "content_filter" => Stop::Refused("a filter of the API's stopped it".into()),
            "length" => Stop::Length,
            _ if !calls.is_empty() => Stop::Calls,
            _ => Stop::End,
        };
        Turn { text: self.words, calls, stop, tokens: self.tokens, kept: None }
    }
}
