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
use std::{path::Path, thread::sleep, time::Duration};

/// How often it looks for more.
const PAUSE: Duration = Duration::from_millis(20);

/// Blocks until the task ends, or nobody is left to go on with it: there is nothing else for this process to do.
pub(crate) fn run(args: &TaskArgs, state: Option<&Path>) -> Result<Exit> {
    let task: TaskId = args.task.parse()?;
    let dir = places::state(state)?;
    let reader = Reader::open(&dir)?;
    records::known(&reader, &task)?;
    let mut events = Reader::open(&dir)?.follow(&task, 0, Until::Ended);
    loop {
        // Asked before reading: what its last driver recorded is there by then.
        let driven = reader.is_driven(&task)?;
        while let Some(event) = events.ready()? {
            if args.json { json_line(&as_json(&event)) } else { line(&progress::sentence(&event.body)) }
        }
        if events.is_over() || !driven {
            return Ok(Exit::Done);
        }
        sleep(PAUSE);
    }
}

/// An event as `tail --json` and `show --json` print it.
pub(crate) fn as_json(event: &Event) -> serde_json::Value {
    json!({ "seq": event.seq, "at_ms": event.at_ms, "digest": event.digest, "body": event.body })
}
