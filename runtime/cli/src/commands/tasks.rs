//! `gloveport tasks` and `gloveport show`: what was and is being done.

use super::run::beginning;
use crate::{
    args::{JsonArgs, TaskArgs},
    exit::Exit,
    graph, places,
    print::{json_line, line, one_line},
    records,
};
use anyhow::Result;
use controller::Progress;
use journal::{JournalError, Reader, Standing, TaskId, TaskState};
use serde_json::json;
use std::{path::Path, sync::Arc};

pub(crate) fn list(args: &JsonArgs, state: Option<&Path>) -> Result<Exit> {
    let tasks = match Reader::open(&places::state(state)?) {
        Ok(reader) => records::tasks(&reader)?,
        // Nothing recorded yet is an empty list, not an error.
        Err(JournalError::Missing { .. }) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    for summary in &tasks {
        if args.json {
            json_line(&json!(summary));
        } else {
            let what = summary.objective.as_deref().unwrap_or("single calls");
            let (task, standing, events) = (&summary.task, word(&summary.standing), summary.events);
            line(&format!("{task}  {standing:<11} {events:>5} events  {}", one_line(what)));
        }
    }
    Ok(Exit::Done)
}

fn word(standing: &Standing) -> &'static str {
    match standing {
        Standing::Running => "running",
        Standing::Interrupted => "interrupted",
        Standing::Calls => "calls",
        Standing::Unreadable { .. } => "unreadable",
        Standing::Ended { state: TaskState::Done } => "done",
        Standing::Ended { state: TaskState::Failed } => "failed",
        Standing::Ended { state: TaskState::Waiting } => "waiting",
        Standing::Ended { state: TaskState::Cancelled } => "cancelled",
    }
}

pub(crate) fn show(args: &TaskArgs, state: Option<&Path>) -> Result<Exit> {
    let task: TaskId = args.task.parse()?;
    let reader = Reader::open(&places::state(state)?)?;
    let events = records::events(&reader, &task)?;
    if args.json {
        events.iter().for_each(|event| json_line(&event.as_json()));
        return Ok(Exit::Done);
    }
    let (_, plan) = beginning(&reader, &task)?;
    let mut progress = Progress::new(Arc::new(plan));
    events.iter().for_each(|event| progress.apply(event.at_ms, &event.body));
    let now_ms =
        if reader.is_driven(&task)? { controller::now_ms() } else { events.last().map_or(0, |last| last.at_ms) };
    graph::draw(&task, &progress, now_ms).iter().for_each(|text| line(text));
    Ok(Exit::Done)
}
