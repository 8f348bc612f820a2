//! `gloveport lock`: which updates are let in, and by whom.

use crate::{
    made::{Made, PLAIN, Tool},
    program::{Ended, Place, guest},
};
use std::fs;

const CONFIG: &str = "lock = \"g.lock\"\npolicy = [\"p.cedar\"]\npackages = [\"packages\"]\n[mounts.workspace]\npath = \"workspace\"\naccess = \"read-write\"";

/// A place whose configuration locks the packages of a folder, with the first version of one in it.
fn locked() -> Place {
    let place = Place::new();
    place.write("gloveport.toml", CONFIG);
    place.write("p.cedar", "permit (principal, action, resource);");
    put(&place, "notes_1");
    place.run(&["lock"]).expect(0, &["notes (could reach fs read)"]);
    place
}

/// Puts a guest in place of the package.
fn put(place: &Place, name: &str) {
    fs::create_dir_all(place.path("packages")).expect("a folder");
    fs::copy(guest(name), place.path("packages/notes.wasm")).expect("a copy");
}

fn digest(place: &Place) -> String {
    let json = place.run(&["inspect", "packages/notes.wasm", "--json"]).json();
    json["digest"].as_str().expect("a digest").to_owned()
}

/// Runs `gloveport lock` where it has to refuse, and asserts that nothing is written.
#[track_caller]
fn refused(place: &Place, flags: &[&str], code: i32, expected: &[&str]) -> Ended {
    let before = place.read("g.lock");
    let ended = place.run(&[&["lock"], flags].concat());
    ended.expect(code, expected);
    assert_eq!(place.read("g.lock"), before, "{ended:?}");
    ended
}

