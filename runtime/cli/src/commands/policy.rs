//! `gloveport policy`: policies checked, decisions explained.

mod backtest;

use super::call::Given;
use crate::{
    args::{CallArgs, PolicyCommand},
    exit::Exit,
    flags::Callable,
    places,
    print::{json_line, line},
    records,
    setup::{self, EXPLAINING_SLOTS, Wanted},
};
use ::policy::{Decision, Narrow, Provenance, Source};
use anyhow::{Context as _, Result};
use controller::{Proposal, Spent};
use journal::{Reader, TaskId};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

pub(crate) fn run(command: &PolicyCommand, state: Option<&Path>) -> Result<Exit> {
    match command {
        PolicyCommand::Check { files } => check(files),
        PolicyCommand::Explain(args) => explain(args, state),
        PolicyCommand::Backtest { files, tasks, json } => backtest::run(files, tasks, json.json, state),
        PolicyCommand::Learn { task } => learn(task, state),
    }
}

fn learn(task: &str, state: Option<&Path>) -> Result<Exit> {
    let task: TaskId = task.parse()?;
    let reader = Reader::open(&places::state(state)?)?;
    records::known(&reader, &task)?;
    line(controller::learn(&records::record(&reader, task)?).trim_end());
    Ok(Exit::Done)
}

fn check(files: &[PathBuf]) -> Result<Exit> {
    let texts = setup::read_policies(files)?;
    setup::parse_policies(&texts)?;
    let count = files.len();
    line(&format!("{count} file{} fit the schema", if count == 1 { "" } else { "s" }));
    Ok(Exit::Done)
}

fn explain(args: &CallArgs, state: Option<&Path>) -> Result<Exit> {
    let given = Given::read(args)?;
    let wanted = Wanted::new(&args.configured)?;
    let sources = wanted.sources()?;
    let package = setup::package_of(&sources, &args.tool)?;
    let callable = Callable::Tool(args.tool.as_str());
    let gate = wanted.gate(
        EXPLAINING_SLOTS,
        [package],
        (&callable, wanted.path(&sources)),
        setup::journal(state)?,
        TaskId::generate(),
    )?;
    let tool = gate.tool(&args.tool).with_context(|| setup::no_such_tool(&args.tool, gate.tools()))?;
    let given = given.for_tool(&tool.description().input);
    let caller = Provenance::from_iter([Source::Caller]);
    let keys = given.as_object().into_iter().flat_map(|map| map.keys().cloned());
    let provenance: BTreeMap<_, _> = keys.map(|key| (key, caller.clone())).collect();
    let proposal = Proposal {
        tool,
        args: &given,
        provenance: &provenance,
        chosen: &caller,
        narrow: &Narrow::default(),
        within: None,
        limits: wanted.limits()?,
        spent: Spent::default(),
    };
    let explanation = gate.explain(&proposal);
    if args.json {
        json_line(&serde_json::to_value(&explanation)?);
    } else {
        line(&explanation.to_string());
    }
    Ok(match gate.decide(&proposal) {
        Decision::Allow { .. } => Exit::Done,
        Decision::Ask { .. } | Decision::Deny(_) => Exit::Denied,
    })
}
