//! A language model as the task loop sees it: what was said goes in, one more turn comes out. How it is spoken to is the
//! business of whoever implements [`Model`].

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{fmt, pin::Pin, time::Duration};

/// A language model behind whatever API.
pub trait Model: Send + Sync {
    /// Has it speak once. `heard` is told of its text as it comes, for people who look on; what counts is the turn that is
    /// returned. Rate limits and faults that pass are tried again in here; the future can be dropped at any time.
    fn speak<'a>(&'a self, prompt: &'a Prompt, heard: &'a Heard<'a>) -> Speaking<'a>;
}

/// Told of a model's text piece by piece.
pub type Heard<'a> = dyn Fn(&str) + Send + Sync + 'a;

/// A turn that is being waited for.
pub type Speaking<'a> = Pin<Box<dyn Future<Output = Result<Turn, ModelError>> + Send + 'a>>;

/// Everything that a model is told for one turn: APIs are taken to remember nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Prompt {
    /// What it is to be and to heed.
    pub system: String,
    /// What was said so far. The first is a person's, and each call of a turn has its result in the message after it.
    pub messages: Vec<Message>,
    /// What it can call.
    pub functions: Vec<Function>,
    /// How many tokens it may write at most.
    pub max_output: u64,
}

/// Something that was said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Message {
    /// By a person, or in a person's place.
    Person(String),
    /// By the model itself.
    Turn(Turn),
    /// What its calls came to; one for each call of the turn before, in its order.
    Results(Vec<CallResult>),
}

/// Something that a model can call.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Function {
    /// Its name, such as `files.read`: any text. APIs that allow fewer characters get another name for it.
    pub name: String,
    /// What it does.
    pub description: String,
    /// The JSON Schema of its arguments, which is that of an object.
    pub parameters: Value,
}

/// What a model said at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Turn {
    /// Its words; often none beside calls.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// What it wants called.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<FunctionCall>,
    /// Why it stopped.
    pub stop: Stop,
    /// What it took.
    pub tokens: Tokens,
    /// Parts that only the same API understands, and wants back as they were: reasoning, signatures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<Value>,
}

/// Why a model stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stop {
    /// It had no more to say.
    End,
    /// It waits for the results of its calls.
    Calls,
    /// It reached the bound on its output: what it said last is broken off.
    Length,
    /// It, or whoever runs it, declined; with the reason where one is given.
    Refused(String),
}

/// One call that a model wants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FunctionCall {
    /// What the API calls it by; the result goes under the same.
    pub id: String,
    /// The function's name, as [`Function::name`] has it; whatever the model wrote where it is none of them.
    pub name: String,
    /// Its arguments.
    pub arguments: Arguments,
}

/// A call's arguments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Arguments {
    /// JSON; not checked against any schema.
    Json(Value),
    /// Text that is no JSON.
    Malformed(String),
}

/// What a call came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallResult {
    /// The call's id.
    pub id: String,
    /// What is told of it.
    pub content: String,
    /// Whether it did not succeed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub failed: bool,
}

/// What a turn took, as the API counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tokens {
    /// What it was told, all of it.
    pub input: u64,
    /// How much of that came from a cache.
    #[serde(default)]
    pub cached: u64,
    /// What it wrote, reasoning included.
    pub output: u64,
}

/// Why there is no turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelError {
    /// What kind of fault it is.
    pub fault: ModelFault,
    /// For the operator: what happened, with the address and what the API said. No secret is in it.
    pub message: String,
    /// After how many attempts it was given up.
    pub attempts: u32,
}

/// Kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModelFault {
    /// The API does not know or allow whoever asks.
    Unauthorized,
    /// Too much is asked at once, and it did not get better; with how long the API says to wait, where it does.
    RateLimited(Option<Duration>),
    /// The API says that it failed, or is busy.
    Unavailable,
    /// Nothing answers there, or not in time.
    Unreachable,
    /// The answer broke off.
    Cut,
    /// The answer is not what the API is to answer, or more than there is room for.
    Malformed,
    /// The API says that what it was sent is wrong.
    Rejected,
    /// The conversation is longer than the model takes.
    TooLong,
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.attempts {
            0 | 1 => f.write_str(&self.message),
            attempts => write!(f, "{} (after {attempts} attempts)", self.message),
        }
    }
}

impl std::error::Error for ModelError {}
