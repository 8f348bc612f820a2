//! Every guest, and the outcome that it must get. A guest without a test here does not compile.

mod engine;
mod files;
mod limits;
mod links;
mod network;
mod output;
mod time;

use self::{engine::*, files::*, limits::*, links::*, network::*, output::*, time::*};
use crate::{
    annotations::{asks_for_nothing, claims_annotations, claims_read_only},
    http::net,
    invoke::caller,
    lock::{notes_1, notes_2},
    path_rules::ruled,
    plans::repeats,
    processes::{program, starter},
    program::{Ended, Place, guest},
    scripts::script,
    sockets::dials,
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::Command,
};

macro_rules! is_tested {
    ($name:ident) => {
        // Fails to compile where there is no test of the guest's name.
        const _: fn() = $name;
    };
}
foreach_guest!(is_tested);

/// What can be granted to a guest; each is a flag of the command line.
const READ: &str = "workspace=workspace";
const WRITE: &str = "out=out:rw";

/// Runs a guest's function with grants and limits.
fn run_in(place: &Place, package: &Path, function: &str, args: &Value, flags: &[&str]) -> Ended {
    let stem = package.file_stem().expect("a file").to_str().expect("UTF-8");
    let (tool, args, package) = (format!("{stem}.{function}"), args.to_string(), package.display().to_string());
    let mut line = vec!["call", &tool, &args, "--json", "--package", &package];
    for flag in flags {
        line.extend([
            if flag.contains("=workspace") || flag.contains("=out") || flag.contains("=/") {
                "--mount"
            } else {
                "--limit"
            },
            flag,
        ]);
    }
    place.run(&line)
}

/// Runs a command guest, and asserts its exit code and how its call ended.
#[track_caller]
fn check(name: &str, args: &[&str], flags: &[&str], code: i32, end: &str) -> Value {
    check_in(&Place::new(), name, args, flags, code, end)
}

#[track_caller]
fn check_in(place: &Place, name: &str, args: &[&str], flags: &[&str], code: i32, end: &str) -> Value {
    let ended = run_in(place, &guest(name), "run", &json!({ "args": args }), flags);
    ended.expect(code, &[]);
    let outcome = ended.json();
    let got = outcome["end"].to_string();
    assert!(got.contains(end), "{name}: expected {end} in {outcome}");
    outcome
}

/// Runs a function of the typed guest.
#[track_caller]
fn odd_call(function: &str, args: &Value, flags: &[&str], code: i32, end: &str) -> Value {
    let ended = run_in(&Place::new(), &guest("odd"), function, args, flags);
    ended.expect(code, &[]);
    let outcome = ended.json();
    let got = outcome["end"].to_string();
    assert!(got.contains(end), "odd.{function}: expected {end} in {outcome}");
    outcome
}

/// A guest in WebAssembly text, as a file.
pub(crate) fn wat(place: &Place, name: &str) -> PathBuf {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../guests/wat");
    let text = fs::read_to_string(format!("{source}/{name}.wat")).expect("the guest is there");
    let path = place.path(&format!("{name}.wasm"));
    fs::write(&path, wat::parse_str(text).expect("valid text")).expect("a file");
    path
}

/// Runs a guest in WebAssembly text that exports `run`.
#[track_caller]
fn check_wat(name: &str, flags: &[&str], code: i32, texts: &[&str]) -> Ended {
    let place = Place::new();
    let package = wat(&place, name);
    let ended = run_in(&place, &package, "run", &json!({}), flags);
    ended.expect(code, texts);
    ended
}

/// What an outcome says was done, or refused: the action, the path, and where it went.
fn effects(outcome: &Value, which: &str) -> Vec<String> {
    let list = outcome["effects"][which].as_array().cloned().unwrap_or_default();
    let text = |effect: &Value, key: &str| effect[key].as_str().unwrap_or_default().to_owned();
    let line = |effect: &Value| [text(effect, "action"), text(effect, "path"), text(effect, "to")].join(" ");
    list.iter().map(|effect| line(effect).trim_end().to_owned()).collect()
}

fn done(outcome: &Value) -> Vec<String> {
    effects(outcome, "done")
}

fn refused(outcome: &Value) -> Vec<String> {
    effects(outcome, "refused")
}

