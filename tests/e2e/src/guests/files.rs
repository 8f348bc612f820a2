//! Files: names, links, handles and races, by the file system's own interface.

use super::{READ, WRITE, beyond, check, check_in, done, refused, run_in, tells};
use crate::program::{Place, guest};
use serde_json::json;
use std::{
    fs,
    os::unix::{fs::symlink, net::UnixListener},
    process::Command,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
};

/// A place whose mount `out` has something in it: files, and links that lead out and nowhere.
pub(super) fn furnished() -> Place {
    let place = Place::new();
    place.write("out/there.txt", "there");
    place.write("out/other.txt", "other");
    for (to, path) in [("../outside.txt", "out/leak"), ("..", "out/up"), ("nowhere", "out/dangling")] {
        symlink(to, place.path(path)).expect("a link");
    }
    place
}

#[test]
pub(super) fn unopened() {
    let place = furnished();
    let outcome = tells(
        &place,
        "unopened",
        &[],
        &[READ, WRITE],
        "/workspace for nothing: read read-stream
        /workspace for read: read read-stream
        /workspace for write: not-permitted
        /workspace for mutate: read read-stream
        /workspace for sync: unsupported
        /out for nothing: read read-stream
        /out for read: read read-stream
        /out for write: write write-stream append-stream set-size
        /out for mutate: read read-stream
        /out for sync: unsupported",
    );
    assert_eq!(done(&outcome), ["read workspace/file.txt", "read out/there.txt", "write out/there.txt"]);
    assert_eq!(refused(&outcome), ["write workspace/file.txt"]);
}

#[test]
pub(super) fn directory_as_file() {
    let outcome = tells(
        &Place::new(),
        "directory_as_file",
        &[],
        &[WRITE],
        "dir for writing: is-directory
        dir truncated: is-directory
        dir created: is-directory
        mount for writing: is-directory
        file as directory: not-directory
        new as directory: invalid
        read: bad-descriptor
        write: bad-descriptor
        read stream: is-directory
        write stream: bad-descriptor
        append stream: bad-descriptor
        set size: bad-descriptor
        list a file: not-directory
        below a file: not-directory
        unlink dir: is-directory
        rmdir file: not-directory
        rmdir mount: invalid
        unlink mount: is-directory",
    );
    assert_eq!(done(&outcome), ["create out/dir", "create out/file", "write out/file"]);
}

#[test]
pub(super) fn trailing_slash() {
    let place = furnished();
    let outcome = tells(
        &place,
        "trailing_slash",
        &[],
        &[WRITE],
        "open there.txt/: not-directory
        truncate there.txt/: not-directory
        stat there.txt/: ok
        open there.txt/.: not-directory
        truncate there.txt/.: not-directory
        stat there.txt/.: ok
        open there.txt//: not-directory
        truncate there.txt//: not-directory
        stat there.txt//: ok
        open there.txt/..: not-directory
        truncate there.txt/..: not-directory
        stat there.txt/..: not-directory
        open ./there.txt: ok
        truncate ./there.txt: ok
        stat ./there.txt: ok
        open .//there.txt: ok
        truncate .//there.txt: ok
        stat .//there.txt: ok
        open : no-entry
        truncate : no-entry
        stat : no-entry
        create new/: is-directory
        create new/.: no-entry
        create new/..: no-entry
        create ..: not-permitted
        create .: is-directory
        rename to a slash: not-directory
        link to a slash: no-entry
        unlink a slash: not-directory
        mkdir a slash: ok
        rmdir a slash: invalid",
    );
    assert_eq!(done(&outcome), ["read out/there.txt", "write out/there.txt", "create out/dir"]);
}

