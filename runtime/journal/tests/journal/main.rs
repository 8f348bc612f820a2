//! The journal through its public face, and through the files that it leaves.

#![allow(clippy::disallowed_methods, reason = "tests look at files, and start a process to kill it")]

mod crash;
mod files;
mod follow;
mod listing;
mod record;
mod tamper;

use journal::{Durability, Event, EventBody, Journal, TaskId, TaskState};
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
    let body = json!({
        "event": "task-started", "objective": objective, "plan_file": "plan.toml", "plan": "version = 1\n",
        "policy": [["base.cedar", "permit(principal, action, resource);"]], "tenant": "default", "principal": "operator",
        "roles": [], "mounts": [], "env": ["LANG"], "clock_ms": 1_795_361_400_000_u64, "packages": [],
    });
    serde_json::from_value(body).expect("an event")
}

fn skipped(step: &str) -> EventBody {
    EventBody::StepSkipped { step: step.into(), why: "its condition is false".into() }
}

fn ended(state: TaskState) -> EventBody {
    EventBody::TaskEnded { state, why: None, result: Default::default(), provenance: Default::default() }
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
