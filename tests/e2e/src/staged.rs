//! Staged mounts: nothing changes before a person takes exactly what was shown over, and to a guest nothing is different.

use crate::{
    path_rules::{self, run},
    program::{Ended, Place, guest},
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt as _, path::Path};

/// All that is in a directory: files with their content, links with where they lead.
pub(crate) fn tree(directory: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![directory.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.strip_prefix(directory).expect("inside").display().to_string();
            let kind = fs::symlink_metadata(&path).expect("it is there");
            let what = if kind.is_symlink() {
                format!("link {}", fs::read_link(&path).expect("a link").display())
            } else if kind.is_dir() {
                waiting.push(path);
                "directory".to_owned()
            } else {
                fs::read_to_string(&path).expect("a text")
            };
            found.insert(name, what);
        }
    }
    found
}

/// The one task of a place.
fn task(place: &Place) -> String {
    let listed = place.run(&["tasks", "--json"]);
    let listed: Vec<Value> = listed.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let tasks: Vec<_> =
        listed.iter().flat_map(|value| value.as_array().cloned().unwrap_or(vec![value.clone()])).collect();
    assert_eq!(tasks.len(), 1, "{tasks:?}");
    tasks[0]["task"].as_str().expect("an id").to_owned()
}

fn diff(place: &Place, task: &str) -> Value {
    let ended = place.run(&["diff", task, "--json"]);
    ended.expect(0, &[]);
    ended.json()
}

/// The changes of all mounts in words.
fn changes(diff: &Value) -> Vec<String> {
    let side = |content: &Value| match content["kind"].as_str() {
        None => "nothing".to_owned(),
        Some("file") => format!("{} bytes", content["size"]),
        Some("link") => format!("link {}", content["target"].as_str().expect("a target")),
        Some(kind) => kind.to_owned(),
    };
    let mounts = diff["mounts"].as_array().expect("mounts");
    let of = |mount: &Value| {
        let changes = mount["changes"].as_array().expect("changes").clone();
        changes.into_iter().map(|change| {
            format!(
                "{}: {} -> {}",
                change["path"].as_str().expect("a path"),
                side(&change["before"]),
                side(&change["after"])
            )
        })
    };
    mounts.iter().flat_map(of).collect()
}

/// Takes over what is shown.
fn commit(place: &Place, task: &str) -> Ended {
    let digest = diff(place, task)["digest"].as_str().expect("a digest").to_owned();
    place.run(&["commit", task, "--diff", &digest])
}

const STAGED: &str = "staged = true\n";

/// Does something in a staged mount, and checks what would change; what is taken over is what a plain mount would have.
#[track_caller]
fn check(lines: &[&str], expected: &[&str]) {
    let (plain, staged) = (path_rules::place(""), path_rules::place(STAGED));
    let (before, said) = (tree(&staged.path("workspace")), |outcome: &Value| outcome["end"]["value"]["stdout"].clone());
    let (a, b) = (run(&plain, lines), run(&staged, lines));
    assert_eq!(said(&a), said(&b), "{lines:?}");
    assert_eq!(a["effects"], b["effects"], "{lines:?}");
    assert_eq!(tree(&staged.path("workspace")), before, "{lines:?}");
    let task = task(&staged);
    assert_eq!(changes(&diff(&staged, &task)), expected, "{lines:?}");
    commit(&staged, &task).expect(0, &[]);
    assert_eq!(tree(&staged.path("workspace")), tree(&plain.path("workspace")), "{lines:?}");
    staged.run(&["diff", &task]).expect(0, &["no staged changes"]);
}

