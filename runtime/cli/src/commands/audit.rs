//! `gloveport audit verify`: whether records are what was recorded.

use crate::{
    exit::Exit,
    places,
    print::{json_line, line},
    records,
};
use anyhow::{Result, bail};
use journal::{Reader, TaskId, VerifyError};
use policy::Digest;
use serde_json::json;
use std::path::Path;

pub(crate) fn verify(task: Option<&str>, head: Option<Digest>, as_json: bool, state: Option<&Path>) -> Result<Exit> {
    let reader = Reader::open(&places::state(state)?)?;
    let tasks: Vec<TaskId> = match task {
        Some(id) => vec![id.parse()?],
        None => records::tasks(&reader)?.into_iter().map(|summary| summary.task).collect(),
    };
    let mut broken = 0;
    for task in &tasks {
        match reader.verify(task, head.as_ref()) {
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
