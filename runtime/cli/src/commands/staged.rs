//! `gloveport diff`, `commit` and `discard`: a task's staged changes.

use crate::{
    args::{AsArgs, CommitArgs, DiscardArgs, TaskArgs},
    commands::{people::author, run::beginning},
    exit::{Exit, Internal},
    places,
    print::{harmless, json_line, line, one_line},
    records, setup,
};
use anyhow::{Context as _, Result, bail};
use controller::{Plan, Staging, StagingError};
use journal::{Author, EventBody, Journal, Lease, Reader, TaskId};
use sandbox::{Change, CommitError, Content, Diff, Staged};
use serde_json::json;
use similar::TextDiff;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// How much of a file is compared line by line, in bytes, and how many lines of that are shown.
const MAX_COMPARED: u64 = 256 << 10;
const MAX_LINES: usize = 400;

pub(crate) fn diff(args: &TaskArgs, state: Option<&Path>) -> Result<Exit> {
    let (dir, task) = known(&args.task, state)?;
    let staged = Staged::all(&places::staged(&dir, &task))?;
    let diffs = Staged::diffs(&staged)?;
    let digest = Diff::digest(&diffs);
    if args.json {
        json_line(&json!({ "digest": digest, "mounts": diffs }));
        return Ok(Exit::Done);
    }
    for (staged, diff) in staged.iter().zip(&diffs) {
        for change in &diff.changes {
            line(&headline(diff, change));
            let text = text(staged, change)?;
            if !text.is_empty() {
                line(text.trim_end());
            }
        }
    }
    let count: usize = diffs.iter().map(|diff| diff.changes.len()).sum();
    if count == 0 {
        eprintln!("gloveport: {task} has no staged changes");
    } else {
        eprintln!("gloveport: {}; to take exactly these over: gloveport commit {task} --diff {digest}", counted(count));
    }
    Ok(Exit::Done)
}

pub(crate) async fn commit(args: &CommitArgs, state: Option<&Path>) -> Result<Exit> {
    let asked = Asked::new(&args.task, &args.by, state)?;
    let staged = asked.staged()?;
    let staging = asked.staging();
    match staging.commit(staged, args.digest).await {
        Ok(diffs) => {
            show(&diffs, "taken over", args.json);
            Ok(Exit::Done)
        }
        Err(error @ StagingError::Commit(CommitError::Changed { .. } | CommitError::Moved { .. })) => {
            eprintln!("gloveport: {error}");
            Ok(Exit::Denied)
        }
        Err(error) => wrong(error),
    }
}

pub(crate) async fn discard(args: &DiscardArgs, state: Option<&Path>) -> Result<Exit> {
    let DiscardArgs { task: args, by } = args;
    let asked = Asked::new(&args.task, by, state)?;
    let folder = asked.folder();
    // What cannot be looked at can be dropped all the same.
    let why = match Staged::all(&folder) {
        Ok(staged) if staged.is_empty() => bail!("{} has no staged changes", asked.task),
        Ok(staged) => match asked.staging().discard(staged).await {
            Ok(diffs) => {
                show(&diffs, "discarded", args.json);
                return Ok(Exit::Done);
            }
            Err(StagingError::Commit(error)) => error.to_string(),
            Err(error) => return wrong(error),
        },
        Err(error) => error.to_string(),
    };
    match asked.staging().discard_unseen(&folder, &why).await {
        Ok(()) => {
            if args.json {
                json_line(&json!({ "digest": null, "mounts": null, "unseen": why }));
            }
            eprintln!("gloveport: all changes discarded; what they were could not be told: {}", one_line(&why));
            Ok(Exit::Done)
        }
        Err(error) => wrong(error),
    }
}

fn wrong(error: StagingError) -> Result<Exit> {
    Err(match error {
        StagingError::Journal(error) => Internal(error.into()).into(),
        error => error.into(),
    })
}

/// A task whose staged changes somebody wants to do something with; nobody else drives it meanwhile.
struct Asked {
    task: TaskId,
    journal: Arc<Journal>,
    _lease: Lease,
    plan: Option<Arc<Plan>>,
    events: Vec<EventBody>,
    by: Author,
}