#[test]
fn what_would_change_is_shown_and_taken_over() {
    check(&["write plain/a"], &["plain/a: 5 bytes -> 7 bytes"]);
    check(&["append plain/a", "read plain/a"], &["plain/a: 5 bytes -> 9 bytes"]);
    check(&["write new", "list ."], &["new: nothing -> 7 bytes"]);
    check(
        &["mkdir a", "mkdir a/b", "write a/b/c"],
        &["a: nothing -> directory", "a/b: nothing -> directory", "a/b/c: nothing -> 7 bytes"],
    );
    check(&["remove plain/a", "list plain", "read plain/a"], &["plain/a: 5 bytes -> nothing"]);
    check(&["remove plain/a", "write plain/a"], &["plain/a: 5 bytes -> 7 bytes"]);
    check(
        &["remove plain/a", "remove plain/to_config", "rmdir plain", "mkdir plain", "list plain", "write plain/b"],
        &[
            "plain/a: 5 bytes -> nothing",
            "plain/b: nothing -> 7 bytes",
            "plain/to_config: link ../.git/config -> nothing",
        ],
    );
    check(
        &["rename plain other", "read other/a", "read plain/a", "list other"],
        &[
            "other: nothing -> directory",
            "other/a: nothing -> 5 bytes",
            "other/to_config: nothing -> link ../.git/config",
            "plain: directory -> nothing",
            "plain/a: 5 bytes -> nothing",
            "plain/to_config: link ../.git/config -> nothing",
        ],
    );
    // A directory becomes a file, a file a directory, and a link to what only the changes have.
    check(
        &["remove Cargo.lock", "mkdir Cargo.lock", "write Cargo.lock/x"],
        &["Cargo.lock: 6 bytes -> directory", "Cargo.lock/x: nothing -> 7 bytes"],
    );
    check(
        &["remove src/.env", "remove src/main.rs", "rmdir src", "write src"],
        &["src: directory -> 7 bytes", "src/.env: 6 bytes -> nothing", "src/main.rs: 6 bytes -> nothing"],
    );
    check(
        &["mkdir n", "write n/x", "symlink n to_n", "read to_n/x", "write to_n/y", "rename n/x to_n/z"],
        &["n: nothing -> directory", "n/y: nothing -> 7 bytes", "n/z: nothing -> 7 bytes", "to_n: nothing -> link n"],
    );
    check(
        &["link plain/a second", "append second", "read plain/a"],
        &["plain/a: 5 bytes -> 9 bytes", "second: nothing -> 9 bytes"],
    );
    // What comes to the same is no change.
    check(&["rename plain/a plain/b", "rename plain/b plain/a"], &[]);
    check(&["write new", "remove new", "mkdir d", "rmdir d", "times plain/a"], &[]);
}

/// A few thousand operations that nobody thought of: what a guest hears, and what it leaves, is what it would be without
/// staging.
#[test]
fn a_guest_cannot_tell() {
    for seed in 1..=40_u64 {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut next = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).expect("31 bits") % below
        };
        let paths = [
            "plain",
            "plain/a",
            "plain/b",
            "src",
            "src/main.rs",
            "deep/in",
            "deep/in/key",
            "deep/out",
            "vendor/lib",
            "vendor/lib/a",
            "new",
            "new/x",
            "new/y",
            "to_plain/a",
            "to_lib",
            "to_lib/b",
            "Cargo.lock",
            "deep/in/../out/a",
            "to_plain",
            "plain/",
            "new/../plain/c",
            "chain",
            "loop",
            "dangling",
        ];
        let verbs = [
            "read", "write", "append", "truncate", "stat", "list", "mkdir", "remove", "rmdir", "rename", "link",
            "symlink", "readlink", "rename", "remove", "mkdir",
        ];
        let mut lines = Vec::new();
        for _ in 0..120 {
            let (verb, path, other) = (verbs[next(verbs.len())], paths[next(paths.len())], paths[next(paths.len())]);
            lines.push(match verb {
                "rename" | "link" | "symlink" => format!("{verb} {path} {other}"),
                // The engine takes no slash there.
                "rmdir" | "remove" => format!("{verb} {}", path.trim_end_matches('/')),
                verb => format!("{verb} {path}"),
            });
        }
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        let (plain, staged) = (path_rules::place(""), path_rules::place(STAGED));
        let (a_outcome, b_outcome) = (run(&plain, &lines), run(&staged, &lines));
        let said = |outcome: &Value| outcome["end"]["value"]["stdout"].as_str().expect("text").to_owned();
        for (index, (a, b)) in said(&a_outcome).lines().zip(said(&b_outcome).lines()).enumerate() {
            let before: Vec<_> = said(&a_outcome).lines().take(index).map(str::to_owned).collect();
            assert_eq!(a, b, "seed {seed}, after {before:#?}");
        }
        commit(&staged, &task(&staged)).expect(0, &[]);
        assert_eq!(tree(&staged.path("workspace")), tree(&plain.path("workspace")), "seed {seed}");
    }
}

