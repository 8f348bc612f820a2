//! Tools that call others: each call decided and recorded, none beyond what its caller was granted.

use crate::program::{Ended, Place, guest};
use serde_json::{Value, json};

fn call(place: &Place, function: &str, args: &Value, flags: &[&str]) -> Ended {
    let (tool, args) = (format!("caller.{function}"), args.to_string());
    let (caller, odd) = (guest("caller").display().to_string(), guest("odd").display().to_string());
    let mut line = vec!["call", &tool, &args, "--json", "--package", &caller, "--package", &odd];
    line.extend(flags);
    place.run(&line)
}

/// Asks for one call of another tool, and asserts how the asking one ended.
#[track_caller]
fn check(tool: &str, args: &Value, flags: &[&str], code: i32, expected: &str) -> Value {
    let ended = call(&Place::new(), "call", &json!({ "tool": tool, "args": args.to_string() }), flags);
    assert_eq!(ended.code, Some(code), "{tool}: {ended:?}");
    let outcome = ended.json();
    assert!(outcome["end"].to_string().contains(expected), "{tool}: expected {expected} in {outcome}");
    outcome
}

#[test]
pub(crate) fn caller() {
    let read = json!({ "path": "workspace/file.txt" });
    let granted = ["--invoke", "files.*", "--mount", "workspace=workspace"];
    let outcome = check("files.read", &read, &granted, 0, "unchanged");
    assert_eq!(outcome["effects"]["done"][0], json!({ "action": "invoke", "path": "files.read" }));
    // What the other call read, this one may have learned.
    assert_eq!(outcome["effects"]["mounts_read"], json!(["workspace"]), "{outcome}");
    assert_eq!(outcome["effects"]["tools_read"], json!(["files.read"]), "{outcome}");

    check("files.read", &read, &["--mount", "workspace=workspace"], 4, "denied: invoke files.read");
    check("files.read", &read, &["--invoke", "files.write"], 4, "denied: invoke files.read");
    // The manifest does not name it, whatever is granted.
    check("text.split", &json!({ "text": "a" }), &["--invoke", "*"], 4, "denied: invoke text.split");
    check("files.read", &json!({ "path": 1 }), &granted, 4, "invalid: argument `path`: expected a string, got 1");
    check("files.read", &json!([]), &granted, 4, "invalid: the arguments are no JSON object");
    check("files.read", &json!({ "path": "workspace/none" }), &granted, 4, "failed: ");
    check("missing.tool", &json!({}), &["--invoke", "*"], 4, "invalid: there is no tool `missing.tool`");
    check("no tool", &json!({}), &["--invoke", "*"], 4, "invalid: `no tool` is not a tool id");
    check("odd.spin", &json!({}), &["--invoke", "*", "--limit", "cpu=100ms"], 5, r#""limit":"cpu""#);
    check(
        "caller.call",
        &json!({ "tool": "a.b", "args": "" }),
        &["--invoke", "*"],
        4,
        "denied: invoke caller.call: it would call itself",
    );
    let back = json!({ "tool": "caller.call", "args": "{}" });
    check("caller.again", &back, &["--invoke", "*"], 4, "denied: invoke caller.call: it would call itself");
}

/// A call cannot hand on what it was not granted, nor get back what it gave up.
#[test]
fn no_more_than_its_caller() {
    let place = Place::new();
    place.write("policy.cedar", r#"permit (principal, action, resource);"#);
    let (caller, args) = (guest("caller").display().to_string(), |path: &str| {
        format!("{{ tool = \"files.read\", args = '{{\"path\":\"{path}\"}}' }}")
    });
    let plan = |narrow: &str, path: &str| {
        place.write("plan.toml", &format!(
            "objective = \"x\"\npolicy = [\"policy.cedar\"]\ntools = [{caller:?}, \"files\"]\n[mounts.workspace]\npath = \"workspace\"\naccess = \"read-write\"\n[[step]]\nid = \"a\"\ntool = \"caller.call\"\nargs = {}\n{narrow}\n",
            args(path)
        ));
        place.run(&["run", "plan.toml", "--json"])
    };
    plan("", "workspace/file.txt").expect(0, &["unchanged"]);
    plan("mounts = { workspace = { path = \"docs\" } }", "workspace/file.txt").expect(4, &["failed: "]);
    plan("mounts = { workspace = { path = \"docs\" } }", "workspace/docs/a.md").expect(0, &["# A"]);
    plan("mounts = {}", "workspace/file.txt").expect(4, &["failed: "]);
    plan("invoke = []", "workspace/file.txt").expect(4, &["denied: invoke files.read"]);
    plan("invoke = [\"text.*\"]", "workspace/file.txt").expect(4, &["denied: invoke files.read"]);
    let task = plan("", "workspace/docs/a.md");
    let ended: Value = serde_json::from_str(task.stdout.lines().last().expect("a line")).expect("JSON");
    let record = place.run(&["tail", ended["task"].as_str().expect("an id"), "--json"]);
    record.expect(
        0,
        &[r#""event":"invoked""#, r#""chain":["caller.call"]"#, r#""tool":"files.read""#, "tool:caller.call"],
    );
}

#[test]
fn limits_of_calls_within_calls() {
    let many = |times: u32, flags: &[&str]| {
        let args = json!({ "tool": "text.count", "args": json!({ "text": "a" }).to_string(), "times": times });
        let flags = [&["--invoke", "*"], flags].concat();
        call(&Place::new(), "call", &args, &flags)
    };
    many(3, &["--limit", "invocations=3"]).expect(0, &[]);
    many(4, &["--limit", "invocations=3"]).expect(5, &[r#""limit":"invocations","value":3"#]);
    let deep = |depth: &str| {
        let inner = json!({ "tool": "text.count", "args": json!({ "text": "a" }).to_string() });
        let args = json!({ "tool": "caller.again", "args": inner.to_string() });
        call(&Place::new(), "call", &args, &["--invoke", "*", "--limit", depth])
    };
    deep("depth=2").expect(0, &[]);
    deep("depth=1").expect(4, &["stopped: limit `depth` of 1 was hit"]);

    // What the other call writes counts towards both.
    let write = json!({ "tool": "files.write", "args": json!({ "path": "out/a", "content": "x".repeat(100), "mode": "append" }).to_string(), "times": 3 });
    let granted = |limit: &str| {
        call(&Place::new(), "call", &write, &["--invoke", "files.*", "--mount", "out=out:rw", "--limit", limit])
    };
    granted("written=300").expect(0, &[]);
    granted("written=299").expect(4, &["stopped: limit `written` of 299B was hit"]);
}

#[test]
fn what_a_tool_says_is_bounded() {
    let talk = |times: u32, limit: &str| {
        call(&Place::new(), "talk", &json!({ "times": times, "text": "0123456789" }), &["--limit", limit])
    };
    let said = talk(2, "logs=2").json();
    assert_eq!(
        said["printed"]["logs"],
        json!([{ "level": "warn", "text": "0123456789" }, { "level": "warn", "text": "0123456789" }])
    );
    talk(3, "logs=2").expect(5, &[r#""limit":"logs","value":2"#]);
    talk(3, "progress=2").expect(5, &[r#""limit":"progress","value":2"#]);
    talk(3, "output=60").expect(0, &[]);
    talk(3, "output=59").expect(5, &[r#""limit":"output","value":59"#]);
}

#[test]
fn fuel_stops_at_the_same_instruction() {
    let spin = |fuel: &str| {
        let place = Place::new();
        let package = guest("spin").display().to_string();
        place.run(&["call", "spin.run", "--json", "--package", &package, "--limit", fuel])
    };
    spin("fuel=1000000").expect(5, &[r#""limit":"fuel","value":1000000"#]);
}
