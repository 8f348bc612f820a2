//! `gloveport tail`: a task's events as they come.

use crate::{
    args::TaskArgs,
    exit::Exit,
    places,
    print::{json_line, line},
    progress, records,
};
use anyhow::Result;
use journal::{Event, Reader, TaskId, Until};
use serde_json::json;
use std::path::Path;

/// Blocks until the task ends, or nobody is left to go on with it: there is nothing else for this process to do.
pub(crate) fn run(args: &TaskArgs, state: Option<&Path>) -> Result<Exit> {
    let task: TaskId = args.task.parse()?;
    let reader = Reader::open(&places::state(state)?)?;
    records::known(&reader, &task)?;
    for event in reader.follow(&task, 0, Until::Left) {
        let event = event?;
        if args.json { json_line(&as_json(&event)) } else { line(&progress::sentence(&event.body)) }
    }
    Ok(Exit::Done)
}

/// An event as `tail --json` and `show --json` print it.
pub(crate) fn as_json(event: &Event) -> serde_json::Value {
    json!({ "seq": event.seq, "at_ms": event.at_ms, "digest": event.digest, "body": event.body })
}
