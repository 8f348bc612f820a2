//! Limits, just under and just over, by every way to each.

use super::{READ, WRITE, check, check_in, check_wat, done, odd_call, run_in, tells};
use crate::program::{Place, guest};
use serde_json::json;
use std::fs;

#[test]
pub(super) fn grows() {
    for means in [
        "size",
        "shrink",
        "offset",
        "last-offset",
        "stream-offset",
        "last-stream-offset",
        "streams",
        "zeroes",
        "append",
        "splice",
    ] {
        let place = Place::new();
        place.write("out/there.txt", &"t".repeat(1000));
        let hit = r#""limit":"written","value":1048576"#;
        let outcome = check_in(&place, "grows", &[means], &[WRITE, "written=1MiB"], 5, hit);
        let printed = outcome["printed"]["stdout"].as_str().unwrap_or_default();
        assert_eq!(printed, if means == "size" { "within\n" } else { "" }, "{means}");
        assert!(outcome["usage"]["written"].as_u64() <= Some(1 << 20), "{outcome}");
        assert!(fs::metadata(place.path("out/grown")).expect("it was made").len() <= 1 << 20, "{means}");
        assert_eq!(done(&outcome)[0], "create out/grown", "{means}");
    }
}

#[test]
pub(super) fn same_file() {
    let place = Place::new();
    let outcome = tells(&place, "same_file", &["200"], &[READ], "200 199");
    assert_eq!(done(&outcome), ["read workspace/file.txt"]);
    check("same_file", &["256"], &[READ], 5, r#""limit":"handles","value":256"#);
}

#[test]
pub(super) fn handle_kinds() {
    for kind in ["directories", "mounts", "listings", "streams", "outputs", "inputs", "pollables", "fields", "errors"] {
        check("handle_kinds", &[kind], &[READ, "handles=60"], 5, r#""limit":"handles","value":60"#);
    }
    // Each listing is in the host's memory as a whole: there are fewer of them.
    check("handle_kinds", &["listings"], &[READ, "handles=4096"], 5, r#""limit":"handles","value":4096"#);
}

#[test]
pub(super) fn huge_asks() {
    let check = |means: &str, code: i32, end: &str| check("huge_asks", &[means], &[READ, WRITE], code, end);
    let files = check("files", 0, "exit_code\":0");
    let said = "Ok((9, false))\nErr(\"invalid\")\nSome(9)\nSome(9)\nNone\n";
    assert_eq!(files["end"]["value"]["stdout"], said);
    check("zeroes", 6, "more zeroes than");
    check("blocking-zeroes", 6, "too large");
    check("file-zeroes", 6, "more zeroes than");
    check("random", 6, "exceeds limit 65536");
    check("insecure", 6, "exceeds limit 65536");
    check("some-random", 0, "65536");
    check("more-random", 6, "exceeds limit 65536");
}

#[test]
pub(super) fn deep_host_calls() {
    let place = Place::new();
    let run = |how: &str, from: u64| {
        let args = json!({ "args": [how, from.to_string()] }).to_string();
        let package = guest("deep_host_calls").display().to_string();
        let line = ["call", "deep_host_calls.run", &args, "--json", "--package", &package, "--mount", READ];
        let granted = ["--invoke", "text.*", "--http", "127.0.0.1", "--reach", "127.0.0.1"];
        let limits = ["--limit", "invocations=10000", "--limit", "connections=256"];
        let ended = place.run(&[&line[..], &granted, &limits].concat());
        ended.expect(6, &["call stack exhausted"]);
        ended.json()
    };
    // Printing at every level says how deep it goes.
    let printed = run("prints", 0)["printed"]["stdout"].as_str().expect("text").to_owned();
    let deepest: u64 = printed.lines().next_back().and_then(|line| line.parse().ok()).expect("a depth");
    assert!(deepest > 1000, "{deepest}");
    for (how, seen) in [("waits", ""), ("opens", "read"), ("invokes", "invoke"), ("sends", "request")] {
        let outcome = run(how, deepest - 100);
        assert!(seen.is_empty() || done(&outcome).iter().any(|done| done.starts_with(seen)), "{how}: {outcome}");
    }
}

#[test]
fn arguments_and_results_just_under_and_just_over() {
    let place = Place::new();
    let args = json!({ "text": "x".repeat(1000) });
    let size = args.to_string().len();
    let echo = |limit: usize| run_in(&place, &guest("odd"), "echo", &args, &[&format!("arguments={limit}")]);
    echo(size).expect(0, &["xxx"]);
    echo(size - 1).expect(2, &[&format!("at most {} bytes of JSON (limit `arguments`)", size - 1)]);
    odd_call("numbers", &json!({ "n": 10 }), &["result=21"], 0, "[0,1,2,3,4,5,6,7,8,9]");
    odd_call("numbers", &json!({ "n": 10 }), &["result=20"], 5, r#""limit":"result","value":20"#);
    odd_call("fail", &json!({ "why": "abc" }), &["result=5"], 4, "abc");
    odd_call("fail", &json!({ "why": "abc" }), &["result=4"], 5, r#""limit":"result","value":4"#);
}

/// The least value of a limit with which a call ends well. One less, and it ends at that limit, by its name and value.
#[track_caller]
fn edge(key: &str, most: u64, name: &str, args: &[&str]) -> u64 {
    let run = |value: u64| {
        let args = json!({ "args": args });
        run_in(&Place::new(), &guest(name), "run", &args, &[READ, WRITE, &format!("{key}={value}")])
    };
    let (mut fails, mut passes) = (0, most);
    while passes - fails > 1 {
        let middle = fails + (passes - fails) / 2;
        let ended = run(middle);
        match ended.code {
            Some(0) => passes = middle,
            _ => {
                ended.expect(5, &[&format!(r#""limit":"{key}","value":{middle}"#)]);
                fails = middle;
            }
        }
    }
    run(passes).expect(0, &[]);
    passes
}

#[test]
fn every_limit_has_one_edge() {
    for (key, name, args, expected) in [
        ("output", "interleaved", &["50"][..], 50),
        ("written", "outlives", &[], 26),
        // The last of them comes to nothing, since its directory was removed.
        ("created", "outlives", &[], 5),
        ("logs", "says", &["escapes"], 5),
        ("progress", "says", &["lies"], 3),
    ] {
        assert_eq!(edge(key, 1000, name, args), expected, "{key}");
    }
    // Where the edge is depends on the guest's compiler; that there is one, and that it stays, does not.
    for (key, most, name, args) in [("handles", 4096, "same_file", &["20"][..]), ("fuel", 1 << 32, "renames", &[])] {
        assert_eq!(edge(key, most, name, args), edge(key, most, name, args), "{key}");
    }
    // Memory is had in pages: just what it has at birth.
    for (limit, code) in [("memory=196608000", 0), ("memory=196607999", 5)] {
        check_wat("large_at_birth", &[limit], code, &[]);
    }
}
