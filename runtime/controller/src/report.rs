//! A task's report: what was done, by which tool, under which policy, with which effects.

mod html;
mod lineage;
mod markdown;
mod story;

use crate::plan::Plan;
use journal::{Event, EventBody, JournalError, Reader, TaskId, TaskStarted};
use std::sync::Arc;
use story::Story;

pub use lineage::{Branch, explain};

/// How deep tasks stand within tasks: deeper than any plan lets them.
const MAX_DEPTH: usize = 16;

/// Everything that is recorded of a task, and of those within it.
#[derive(Debug)]
pub struct Record {
    /// The task.
    pub task: TaskId,
    /// Its plan, as it began.
    pub plan: Arc<Plan>,
    /// Its events, in order.
    pub events: Vec<Event>,
    /// The tasks that its steps were, in the order in which they began.
    pub within: Vec<(String, Self)>,
}

impl Record {
    /// Reads it. `read` makes a plan of a task's first event; `None` stands for a record that is of no plan.
    ///
    /// # Errors
    /// Where a record cannot be read, or a plan.
    pub fn read<E: From<JournalError>>(
        reader: &Reader,
        task: TaskId,
        read: &impl Fn(Option<&TaskStarted>) -> Result<Plan, E>,
    ) -> Result<Self, E> {
        Self::at(reader, task, read, 0)
    }

    fn at<E: From<JournalError>>(
        reader: &Reader,
        task: TaskId,
        read: &impl Fn(Option<&TaskStarted>) -> Result<Plan, E>,
        depth: usize,
    ) -> Result<Self, E> {
        let events = reader.events(&task, 0).collect::<Result<Vec<_>, _>>()?;
        let mut within: Vec<(String, Self)> = Vec::new();
        for event in &events {
            if let EventBody::Delegated { step, task } = &event.body
                && depth < MAX_DEPTH
                && !within.iter().any(|(_, known)| known.task == *task)
                // One that could not begin has no record.
                && reader.head(task)?.is_some()
            {
                within.push((step.clone(), Self::at(reader, *task, read, depth + 1)?));
            }
        }
        let plan = Arc::new(read(started(&events))?);
        Ok(Self { task, plan, events, within })
    }

    fn story(&self) -> Story<'_> {
        Story::new(&self.task, &self.plan, &self.events)
    }
}

fn started(events: &[Event]) -> Option<&TaskStarted> {
    events.iter().find_map(|event| match &event.body {
        EventBody::TaskStarted(started) => Some(&**started),
        _ => None,
    })
}

/// The report as Markdown, with those of the tasks within it.
pub fn markdown(record: &Record) -> String {
    let mut out = markdown::write(&record.story(), &record.events);
    for (step, within) in &record.within {
        out.push_str(&format!("## The task of step {step}\n\n"));
        for line in markdown(within).lines() {
            // Its headings stand below this one.
            out.push_str(if line.starts_with('#') { "##" } else { "" });
            out.push_str(line);
            out.push('\n');
        }
        out.push('\n');
    }
    out
}

/// The report as one HTML page, with those of the tasks within it.
pub fn html(record: &Record) -> String {
    html::write(record)
}