#[test]
fn only_what_was_shown_is_taken_over() {
    let place = path_rules::place(STAGED);
    run(&place, &["write plain/a", "write new"]);
    let task = task(&place);
    let shown = diff(&place, &task)["digest"].as_str().expect("a digest").to_owned();
    let shown_text = place.run(&["diff", &task]);
    shown_text.expect(0, &["change  workspace/plain/a", "-plain", "+changed", "create  workspace/new", &shown]);
    // The directory changes meanwhile.
    place.write("workspace/plain/a", "other");
    place.run(&["commit", &task, "--diff", &shown]).expect(3, &["look at them again"]);
    assert_eq!(place.read("workspace/plain/a"), "other");
    place.write("workspace/plain/a", "plain");
    // Another digest than what is there.
    let other = format!("sha256:{}", "0".repeat(64));
    place.run(&["commit", &task, "--diff", &other]).expect(3, &["look at them again"]);
    place.run(&["commit", &task, "--diff", "0000"]).expect(2, &["not a digest"]);
    place.run(&["commit", &task]).expect(2, &["--diff"]);
    place.run(&["commit", &task, "--diff", &shown]).expect(0, &["2 changes taken over"]);
    assert_eq!((place.read("workspace/plain/a"), place.read("workspace/new")), ("changed".into(), "changed".into()));
    place.run(&["commit", &task, "--diff", &shown]).expect(2, &["no staged changes"]);
    place.run(&["tail", &task]).expect(0, &["commits   2 staged changes", "committed sha256:"]);
    place.run(&["audit", "verify", &task]).expect(0, &[]);
}

#[test]
fn what_is_discarded_was_never_there() {
    let place = path_rules::place(STAGED);
    let before = tree(&place.path("workspace"));
    run(&place, &["write plain/a", "remove Cargo.lock"]);
    let task = task(&place);
    place.run(&["discard", &task]).expect(0, &["2 changes discarded"]);
    assert_eq!(tree(&place.path("workspace")), before);
    assert_eq!(changes(&diff(&place, &task)), Vec::<String>::new());
    place.run(&["discard", &task]).expect(2, &["no staged changes"]);
    place.run(&["discard", "t-nothing"]).expect(2, &[]);
}

/// Policy wants it: a permit says so, and another one that does not frees from it.
#[test]
fn policy_can_demand_it() {
    let read = "permit (principal, action in [Action::\"call\", Action::\"read\"], resource);";
    let check = |write: &str, code: i32, staged: bool| {
        let place = path_rules::place("");
        place.write("policy.cedar", &format!("{read}\n{write}"));
        let line = ["call", "files.write", "{\"path\":\"workspace/new\",\"content\":\"x\"}"];
        place.run(&line).expect(code, &[]);
        if code == 0 {
            assert_eq!(place.path("workspace/new").exists(), !staged, "{write}");
            let task = task(&place);
            let recorded = place.run(&["tail", &task, "--json"]).stdout;
            assert_eq!(recorded.contains("\"staged\":true"), staged, "{recorded}");
            assert_eq!(changes(&diff(&place, &task)).len(), usize::from(staged), "{write}");
        }
        let explained =
            place.run(&["policy", "explain", "files.write", "--arg", "path=workspace/new", "--arg", "content=x"]);
        assert_eq!(explained.stdout.contains("staged"), staged, "{explained:?}");
    };
    let write = "permit (principal, action == Action::\"write\", resource);";
    check(&format!("@staged {write}"), 0, true);
    check(&format!("@staged {write}\n{write}"), 0, false);
    check(write, 0, false);
    for (policy, expected) in [
        ("@staged permit (principal, action == Action::\"read\", resource);", "allows no `write`"),
        ("@staged forbid (principal, action == Action::\"write\", resource);", "allows no `write`"),
        ("@staged(\"yes\") permit (principal, action, resource);", "takes no value"),
    ] {
        let place = path_rules::place("");
        place.write("policy.cedar", policy);
        place.run(&["policy", "check", "policy.cedar"]).expect(2, &[expected]);
    }
}

/// The whole task works on one view, and waits with it for a person.
#[test]
fn a_task_waits_with_its_changes() {
    let place = path_rules::place("");
    place.write(
        "plan.toml",
        r#"
objective = "Writes, and reads what it wrote"
tools = ["files"]
policy = ["policy.cedar"]
[mounts.workspace]
path = "workspace"
access = "read-write"
staged = true
[[step]]
id = "write"
tool = "files.write"
args = { path = "workspace/new", content = "of the task" }
[[step]]
id = "read"
tool = "files.read"
after = ["write"]
args = { path = "workspace/new" }
expect = "string(result).contains('of the task') || result.text.contains('of the task')"
"#,
    );
    let ended = place.run(&["run", "plan.toml"]);
    ended.expect(3, &["1 staged changes wait"]);
    let task = ended.stdout.trim().to_owned();
    assert!(!place.path("workspace/new").exists());
    place.run(&["report", &task]).expect(0, &["read-write, staged", "waiting"]);
    commit(&place, &task).expect(0, &["1 change taken over"]);
    assert_eq!(place.read("workspace/new"), "of the task");
    place.run(&["tasks"]).expect(0, &["done"]);
    place.run(&["report", &task]).expect(0, &["## Staged changes", "were taken over"]);
    place.run(&["resume", &task]).expect(2, &["cannot be resumed"]);
}

