//! What people say to tasks: `approvals`, `approve`, `reject`, `answer`, `pause`, `continue`, `cancel`, `tell`, `edit`,
//! `tighten`. None of them needs the process that works on the task.

use crate::{
    args::{AnswerArgs, AsArgs, DecideArgs, EditArgs, JsonArgs, SteerArgs, TightenArgs},
    commands::run::packages,
    exit::{Exit, Internal},
    places,
    print::{harmless, indent, json_line, line, one_line},
    setup,
};
use anyhow::{Context as _, Result, bail};
use controller::{PeopleError, Visited, could_wait};
use journal::{About, Answer, Ask, Author, Reader, Steering, TaskId};
use serde_json::json;
use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// The name of those who speak through this program.
const VIA: &str = "cli";

/// Lists what waits for people: of one task, or of all that wait.
pub(crate) fn approvals(task: Option<&str>, args: &JsonArgs, state: Option<&Path>) -> Result<Exit> {
    let dir = places::state(state)?;
    let reader = Reader::open(&dir)?;
    let tasks = match task {
        Some(task) => vec![task.parse()?],
        None => could_wait(&reader)?,
    };
    let journal = setup::journal(Some(&dir))?;
    let mut count = 0;
    for task in tasks {
        for ask in Visited::new(&journal, task).map_err(wrong)?.open() {
            count += 1;
            if args.json {
                json_line(&json!({ "task": task, "ask": ask }));
            } else {
                show(&task, ask);
            }
        }
    }
    if count == 0 && !args.json {
        eprintln!("gloveport: nothing waits for an answer");
    }
    Ok(Exit::Done)
}

/// A time that is left, in the largest unit of which there is more than one.
fn left(ms: u64) -> String {
    let units = [("days", 86_400_000), ("hours", 3_600_000), ("minutes", 60_000), ("seconds", 1_000)];
    let unit = units.into_iter().find(|(_, unit)| ms >= 2 * unit);
    unit.map_or_else(|| format!("{ms} ms"), |(name, unit)| format!("{} {name}", ms / unit))
}

/// Everything that an answer would permit.
fn show(task: &TaskId, ask: &Ask) {
    let approvers = if ask.approvers.is_empty() { "anybody".to_owned() } else { ask.approvers.join(", ") };
    match &ask.about {
        About::Step(step) => line(&format!("{task}  step {}: asks {approvers}", one_line(step))),
        About::Plan => line(&format!("{task}  its plan: asks {approvers}")),
        About::Question => line(&format!("{task}  asks {approvers}")),
    }
    let shown = match &ask.about {
        About::Question => ask.shown["question"].as_str().unwrap_or_default().to_owned(),
        About::Plan => ask.shown["text"].as_str().unwrap_or_default().to_owned(),
        About::Step(_) => {
            let parts = ["tool", "package", "args", "provenance", "grant"].into_iter();
            let parts = parts.map(|key| format!("{key:<10} {}", one_line(&crate::print::json(&ask.shown[key]))));
            parts.collect::<Vec<_>>().join("\n")
        }
    };
    line(&indent(&harmless(&shown), 2));
    line(&format!("  counts for another {}", left(ask.until_ms.saturating_sub(controller::now_ms()))));
    let digest = ask.digest;
    match &ask.about {
        About::Question => line(&format!("  gloveport answer {task} {digest} \"…\"\n")),
        About::Step(_) | About::Plan => line(&format!("  gloveport approve {task} {digest}\n")),
    }
}

pub(crate) async fn decide(args: &DecideArgs, answer: Answer, state: Option<&Path>) -> Result<Exit> {
    said(&args.task, state, &args.by, async |task, by| Ok(task.answer(args.digest, answer, by).await?)).await
}

pub(crate) async fn answer(args: &AnswerArgs, state: Option<&Path>) -> Result<Exit> {
    let answer = Answer::Say(args.words.clone());
    said(&args.task, state, &args.by, async |task, by| Ok(task.answer(args.digest, answer, by).await?)).await
}

pub(crate) async fn steer(args: &SteerArgs, steering: Steering, state: Option<&Path>) -> Result<Exit> {
    let then = if matches!(steering, Steering::Cancel(_)) { "ends it" } else { GOES_ON };
    told(&args.task, state, &args.by, then, async |task, by| Ok(task.steer(steering, by).await?)).await
}

