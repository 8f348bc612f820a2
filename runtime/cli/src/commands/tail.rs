//! `gloveport tail`: a task's events as they come.

use crate::{
    args::TaskArgs,
    exit::Exit,
    places,
    print::{json_line, line},
    progress, records,
};
use anyhow::Result;
use journal::{Reader, TaskId, Until};
use std::path::Path;

/// Blocks until the task ends, or nobody is left to go on with it: there is nothing else for this process to do.
pub(crate) fn run(args: &TaskArgs, state: Option<&Path>) -> Result<Exit> {
    let task: TaskId = args.task.parse()?;
    let reader = Reader::open(&places::state(state)?)?;
    records::known(&reader, &task)?;
    for event in reader.follow(&task, 0, Until::Left) {
        let event = event?;
        if args.json { json_line(&event.as_json()) } else { line(&progress::sentence(&event.body)) }
    }
    Ok(Exit::Done)
}
