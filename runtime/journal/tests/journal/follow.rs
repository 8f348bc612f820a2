//! Looking on.

use crate::{dir, ended, open, skipped, started, task};
use journal::{EventBody, TaskState, Until};

#[test]
fn a_task_is_followed_to_its_end() {
    let dir = dir();
    let journal = open(&dir);
    let bodies: Vec<_> = [started("x")]
        .into_iter()
        .chain((0..600).map(|index| skipped(&index.to_string())))
        .chain([ended(TaskState::Waiting), EventBody::TaskResumed, ended(TaskState::Failed)])
        .collect();
    let follow = |from, until| journal.reader().expect("a reader").follow(&task(1), from, until);
    let (all, late, ended) = std::thread::scope(|scope| {
        let read = |follow: journal::Follow| follow.map(|event| event.expect("readable").body).collect::<Vec<_>>();
        let all = follow(0, Until::Closed);
        let all = scope.spawn(move || read(all));
        let late = follow(500, Until::Closed);
        let late = scope.spawn(move || read(late));
        let ended = follow(0, Until::Ended);
        let ended = scope.spawn(move || read(ended));
        tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(async {
            for body in &bodies {
                journal.append(&task(1), body.clone(), 0).await.expect("recorded");
                journal.append(&task(2), skipped("of another task"), 0).await.expect("recorded");
            }
        });
        (all.join().expect("no panic"), late.join().expect("no panic"), ended.join().expect("no panic"))
    });
    assert_eq!(all, bodies);
    assert_eq!(late, bodies[500..]);
    assert_eq!(ended, bodies[..602]);
}

#[tokio::test]
async fn looking_on_without_waiting() {
    let dir = dir();
    let journal = open(&dir);
    let mut follow = journal.reader().expect("a reader").follow(&task(1), 0, Until::Ended);
    assert_eq!(follow.ready().expect("readable"), None);
    for body in [started("x"), ended(TaskState::Waiting)] {
        assert!(!follow.is_over());
        journal.append(&task(1), body.clone(), 0).await.expect("recorded");
        assert_eq!(follow.ready().expect("readable").map(|event| event.body), Some(body));
        assert_eq!(follow.ready().expect("readable"), None);
    }
    assert!(follow.is_over());
    journal.append(&task(1), EventBody::TaskResumed, 0).await.expect("recorded");
    assert_eq!(follow.ready().expect("readable"), None);
}
