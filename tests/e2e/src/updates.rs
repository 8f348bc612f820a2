//! `gloveport diff-package`: what an update would newly reach, and what it would break.

use crate::{
    made::{Made, PLAIN, Tool},
    program::{Place, guest},
};
use serde_json::{Value, json};

/// Compares two packages, and asserts the exit code, the lines and what programs read.
#[track_caller]
fn check(old: &Made<'_>, new: &Made<'_>, widens: bool, breaks: bool, lines: &[&str]) {
    let place = Place::new();
    old.write(&place, "old.wasm");
    new.write(&place, "new.wasm");
    let code = if widens || breaks { 4 } else { 0 };
    let ended = place.run(&["diff-package", "old.wasm", "new.wasm"]);
    ended.expect(code, &[]);
    let got: Vec<_> = ended.stdout.lines().skip(2).filter_map(|line| line.strip_prefix("  ")).collect();
    assert_eq!(got, lines, "{ended:?}");
    let json = place.run(&["diff-package", "old.wasm", "new.wasm", "--json"]);
    json.expect(code, &[]);
    let json = json.json();
    assert_eq!((&json["widens"], &json["breaks"]), (&Value::Bool(widens), &Value::Bool(breaks)), "{json}");
    assert_eq!(json["reach"]["added"].as_array().is_some_and(|added| !added.is_empty()), widens, "{json}");
    let breaking = json["interface"].as_array().expect("a list").iter().filter(|change| change["breaks"] == true);
    assert_eq!(breaking.count(), lines.iter().filter(|line| line.starts_with('!')).count(), "{json}");
}

