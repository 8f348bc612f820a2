//! `gloveport tasks` and `gloveport show`: what was and is being done.

use super::{run::plan_of, tail::as_json};
use crate::{
    args::{JsonArgs, TaskArgs},
    exit::Exit,
    places,
    print::{json_line, line, one_line},
    records,
};
use anyhow::Result;
use controller::Progress;
use journal::{JournalError, Reader, Standing, TaskId, TaskState};
use serde_json::json;
use std::path::Path;

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
    }
}

pub(crate) fn show(args: &TaskArgs, state: Option<&Path>) -> Result<Exit> {
    let task: TaskId = args.task.parse()?;
    let events = records::events(&Reader::open(&places::state(state)?)?, &task)?;
    if args.json {
        events.iter().for_each(|event| json_line(&as_json(event)));
        return Ok(Exit::Done);
    }
    let (_, plan) = plan_of(&task, &events)?;
    let mut progress = Progress::new(&plan);
    events.iter().for_each(|event| progress.apply(&plan, &event.body));
    line(&format!("{task}  {}", one_line(&plan.objective)));
    for (step, known) in plan.steps.iter().zip(&progress.steps) {
        let why = known.why.as_deref().map(|why| format!("  {}", one_line(why))).unwrap_or_default();
        line(&format!("  {:<10} {:<20} {}{why}", known.state.word(), step.id, step.tool));
    }
    Ok(Exit::Done)
}
