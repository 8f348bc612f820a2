//! Components that are odd to their engine: before they run, while they start, run and end.

use super::{check_wat, run_in, wat};
use crate::program::{Ended, Place};
use serde_json::{Value, json};

/// Runs a function of a guest in WebAssembly text, and asserts the exit code and how the call ended.
#[track_caller]
fn check(name: &str, function: &str, args: &Value, flags: &[&str], code: i32, end: &str) -> Ended {
    let place = Place::new();
    let package = wat(&place, name);
    let ended = run_in(&place, &package, function, args, flags);
    assert_eq!(ended.code, Some(code), "{name}.{function} {args}: {ended:?}");
    let got = if code == 2 { ended.stderr.clone() } else { ended.json()["end"].to_string() };
    assert!(got.contains(end), "{name}.{function} {args}: expected {end} in {ended:?}");
    ended
}

const TRAPS: i32 = 6;

#[test]
pub(super) fn unknown_import() {
    check_wat("unknown_import", &[], 2, &["imports `acme:evil/door@1.0.0`, which this host does not offer"]);
}

#[test]
pub(super) fn wrong_import_type() {
    check_wat("wrong_import_type", &[], 2, &["imports do not fit this host"]);
}

#[test]
pub(super) fn core_module() {
    check_wat("core_module", &[], 2, &["a core WebAssembly module that is no command of WASI preview 1"]);
}

/// A module of preview 1 is a command as any other, behind the same doors.
#[test]
pub(super) fn preview1() {
    let place = Place::new();
    let package = wat(&place, "preview1").display().to_string();
    let line = ["call", "preview1.run", "{}", "--json", "--package", &package, "--mount", "workspace=workspace:rw"];
    let ended = place.run(&line);
    let end = &ended.json()["end"]["value"];
    assert_eq!(end["stdout"], "adapted\n", "{ended:?}");
    // 63 is EPERM in preview 1.
    assert_eq!(end["exit_code"], 100 - 63, "{ended:?}");
    place.run(&["inspect", &package]).expect(0, &["preview1.run", "wasi:filesystem"]);
}

#[test]
pub(super) fn preview1_and_more() {
    check_wat("preview1_and_more", &[], 2, &["a core WebAssembly module that is no command of WASI preview 1"]);
}