#[test]
pub(crate) fn notes_1() {
    let place = locked();
    let lock = place.read("g.lock");
    for expected in [
        "version = 2",
        "reach = [\"fs read\"]",
        "[package.tools.read]",
        "result = \"result<string, string>\"",
        "max = \"option<u32>\"",
        "path = \"string\"",
    ] {
        assert!(lock.contains(expected), "{expected} is not in {lock}");
    }
    // The same packages, the same file.
    place.run(&["lock"]).expect(0, &[]);
    assert_eq!(place.read("g.lock"), lock);
    place.run(&["call", "notes.read", r#"{"path":"workspace/file.txt","max":2}"#]).expect(0, &["un"]);
}

/// An update that writes what it only read.
#[test]
pub(crate) fn notes_2() {
    let place = locked();
    let old = digest(&place);
    put(&place, "notes_2");
    let new = digest(&place);
    // It does not run.
    let write = ["call", "notes.write", r#"{"path":"workspace/file.txt","text":"changed"}"#];
    place.run(&write).expect(2, &["package `notes`", &old, &new, "`gloveport lock` says what that changes"]);
    assert_eq!(place.read("workspace/file.txt"), "unchanged");

    let told = [
        "+ fs write",
        "! read: parameter path removed",
        "! read: new required parameter paths: list<string>",
        "! read: result: result<string, string> → result<list<string>, string>",
        "~ read: its documentation changed",
        "+ write: new tool",
        "it could reach more, and it breaks callers",
        "nothing was written to g.lock",
    ];
    let widen = format!("notes={new}");
    refused(&place, &[], 4, &told);
    let ended = refused(&place, &["--accept", "notes"], 4, &told);
    ended.expect(4, &["`--accept` is not enough", &format!("gloveport lock --widen {widen}")]);
    // What was seen has to be what is there.
    refused(&place, &["--widen", &format!("notes={old}")], 2, &["--widen notes", &new, &old]);
    refused(
        &place,
        &["--widen", &format!("other={new}")],
        2,
        &["--widen other: the configuration has no such package"],
    );
    refused(&place, &["--widen", "notes"], 2, &["expected NAME=DIGEST"]);
    place.run(&["lock", "--widen", &widen]).expect(0, &["fs read, fs write"]);
    place.run(&["lock"]).expect(0, &[]);
    place.run(&write).expect(0, &[]);
    assert_eq!(place.read("workspace/file.txt"), "changed");

    // Back again: it reaches less, and breaks who came to use the new one.
    put(&place, "notes_1");
    refused(&place, &["--accept", "notes"], 4, &["- fs write", "! write: removed", "it breaks callers"]);
}

#[test]
fn an_update_that_widens_and_breaks_nothing_is_accepted_by_name() {
    let place = Place::new();
    place.write("gloveport.toml", "lock = \"g.lock\"\npackages = [\"made.wasm\"]");
    PLAIN.write(&place, "made.wasm");
    place.run(&["lock"]).expect(0, &["made (could reach nothing)"]);
    let tools: &[Tool<'_>] = &[PLAIN.tools[0], ("sum", &[], "u32")];
    Made { tools, ..PLAIN }.write(&place, "made.wasm");
    let line = ["call", "made.sum"];
    place.run(&line).expect(2, &["package `made`", "is pinned to"]);
    let told = ["+ sum: new tool", "it reaches no more, and breaks no caller", "gloveport lock --accept made"];
    refused(&place, &[], 4, &told);
    refused(&place, &["--accept", "nothing"], 2, &["no such package"]);
    // The bundle is not the configuration's.
    refused(&place, &["--accept", "text"], 2, &["no such package"]);
    place.run(&["lock", "--accept", "made"]).expect(0, &["made"]);
    place.run(&line).expect(0, &["1"]);
}

/// A package that reads and writes, of whatever name.
const WIDE: Made<'_> = Made {
    name: "sidestep",
    manifest: Some(r#""version":"1.0.0","needs":{"fs":"read-write"}"#),
    imports: &["wasi:filesystem/types@0.2.0"],
    ..PLAIN
};

#[test]
fn no_other_name_leads_past_the_lock() {
    // The update names itself anew, so that no pin is its own.
    let place = locked();
    WIDE.write(&place, "packages/notes.wasm");
    let told = ["lock file g.lock", "package `sidestep` (packages/notes.wasm) is not locked"];
    place.run(&["call", "sidestep.count", "--arg", "from=1"]).expect(2, &told);
    place.run(&["mcp"]).expect(2, &told);
    let told = ["and is not locked yet", "+ fs read", "+ fs write", "gloveport lock --widen sidestep=sha256:"];
    refused(&place, &[], 4, &told);
    refused(&place, &["--accept", "sidestep"], 4, &["`--accept` is not enough"]);
    // It names itself after a bundled package, whose permissions it would get.
    Made { name: "files", ..WIDE }.write(&place, "packages/notes.wasm");
    let told = ["package `files` (packages/notes.wasm) is not locked"];
    place.run(&["call", "files.count", "--arg", "from=1"]).expect(2, &told);
    // Whoever types a package vouches for it, but for no other bytes under a name that is pinned.
    put(&place, "notes_1");
    WIDE.write(&place, "typed.wasm");
    place.run(&["call", "sidestep.count", "--arg", "from=1", "--package", "typed.wasm"]).expect(0, &["1"]);
    Made { name: "notes", ..WIDE }.write(&place, "typed.wasm");
    let typed = ["call", "notes.count", "--arg", "from=1", "--package", "typed.wasm"];
    place.run(&typed).expect(2, &["package `notes` (typed.wasm) has the digest"]);
    // What reaches nothing is added by name.
    PLAIN.write(&place, "packages/made.wasm");
    refused(&place, &[], 4, &["gloveport lock --accept made"]);
    place.run(&["lock", "--accept", "made"]).expect(0, &["made (could reach nothing)"]);
}

/// Only the digest was put into the file, or a newer host finds more in the same bytes.
#[test]
fn what_was_accepted_is_what_can_be_reached() {
    let place = locked();
    let text = place.read("g.lock");
    place.write("g.lock", &text.replace("\"fs read\"", ""));
    let read = ["call", "notes.read", r#"{"path":"workspace/file.txt"}"#];
    place.run(&read).expect(2, &["lock file g.lock", "package `notes` could reach what was not accepted: fs read"]);
    refused(&place, &[], 4, &["+ fs read", "--widen notes=sha256:"]);
    place.run(&["lock", "--widen", &format!("notes={}", digest(&place))]).expect(0, &[]);
    assert_eq!(place.read("g.lock"), text);
    place.run(&read).expect(0, &["unchanged"]);
}

/// What cannot be read is not taken for what is not there.
#[test]
fn a_lock_file_that_is_broken_is_not_made_anew() {
    let place = locked();
    for broken in ["", "version = 1", "version = 2\nextra = 1"] {
        place.write("g.lock", broken);
        refused(&place, &[], 2, &["lock file g.lock:"]);
    }
}