/// A copy counts as written: a guest cannot fill the disk with what it only opens.
#[test]
fn copies_are_limited() {
    let place = path_rules::place(STAGED);
    place.write("workspace/large", &"x".repeat(100_000));
    for name in ["a", "b", "c", "d", "e"] {
        place.write(&format!("workspace/many/{name}"), "");
    }
    let call = |line: &str, limit: &str| {
        let (args, package) = (json!({ "args": [line] }).to_string(), guest("ruled").display().to_string());
        place.run(&["call", "ruled.run", &args, "--package", &package, "--limit", limit])
    };
    call("append large", "written=100003B").expect(5, &["written"]);
    call("append large", "written=100004B").expect(0, &["append large: ok"]);
    // A directory that is moved is made anew, with all that is in it.
    call("rename many other", "created=5").expect(5, &["created"]);
    call("rename many other", "created=6").expect(0, &["rename many other: ok"]);
    assert_eq!(fs::metadata(place.path("workspace/large")).expect("a file").len(), 100_000);
}

/// Who may run a file is part of what is shown, and of what is agreed to.
#[test]
fn permissions_are_shown_and_kept() {
    let place = path_rules::place(STAGED);
    let run_by_all = |mode| fs::set_permissions(place.path("workspace/plain/a"), fs::Permissions::from_mode(mode));
    run_by_all(0o755).expect("a file of ours");
    run(&place, &["write plain/a"]);
    let task = task(&place);
    place.run(&["diff", &task]).expect(0, &["change  workspace/plain/a", "executable"]);
    let shown = diff(&place, &task);
    assert_eq!(shown["mounts"][0]["changes"][0]["after"]["mode"], "755", "{shown}");
    // Another mode is another change.
    run_by_all(0o644).expect("a file of ours");
    let digest = shown["digest"].as_str().expect("a digest");
    place.run(&["commit", &task, "--diff", digest]).expect(3, &["look at them again"]);
    commit(&place, &task).expect(0, &[]);
    let mode = fs::metadata(place.path("workspace/plain/a")).expect("a file").permissions().mode();
    assert_eq!((mode & 0o777, place.read("workspace/plain/a").as_str()), (0o755, "changed"));
    place.run(&["tail", &task]).expect(0, &["commits   1 staged changes", ", by uid"]);
}

/// What cannot be looked at any more can be dropped.
#[test]
fn what_cannot_be_told_can_be_discarded() {
    let place = path_rules::place(STAGED);
    run(&place, &["write plain/a"]);
    let task = task(&place);
    fs::rename(place.path("workspace"), place.path("elsewhere")).expect("moved");
    fs::create_dir(place.path("workspace")).expect("a folder");
    place.run(&["diff", &task]).expect(2, &["workspace"]);
    place.run(&["discard", &task, "--as", "alice"]).expect(0, &["what they were could not be told"]);
    place.run(&["discard", &task]).expect(2, &["no staged changes"]);
    place.run(&["tail", &task]).expect(0, &["discarded", "by alice (uid"]);
}

/// A part of a mount is what is decided on: a link to another part, which a guest may have made, is none.
#[test]
fn a_link_is_no_part_of_a_mount() {
    for staged in ["", STAGED] {
        let place = path_rules::place("");
        let plan = |path: &str| {
            let text = format!(
                "objective = \"x\"\ntools = [\"files\"]\npolicy = [\"policy.cedar\"]\n[mounts.workspace]\npath = \"workspace\"\naccess = \"read-write\"\n{staged}[[step]]\nid = \"s\"\ntool = \"files.list\"\nargs = {{ path = \"workspace\" }}\nmounts = {{ workspace = {{ path = \"{path}\", access = \"read\" }} }}\n"
            );
            place.write("plan.toml", &text);
            place.run(&["run", "plan.toml"])
        };
        plan("plain").expect(0, &["ended     s: ok"]);
        for link in ["to_plain", "to_git", "chain", "to_plain/to_config", "dangling", "loop", "none"] {
            let ended = plan(link);
            assert!(ended.code != Some(0) && !format!("{ended:?}").contains("hidden"), "{link}: {ended:?}");
        }
    }
}