/// Everything below a folder that a call with these grants may not change: kinds, contents, targets, modes, times.
fn beyond(place: &Place, granted: &[&str]) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![place.root().to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let inside = path.strip_prefix(place.root()).expect("below it").to_owned();
            if granted.iter().any(|granted| inside == Path::new(granted)) {
                continue;
            }
            let about = fs::symlink_metadata(&path).expect("it is there");
            let held = match about.file_type() {
                kind if kind.is_dir() => String::new(),
                kind if kind.is_symlink() => format!("{:?}", fs::read_link(&path)),
                kind if kind.is_file() => format!("{:?}", fs::read(&path)),
                _ => String::new(),
            };
            if about.is_dir() {
                waiting.push(path);
            }
            found.insert(
                inside,
                format!("{:o} {} {}.{} {held}", about.mode(), about.nlink(), about.mtime(), about.mtime_nsec()),
            );
        }
    }
    found
}

/// Runs a command guest that prints what came of each thing that it tries. Each line has to be as expected, and nothing
/// may change but the mount `out`.
#[track_caller]
fn tells(place: &Place, name: &str, args: &[&str], flags: &[&str], expected: &str) -> Value {
    let before = beyond(place, &["out", "state"]);
    let outcome = check_in(place, name, args, flags, 0, "exit_code\":0");
    let said: Vec<_> = outcome["end"]["value"]["stdout"].as_str().expect("text").lines().collect();
    let expected: Vec<_> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(said, expected, "{name} {args:?}");
    assert_eq!(beyond(place, &["out", "state"]), before, "{name} {args:?}");
    outcome
}

#[test]
fn path_traversal() {
    let outcome = check("path_traversal", &[], &[READ], 0, "exit_code\":0");
    assert!(refused(&outcome).iter().any(|path| path.contains("passwd")), "{outcome}");
}

