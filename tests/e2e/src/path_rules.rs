//! Rules for paths within a mount, and guests that try to get around them.

use crate::{
    program::{Place, guest},
    staged::tree,
};
use serde_json::{Value, json};
use std::{
    os::unix::fs::symlink,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
};

const RULES: &str = "deny = [\".git/**\", \"**/.env\", \"deep/in/**\"]\nread-only = [\"vendor/**\", \"*.lock\"]\n";

pub(crate) fn place(rules: &str) -> Place {
    let place = Place::new();
    for (path, text) in [
        (".git/config", "hidden"),
        (".env", "hidden"),
        ("src/.env", "hidden"),
        ("src/main.rs", "source"),
        ("deep/in/key", "hidden"),
        ("deep/out/a", "out"),
        ("vendor/lib/a", "vendored"),
        ("Cargo.lock", "locked"),
        ("plain/a", "plain"),
    ] {
        place.write(&format!("workspace/{path}"), text);
    }
    for (to, path) in [
        (".git", "to_git"),
        ("../.git/config", "plain/to_config"),
        ("vendor/lib", "to_lib"),
        ("to_git", "chain"),
        ("plain", "to_plain"),
        (".git/new", "dangling"),
        ("loop", "loop"),
    ] {
        symlink(to, place.path(&format!("workspace/{path}"))).expect("a link");
    }
    place.write("policy.cedar", "permit (principal, action, resource);");
    place.write(
        "gloveport.toml",
        &format!(
            "policy = [\"policy.cedar\"]\n[mounts.workspace]\npath = \"workspace\"\naccess = \"read-write\"\n{rules}"
        ),
    );
    place
}

pub(crate) fn run(place: &Place, lines: &[&str]) -> Value {
    let (args, package) = (json!({ "args": lines }).to_string(), guest("ruled").display().to_string());
    let ended = place.run(&["call", "ruled.run", &args, "--json", "--package", &package]);
    ended.expect(0, &[]);
    ended.json()
}

/// Tries one thing after the other in one place; each line says what must come of it. The same must come of it where the
/// mount is staged, and nothing may have changed in it then.
#[track_caller]
fn check(expected: &[(&str, &str)]) -> Place {
    let staged = place(&format!("{RULES}staged = true\n"));
    let before = tree(&staged.path("workspace"));
    check_in(&staged, expected);
    assert_eq!(tree(&staged.path("workspace")), before);
    let place = place(RULES);
    check_in(&place, expected);
    place
}

#[track_caller]
fn check_in(place: &Place, expected: &[(&str, &str)]) {
    let lines: Vec<_> = expected.iter().map(|(line, _)| *line).collect();
    let outcome = run(place, &lines);
    let said = outcome["end"]["value"]["stdout"].as_str().expect("text");
    for ((line, expected), said) in expected.iter().zip(said.lines()) {
        assert_eq!(said, format!("{line}: {expected}"), "{outcome}");
    }
    assert_eq!(said.lines().count(), expected.len(), "{outcome}");
    assert!(!said.contains("hidden"), "{said}");
}

const NO: &str = "PermissionDenied";
const RAW: &str = "not-permitted";

#[test]
pub(crate) fn ruled() {
    // What is denied is not seen in any way, whether it is there or not.
    let mut lines = Vec::new();
    for path in [
        ".git/config",
        ".git/nothing",
        ".GIT/config",
        "src/.env",
        "plain/.env",
        "deep/in/key",
        "./.git//config",
        "plain/../.git/config",
        "to_git/config",
        "chain/config",
        "plain/to_config",
        "to_plain/../.git/config",
    ] {
        lines.extend(["read", "write", "append", "stat", "remove"].map(|verb| (format!("{verb} {path}"), NO)));
    }
    // A link itself stands where it may be removed.
    lines.retain(|(line, _)| line != "remove plain/to_config");
    for line in [
        "list .git",
        "list .git/",
        "list to_git",
        "mkdir .git/x",
        "mkdir src/.env",
        "rmdir .git",
        "stat .git",
        "rename .git git",
        "rename src/.env env",
        "rename plain/a .git/a",
        "rename plain/a src/.env",
        "link .env env",
        "link plain/a .git/a",
    ] {
        lines.push((line.to_owned(), NO));
    }
    for line in
        ["symlink x .git/x", "readlink .git/x", "times .git/config", "truncate .git/config", "truncate to_git/config"]
    {
        lines.push((line.to_owned(), RAW));
    }
    lines.push((
        "list .".into(),
        "ok Cargo.lock,chain,dangling,deep,docs,file.txt,loop,plain,secret.txt,src,sub,to_git,to_lib,to_plain,vendor",
    ));
    lines.push(("list src".into(), "ok main.rs"));
    lines.push(("write dangling".into(), "NotFound"));
    let lines: Vec<_> = lines.iter().map(|(line, expected)| (line.as_str(), *expected)).collect();
    let place = check(&lines);
    let left: Vec<_> = std::fs::read_dir(place.path("workspace/.git")).expect("a folder").collect();
    assert_eq!((left.len(), place.read("workspace/.git/config").as_str()), (1, "hidden"));
}