#[test]
pub(super) fn resources() {
    let place = Place::new();
    let package = wat(&place, "resources");
    run_in(&place, &package, "plain", &json!({}), &[]).expect(0, &[r#""value":42"#]);
    run_in(&place, &package, "take", &json!({}), &[]).expect(2, &["there is no tool `resources.take`"]);
    place.run(&["inspect", &package.display().to_string()]).expect(0, &["#take is not a tool: it uses a resource"]);
}

#[test]
pub(super) fn many_memories() {
    // 1,501 pages each: together more than the default of 128 MiB.
    check_wat("many_memories", &[], 5, &[r#""limit":"memory""#]);
    check_wat("many_memories", &["memory=200MiB"], 0, &[r#""kind":"result""#]);
}

#[test]
pub(super) fn many_instances() {
    check_wat("many_instances", &[], 0, &[r#""kind":"result","value":1"#]);
}

#[test]
pub(super) fn too_many_memories() {
    check_wat("too_many_memories", &[], 2, &["cannot be compiled"]);
}

#[test]
pub(super) fn table_bomb() {
    check_wat("table_bomb", &["memory=64KiB"], 5, &[r#""limit":"memory","value":65536"#]);
    // Without a limit that it meets, a table still ends where the engine's slots do.
    check_wat("table_bomb", &[], 0, &[r#""kind":"result""#]);
}

#[test]
pub(super) fn spin_on_start() {
    check_wat("spin_on_start", &["cpu=50ms"], 5, &[r#""limit":"cpu""#]);
}

#[test]
pub(super) fn type_bomb() {
    check_wat("type_bomb", &[], 2, &["exports no tool", "types are too large"]);
}

#[test]
pub(super) fn needs_gpu() {
    check_wat("needs_gpu", &[], 2, &["unknown field `gpu`"]);
}

#[test]
pub(super) fn two_manifests() {
    let place = Place::new();
    let package = wat(&place, "two_manifests").display().to_string();
    place.run(&["inspect", &package]).expect(2, &["more than one section `gloveport:manifest`"]);
    place.run(&["call", "b.run", "--package", &package]).expect(2, &["more than one section `gloveport:manifest`"]);
}

#[test]
pub(super) fn traps() {
    let check =
        |function: &str, args: Value, code: i32, end: &str| drop(check("traps", function, &args, &[], code, end));
    check("divide", json!({ "by": 1 }), 0, r#""value":1"#);
    check("divide", json!({ "by": 0 }), TRAPS, "integer divide by zero");
    check("overflow", json!({ "by": -1 }), TRAPS, "integer overflow");
    check("narrow", json!({ "number": 1e300 }), TRAPS, "integer overflow");
    check("stop", json!({}), TRAPS, "`unreachable` instruction");
    check("load", json!({ "at": u32::MAX }), TRAPS, "out of bounds memory access");
    check("store", json!({ "at": 20 }), TRAPS, "out of bounds memory access");
    check("fill", json!({ "at": 0 }), TRAPS, "out of bounds memory access");
    check("indirect", json!({ "at": 0 }), 0, r#""value":7"#);
    check("indirect", json!({ "at": 1 }), TRAPS, "indirect call type mismatch");
    check("indirect", json!({ "at": 2 }), TRAPS, "uninitialized element");
    check("indirect", json!({ "at": 9 }), TRAPS, "out of bounds table access");
}

#[test]
pub(super) fn post_return() {
    // There was a result, and it does not count: who cleans up wrongly cannot be trusted with it.
    check("post_return", "trap", &json!({}), &[], TRAPS, "`unreachable` instruction");
    check("post_return", "spin", &json!({}), &["cpu=50ms"], 5, r#""limit":"cpu","value":50"#);
    check("post_return", "call", &json!({}), &[], TRAPS, "cannot leave component instance");
}

#[test]
pub(super) fn reenters() {
    check("reenters", "take", &json!({ "text": "abc" }), &[], TRAPS, "cannot leave component instance");
    // Where it may not call, it may still grow: its allocator was asked once, for 10,000 bytes.
    check("reenters", "grow", &json!({}), &[], 0, r#""value":10000"#);
}

#[test]
pub(super) fn wild_realloc() {
    let text = json!({ "text": "abc" });
    for function in ["behind", "end", "last"] {
        check("wild_realloc", function, &text, &[], TRAPS, "beyond end of memory");
    }
    check("wild_realloc", "unaligned", &json!({ "numbers": [1] }), &[], TRAPS, "not aligned");
    check("wild_realloc", "trap", &text, &[], TRAPS, "`unreachable` instruction");
    // What it does to its own memory is its own affair.
    check("wild_realloc", "null", &text, &[], 0, r#""value":3"#);
}

#[test]
pub(super) fn bad_values() {
    let check = |function: &str, end: &str| drop(check("bad_values", function, &json!({}), &[], TRAPS, end));
    check("text", "invalid utf-8");
    check("surrogate", "invalid utf-8");
    check("behind", "out of bounds of memory");
    check("long", "out of bounds of memory");
    check("across", "out of bounds of memory");
    check("pointer", "out of bounds of memory");
    check("unaligned", "not aligned");
    check("letter", "out of range for `char`");
    check("case", "discriminant 3 out of range");
    // All that is not nothing is true.
    self::check("bad_values", "truth", &json!({}), &[], 0, r#""value":true"#);
}

#[test]
pub(super) fn huge_list() {
    for function in ["truths", "nothings", "bytes"] {
        check("huge_list", function, &json!({ "count": 1000 }), &[], 0, r#""kind":"result""#);
        // No more of it is made than the limit: fifty million, of which each would take tens of bytes here.
        let ended = check(
            "huge_list",
            function,
            &json!({ "count": 50_000_000 }),
            &[],
            5,
            r#""limit":"result","value":8388608"#,
        );
        assert!(ended.stdout.len() < 1000, "{function}");
    }
    check("huge_list", "bytes", &json!({ "count": u32::MAX }), &[], 6, "out of bounds of memory");
}

#[test]
pub(super) fn grow_ignored() {
    // What cannot be had is not had: neither counted, nor a limit that was hit.
    let ended = check("grow_ignored", "count", &json!({}), &[], 0, r#""value":2"#);
    assert!(ended.json()["usage"]["memory"].as_u64() < Some(100_000), "{ended:?}");
    check("grow_ignored", "forever", &json!({}), &["cpu=50ms"], 5, r#""limit":"cpu","value":50"#);
}

#[test]
pub(super) fn start_traps() {
    check("start_traps", "run", &json!({}), &[], TRAPS, "`unreachable` instruction");
}

#[test]
pub(super) fn too_many_instances() {
    check_wat("too_many_instances", &[], 2, &["21 core module instances"]);
}

/// A few lines that stand for millions of instances are refused before anything is made of them.
#[track_caller]
fn bomb(name: &str) {
    let place = Place::new();
    let package = wat(&place, name).display().to_string();
    place.run(&["inspect", &package]).expect(2, &["too many instances of each other"]);
    check_wat(name, &[], 2, &["too many instances of each other"]);
}

#[test]
pub(super) fn instance_bomb() {
    bomb("instance_bomb");
}

#[test]
pub(super) fn hollow_bomb() {
    bomb("hollow_bomb");
}

#[test]
pub(super) fn handed_bomb() {
    bomb("handed_bomb");
}

#[test]
pub(super) fn keyword_names() {
    let args = json!({ "type": 1, "self": 2, "constructor": 4 });
    for function in ["type", "self", "constructor", "to_string", "null", "con", "A_B"] {
        check("keyword_names", function, &args, &[], 0, r#""value":5"#);
    }
    for function in ["A-B", "a_b", "TYPE", "__proto__", ""] {
        check("keyword_names", function, &args, &[], 2, "");
    }
    let proto = json!({ "type": 1, "self": 2, "constructor": 4, "__proto__": 8 });
    check("keyword_names", "type", &proto, &[], 2, "argument `__proto__`: expected one of the keys");
}

#[test]
pub(super) fn same_tool_twice() {
    check("same_tool_twice", "run", &json!({}), &[], 0, r#""value":3"#);
    // Neither stands in for the other.
    check("same_tool_twice", "api.run", &json!({}), &[], 2, "there is no tool `same_tool_twice.api.run`");
    let place = Place::new();
    let package = wat(&place, "same_tool_twice").display().to_string();
    place.run(&["inspect", &package]).expect(0, &["api.run is not a tool: several functions would have this name"]);
}

#[test]
pub(super) fn wasi_next() {
    check_wat("wasi_next", &[], 2, &["imports `wasi:cli/environment@0.3.0`, which this host does not offer"]);
}

#[test]
pub(super) fn wasi_unknown() {
    check_wat("wasi_unknown", &[], 2, &["imports `wasi:processes/spawn@0.2.0`, which this host does not offer"]);
}

#[test]
pub(super) fn wasi_added() {
    check_wat("wasi_added", &[], 2, &["imports do not fit this host", "monotonic-clock@0.2.99"]);
}

#[test]
pub(super) fn bare_import() {
    check_wat("bare_import", &[], 2, &["imports `system`, which this host does not offer"]);
}

#[test]
pub(super) fn no_name() {
    check_wat("no_name", &[], 2, &["section `gloveport:manifest`: `name` is ``; expected letters"]);
}

#[test]
pub(super) fn path_name() {
    check_wat("path_name", &[], 2, &["section `gloveport:manifest`: `name` is `../../evil`; expected letters"]);
}

#[test]
pub(super) fn drop_traps() {
    check("drop_traps", "trap", &json!({}), &[], TRAPS, "`unreachable` instruction");
    check("drop_traps", "spin", &json!({}), &["cpu=50ms"], 5, r#""limit":"cpu","value":50"#);
    check("drop_traps", "twice", &json!({}), &[], TRAPS, "used with the wrong type");
    check("drop_traps", "many", &json!({}), &["handles=50"], 5, r#""limit":"handles","value":50"#);
    // What is left when the call is over goes with its instance, without a word from the guest.
    check("drop_traps", "leave", &json!({}), &[], 0, r#""value":1"#);
}

#[test]
pub(super) fn forged_handles() {
    let check = |function: &str, handle: u32, code: i32, end: &str| {
        check("forged_handles", function, &json!({ "handle": handle }), &[], code, end);
    };
    check("honest", 0, 0, r#""value":true"#);
    for handle in [0, 1, 2, 1000, u32::MAX] {
        check("guess", handle, TRAPS, "unknown handle index");
    }
    check("twice", 0, TRAPS, "unknown handle index");
    check("after", 0, TRAPS, "unknown handle index");
    check("kind", 0, TRAPS, "used with the wrong type");
}

#[test]
pub(super) fn deep_types() {
    let nested = |depth: usize| {
        let text = format!("{}\"AQI=\"{}", "[".repeat(depth), "]".repeat(depth));
        json!({ "it": serde_json::from_str::<Value>(&text).expect("JSON") })
    };
    check("deep_types", "deep", &nested(30), &[], 0, &nested(30)["it"].to_string());
    check("deep_types", "deep", &nested(29), &[], 2, "expected an array, got \"AQI=\"");
    check("deep_types", "deep", &nested(31), &[], 2, "expected a base64 string, got an array of 1");
    check("deep_types", "deeper", &nested(90), &[], 2, "there is no tool `deep_types.deeper`");
    let place = Place::new();
    let package = wat(&place, "deep_types").display().to_string();
    place.run(&["inspect", &package]).expect(0, &["deeper is not a tool: its types are too large"]);
    // Deeper than JSON is read at all.
    let text = format!("{{\"it\": {}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    place.run(&["call", "deep_types.deep", &text, "--package", &package]).expect(2, &[]);
}

#[test]
pub(super) fn large_at_birth() {
    check("large_at_birth", "run", &json!({}), &[], 5, r#""limit":"memory","value":134217728"#);
    check("large_at_birth", "run", &json!({}), &["memory=256MiB"], 0, r#""value":3000"#);
}

#[test]
pub(super) fn huge_at_birth() {
    check_wat("huge_at_birth", &["memory=256MiB"], 2, &["cannot be compiled", "exceeds the limit of 0x10000000 bytes"]);
}

#[test]
pub(super) fn huge_table() {
    check_wat("huge_table", &[], 2, &["cannot be compiled", "exceeds the limit of 20000"]);
}

#[test]
pub(super) fn threads() {
    check_wat("threads", &[], 2, &["not a valid WebAssembly component: threads must be enabled"]);
}

#[test]
pub(super) fn wide_memory() {
    check_wat("wide_memory", &[], 2, &["not a valid WebAssembly component: memory64 must be enabled"]);
}
