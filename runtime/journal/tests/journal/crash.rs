//! A process that dies in the midst of its work.

use crate::{dir, ended, skipped, task};
use journal::{Durability, Journal, JournalError, Reader, TaskState, Until};
use std::{
    env,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
};

const DIR: &str = "JOURNAL_TEST_DIR";

/// What the killed process does: it takes a task, appends, and says what was acknowledged, until it is killed.
#[tokio::test]
#[ignore = "started by the tests below, which kill it"]
async fn victim() {
    let dir = env::var_os(DIR).expect("the directory");
    let journal = Journal::open(Path::new(&dir), Durability::Process).expect("a journal");
    let _lease = journal.lease(&task(1)).expect("free");
    for index in 0.. {
        journal.append_unwaited(&task(2), skipped("nobody waits"), index).await.expect("queued");
        let appended = journal.append(&task(1), skipped("a"), index).await.expect("recorded");
        writeln!(std::io::stdout(), "recorded {} {}", appended.seq, appended.digest).expect("somebody reads");
    }
}

fn start(dir: &Path, output: Stdio) -> Child {
    Command::new(env::current_exe().expect("this program"))
        .args(["--exact", "crash::victim", "--ignored", "--nocapture"])
        .env(DIR, dir)
        .stdout(output)
        .spawn()
        .expect("a process")
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let dir = dir();
    for round in 1..=3 {
        let mut victim = start(dir.path(), Stdio::piped());
        let lines = BufReader::new(victim.stdout.take().expect("its output")).lines().map(|line| line.expect("a line"));
        let mut acknowledged = Vec::new();
        for line in lines {
            if let Some(head) = line.strip_prefix("recorded ") {
                acknowledged.push(head.to_owned());
            }
            if acknowledged.len() == 200 {
                let driven = Journal::open(dir.path(), Durability::Process).expect("a journal").lease(&task(1));
                assert!(matches!(driven, Err(JournalError::Leased(_))), "{driven:?}");
                victim.kill().expect("killed");
            }
        }
        victim.wait().expect("dead");
        assert!(acknowledged.len() >= 200, "round {round}: {acknowledged:?}");

        let reader = Reader::open(dir.path()).expect("a reader");
        let recorded: Vec<_> = reader.events(&task(1), 0).map(|event| event.expect("readable")).collect();
        for head in &acknowledged {
            let (seq, digest) = head.split_once(' ').expect("two words");
            assert_eq!(recorded[seq.parse::<usize>().expect("a number")].digest.to_string(), digest);
        }
        let sound = reader.verify(&task(1), None).expect("sound");
        assert!(sound.events >= 200 * round && !sound.closed, "{sound:?}");
        // What nobody waited for was queued before, and is committed no later.
        assert!(reader.verify(&task(2), None).expect("sound").events >= sound.events);
    }
    let journal = Journal::open(dir.path(), Durability::Process).expect("a journal");
    let _lease = journal.lease(&task(1)).expect("the dead hold nothing");
    journal.append(&task(1), ended(TaskState::Done), 0).await.expect("the chain goes on");
}

#[test]
fn another_process_is_followed_while_it_works() {
    let dir = dir();
    drop(Journal::open(dir.path(), Durability::Process).expect("a journal"));
    let reader = Reader::open(dir.path()).expect("a reader");
    let mut victim = start(dir.path(), Stdio::null());
    let seen = reader.follow(&task(1), 0, Until::Closed).take(1000);
    assert!(seen.map(|event| event.expect("readable").seq).eq(0..1000));
    victim.kill().expect("killed");
    victim.wait().expect("dead");
}