#[test]
fn what_its_needs_reach_is_told() {
    let with = |manifest| Made {
        manifest: Some(manifest),
        imports: &["wasi:filesystem/types@0.2.0", "wasi:cli/environment@0.2.3"],
        ..PLAIN
    };
    let none = with(r#""version":"1.0.0","needs":{}"#);
    let reads = with(r#""version":"1.0.0","needs":{"fs":"read","env":["A"]}"#);
    let writes = with(r#""version":"1.0.0","needs":{"fs":"read-write","env":["A","B"]}"#);
    let real = with(r#""version":"1.0.0","needs":{"clock":"real","random":"real"}"#);
    check(&none, &none, false, false, &[]);
    check(&none, &reads, true, false, &["+ env A", "+ fs read"]);
    check(&reads, &writes, true, false, &["+ env B", "+ fs write"]);
    check(&writes, &reads, false, false, &["- env B", "- fs write"]);
    check(&none, &real, true, false, &["+ clock real", "+ random real"]);
    // A need that nothing could use reaches nothing.
    check(&PLAIN, &Made { manifest: reads.manifest, ..PLAIN }, false, false, &[]);
    // Without a manifest, whatever the imports could use.
    check(
        &reads,
        &Made { manifest: None, ..reads.clone() },
        true,
        true,
        &[
            "+ env",
            "+ fs write",
            "! package made is now new, and so are its tools' ids",
            "~ namespace: guests → none",
            "~ version: 1.0.0 → none",
        ],
    );
    let unnamed = Made { manifest: None, ..reads.clone() };
    check(&unnamed, &unnamed, false, false, &[]);
}

#[test]
fn what_its_imports_reach_is_told() {
    fn imports<'a>(imports: &'a [&'a str]) -> Made<'a> {
        Made { imports, ..PLAIN }
    }
    // What a version of an interface offers is the host's to say, and what needs bound is counted with them.
    check(
        &imports(&["wasi:sockets/tcp@0.2.0", "wasi:cli/exit@0.2.0"]),
        &imports(&["wasi:sockets/tcp@0.2.3", "wasi:clocks/wall-clock@0.2.0"]),
        false,
        false,
        &["+ wasi:clocks/wall-clock: a virtual clock; the real one where granted", "- wasi:cli/exit"],
    );
    // Its manifest says that it needs none of it.
    let sockets = imports(&["wasi:sockets/tcp@0.2.0"]);
    let line = "+ wasi:sockets/tcp: hosts and ports that policy allows, by TCP and UDP";
    check(&PLAIN, &sockets, false, false, &[line]);
    check(&sockets, &PLAIN, false, false, &["- wasi:sockets/tcp"]);
    // What needs do not bound counts by itself.
    let unknown = "wasi:clocks/timezone: nothing outside its own instance";
    check(
        &PLAIN,
        &imports(&["wasi:clocks/timezone@0.2.0"]),
        true,
        false,
        &[&format!("+ import {unknown}"), &format!("+ {unknown}")],
    );
}

#[test]
fn what_it_breaks_is_told() {
    fn with<'a>(tools: &'a [Tool<'a>]) -> Made<'a> {
        Made { tools, ..PLAIN }
    }
    let (from, to) = (("from", "u32"), ("to", "(option u32)"));
    let check = |params: &[(&str, &str)], result: &str, breaks: bool, lines: &[&str]| {
        check(&PLAIN, &with(&[("count", params, result)]), false, breaks, lines);
    };
    check(&[from, to], "u32", false, &[]);
    check(&[to, from], "u32", false, &[]);
    check(&[from, to, ("by", "(option u32)")], "u32", false, &["+ count: new optional parameter by: option<u32>"]);
    check(&[from, to, ("by", "u32")], "u32", true, &["! count: new required parameter by: u32"]);
    check(&[from], "u32", true, &["! count: parameter to removed"]);
    check(&[("from", "u64"), to], "u32", true, &["! count: parameter from: u32 → u64"]);
    check(&[from, ("to", "u32")], "u32", true, &["! count: parameter to is required now"]);
    check(&[("from", "(option u32)"), to], "u32", false, &["~ count: parameter from may be absent now"]);
    check(&[from, to], "u64", true, &["! count: result: u32 → u64"]);
}

#[test]
fn tools_come_and_go() {
    let tools: &[Tool<'_>] = &[PLAIN.tools[0], ("sum", &[], "u32")];
    let two = Made { tools, ..PLAIN };
    check(&PLAIN, &two, false, false, &["+ sum: new tool"]);
    check(&two, &PLAIN, false, true, &["! sum: removed"]);
    let renamed = Made { name: "other", ..PLAIN };
    check(&PLAIN, &renamed, false, true, &["! package made is now other, and so are its tools' ids"]);
}

#[test]
fn what_it_says_of_itself_is_told_and_stays_on_its_line() {
    let said = |manifest| Made { manifest: Some(manifest), imports: &["wasi:cli/environment@0.2.0"], ..PLAIN };
    let old = said(r#""version":"1.0.0","needs":{}"#);
    check(
        &old,
        &said(r#""version":"2.0.0","summary":"Reads\u001b[2K\n  - fs write","needs":{}"#),
        false,
        false,
        &["~ version: 1.0.0 → 2.0.0", r"~ summary: none → Reads\u{1b}[2K\n  - fs write"],
    );
    let forged = said(r#""version":"1.0.0","needs":{"env":["A\n  - env B"]}"#);
    check(&old, &forged, true, false, &[r"+ env A\n  - env B"]);
}

#[test]
fn programs_read_the_same_as_json() {
    let place = Place::new();
    let (old, new) = (guest("notes_1").display().to_string(), guest("notes_2").display().to_string());
    let json = place.run(&["diff-package", &old, &new, "--json"]).json();
    assert_eq!(json["reach"], json!({ "added": ["fs write"], "removed": [] }));
    assert_eq!(json["imports"], json!({ "added": [], "removed": [] }));
    assert_eq!(json["new"]["digest"], place.run(&["inspect", &new, "--json"]).json()["digest"]);
    let (before, after) = ("result<string, string>", "result<list<string>, string>");
    assert_eq!(
        json["interface"],
        json!([
            { "change": "parameter-removed", "tool": "read", "parameter": "path", "breaks": true },
            {
                "change": "parameter-added", "tool": "read", "parameter": "paths", "type": "list<string>",
                "required": true, "breaks": true,
            },
            { "change": "result-changed", "tool": "read", "from": before, "to": after, "breaks": true },
            { "change": "docs-changed", "tool": "read", "breaks": false },
            { "change": "tool-added", "tool": "write", "breaks": false },
        ])
    );
    assert_eq!(json["manifest"][0], json!({ "key": "version", "from": "1.0.0", "to": "2.0.0" }));
    let back = place.run(&["diff-package", &new, &old, "--json"]).json();
    assert_eq!(back["reach"], json!({ "added": [], "removed": ["fs write"] }));
}

#[test]
fn the_exit_code_stays_when_nobody_reads() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let status = Place::new().command(&["diff-package", "text", "files"]).stdout(writer).status();
    assert_eq!(status.expect("the program starts").code(), Some(4));
}

#[test]
fn bundled_packages_and_bad_files_can_be_compared() {
    let place = Place::new();
    place.run(&["diff-package", "text", "text"]).expect(0, &["the bytes are the same"]);
    place.run(&["diff-package", "text", "files"]).expect(4, &["+ fs write", "! package text is now files"]);
    place.write("a.wasm", "hello");
    place.run(&["diff-package", "text", "a.wasm"]).expect(2, &["package a.wasm: this is not WebAssembly"]);
    place.run(&["diff-package", "text"]).expect(2, &["<NEW>"]);
}