/// An hour is nothing to a virtual clock; a real one has to be granted, and waiting for it counts as time of the call.
#[test]
fn naps() {
    let package = guest("naps").display().to_string();
    let nap = |policy: &str, code: i32, expected: &str| {
        let place = Place::new();
        place.write("policy.cedar", &format!("permit (principal, action == Action::\"call\", resource);\n{policy}"));
        place.write("gloveport.toml", "policy = [\"policy.cedar\"]\n[limits]\nwall = \"300ms\"\n");
        let line = ["call", "naps.nap", "--arg", "milliseconds=3600000", "--json", "--package", &package];
        place.run(&line).expect(code, &[expected]);
    };
    nap("", 0, "3600000");
    nap("permit (principal, action == Action::\"use\", resource == Clock::\"real\");", 5, r#""limit":"wall""#);
}

/// What is measured works, staged or not.
#[test]
fn file_work() {
    for mount in [WRITE, "out=out:staged"] {
        let place = Place::new();
        check_in(&place, "file_work", &["write", "/out", "131072"], &[mount], 0, "exit_code\":0");
        let many = check_in(&place, "file_work", &["many", "/out", "50"], &[mount], 0, "exit_code\":0");
        assert!(many["end"]["value"]["stdout"].as_str().expect("text").starts_with("600 5"), "{many}");
    }
    let place = Place::new();
    place.write("out/large", &"x".repeat(70_000));
    let read = check_in(&place, "file_work", &["read", "/out", "0"], &[WRITE], 0, "exit_code\":0");
    assert_eq!(read["end"]["value"]["stdout"], "70000\n");
}

#[test]
fn absolute_path() {
    check("absolute_path", &[], &[READ], 0, "exit_code\":0");
}

#[test]
fn symlink_escape() {
    let place = Place::new();
    std::os::unix::fs::symlink("/etc", place.path("workspace/escape")).expect("a link");
    std::os::unix::fs::symlink("..", place.path("workspace/up")).expect("a link");
    std::os::unix::fs::symlink("escape", place.path("workspace/chain")).expect("a link");
    let outcome = check_in(&place, "symlink_escape", &[], &[READ, WRITE], 0, "exit_code\":0");
    assert!(refused(&outcome).iter().any(|path| path.contains("workspace/escape")), "{outcome}");
}

#[test]
fn write_read_only() {
    let place = Place::new();
    let outcome = check_in(&place, "write_read_only", &[], &[READ], 0, "exit_code\":0");
    assert_eq!(place.read("workspace/file.txt"), "unchanged");
    assert!(place.path("workspace/sub").is_dir() && !place.path("workspace/new.txt").exists());
    let refused = refused(&outcome);
    for expected in ["create workspace/new.txt", "remove workspace/file.txt", "rename workspace/file.txt"] {
        assert!(refused.iter().any(|refused| refused == expected), "{expected} is not in {refused:?}");
    }
}

#[test]
fn cross_mounts() {
    let place = Place::new();
    check_in(&place, "cross_mounts", &[], &[READ, WRITE], 0, "exit_code\":0");
    assert_eq!(place.read("workspace/file.txt"), "unchanged");
    assert!(!place.path("out/file.txt").exists() && !place.path("workspace/a.txt").exists());
}

#[test]
fn sub_path() {
    let place = Place::new();
    std::os::unix::fs::symlink("..", place.path("workspace/docs/link")).expect("a link");
    place.write("policy.cedar", "permit (principal, action, resource);");
    let package = guest("sub_path");
    place.write("plan.toml", &format!(
        "objective = \"narrowed\"\npolicy = [\"policy.cedar\"]\ntools = [{:?}]\n[mounts.workspace]\npath = \"workspace\"\naccess = \"read\"\n[[step]]\nid = \"look\"\ntool = \"sub_path.run\"\nmounts = {{ workspace = {{ path = \"docs\" }} }}\nexpect = \"result.exit_code == 0\"\n",
        package.display().to_string()
    ));
    place.run(&["run", "plan.toml"]).expect(0, &["look", "as expected"]);
}

#[test]
fn spin() {
    check("spin", &[], &["cpu=50ms"], 5, r#""limit":"cpu","value":50"#);
}

#[test]
fn writes_and_spins() {
    // What it did before it was stopped is on record, whichever limit stopped it.
    for (limit, hit) in [("cpu=50ms", "cpu"), ("wall=900ms", "wall")] {
        let outcome = check("writes_and_spins", &[], &[WRITE, limit], 5, &format!(r#""limit":"{hit}""#));
        assert_eq!(outcome["effects"]["done"][0], json!({ "action": "create", "path": "out/began.txt" }), "{outcome}");
    }
}

#[test]
fn recurse() {
    check("recurse", &[], &[], 6, "call stack exhausted");
}

#[test]
fn memory_bomb() {
    let outcome = check("memory_bomb", &[], &["memory=8MiB"], 5, r#""limit":"memory","value":8388608"#);
    assert!(outcome["usage"]["memory"].as_u64().is_some_and(|peak| peak <= 8 << 20), "{outcome}");
}

#[test]
fn output_flood() {
    let outcome = check("output_flood", &[], &["output=64KiB"], 5, r#""limit":"output","value":65536"#);
    let printed = &outcome["printed"];
    let length = |key: &str| printed[key].as_str().map_or(0, str::len);
    assert!(length("stdout") + length("stderr") <= 64 << 10);
}

#[test]
fn panics() {
    let outcome = check("panics", &[], &[], 6, "unreachable");
    assert!(
        outcome["printed"]["stderr"].as_str().is_some_and(|text| text.contains("boom: ünïcödé 日本語 🧤")),
        "{outcome}"
    );
}

#[test]
fn exits() {
    check("exits", &["0"], &[], 0, r#""kind":"result""#);
    // WASI 0.2 knows success and failure, and no other codes.
    check("exits", &["1"], &[], 4, r#""kind":"tool-error","value":{"exit_code":1,"stdout":"about to exit\n""#);
    check("exits", &["77"], &[], 4, r#""exit_code":1"#);
}

#[test]
fn environment() {
    let outcome = check("environment", &["one", "two words"], &[], 0, "exit_code\":0");
    assert_eq!(outcome["end"]["value"]["stdout"], "arg environment\narg one\narg two words\n");

    let place = Place::new();
    let package = guest("environment").display().to_string();
    let line = ["call", "environment.run", "--package", &package, "--env", "GRANTED"];
    let output = place.command(&line).env("GRANTED", "yes").output().expect("the program starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("env GRANTED=yes") && !text.contains("HOST_SECRET") && !text.contains("GLOVEPORT"), "{text}");
    place.run(&line).expect(2, &["environment variable GRANTED is granted but not set"]);
}

#[test]
fn forged_protocol() {
    // What it does to the protocol is tested with MCP; here, that what it prints stays where it belongs.
    let outcome = check("forged_protocol", &[], &[], 0, "exit_code\":0");
    assert!(outcome["end"]["value"]["stdout"].as_str().is_some_and(|text| text.lines().count() == 50));
}

#[test]
fn sleeps() {
    // Hours of the virtual clock are over at once.
    let outcome = check("sleeps", &[], &[], 0, "exit_code\":0");
    assert_eq!(outcome["end"]["value"]["stdout"], "3600\n7200\n");
}

#[test]
fn clock_and_random() {
    let outcomes = [(); 2].map(|()| check("clock_and_random", &[], &[], 0, "exit_code\":0"));
    // Time starts at the task's beginning; what is drawn, and how long it takes, is the same every time.
    let drawn = outcomes.map(|outcome| {
        let text = outcome["end"]["value"]["stdout"].as_str().expect("text").to_owned();
        text.split_once(' ').expect("two words").1.to_owned()
    });
    assert_eq!(drawn[0], drawn[1]);
}

#[test]
fn handle_bomb() {
    check("handle_bomb", &[], &[READ, "handles=32"], 5, r#""limit":"handles","value":32"#);
}

#[test]
fn disk_filler() {
    for means in ["write", "append", "set-len", "rewrite", "far"] {
        let place = Place::new();
        check_in(&place, "disk_filler", &[means], &[WRITE, "written=1MiB"], 5, r#""limit":"written","value":1048576"#);
        let files = fs::read_dir(place.path("out")).expect("a folder");
        let size: u64 = files.map(|file| file.and_then(|file| file.metadata()).expect("a file").len()).sum();
        assert!(size <= 1 << 20, "{means}: {size}");
    }
}

#[test]
fn creator() {
    let place = Place::new();
    check_in(&place, "creator", &[], &[WRITE, "created=20"], 5, r#""limit":"created","value":20"#);
    assert_eq!(fs::read_dir(place.path("out")).expect("a folder").count(), 20);
}

#[test]
fn sockets() {
    check("sockets", &[], &[], 0, "exit_code\":0");
}

#[test]
fn fifo() {
    let place = Place::new();
    let made = Command::new("mkfifo").arg(place.path("workspace/pipe")).status().expect("mkfifo is there");
    assert!(made.success());
    check_in(&place, "fifo", &[], &[READ], 0, "refused: PermissionDenied");
}

#[test]
fn many_effects() {
    let outcome = check("many_effects", &[], &[READ, WRITE, "created=5000"], 0, "exit_code\":0");
    let effects = &outcome["effects"];
    let listed = effects["done"].as_array().map_or(0, Vec::len);
    assert!(listed <= 1000 && effects["omitted"].as_u64().is_some_and(|more| more > 0), "{effects}");
}

#[test]
fn unseen() {
    let check = |means: &str| check("unseen", &[means], &[READ, WRITE], 0, "exit_code\":0")["effects"].take();
    let read = json!({ "action": "read", "path": "workspace/file.txt" });
    assert_eq!(check("flags")["done"], json!([read]));

    let noise = check("noise");
    assert_eq!(noise["refused"].as_array().map(Vec::len), Some(1000), "{noise}");
    assert_eq!(noise["mounts_read"], json!(["workspace"]), "{noise}");
    let done = noise["done"].to_string();
    assert!(done.contains("out/after") && !done.contains("file.txt"), "{done}");

    assert_eq!(check("names")["refused"], serde_json::Value::Null);
}

#[test]
fn odd() {
    odd_call("echo", &json!({ "text": "grüße 🧤" }), &[], 0, r#""value":"grüße 🧤""#);
    odd_call("fail", &json!({ "why": "so" }), &[], 4, r#""kind":"tool-error","value":"so""#);
    odd_call("leave", &json!({}), &[], 6, "ended its process");
    odd_call("spin", &json!({}), &["cpu=50ms"], 5, r#""limit":"cpu""#);
    // Just under and just over: 100 characters of three bytes, two quotes.
    odd_call("huge", &json!({ "n": 100 }), &["result=302"], 0, "手");
    odd_call("huge", &json!({ "n": 101 }), &["result=302"], 5, r#""limit":"result","value":302"#);
    // Six characters of JSON each.
    odd_call("echo", &json!({ "text": "\u{1}".repeat(100) }), &["result=602"], 0, "u0001");
    odd_call("echo", &json!({ "text": "\u{1}".repeat(100) }), &["result=601"], 5, r#""limit":"result","value":601"#);
    odd_call("huge", &json!({ "n": 20_000_000 }), &[], 5, r#""limit":"#);
    odd_call("numbers", &json!({ "n": 2_000_000 }), &["result=1MiB"], 5, r#""limit":"result""#);
    let outcome = odd_call("chatter", &json!({ "line": "hello" }), &[], 0, r#""value":7"#);
    assert_eq!(outcome["printed"], json!({ "stdout": "hello\n", "stderr": "hello\n" }));
}

#[test]
fn a_fresh_instance_every_time() {
    for _ in 0..2 {
        odd_call("count", &json!({}), &[], 0, r#""value":1"#);
    }
}

#[test]
fn a_trap_deep_inside_has_a_short_message() {
    let message = "ü".repeat(5_000);
    let outcome = odd_call("deep_panic", &json!({ "depth": 500, "message": message }), &[], 6, "unreachable");
    let text = outcome["end"]["value"].as_str().expect("a message");
    assert!(text.chars().count() <= 300, "{text}");
}

#[test]
fn every_kind_of_value_comes_back_as_it_went() {
    let value = json!({
        "flag": true, "tiny": -128, "small": 65535, "signed": "-9223372036854775808", "wide": "18446744073709551615",
        "single": 0.1, "double": -2.5e300, "letter": "🧤", "text": "\u{0}\n\"", "raw_bytes": "AP9/",
        "maybe": null, "pair": ["x", 7], "list": [{ "key_name": "k" }], "shape": { "circle": 1.5 }, "color": "deep_red",
    });
    let outcome = odd_call("mirror", &json!({ "value": value }), &[], 0, "result");
    assert_eq!(outcome["end"]["value"], value);
}

#[test]
fn bad_arguments_are_named_by_their_path() {
    let place = Place::new();
    let package = guest("odd").display().to_string();
    let check = |tool: &str, args: Value, expected: &str| {
        place.run(&["call", tool, &args.to_string(), "--package", &package]).expect(2, &[expected]);
    };
    check("odd.echo", json!({}), "argument `text`: expected a string, got nothing");
    check("odd.echo", json!({ "text": 5 }), "argument `text`: expected a string, got 5");
    check(
        "odd.echo",
        json!({ "text": "a", "txet": "b" }),
        "argument `txet`: expected one of the keys text, got an unknown key",
    );
    check("odd.huge", json!({ "n": -1 }), "argument `n`: expected an integer from 0 to 4294967295, got -1");
    check("odd.huge", json!({ "n": 4_294_967_296u64 }), "argument `n`: expected an integer");
    check("odd.mirror", json!({ "value": { "flag": 1 } }), "argument `value.flag`: expected true or false");
    check("odd.count", json!({ "x": 1 }), "there are no keys here");
    check("odd.eco", json!({}), "there is no tool `odd.eco`");
    let huge = "x".repeat(2_000);
    let ended = place.run(&[
        "call",
        "odd.echo",
        &json!({ "text": huge }).to_string(),
        "--package",
        &package,
        "--limit",
        "arguments=1KiB",
    ]);
    ended.expect(2, &["at most 1024 bytes of JSON (limit `arguments`)"]);
    // Cut between characters, not through one.
    check("odd.huge", json!({ "n": "ü".repeat(300) }), "üü…\"");
}

#[test]
fn bytes_that_are_no_component() {
    let place = Place::new();
    let whole = fs::read(guest("odd")).expect("the guest is there");
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 0xff;
    let cases: [(&str, &[u8], &str); 6] = [
        ("empty", b"", "the file is empty"),
        ("text", b"hello", "this is not WebAssembly"),
        ("wat", b"(component)", "WebAssembly in its text format"),
        ("elf", b"\x7fELF\x02\x01", "not a WebAssembly component; build it for the target wasm32-wasip2"),
        ("garbage", b"\0asm\x0d\0\x01\0\xff\xff\xff\xff\xff", "not a valid WebAssembly component"),
        ("truncated", &whole[..whole.len() * 2 / 3], "not a valid WebAssembly component"),
    ];
    for (name, bytes, expected) in cases {
        let path = place.path(&format!("{name}.wasm"));
        fs::write(&path, bytes).expect("a file");
        place.run(&["inspect", &path.display().to_string()]).expect(2, &[expected]);
        run_in(&place, &path, "run", &json!({}), &[]).expect(2, &[expected]);
    }
    // One flipped bit may leave a valid component: then it must still end in an outcome, and not in a crash.
    let path = place.path("flipped.wasm");
    fs::write(&path, flipped).expect("a file");
    let code = place.run(&["inspect", &path.display().to_string()]).code;
    assert!(matches!(code, Some(0 | 2)), "{code:?}");
}
