//! The journal through its public face, and through the files that it leaves.

#![allow(clippy::disallowed_methods, reason = "tests look at files, and start a process to kill it")]

mod crash;
mod files;
mod follow;
mod listing;
mod record;
mod tamper;

use journal::{Durability, Event, EventBody, Journal, TaskId, TaskStarted, TaskState};
use policy::Principal;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A state directory that goes away with the test.
fn dir() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

fn open(dir: &TempDir) -> Journal {
    Journal::open(dir.path(), Durability::Process).expect("a journal")
}

/// The same ids in every run; a higher number is a later task.
fn task(number: u64) -> TaskId {
    TaskId::new(1_795_361_400_000 + number, number)
}

fn started(objective: &str) -> EventBody {
    EventBody::TaskStarted(Box::new(TaskStarted {
        objective: objective.into(),
        plan_file: "plan.toml".into(),
        plan: "version = 1\n".into(),
        policy: vec![("base.cedar".into(), "permit(principal, action, resource);".into())],
        tenant: "default".into(),
        principal: "operator".parse::<Principal>().expect("a principal"),
        roles: vec![],
        mounts: vec![],
        env: vec!["LANG".into()],
        clock_ms: 1_795_361_400_000,
        packages: vec![],
    }))
}

fn skipped(step: &str) -> EventBody {
    EventBody::StepSkipped { step: step.into(), why: "its condition is false".into() }
}

fn ended(state: TaskState) -> EventBody {
    EventBody::TaskEnded { state, why: None }
}

fn call(args: Value) -> EventBody {
    EventBody::Call {
        tool: "files.read".parse().expect("a tool"),
        digest: policy::Digest([7; 32]),
        args: Some(args),
        decision: None,
        outcome: Some(json!({ "end": { "result": "text" } })),
    }
}

fn events(journal: &Journal, task: &TaskId) -> Vec<Event> {
    let reader = journal.reader().expect("a reader");
    reader.events(task, 0).collect::<Result<_, _>>().expect("readable events")
}