impl Asked {
    fn new(task: &str, by: &AsArgs, state: Option<&Path>) -> Result<Self> {
        let (dir, task) = known(task, state)?;
        let journal = setup::journal(Some(&dir))?;
        let lease = journal.lease(&task)?;
        // Only now: until the lease is taken, another process may add to them.
        let reader = Reader::open(&dir)?;
        let events = records::events(&reader, &task)?;
        let of_plan = events.iter().any(|event| matches!(event.body, EventBody::TaskStarted(_)));
        let plan = of_plan.then(|| beginning(&reader, &task).map(|(_, plan)| Arc::new(plan))).transpose()?;
        let events = events.into_iter().map(|event| event.body).collect();
        Ok(Self { task, journal, _lease: lease, plan, events, by: author(by) })
    }

    fn folder(&self) -> PathBuf {
        places::staged(self.journal.folder(), &self.task)
    }

    fn staged(&self) -> Result<Vec<Staged>> {
        let staged = Staged::all(&self.folder())?;
        if staged.is_empty() {
            bail!("{} has no staged changes", self.task);
        }
        Ok(staged)
    }

    fn staging(&self) -> Staging<'_> {
        let (plan, events) = (self.plan.as_ref(), &self.events);
        Staging { journal: &self.journal, task: self.task, plan, events, by: &self.by }
    }
}

/// Where the task's record is, and that there is one.
fn known(task: &str, state: Option<&Path>) -> Result<(PathBuf, TaskId)> {
    let task: TaskId = task.parse()?;
    let dir = places::state(state)?;
    records::known(&Reader::open(&dir)?, &task)?;
    Ok((dir, task))
}

fn show(diffs: &[Diff], done: &str, as_json: bool) {
    if as_json {
        json_line(&json!({ "digest": Diff::digest(diffs), "mounts": diffs }));
        return;
    }
    for diff in diffs {
        for change in &diff.changes {
            line(&headline(diff, change));
        }
    }
    eprintln!("gloveport: {} {done}", counted(diffs.iter().map(|diff| diff.changes.len()).sum()));
}

fn counted(changes: usize) -> String {
    if changes == 1 { "1 change".to_owned() } else { format!("{changes} changes") }
}

/// One change in a line.
fn headline(diff: &Diff, change: &Change) -> String {
    let path = one_line(&format!("{}/{}", diff.mount, change.path));
    match (&change.before, &change.after) {
        (None, Some(after)) => format!("create  {path}  {}", described(after)),
        (Some(before), None) => format!("remove  {path}  {}", described(before)),
        (Some(before), Some(after)) => {
            let mode = |of: &Content, other: &Content| match (of, other) {
                (Content::File { mode, .. }, Content::File { mode: other, .. }) if mode != other => {
                    format!(", mode {mode}")
                }
                _ => String::new(),
            };
            let (is, was) = (mode(after, before), mode(before, after));
            format!("change  {path}  {}{is}, was {}{was}", described(after), described(before))
        }
        (None, None) => path,
    }
}

fn described(content: &Content) -> String {
    match content {
        Content::File { size, mode, .. } if mode.is_executable() => format!("{size} bytes, executable"),
        Content::File { size, .. } => format!("{size} bytes"),
        Content::Directory {} => "directory".to_owned(),
        Content::Link { target } => format!("link to {}", one_line(target)),
        Content::Other {} => "special file".to_owned(),
    }
}

/// The lines that differ, where both are short texts.
fn text(staged: &Staged, change: &Change) -> Result<String> {
    let short = |content: &Option<Content>| match content {
        Some(Content::File { size, .. }) => *size <= MAX_COMPARED,
        Some(_) => false,
        None => true,
    };
    if !short(&change.before) || !short(&change.after) {
        return Ok(String::new());
    }
    let (before, after) = staged.texts(change).with_context(|| change.path.clone())?;
    let (Ok(before), Ok(after)) = (String::from_utf8(before), String::from_utf8(after)) else {
        return Ok(String::new());
    };
    let diff = TextDiff::from_lines(&before, &after);
    let all = diff.unified_diff().context_radius(2).to_string();
    let mut shown: Vec<_> = all.lines().take(MAX_LINES).map(|line| format!("  {}", harmless(line))).collect();
    let more = all.lines().count().saturating_sub(MAX_LINES);
    if more > 0 {
        shown.push(format!("  ({more} lines more)"));
    }
    Ok(shown.join("\n"))
}