#[test]
fn what_is_read_only_stays_as_it_is() {
    check(&[
        ("read vendor/lib/a", "ok vendored"),
        ("read to_lib/a", "ok vendored"),
        ("list vendor/lib", "ok a"),
        ("stat Cargo.lock", "ok "),
        ("write vendor/lib/a", NO),
        ("append vendor/lib/a", NO),
        ("write to_lib/a", NO),
        ("truncate vendor/lib/a", RAW),
        ("write vendor/new", NO),
        ("write to_lib/new", NO),
        ("mkdir vendor/new", NO),
        ("remove Cargo.lock", NO),
        ("rename Cargo.lock lock", NO),
        ("rename plain/a vendor/a", NO),
        ("rename plain vendor", NO),
        ("link Cargo.lock lock", NO),
        ("link plain/a vendor/a", NO),
        ("times Cargo.lock", RAW),
        ("symlink plain vendor/p", RAW),
        ("read Cargo.lock", "ok locked"),
    ]);
}

/// A directory that holds what is under a rule, or would hold it, cannot be moved; any other can.
#[test]
fn renames_carry_nothing_past_a_rule() {
    check(&[
        ("rename src source", NO),
        ("rename vendor v", NO),
        ("rename vendor/lib lib", NO),
        ("rename deep d", NO),
        ("mkdir deep2", "ok "),
        ("mkdir deep2/in", "ok "),
        ("write deep2/in/a", "ok "),
        ("rename deep2/in deep/in", NO),
        ("rename deep2 deep3", "ok "),
        ("rename plain plain2", "ok "),
        ("write plain2/a", "ok "),
        ("read plain2/a", "ok changed"),
        ("held plain2 plain3 b", "ok "),
        ("held plain3 .git/plain c", RAW),
        ("symlink .git mine", "ok "),
        ("read mine/config", NO),
        ("symlink ../.env plain3/mine", "ok "),
        ("read plain3/mine", NO),
        ("readlink plain3/mine", "ok ../.env"),
        ("remove plain3/mine", "ok "),
        ("link plain3/a second", "ok "),
        ("read second", "ok changed"),
        ("read loop", "FilesystemLoop"),
        ("append new", "ok "),
        ("truncate new", "ok "),
        ("read new", "ok "),
    ]);
}

#[test]
fn without_rules_nothing_is_refused() {
    let place = place("");
    let outcome = run(&place, &["read .git/config", "write vendor/lib/a", "rename src source"]);
    assert_eq!(outcome["effects"]["refused"], Value::Null, "{outcome}");
}

/// Another program of this host swaps a directory for a link to what is denied, all the time.
#[test]
fn a_race_shows_nothing() {
    let place = place(RULES);
    place.write("workspace/.git/a", "hidden");
    let (swapped, stop) = (place.path("workspace/swapped"), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Relaxed) {
                let _ = std::fs::create_dir(&swapped);
                let _ = std::fs::write(swapped.join("a"), "plain");
                let _ = std::fs::remove_dir_all(&swapped);
                let _ = symlink(".git", &swapped);
                let _ = std::fs::remove_file(&swapped);
            }
        });
        let outcome = run(&place, &["race swapped/a"]);
        stop.store(true, Relaxed);
        let said = outcome["end"]["value"]["stdout"].as_str().expect("text");
        assert!(!said.contains("hidden"), "{said}");
    });
}

#[test]
fn patterns_that_cannot_be_are_refused() {
    for (rules, expected) in [
        ("deny = [\"/etc\"]", "mount `workspace`: `deny`: pattern `/etc`: expected a path relative to the mount"),
        ("read-only = [\"a/../b\"]", "`read-only`: pattern `a/../b`"),
        ("deny = [\"[\"]", "`deny`: pattern `[`"),
        ("denied = []", "unknown field `denied`"),
    ] {
        let ended = place(rules).run(&["call", "files.list", "--arg", "path=workspace"]);
        ended.expect(2, &[expected]);
    }
}