pub(crate) async fn tighten(args: &TightenArgs, state: Option<&Path>) -> Result<Exit> {
    let text = fs::read_to_string(&args.file).with_context(|| format!("policy {}", args.file.display()))?;
    said(&args.task, state, &args.by, async |task, by| {
        let own = args.file.file_stem().unwrap_or_default().to_string_lossy();
        Ok(task.steer(task.tightening(&own, text), by).await?)
    })
    .await
}

pub(crate) async fn edit(args: &EditArgs, state: Option<&Path>) -> Result<Exit> {
    let mut add = Vec::new();
    for file in &args.add {
        add.extend(steps(file)?);
    }
    if add.is_empty() && args.drop.is_empty() {
        bail!("nothing to change: name steps with `--drop`, or a file of new ones with `--add`");
    }
    said(&args.task, state, &args.by, async |task, by| {
        let began = task.started();
        let names = began.packages.iter().map(|package| package.name.as_str());
        let described = packages::described(names, &packages::recorded(began)?)?;
        Ok(task.edit(add, args.drop.clone(), by, &packages::catalogue(&described)?).await?)
    })
    .await
}

/// The `[[step]]`s of a file, and nothing else.
fn steps(file: &PathBuf) -> Result<Vec<serde_json::Value>> {
    let own = || format!("steps {}", file.display());
    let text = fs::read_to_string(file).with_context(own)?;
    let table: toml::Table = match toml::from_str(&text) {
        Ok(table) => table,
        Err(error) => bail!("{}: {}", own(), error.to_string().trim_end()),
    };
    if let Some(key) = table.keys().find(|key| *key != "step") {
        bail!("{}: unknown key `{key}`; expected `[[step]]` only", own());
    }
    let steps =
        table.get("step").and_then(toml::Value::as_array).with_context(|| format!("{}: no `[[step]]`", own()))?;
    steps.iter().map(|step| serde_json::to_value(step).with_context(own)).collect()
}

/// What `resume` does with a task to which something was said.
const GOES_ON: &str = "goes on with it";

/// Says something to a task, and how it goes on.
async fn said(
    task: &str,
    state: Option<&Path>,
    by: &AsArgs,
    say: impl AsyncFnOnce(&Visited<'_>, Author) -> Result<()>,
) -> Result<Exit> {
    told(task, state, by, GOES_ON, say).await
}

async fn told(
    task: &str,
    state: Option<&Path>,
    by: &AsArgs,
    then: &str,
    say: impl AsyncFnOnce(&Visited<'_>, Author) -> Result<()>,
) -> Result<Exit> {
    let dir = places::state(state)?;
    let reader = Reader::open(&dir)?;
    let task = task.parse()?;
    let journal = setup::journal(Some(&dir))?;
    let visited = Visited::new(&journal, task).map_err(wrong)?;
    say(&visited, author(by)).await.map_err(|error| match error.downcast() {
        Ok(error) => wrong(error),
        Err(error) => error,
    })?;
    // Whoever works on it hears of it; where nobody does, somebody has to begin.
    if !reader.is_driven(&task)? {
        eprintln!("gloveport: nobody works on the task now; `gloveport resume {task}` {then}");
    }
    Ok(Exit::Done)
}

fn wrong(error: PeopleError) -> anyhow::Error {
    match error {
        PeopleError::Journal(error) => Internal(error.into()).into(),
        error => error.into(),
    }
}

/// Who speaks: by the name that they give, and by the account that the system knows them by.
pub(super) fn author(by: &AsArgs) -> Author {
    let account = account();
    let named = by.name.clone().map(|name| name.to_string());
    let name = named.or_else(|| env::var("USER").ok().filter(|name| !name.is_empty()));
    let name = name.or_else(|| account.clone()).unwrap_or_else(|| "somebody".to_owned());
    Author { name, via: VIA.to_owned(), account }
}

#[cfg(unix)]
fn account() -> Option<String> {
    Some(format!("uid {}", rustix::process::getuid().as_raw()))
}

/// The system has no such number.
#[cfg(not(unix))]
fn account() -> Option<String> {
    None
}
