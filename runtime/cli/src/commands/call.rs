//! `gloveport call`: one tool, once.

use crate::{
    args::CallArgs,
    exit::{Exit, Internal},
    flags::Callable,
    print::{harmless, json_line, line},
    setup::{self, CALL_SLOTS, Wanted},
};
use anyhow::{Context as _, Result, bail};
use controller::Answer;
use journal::TaskId;
use sandbox::{End, Outcome};
use serde_json::{Map, Value, json};
use std::{
    future::pending,
    io::{self, Read as _},
    path::Path,
    sync::Arc,
};

pub(crate) async fn run(args: &CallArgs, state: Option<&Path>) -> Result<Exit> {
    let given = arguments(args)?;
    let wanted = Wanted::new(&args.grants)?;
    let sources = wanted.sources()?;
    let package = setup::package_of(&sources, &args.tool)?;
    let journal = setup::journal(state)?;
    let task = TaskId::generate();
    let callable = Callable::Tool(args.tool.as_str());
    let gate = wanted.gate(CALL_SLOTS, [package], &callable, Arc::clone(&journal), task)?;
    let tool = gate.tool(&args.tool).with_context(|| setup::no_such_tool(&args.tool, gate.tools()))?;
    let answer = gate.call(tool, given, pending()).await;
    journal.flush().await.map_err(|error| Internal(error.into()))?;
    show(answer, args.json)
}

/// The arguments: a JSON object, or one value a flag.
pub(crate) fn arguments(args: &CallArgs) -> Result<Value> {
    if let Some(text) = &args.json_args {
        let (from, text) = match text.as_str() {
            "-" => ("standard input", io::read_to_string(io::stdin().take(64 << 20)).context("standard input")?),
            text => ("the command line", text.to_owned()),
        };
        let value: Value =
            serde_json::from_str(&text).with_context(|| format!("arguments from {from} are not JSON"))?;
        if !value.is_object() {
            bail!("arguments from {from}: expected a JSON object, such as {{\"path\": \"a.txt\"}}");
        }
        return Ok(value);
    }
    let mut map = Map::new();
    for (key, text) in &args.args {
        // What reads as JSON is meant as JSON; everything else is a text.
        let value = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone()));
        if map.insert(key.clone(), value).is_some() {
            bail!("--arg {key} is given twice");
        }
    }
    Ok(Value::Object(map))
}

fn show(answer: Answer, as_json: bool) -> Result<Exit> {
    match answer {
        Answer::Ran(outcome) => Ok(ran(&outcome, as_json)),
        Answer::Denied(denial) => {
            if as_json {
                json_line(&json!({ "denied": denial.refused }));
            }
            eprintln!("gloveport: denied: {denial}");
            Ok(Exit::Denied)
        }
        Answer::Asks { approvers, policies } => {
            if as_json {
                json_line(&json!({ "asks": { "approvers": approvers, "policies": policies } }));
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
            eprintln!("gloveport: refused: {} {}", refused.action.name(), harmless(&refused.path));
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
        value => value.to_string(),
    }
}