#[test]
pub(super) fn odd_names() {
    let place = Place::new();
    let before = beyond(&place, &["out", "state"]);
    let outcome = check_in(&place, "odd_names", &[], &[WRITE], 0, "exit_code\":0");
    let said = outcome["end"]["value"]["stdout"].as_str().expect("text");
    let (refused, made): (Vec<_>, Vec<_>) = said.lines().partition(|line| line.ends_with(": invalid"));
    assert_eq!(refused, [r#""nul\0behind": invalid"#, r#""/out/../x\0": invalid"#]);
    assert_eq!((made.len(), made.last().copied()), (25, Some("24")), "{said}");
    // Here they are names like any other, in the mount and nowhere else.
    for name in ["CON", "C:\\x", "..\\up", "\\\\?\\x", "a:b", "file.txt::$DATA", "trailing ", "...", "\u{1b}[2J"] {
        assert_eq!(fs::read_to_string(place.path("out").join(name)).expect(name), name);
    }
    assert_eq!(fs::read_dir(place.path("out")).expect("a folder").count(), 24);
    assert_eq!(beyond(&place, &["out", "state"]), before);
}

#[test]
pub(super) fn long_paths() {
    let outcome = tells(
        &Place::new(),
        "long_paths",
        &[],
        &[WRITE],
        "create 255: ok
        mkdir 255: ok
        stat 255: ok
        hash 255: ok
        symlink 255: ok
        readlink 255: ok
        create 256: name-too-long
        mkdir 256: name-too-long
        stat 256: name-too-long
        hash 256: name-too-long
        symlink 256: ok
        readlink 256: ok
        create 4000: name-too-long
        mkdir 4000: name-too-long
        stat 4000: name-too-long
        hash 4000: name-too-long
        symlink 4000: ok
        readlink 4000: ok
        create 5000: name-too-long
        mkdir 5000: name-too-long
        stat 5000: name-too-long
        hash 5000: name-too-long
        symlink 5000: name-too-long
        readlink 5000: no-entry
        dots 1000: ok
        ups 1000: not-permitted
        stat ups 1000: not-permitted
        dots 2040: ok
        ups 2040: name-too-long
        stat ups 2040: name-too-long
        dots 2060: name-too-long
        ups 2060: name-too-long
        stat ups 2060: name-too-long
        dots 500000: name-too-long
        ups 500000: name-too-long
        stat ups 500000: name-too-long",
    );
    assert!(outcome.to_string().len() < 50_000, "what is refused takes no room in the record");
}

#[test]
pub(super) fn deep_directories() {
    let place = Place::new();
    // A record names each by its whole path, so no deeper than a path can say.
    let said = "mkdir: name-too-long at 372\ndepth 372\n1 levels up: not-permitted\n2 levels up: not-permitted\n503 levels up: not-permitted";
    let outcome = tells(&place, "deep_directories", &[], &[WRITE, "handles=1024"], said);
    assert_eq!(done(&outcome).len(), 372);
    check("deep_directories", &[], &[WRITE, "created=100"], 5, r#""limit":"created","value":100"#);
}

#[test]
pub(super) fn outlives() {
    let place = Place::new();
    let outcome = tells(
        &place,
        "outlives",
        &[],
        &[WRITE],
        "removed: true
        read back: true
        below what was moved: true
        below what was removed: no-entry",
    );
    assert_eq!(place.read("out/dropped.txt"), "0123456789abcde");
    // All that was written counts, where nobody can see it any more too.
    assert_eq!(outcome["usage"]["written"], 26);
    let done = done(&outcome);
    for expected in ["write out/dropped.txt", "write out/removed.txt", "create out/moved/below.txt"] {
        assert!(done.iter().any(|done| done == expected), "{expected} is not in {done:?}");
    }
}

#[test]
pub(super) fn read_only_calls() {
    let all = [
        "create-directory-at",
        "link-at",
        "symlink-at",
        "rename-at",
        "unlink-file-at",
        "remove-directory-at",
        "set-times-at",
        "set-times-at, followed",
        "open to write",
        "open to truncate",
        "open to truncate and read",
        "open to truncate, for nothing",
        "open to create",
        "open to create and read",
        "open to create what is there",
        "open to create alone",
        "open to mutate",
        "open to create a directory",
        "write",
        "write-via-stream",
        "append-via-stream",
        "set-size",
        "set-size, the same",
        "set-times",
        "set-times of a directory",
        "create below",
        "mkdir below",
        "mkdir of the mount",
        "set-times of the mount",
    ];
    let line = |call: &str| match call {
        // A handle that could change something, in a mount where nothing can be changed.
        "open to mutate" => format!("{call}: ok\n"),
        "open to create a directory" => format!("{call}: invalid\n"),
        call => format!("{call}: not-permitted\n"),
    };
    let outcome = tells(&Place::new(), "read_only_calls", &[], &[READ], &all.map(line).concat());
    assert_eq!(done(&outcome), ["read workspace/file.txt"]);
    assert_eq!((refused(&outcome).len(), &outcome["usage"]["written"]), (16, &json!(0)), "{outcome}");
}

#[test]
pub(super) fn narrowed() {
    let place = Place::new();
    symlink("..", place.path("workspace/docs/link")).expect("a link");
    place.write("policy.cedar", "permit (principal, action, resource);");
    place.write("plan.toml", &format!(
        "objective = \"narrowed\"\npolicy = [\"policy.cedar\"]\ntools = [{:?}]\n[mounts.workspace]\npath = \"workspace\"\naccess = \"read-write\"\n[[step]]\nid = \"a\"\ntool = \"narrowed.run\"\nmounts = {{ workspace = {{ path = \"docs\" }} }}\n",
        guest("narrowed").display().to_string()
    ));
    let before = beyond(&place, &["state"]);
    let ended = place.run(&["run", "plan.toml", "--json"]);
    ended.expect(0, &["mounts: 1\\n"]);
    let task: serde_json::Value = serde_json::from_str(ended.stdout.lines().last().expect("a line")).expect("JSON");
    let said = task["steps"][0]["view"]["result"]["stdout"].as_str().expect("text").to_owned();
    let tried: Vec<_> = said.lines().skip(1).collect();
    assert_eq!(tried.len(), 4 * 16, "{said}");
    // Three of the ways are there, and lead out; one is not.
    let refused = tried.iter().filter(|line| line.ends_with(": not-permitted")).count();
    let missing = tried.iter().filter(|line| line.ends_with(": no-entry")).count();
    assert_eq!((refused, missing), (3 * 16, 16), "{said}");
    assert_eq!(beyond(&place, &["state"]), before);
}

/// While somebody puts a link to elsewhere in a directory's place, and takes it away again, all the time.
#[test]
pub(super) fn swapped_directory() {
    for (way, may_refuse) in [("held", false), ("path", true)] {
        let place = Place::new();
        place.write("out/swapped/file.txt", "inside");
        place.write("elsewhere/file.txt", "outside");
        let before = beyond(&place, &["out", "state"]);
        let stop = AtomicBool::new(false);
        let (outcome, swaps) = thread::scope(|scope| {
            let swapper = scope.spawn(|| {
                let (real, aside) = (place.path("out/swapped"), place.path("aside"));
                let mut swaps = 0u64;
                while !stop.load(Relaxed) {
                    fs::rename(&real, &aside).expect("it can be moved");
                    symlink("../elsewhere", &real).expect("a link");
                    if swaps == 0 {
                        place.write("out/begun", "");
                    }
                    fs::remove_file(&real).expect("the link is there");
                    fs::rename(&aside, &real).expect("it can be moved back");
                    swaps += 1;
                }
                swaps
            });
            let outcome = check_in(&place, "swapped_directory", &[way], &[WRITE, "created=20000"], 0, "exit_code\":0");
            stop.store(true, Relaxed);
            (outcome, swapper.join().expect("no panic"))
        });
        let said = outcome["end"]["value"]["stdout"].as_str().expect("text");
        assert!(said.contains(r#"read {"inside"}"#), "{way}: {said}");
        assert!(swaps > 100, "{way}: {swaps}");
        let lines: Vec<_> = said.lines().collect();
        if may_refuse {
            assert!(lines[1].contains("not-permitted") || lines[1].contains("no-entry"), "{said}");
        }
        assert_eq!(beyond(&place, &["out", "state"]), before, "{way}");
    }
}

#[test]
pub(super) fn huge_listing() {
    let place = Place::new();
    for n in 0..2_000 {
        place.write(&format!("workspace/many/{n}"), "");
    }
    let outcome = tells(&place, "huge_listing", &["3"], &[READ], "2000 0\n2000 0\n2000 0");
    assert_eq!(done(&outcome), ["list workspace/many"]);
    let over = run_in(&place, &guest("huge_listing"), "run", &json!({ "args": ["65"] }), &[READ, "handles=4096"]);
    over.expect(5, &[r#""limit":"handles""#]);
}

#[test]
pub(super) fn special_files() {
    let place = Place::new();
    let _listens = UnixListener::bind(place.path("workspace/socket")).expect("a socket");
    let made = Command::new("mkfifo").arg(place.path("workspace/pipe")).status().expect("mkfifo is there");
    assert!(made.success());
    for (to, path) in [("pipe", "to_pipe"), ("socket", "to_socket")] {
        symlink(to, place.path("workspace").join(path)).expect("a link");
    }
    let ways = ["read", "write", "nothing", "truncate", "create"];
    let tried = ["socket", "pipe", "to_pipe", "to_socket"]
        .map(|path| ways.map(|way| format!("{path} for {way}: not-permitted\n")).concat());
    let outcome = tells(&place, "special_files", &[], &["workspace=workspace:rw"], &tried.concat());
    assert_eq!((done(&outcome).len(), refused(&outcome).len()), (0, 12), "{outcome}");
}
