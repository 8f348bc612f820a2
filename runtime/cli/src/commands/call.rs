//! `gloveport call`: one tool, once.

use crate::{
    args::CallArgs,
    exit::{Exit, Internal},
    flags::Callable,
    print::{harmless, json, json_line, line, one_line},
    setup::{self, Reached, Wanted},
};
use anyhow::{Context as _, Result, bail};
use controller::Answer;
use journal::TaskId;
use sandbox::{End, Outcome};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    future::pending,
    io::{self, Read as _},
    path::Path,
    sync::Arc,
};

pub(crate) async fn run(args: &CallArgs, state: Option<&Path>) -> Result<Exit> {
    let given = Given::read(args)?;
    let wanted = Wanted::new(&args.configured)?;
    let sources = wanted.sources()?;
    let package = setup::package_of(&sources, &args.tool)?;
    let journal = setup::journal(state)?;
    let task = TaskId::generate();
    let callable = Callable::Tool(args.tool.as_str());
    let path = wanted.path(&sources);
    let reached = Reached::from(&sources, package, &path)?;
    let slots = wanted.slots(&reached)?;
    let gate = wanted.gate(slots, reached.packages, (&callable, path), Arc::clone(&journal), task)?;
    gate.check_isolation().await?;
    let tool = gate.tool(&args.tool).with_context(|| setup::no_such_tool(&args.tool, gate.tools()))?;
    let answer = gate.call(tool, given.for_tool(&tool.description().input), pending()).await;
    journal.flush().await.map_err(|error| Internal(error.into()))?;
    if gate.stages_changes() {
        eprintln!("gloveport: its changes are staged; `gloveport diff {task}` shows them");
    }
    show(answer, args.json)
}

/// Arguments as they were given.
pub(crate) enum Given {
    Json(Value),
    Flags(BTreeMap<String, String>),
}

impl Given {
    pub(crate) fn read(args: &CallArgs) -> Result<Self> {
        let Some(text) = &args.json_args else {
            let mut flags = BTreeMap::new();
            for (key, text) in &args.args {
                if flags.insert(key.clone(), text.clone()).is_some() {
                    bail!("--arg {key} is given twice");
                }
            }
            return Ok(Self::Flags(flags));
        };
        let (from, text) = match text.as_str() {
            "-" => ("standard input", io::read_to_string(io::stdin().take(64 << 20)).context("standard input")?),
            text => ("the command line", text.to_owned()),
        };
        let value: Value =
            serde_json::from_str(&text).with_context(|| format!("arguments from {from} are not JSON"))?;
        if !value.is_object() {
            bail!("arguments from {from}: expected a JSON object, such as {{\"path\": \"a.txt\"}}");
        }
        Ok(Self::Json(value))
    }

    /// What they mean to a tool with this schema.
    pub(crate) fn for_tool(self, schema: &Value) -> Value {
        match self {
            Self::Json(value) => value,
            Self::Flags(flags) => {
                let value = |(key, text): (String, String)| {
                    let value = one(&text, &schema["properties"][&key]["type"]);
                    (key, value)
                };
                Value::Object(flags.into_iter().map(value).collect())
            }
        }
    }
}

/// A text where the tool takes one. Elsewhere what reads as JSON is meant as JSON, and everything else is a text.
fn one(text: &str, kind: &Value) -> Value {
    let takes =
        |name: &str| *kind == *name || kind.as_array().is_some_and(|kinds| kinds.iter().any(|kind| *kind == *name));
    match serde_json::from_str(text) {
        Ok(Value::Null) if takes("null") => Value::Null,
        Ok(value) if !takes("string") => value,
        _ => Value::String(text.to_owned()),
    }
}

fn show(answer: Answer, as_json: bool) -> Result<Exit> {
    match answer {
        Answer::Ran(outcome) => Ok(ran(&outcome, as_json)),
        Answer::Denied(denial) => {
            if as_json {
                json_line(&serde_json::json!({ "denied": denial.refused }));
            }
            eprintln!("gloveport: denied: {denial}");
            Ok(Exit::Denied)
        }
        Answer::Asks { approvers, policies } => {
            if as_json {
                json_line(&serde_json::json!({ "asks": { "approvers": approvers, "policies": policies } }));
            }
            let (approvers, policies) = (approvers.join(", "), policies.join(", "));
            eprintln!("gloveport: waits for the approval of {approvers} (by {policies})");
            Ok(Exit::Denied)
        }
        Answer::BadArguments(bad) => Err(bad.into()),
        Answer::Failed(error) => Err(Internal(error.into()).into()),
    }
}

fn ran(outcome: &Outcome, as_json: bool) -> Exit {
    if as_json {
        json_line(&serde_json::to_value(outcome).unwrap_or_default());
    } else {
        // What a guest prints is for people; the result is for whoever comes next in a pipe.
        eprint!("{}{}", harmless(&outcome.printed.stdout), harmless(&outcome.printed.stderr));
        for refused in &outcome.effects.refused {
            let why = refused.why.as_ref().map(|why| format!(" ({})", one_line(why))).unwrap_or_default();
            eprintln!("gloveport: refused: {} {}{why}", refused.action.name(), one_line(&refused.path));
        }
    }
    let (exit, message) = match &outcome.end {
        End::Result(value) => {
            if !as_json {
                line(&plain(value));
            }
            return Exit::Done;
        }
        End::ToolError(value) => (Exit::ToolError, plain(value)),
        End::Limit(hit) => (Exit::Limit, hit.to_string()),
        End::Trap(message) => (Exit::Trap, format!("the tool trapped: {message}")),
        End::Cancelled => (Exit::Internal, "cancelled".into()),
    };
    if !as_json {
        eprintln!("gloveport: {}", harmless(&message));
    }
    exit
}

/// A text as it is, anything else as JSON.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => harmless(text),
        value => json(value),
    }
}
