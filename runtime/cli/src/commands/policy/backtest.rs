//! `gloveport policy backtest`: which recorded decisions other policies would change.

use crate::{
    commands::run::afterwards,
    exit::Exit,
    places,
    print::{json_line, line, one_line},
    records, setup,
};
use anyhow::{Context as _, Result};
use controller::{Record, Tested, backtest};
use journal::{EventBody, Reader, TaskId};
use serde_json::json;
use std::path::{Path, PathBuf};

pub(super) fn run(files: &[PathBuf], tasks: &[String], as_json: bool, state: Option<&Path>) -> Result<Exit> {
    let policy = setup::read_policies(files)?;
    // A policy that is not valid changes no decision: it is refused.
    setup::parse_policies(&policy)?;
    let reader = Reader::open(&places::state(state)?)?;
    let named: Vec<TaskId> = tasks.iter().map(|task| task.parse()).collect::<Result<_, _>>()?;
    let all = if named.is_empty() {
        records::tasks(&reader)?.into_iter().filter(|summary| summary.objective.is_some()).map(|s| s.task).collect()
    } else {
        named
    };
    let (mut compared, mut changed, mut left_out) = (0, 0, 0);
    for task in all {
        records::known(&reader, &task)?;
        let record = match records::record(&reader, task) {
            Ok(record) => record,
            Err(error) if tasks.is_empty() => {
                left_out += 1;
                eprintln!("gloveport: {task} is left out: {error:#}");
                continue;
            }
            Err(error) => return Err(error),
        };
        // Those within a task are looked at with it.
        if tasks.is_empty() && of_another(&record) {
            continue;
        }
        let tested = match test(&record, &policy) {
            Ok(tested) => tested,
            Err(error) => {
                left_out += 1;
                eprintln!("gloveport: {task} is left out: {error:#}");
                continue;
            }
        };
        compared += tested.compared;
        changed += tested.changes.len();
        left_out += tested.left_out.len();
        show(&task, &tested, as_json)?;
    }
    if !as_json {
        eprintln!("gloveport: {compared} decisions compared, {changed} would be others, {left_out} left out");
    }
    Ok(if changed == 0 { Exit::Done } else { Exit::ToolError })
}

fn of_another(record: &Record) -> bool {
    record.events.iter().any(|event| matches!(&event.body, EventBody::TaskStarted(started) if started.origin.is_some()))
}

fn test(record: &Record, policy: &[(String, String)]) -> Result<Tested> {
    let started = record.events.iter().find_map(|event| match &event.body {
        EventBody::TaskStarted(started) => Some((**started).clone()),
        _ => None,
    });
    let mut started = started.context("it has no beginning")?;
    let scratch = tempfile::tempdir()?;
    let old = afterwards(&started, &record.plan, &scratch.path().join("old"))?;
    started.policy = policy.to_vec();
    let new = afterwards(&started, &record.plan, &scratch.path().join("new"))?;
    Ok(backtest(&old, &new, record))
}

fn show(task: &TaskId, tested: &Tested, as_json: bool) -> Result<()> {
    if as_json {
        let mut value = serde_json::to_value(tested)?;
        value["task"] = json!(task);
        json_line(&value);
        return Ok(());
    }
    for change in &tested.changes {
        let (step, tool, what) = (&change.step, &change.tool, &change.what);
        line(&one_line(&format!("{task}  {step}  {tool}  {what}: {} → {}", change.before, change.now)));
    }
    for (step, why) in &tested.left_out {
        eprintln!("gloveport: {task}, step {} is left out: {}", one_line(step), one_line(why));
    }
    Ok(())
}
