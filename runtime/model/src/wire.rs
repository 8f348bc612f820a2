//! What the APIs have in common: a prompt is written as JSON, and an answer is put together from events.

use crate::{Api, anthropic, names::Names, openai_chat, openai_responses, sse::Event};
use controller::{Arguments, Heard, Prompt, Turn};
use serde_json::Value;

/// How many calls one turn can hold.
const MAX_CALLS: usize = 128;
/// The longest arguments of a call, in bytes.
const MAX_ARGUMENTS: usize = 1 << 20;

/// One model behind one kind of API.
#[derive(Debug, Clone)]
pub(crate) struct Wire {
    pub(crate) api: Api,
    pub(crate) model: String,
}

/// What is wrong with an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// It is not what the API is to answer.
    Form(String),
    /// The API says that it failed: what kind of failure, and in which words.
    Api { kind: String, message: String },
}

/// An answer of which not everything has come.
pub(crate) enum Answer {
    Responses(openai_responses::Answer),
    Chat(openai_chat::Answer),
    Anthropic(anthropic::Answer),
}

impl Wire {
    /// What follows the base address.
    pub(crate) fn path(&self) -> &'static str {
        match self.api {
            Api::OpenaiResponses => "responses",
            Api::OpenaiChat => "chat/completions",
            Api::AnthropicMessages => "messages",
        }
    }

    /// What is sent.
    pub(crate) fn body(&self, prompt: &Prompt, names: &Names) -> Value {
        match self.api {
            Api::OpenaiResponses => openai_responses::body(&self.model, prompt, names),
            Api::OpenaiChat => openai_chat::body(&self.model, prompt, names),
            Api::AnthropicMessages => anthropic::body(&self.model, prompt, names),
        }
    }

    pub(crate) fn answer(&self) -> Answer {
        match self.api {
            Api::OpenaiResponses => Answer::Responses(Default::default()),
            Api::OpenaiChat => Answer::Chat(Default::default()),
            Api::AnthropicMessages => Answer::Anthropic(Default::default()),
        }
    }
}

impl Answer {
    /// Takes an event; whether it was the last one.
    pub(crate) fn take(&mut self, event: &Event, heard: &Heard<'_>) -> Result<bool, Wrong> {
        if event.data == "[DONE]" {
            return Ok(self.is_whole());
        }
        let data: Value = serde_json::from_str(&event.data)
            .map_err(|_| Wrong::Form(format!("an event that is no JSON: {}", short(&event.data))))?;
        match self {
            Self::Responses(answer) => answer.take(&data, heard),
            Self::Chat(answer) => answer.take(&data, heard),
            Self::Anthropic(answer) => answer.take(&data, heard),
        }
    }

    /// Takes an answer that came at once.
    pub(crate) fn take_whole(&mut self, data: &Value, heard: &Heard<'_>) -> Result<(), Wrong> {
        match self {
            Self::Responses(answer) => answer.take_whole(data, heard),
            Self::Chat(answer) => answer.take_whole(data, heard),
            Self::Anthropic(answer) => answer.take_whole(data, heard),
        }
    }

    /// Whether everything has come.
    pub(crate) fn is_whole(&self) -> bool {
        match self {
            Self::Responses(answer) => answer.is_whole(),
            Self::Chat(answer) => answer.is_whole(),
            Self::Anthropic(answer) => answer.is_whole(),
        }
    }

    pub(crate) fn turn(self, names: &Names) -> Result<Turn, Wrong> {
        let turn = match self {
            Self::Responses(answer) => answer.turn(names),
            Self::Chat(answer) => answer.turn(names),
            Self::Anthropic(answer) => answer.turn(names),
        };
        if turn.calls.len() > MAX_CALLS {
            return Err(Wrong::Form(format!("{} calls in one turn are more than {MAX_CALLS}", turn.calls.len())));
        }
        Ok(turn)
    }
}

/// Arguments as a model wrote them; none at all stand for an empty object.
pub(crate) fn arguments(text: &str) -> Arguments {
    match serde_json::from_str(text) {
        _ if text.trim().is_empty() => Arguments::Json(Value::Object(Default::default())),
        Ok(value) if text.len() <= MAX_ARGUMENTS => Arguments::Json(value),
        _ => Arguments::Malformed(text.chars().take(MAX_ARGUMENTS / 4).collect()),
    }
}

/// Arguments as text, as they were written.
pub(crate) fn written(arguments: &Arguments) -> String {
    match arguments {
        Arguments::Json(value) => value.to_string(),
        Arguments::Malformed(text) => text.clone(),
    }
}

/// A text of some field; empty where there is none.
pub(crate) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

pub(crate) fn count(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

pub(crate) fn short(text: &str) -> String {
    text.chars().take(200).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
