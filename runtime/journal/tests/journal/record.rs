//! What is appended is there, in order, once.

use crate::{call, dir, ended, events, open, skipped, started, task};
use journal::{EventBody, JournalError, MAX_DEPTH, TaskState};
use serde_json::{Value, json};
use std::{collections::BTreeSet, sync::Arc};

#[tokio::test]
async fn events_are_read_as_they_were_appended() {
    let dir = dir();
    let journal = open(&dir);
    let bodies = [
        started("tidy up"),
        EventBody::TaskResumed,
        call(
            json!({ "big": u64::MAX, "small": i64::MIN, "half": 0.5, "text": "ä\u{0}\u{1F600}\"\\", "none": null, "list": [[], {}] }),
        ),
        skipped("b"),
        ended(TaskState::Waiting),
        EventBody::TaskResumed,
        ended(TaskState::Done),
    ];
    let mut heads = Vec::new();
    for (at_ms, body) in (0..).zip(&bodies) {
        heads.push(journal.append(&task(1), body.clone(), at_ms).await.expect("recorded"));
    }
    let read = events(&journal, &task(1));
    assert_eq!(read.iter().map(|event| event.body.clone()).collect::<Vec<_>>(), bodies);
    assert!(read.iter().zip(0..).all(|(event, at)| event.seq == at && event.at_ms == at));
    assert!(read.windows(2).all(|pair| pair[0].digest == pair[1].prev));
    assert!(read.iter().zip(&heads).all(|(event, head)| event.digest == head.digest && event.seq == head.seq));

    let reader = journal.reader().expect("a reader");
    assert_eq!(reader.head(&task(1)).expect("a head"), heads.last().copied());
    assert_eq!(reader.head(&task(2)).expect("no head"), None);
    assert_eq!(reader.events(&task(1), 5).count(), 2);
    assert_eq!(reader.events(&task(1), u64::MAX).count(), 0);
    let verified = reader.verify(&task(1), Some(&heads[6].digest)).expect("a sound chain");
    assert_eq!((verified.events, verified.closed), (7, true));
}

#[tokio::test]
async fn nothing_follows_the_end_of_a_task() {
    let dir = dir();
    let journal = open(&dir);
    for state in [TaskState::Done, TaskState::Failed] {
        let id = task(state as u64);
        journal.append(&id, ended(TaskState::Waiting), 0).await.expect("one may go on after waiting");
        journal.append(&id, ended(state), 0).await.expect("recorded");
        let late = journal.append(&id, skipped("late"), 0).await;
        assert!(matches!(late, Err(JournalError::Closed(closed)) if closed == id), "{late:?}");
        assert_eq!(events(&journal, &id).len(), 2);
    }
    // Also where the end is known from the database alone.
    drop(journal);
    let late = open(&dir).append(&task(TaskState::Done as u64), skipped("late"), 0).await;
    assert!(matches!(late, Err(JournalError::Closed(_))), "{late:?}");
}

#[tokio::test]
async fn an_event_that_was_lost_unseen_stops_the_journal() {
    let dir = dir();
    let journal = open(&dir);
    journal.append(&task(1), ended(TaskState::Done), 0).await.expect("recorded");
    journal.flush().await.expect("nothing lost");
    journal.append_unwaited(&task(1), skipped("late"), 0).await.expect("queued");
    let lost =
        |error: JournalError| matches!(&error, JournalError::Lost(cause) if matches!(**cause, JournalError::Closed(_)));
    assert!(journal.flush().await.is_err_and(lost));
    assert!(journal.append(&task(2), skipped("a"), 0).await.is_err_and(lost));
    assert!(journal.append_unwaited(&task(2), skipped("a"), 0).await.is_err_and(lost));
    assert!(events(&journal, &task(2)).is_empty());
}

