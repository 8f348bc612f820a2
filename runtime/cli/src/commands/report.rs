//! `gloveport report`: a task's report.

use crate::{args::ReportArgs, commands::run::plan_of, exit::Exit, places, print::line, records};
use anyhow::{Context as _, Result};
use journal::{Reader, TaskId};
use std::{fs, path::Path};

pub(crate) fn run(args: &ReportArgs, state: Option<&Path>) -> Result<Exit> {
    let task: TaskId = args.task.parse()?;
    let events = records::events(&Reader::open(&places::state(state)?)?, &task)?;
    let (_, plan) = plan_of(&task, &events)?;
    let report = controller::markdown(&task, &plan, &events);
    match &args.output {
        Some(path) => fs::write(path, report).with_context(|| path.display().to_string())?,
        None => line(report.trim_end()),
    }
    Ok(Exit::Done)
}
