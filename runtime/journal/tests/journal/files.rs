//! What is in the state directory, and what is not a journal.

use crate::{dir, open, skipped, task};
use journal::{Durability, Journal, Reader};
use rusqlite::Connection;
use std::{fs, path::Path};

#[tokio::test]
async fn a_file_that_is_no_journal_is_left_alone() {
    let other = |sql: &str| {
        let dir = dir();
        let path = dir.path().join("other.db");
        Connection::open(&path).and_then(|db| db.execute_batch(sql)).expect(sql);
        fs::read(path).expect("a file")
    };
    let newer = {
        let dir = dir();
        drop(open(&dir));
        let path = dir.path().join("journal.db");
        Connection::open(&path).and_then(|db| db.pragma_update(None, "user_version", 2)).expect("changed");
        fs::read(path).expect("a file")
    };
    let cases = [
        (Vec::new(), "is not a journal: it is too short"),
        (b"hello".to_vec(), "is not a journal: it is too short"),
        ([b'x'; 5000].to_vec(), "is not a journal: it is no SQLite database"),
        (other("CREATE TABLE t (x)"), "is not a journal: it is another program's database"),
        (other("PRAGMA journal_mode = wal; CREATE TABLE t (x)"), "is not a journal: it is another program's database"),
        (newer, "has format 2, and this program knows 1; use a newer one"),
    ];
    for (bytes, expected) in cases {
        let dir = dir();
        let path = dir.path().join("journal.db");
        fs::write(&path, &bytes).expect("a file");
        let opened = Journal::open(dir.path(), Durability::Process).map(drop);
        let read = Reader::open(dir.path()).map(drop);
        for result in [opened, read] {
            let error = result.expect_err(expected).to_string();
            assert!(error.contains(expected) && error.contains(path.to_str().expect("UTF-8")), "{error}");
        }
        assert_eq!(fs::read(&path).expect("a file"), bytes, "{expected}");
        assert_eq!(fs::read_dir(dir.path()).expect("a folder").count(), 1, "{expected}");
    }
}

#[test]
fn reading_makes_nothing() {
    let dir = dir();
    let error = Reader::open(dir.path()).expect_err("no journal").to_string();
    assert!(error.starts_with("there is no journal at "), "{error}");
    assert_eq!(fs::read_dir(dir.path()).expect("a folder").count(), 0);
}

#[test]
fn a_state_directory_that_cannot_be_is_named() {
    let dir = dir();
    let file = dir.path().join("file");
    fs::write(&file, "").expect("a file");
    let error = Journal::open(&file.join("state"), Durability::Process).expect_err("a file is in the way").to_string();
    assert!(error.contains("file/state: "), "{error}");
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_can_read_the_record() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = dir();
    let journal = open(&dir);
    journal.append(&task(1), skipped("a"), 0).await.expect("recorded");
    let mode = |path: &Path| fs::metadata(path).expect("a file").permissions().mode() & 0o777;
    for name in ["journal.db", "journal.db-wal", "journal.db-shm"] {
        assert_eq!(mode(&dir.path().join(name)), 0o600, "{name}");
    }
}

#[test]
fn many_make_the_journal_at_the_same_moment() {
    for _ in 0..20 {
        let dir = dir();
        std::thread::scope(|scope| {
            let opening: Vec<_> =
                (0..8).map(|_| scope.spawn(|| Journal::open(dir.path(), Durability::Power).map(drop))).collect();
            for thread in opening {
                thread.join().expect("no panic").expect("a journal");
            }
        });
        // Two that close at once may each leave the log to the other: its files stay, and belong here.
        for file in fs::read_dir(dir.path()).expect("a folder") {
            let name = file.expect("a file").file_name();
            assert!(["journal.db", "journal.db-wal", "journal.db-shm"].iter().any(|known| name == *known), "{name:?}");
        }
    }
}
