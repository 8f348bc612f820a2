//! Changes of the database behind the journal's back, and what verification says of them.

use crate::{dir, ended, open, skipped, started, task};
use journal::{EventBody, Reader, TaskState, VerifyError};
use policy::Digest;
use rusqlite::Connection;
use std::fs::OpenOptions;
use tempfile::TempDir;

/// Two tasks of six events, the second one closed; the journal itself is closed.
async fn two_tasks() -> (TempDir, Vec<Digest>) {
    let dir = dir();
    let journal = open(&dir);
    let mut heads = Vec::new();
    for id in [task(1), task(2)] {
        let end = if id == task(1) { EventBody::TaskResumed } else { ended(TaskState::Done) };
        for (at_ms, body) in (0..).zip([started("x"), skipped("a"), skipped("b"), skipped("c"), skipped("d"), end]) {
            heads.push(journal.append(&id, body, at_ms).await.expect("recorded").digest);
        }
    }
    (dir, heads)
}

fn verdict(dir: &TempDir, id: u64, head: Option<&Digest>) -> String {
    match Reader::open(dir.path()).expect("a reader").verify(&task(id), head) {
        Ok(sound) => format!("{} events, {}", sound.events, if sound.closed { "closed" } else { "open" }),
        Err(VerifyError::Broken(broken)) => {
            assert_eq!(broken.task, task(id));
            let text = broken.to_string();
            text.strip_prefix("event ").expect("it names the event").replace(&format!(" of task {}", task(id)), "")
        }
        Err(VerifyError::Journal(error)) => error.to_string(),
    }
}

#[tokio::test]
async fn changes_are_found_and_named() {
    // Every text speaks of `T`, the first task, and `U`, the second.
    let cases = [
        ("", "6 events, open"),
        ("UPDATE event SET body = replace(body, '\"b\"', '\"x\"') WHERE task = T AND seq = 2", "2 was altered"),
        ("UPDATE event SET body = body || ' ' WHERE task = T AND seq = 2", "2 was altered"),
        ("UPDATE event SET at_ms = at_ms + 1 WHERE task = T AND seq = 2", "2 was altered"),
        ("UPDATE event SET digest = zeroblob(32) WHERE task = T AND seq = 5", "5 was altered"),
        ("UPDATE event SET digest = x'00' WHERE task = T AND seq = 5", "5 was altered"),
        ("UPDATE event SET prev = zeroblob(32) WHERE task = T AND seq = 0", "0 was altered"),
        ("UPDATE event SET seq = -1 WHERE task = T AND seq = 0", "0 was altered"),
        ("DELETE FROM event WHERE task = T AND seq = 0", "0 is missing"),
        ("DELETE FROM event WHERE task = T AND seq = 3", "3 is missing"),
        (
            "DELETE FROM event WHERE task = T AND seq = 3; UPDATE event SET seq = seq - 1 WHERE task = T AND seq > 3",
            "3 stands in the wrong place: it was recorded as event 4",
        ),
        (
            "UPDATE event SET seq = 99 WHERE task = T AND seq = 2; UPDATE event SET seq = 2 WHERE task = T AND seq = 3;
             UPDATE event SET seq = 3 WHERE task = T AND seq = 99",
            "2 stands in the wrong place: it was recorded as event 3",
        ),
        (
            "DELETE FROM event WHERE task = T AND seq = 2; UPDATE event SET task = T WHERE task = U AND seq = 2",
            "2 is foreign: it was recorded as event 2 of task U",
        ),
        (
            "UPDATE event SET task = T, seq = 6 WHERE task = U AND seq = 5",
            "6 is foreign: it was recorded as event 5 of task U",
        ),
        ("DELETE FROM event WHERE task = T", "there is no record of task T"),
        // The chain alone cannot show this; a noted head can.
        ("DELETE FROM event WHERE task = T AND seq > 3", "4 events, open"),
        ("DROP TABLE event", "journal: no such table: event"),
    ];
    for (sql, expected) in cases {
        let (dir, _) = two_tasks().await;
        let named =
            |text: &str| text.replace("= T", &format!("= '{}'", task(1))).replace("= U", &format!("= '{}'", task(2)));
        let db = Connection::open(dir.path().join("journal.db")).expect("a database");
        db.execute_batch(&named(sql)).expect(sql);
        let got = verdict(&dir, 1, None);
        let expected =
            expected.replace("task T", &format!("task {}", task(1))).replace("task U", &format!("task {}", task(2)));
        assert!(got.starts_with(&expected), "{sql}\n got: {got}\nwant: {expected}");
        if !sql.contains("= U") && !sql.contains("DROP") {
            assert_eq!(verdict(&dir, 2, None), "6 events, closed", "{sql}");
        }
    }
}

