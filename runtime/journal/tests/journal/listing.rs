//! Lists of tasks.

use crate::{call, dir, ended, open, skipped, started, task};
use journal::{EventBody, Standing, TaskState};
use rusqlite::Connection;
use serde_json::json;

#[tokio::test]
async fn tasks_are_listed_with_where_they_stand() {
    let dir = dir();
    let journal = open(&dir);
    let bodies = [
        (1, vec![started("one"), ended(TaskState::Done)]),
        (2, vec![started("two"), ended(TaskState::Waiting)]),
        (3, vec![started("three"), ended(TaskState::Waiting), EventBody::TaskResumed]),
        (4, vec![started("four"), skipped("a"), skipped("b")]),
        (5, vec![call(json!({}))]),
        (6, vec![started("six")]),
    ];
    for (number, bodies) in bodies {
        for (at_ms, body) in (100 * number..).zip(bodies) {
            journal.append(&task(number), body, at_ms).await.expect("recorded");
        }
    }
    let _lease = journal.lease(&task(4)).expect("free");
    let db = Connection::open(dir.path().join("journal.db")).expect("a database");
    db.execute("UPDATE event SET body = '{}' WHERE task = ?1", [task(6).as_str()]).expect("changed");

    let reader = journal.reader().expect("a reader");
    let show = |before: Option<u64>, limit| {
        let before = before.map(task);
        let tasks = reader.tasks(before.as_ref(), limit).expect("a list");
        let line = |task: journal::TaskSummary| {
            let standing = match task.standing {
                Standing::Unreadable { why } => why.split(": ").nth(1).expect("a reason").to_owned(),
                Standing::Ended { state } => format!("{state:?}"),
                standing => format!("{standing:?}"),
            };
            let objective = task.objective.unwrap_or_default();
            format!("{objective} {standing} {}-{} {}", task.started_ms, task.last_ms, task.events)
        };
        tasks.into_iter().map(line).collect::<Vec<_>>()
    };
    let all = [
        " missing field `event` at line 1 column 2 600-600 1",
        " Calls 500-500 1",
        "four Running 400-402 3",
        "three Interrupted 300-302 3",
        "two Waiting 200-201 2",
        "one Done 100-101 2",
    ];
    assert_eq!(show(None, 100), all);
    assert_eq!(show(None, 2), all[..2]);
    assert_eq!(show(Some(5), 2), all[2..4]);
    assert_eq!(show(Some(1), 2), [""; 0]);
    assert_eq!(show(None, 0), [""; 0]);
    let json = serde_json::to_value(reader.summary(&task(1)).expect("a task")).expect("JSON");
    assert_eq!(json["standing"], "ended");
    assert_eq!(json["state"], "done");
}
