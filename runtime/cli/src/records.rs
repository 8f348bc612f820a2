//! Reading the journal for people.

use anyhow::{Result, bail};
use controller::{Plan, Record};
use journal::{Event, Reader, TaskId, TaskSummary};

/// How many tasks are listed at once.
const PAGE: usize = 500;

/// All events of a task.
pub(crate) fn events(reader: &Reader, task: &TaskId) -> Result<Vec<Event>> {
    known(reader, task)?;
    Ok(reader.events(task, 0).collect::<Result<Vec<_>, _>>()?)
}

/// All that is recorded of a task, and of those within it.
pub(crate) fn record(reader: &Reader, task: TaskId) -> Result<Record> {
    Record::read(reader, task, &|started| match started {
        Some(started) => Ok(Plan::recorded(started)?),
        None => bail!("{task} is a record of single calls, not of a plan; `gloveport tail {task}` shows them"),
    })
}

/// Whether there is a record of a task at all.
pub(crate) fn known(reader: &Reader, task: &TaskId) -> Result<()> {
    if reader.head(task)?.is_none() {
        bail!("there is no task {task}; `gloveport tasks` lists them");
    }
    Ok(())
}

/// All tasks, the newest first.
pub(crate) fn tasks(reader: &Reader) -> Result<Vec<TaskSummary>> {
    let mut all: Vec<TaskSummary> = Vec::new();
    loop {
        let page = reader.tasks(all.last().map(|summary| &summary.task), PAGE)?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}
