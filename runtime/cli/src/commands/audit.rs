//! `gloveport audit verify`: whether records are what was recorded.

use crate::{
    exit::Exit,
    places,
    print::{json_line, line},
    records,
};
use anyhow::{Result, bail};
use journal::{Broken, EventBody, Fault, Reader, TaskId, VerifyError};
use policy::Digest;
use serde_json::json;
use std::path::Path;

pub(crate) fn verify(task: Option<&str>, head: Option<Digest>, as_json: bool, state: Option<&Path>) -> Result<Exit> {
    let reader = Reader::open(&places::state(state)?)?;
    let mut tasks: Vec<TaskId> = match task {
        Some(id) => vec![id.parse()?],
        None => records::tasks(&reader)?.into_iter().map(|summary| summary.task).collect(),
    };
    let (mut broken, mut next) = (0, 0);
    while let Some(task) = tasks.get(next).copied() {
        next += 1;
        // A note is of the first one's end.
        let verified = reader.verify(&task, head.as_ref().filter(|_| next == 1));
        let verified = verified.and_then(|verified| {
            for within in within(&reader, &task)? {
                if !tasks.contains(&within) {
                    tasks.push(within);
                }
            }
            Ok(verified)
        });
        match verified {
            Ok(verified) if as_json => json_line(&json!({
                "task": task, "intact": true, "events": verified.events, "head": verified.head,
                "closed": verified.closed,
            })),
            Ok(verified) => {
                let end = if verified.closed { "closed" } else { "open" };
                line(&format!("{task}  intact, {} events, {end}, head {}", verified.events, verified.head));
            }
            Err(VerifyError::Broken(error)) => {
                broken += 1;
                if as_json {
                    let what = error.fault.to_string();
                    json_line(&json!({ "task": task, "intact": false, "event": error.seq, "what": what }));
                } else {
                    line(&format!("{task}  NOT INTACT: {error}"));
                }
            }
            Err(VerifyError::Journal(error)) => return Err(error.into()),
        }
    }
    match broken {
        0 => Ok(Exit::Done),
        count => bail!("{count} of {} records are not what was recorded", tasks.len()),
    }
}

/// The tasks within a task. What its record says of theirs has to be in theirs.
fn within(reader: &Reader, task: &TaskId) -> Result<Vec<TaskId>, VerifyError> {
    let mut found = Vec::new();
    for event in reader.events(task, 0) {
        let event = event?;
        let EventBody::Returned { task: inner, head: Some(head), .. } = &event.body else { continue };
        let mut known = false;
        for event in reader.events(inner, 0) {
            known |= event?.digest == *head;
        }
        if !known {
            let fault = Fault::Within { task: *inner, head: *head };
            return Err(Box::new(Broken { task: *task, seq: event.seq, fault }).into());
        }
        found.push(*inner);
    }
    Ok(found)
}
