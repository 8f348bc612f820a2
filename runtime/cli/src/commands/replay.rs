//! `gloveport replay`: whether a task's calls come to the same again.

use super::run::afterwards;
use crate::{
    args::ReplayArgs,
    exit::Exit,
    places,
    print::{json_line, line, one_line},
    records,
};
use anyhow::{Context as _, Result, bail};
use controller::Again;
use journal::{EventBody, Reader, TaskId};
use std::{collections::BTreeMap, fs, path::Path};

/// How much of what differs is shown, in characters.
const MAX_SHOWN: usize = 200;

/// Nothing leaves, whatever the policy of then says.
const OFFLINE: &str = "@id(\"offline\") forbid (principal, action in [Action::\"request\", Action::\"resolve\", \
    Action::\"connect\", Action::\"datagram\", Action::\"listen\", Action::\"inject\"], resource);";

pub(crate) async fn run(args: &ReplayArgs, state: Option<&Path>) -> Result<Exit> {
    let task: TaskId = args.task.parse()?;
    let reader = Reader::open(&places::state(state)?)?;
    records::known(&reader, &task)?;
    let record = records::record(&reader, task)?;
    let started = record.events.iter().find_map(|event| match &event.body {
        EventBody::TaskStarted(started) => Some((**started).clone()),
        _ => None,
    });
    let mut started = started.with_context(|| format!("{task} has no beginning"))?;
    let mut copies: BTreeMap<_, _> = args.mounts.iter().cloned().collect();
    for mount in &mut started.mounts {
        // What is written there goes away with the scratch folder.
        mount.staged = true;
        if let Some(copy) = copies.remove(mount.name.as_str()) {
            let path = fs::canonicalize(&copy).with_context(|| format!("--mount {}={copy}", mount.name))?;
            mount.path = path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))?.to_owned();
        }
    }
    if let Some((name, _)) = copies.first_key_value() {
        let known: Vec<_> = started.mounts.iter().map(|mount| mount.name.as_str()).collect();
        bail!("--mount: the task has no mount `{name}`; it has: {}", known.join(", "));
    }
    started.policy.push(("offline".into(), OFFLINE.into()));
    let scratch = tempfile::tempdir()?;
    let gate = afterwards(&started, &record.plan, scratch.path())?;
    gate.check_isolation().await?;
    let replayed = controller::replay(&gate, &record).await;
    let (mut same, mut other, mut not) = (0, 0, 0);
    for call in &replayed {
        match &call.again {
            Again::Identical => same += 1,
            Again::Differs { .. } => other += 1,
            Again::Not { .. } => not += 1,
        }
        if args.json {
            json_line(&serde_json::to_value(call)?);
            continue;
        }
        let what = match &call.again {
            Again::Identical => "identical".to_owned(),
            Again::Not { why } => format!("not run     {why}"),
            Again::Differs { parts } => {
                let short = |value: &serde_json::Value| value.to_string().chars().take(MAX_SHOWN).collect::<String>();
                let part = |(name, before, now): &(&str, serde_json::Value, serde_json::Value)| {
                    format!("{name}: {} then, {} now", short(before), short(now))
                };
                format!("differs     {}", parts.iter().map(part).collect::<Vec<_>>().join("; "))
            }
        };
        line(&one_line(&format!("{}  {}  {what}", call.step, call.tool)));
    }
    if !args.json {
        eprintln!("gloveport: {same} identical, {other} other, {not} not run again");
        if other > 0 && args.mounts.is_empty() && !started.mounts.is_empty() {
            eprintln!(
                "gloveport: mounts hold what they hold now; `--mount NAME=DIR` names a copy of what one held then"
            );
        }
    }
    Ok(if other == 0 { Exit::Done } else { Exit::ToolError })
}
