//! A task's report: what was done, by which tool, under which policy, with which effects.

mod html;
mod lineage;
mod markdown;
mod story;

use crate::plan::Plan;
use journal::{Event, TaskId};
use std::sync::Arc;
use story::Story;

pub use lineage::{Branch, explain};

/// The report as Markdown.
pub fn markdown(task: &TaskId, plan: &Arc<Plan>, events: &[Event]) -> String {
    markdown::write(&Story::new(task, plan, events), events)
}

/// The report as one HTML page.
pub fn html(task: &TaskId, plan: &Arc<Plan>, events: &[Event]) -> String {
    html::write(&Story::new(task, plan, events), events)
}