#[tokio::test]
async fn what_could_not_be_read_back_is_not_recorded() {
    let dir = dir();
    let journal = open(&dir);
    // The event's object and its arguments' object are two of the levels.
    let nested = |depth: usize| {
        let list = (0..depth - 2).fold(Value::Null, |inner, _| Value::Array(vec![inner]));
        call(json!({ "list": list }))
    };
    journal.append(&task(1), nested(MAX_DEPTH), 0).await.expect("recorded");
    let deeper = journal.append(&task(1), nested(MAX_DEPTH + 1), 0).await;
    assert!(matches!(deeper, Err(JournalError::TooDeep { depth }) if depth == MAX_DEPTH + 1), "{deeper:?}");
    assert_eq!(events(&journal, &task(1)).len(), 1);
}

#[tokio::test]
async fn events_larger_than_the_queue_pass_through_it() {
    let dir = dir();
    let journal = open(&dir);
    let large = "x".repeat(20 << 20);
    for _ in 0..3 {
        journal.append_unwaited(&task(1), call(json!({ "text": large })), 0).await.expect("queued");
    }
    journal.flush().await.expect("recorded");
    assert_eq!(journal.reader().expect("a reader").verify(&task(1), None).expect("sound").events, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_tasks_append_at_once() {
    const TASKS: u64 = 64;
    const EVENTS: u64 = 50;
    let dir = dir();
    // Two handles stand for two processes: neither knows what the other appends.
    let journals = [Arc::new(open(&dir)), Arc::new(open(&dir))];
    let mut running = Vec::new();
    for number in 0..TASKS {
        for (half, journal) in journals.iter().enumerate() {
            let journal = Arc::clone(journal);
            running.push(tokio::spawn(async move {
                for index in 0..EVENTS {
                    let body = skipped(&format!("{half}/{index}"));
                    if index % 2 == 0 {
                        journal.append(&task(number), body, index).await.map(drop)?;
                    } else {
                        journal.append_unwaited(&task(number), body, index).await?;
                    }
                }
                journal.flush().await
            }));
        }
    }
    for task in running {
        task.await.expect("no panic").expect("recorded");
    }
    let reader = journals[0].reader().expect("a reader");
    for number in 0..TASKS {
        assert_eq!(reader.verify(&task(number), None).expect("sound").events, 2 * EVENTS);
        let read = events(&journals[1], &task(number));
        let steps: Vec<_> = read
            .iter()
            .map(|event| match &event.body {
                EventBody::StepSkipped { step, .. } => step.as_str(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(steps.iter().collect::<BTreeSet<_>>().len() as u64, 2 * EVENTS);
        for half in ["0/", "1/"] {
            let own = steps
                .iter()
                .filter(|step| step.starts_with(half))
                .map(|step| step[2..].parse::<u64>().expect("a number"));
            assert!(own.eq(0..EVENTS), "the order of appends is kept");
        }
    }
}

#[tokio::test]
async fn one_drives_a_task_at_a_time() {
    let dir = dir();
    let (one, other) = (open(&dir), open(&dir));
    let reader = one.reader().expect("a reader");
    assert!(!reader.is_driven(&task(1)).expect("a look"));
    let lease = one.lease(&task(1)).expect("free");
    assert_eq!(lease.task(), &task(1));
    assert!(reader.is_driven(&task(1)).expect("a look"));
    let refused = other.lease(&task(1));
    assert!(matches!(refused, Err(JournalError::Leased(id)) if id == task(1)), "{refused:?}");
    other.lease(&task(2)).expect("another task is free");
    drop(lease);
    assert!(!reader.is_driven(&task(1)).expect("a look"));
    other.lease(&task(1)).expect("free again");
}

#[test]
fn unknown_keys_are_refused_in_every_event() {
    for body in [started("x"), EventBody::TaskResumed, skipped("a"), ended(TaskState::Done), call(json!({}))] {
        let mut value = serde_json::to_value(&body).expect("JSON");
        assert_eq!(serde_json::from_value::<EventBody>(value.clone()).expect("the same"), body);
        value["extra"] = json!(1);
        let refused = serde_json::from_value::<EventBody>(value).expect_err("an unknown key").to_string();
        assert!(refused.contains("unknown field `extra`"), "{refused}");
    }
}