/// Somebody who can compute digests can replace an event, but then also has to replace all that follow.
#[tokio::test]
async fn a_replaced_event_does_not_carry_the_next() {
    let (dir, _) = two_tasks().await;
    // A chain that differs in one event has that event at the same place, and fits it.
    let forged = crate::dir();
    let journal = open(&forged);
    for (at_ms, body) in (0..).zip([started("x"), skipped("a"), skipped("forged"), skipped("c")]) {
        journal.append(&task(1), body, at_ms).await.expect("recorded");
    }
    drop(journal);
    let db = Connection::open(dir.path().join("journal.db")).expect("a database");
    db.execute("ATTACH ?1 AS forged", [forged.path().join("journal.db").to_str().expect("UTF-8")]).expect("attached");
    db.execute_batch("INSERT OR REPLACE INTO event SELECT * FROM forged.event WHERE seq = 2").expect("replaced");
    let expected = "3 does not follow on the event before it, which was replaced";
    assert_eq!(verdict(&dir, 1, None), expected);
}

#[tokio::test]
async fn a_noted_head_shows_what_the_chain_cannot() {
    let (dir, heads) = two_tasks().await;
    assert_eq!(verdict(&dir, 1, Some(&heads[5])), "6 events, open");
    let earlier = verdict(&dir, 1, Some(&heads[3]));
    assert!(
        earlier.starts_with("5 is the last one")
            && earlier.ends_with("is the digest of event 3: more was recorded since"),
        "{earlier}"
    );
    let db = Connection::open(dir.path().join("journal.db")).expect("a database");
    db.execute("DELETE FROM event WHERE task = ?1 AND seq = 5", [task(1).as_str()]).expect("cut off");
    let cut = verdict(&dir, 1, Some(&heads[5]));
    assert!(cut.starts_with("4 is the last one") && cut.ends_with("its end was cut off or replaced"), "{cut}");
}

#[tokio::test]
async fn what_comes_after_an_end_is_found() {
    let (dir, _) = two_tasks().await;
    let db = Connection::open(dir.path().join("journal.db")).expect("a database");
    db.execute("UPDATE event SET task = ?1, seq = 6 WHERE task = ?2 AND seq = 5", [task(2).as_str(), task(1).as_str()])
        .expect("moved");
    assert_eq!(verdict(&dir, 2, None), "6 comes after the task's end");
}

#[tokio::test]
async fn a_damaged_task_does_not_stop_the_others() {
    let (dir, _) = two_tasks().await;
    let db = Connection::open(dir.path().join("journal.db")).expect("a database");
    db.execute("UPDATE event SET body = '{\"event\":\"later\"}' WHERE task = ?1 AND seq = 5", [task(1).as_str()])
        .expect("changed");
    drop(db);
    let journal = open(&dir);
    let refused = journal.append(&task(1), skipped("e"), 6).await.expect_err("its end cannot be read").to_string();
    assert!(
        refused.starts_with(&format!("event 5 of task {} cannot be read: unknown variant `later`", task(1))),
        "{refused}"
    );
    journal.append(&task(3), skipped("a"), 0).await.expect("recorded");
}

#[tokio::test]
async fn a_truncated_database_is_an_error_wherever_it_ends() {
    let (dir, _) = two_tasks().await;
    let path = dir.path().join("journal.db");
    let length = std::fs::metadata(&path).expect("a file").len();
    assert!(length > 4096);
    // SQLite reads a page that is cut off as if it ended in zeros: there the chain shows what is missing.
    let malformed = "journal: database disk image is malformed";
    for (kept, expected) in [(length - 1, "0 was altered"), (4096, malformed), (4095, malformed), (100, malformed)] {
        OpenOptions::new().write(true).open(&path).and_then(|file| file.set_len(kept)).expect("cut");
        let got = verdict(&dir, 1, None);
        assert!(got.starts_with(expected), "{kept}: {got}");
    }
}
