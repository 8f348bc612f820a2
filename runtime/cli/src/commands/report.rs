//! `gloveport report`: a task's report.

use crate::{
    args::{ExplainArgs, ReportArgs},
    commands::run::beginning,
    exit::Exit,
    places,
    print::{json_line, line, one_line},
    records,
};
use anyhow::{Context as _, Result, bail};
use journal::{Reader, TaskId};
use std::{fs, path::Path, sync::Arc};

pub(crate) fn run(args: &ReportArgs, state: Option<&Path>) -> Result<Exit> {
    let task: TaskId = args.task.parse()?;
    let reader = Reader::open(&places::state(state)?)?;
    records::known(&reader, &task)?;
    let record = records::record(&reader, task)?;
    let report = if args.html { controller::html(&record) } else { controller::markdown(&record) };
    match &args.output {
        Some(path) => fs::write(path, report).with_context(|| path.display().to_string())?,
        None => line(report.trim_end()),
    }
    Ok(Exit::Done)
}

/// `gloveport explain`: where what a step was given came from.
pub(crate) fn explain(args: &ExplainArgs, state: Option<&Path>) -> Result<Exit> {
    let task: TaskId = args.task.parse()?;
    let reader = Reader::open(&places::state(state)?)?;
    let events = records::events(&reader, &task)?;
    let (_, plan) = beginning(&reader, &task)?;
    let tree = match controller::explain(&task, &Arc::new(plan), &events, &args.step) {
        Ok(tree) => tree,
        Err(known) => bail!("there is no step `{}`; steps are: {}", args.step, known.join(", ")),
    };
    if args.json {
        json_line(&serde_json::to_value(&tree)?);
    } else {
        tree.lines().iter().for_each(|text| line(&one_line(text)));
    }
    Ok(Exit::Done)
}
