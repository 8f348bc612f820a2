//! Programs as processes: what flows between them, who may start what, and how they end. They run on threads for now, wherever
//! other calls do.

use crate::program::{Ended, Place, guest};
use serde_json::{Value, json};

/// Calls a function of the guest that starts processes; `program` is on its path.
fn call(place: &Place, function: &str, args: &Value, flags: &[&str]) -> Ended {
    let (tool, args) = (format!("starter.{function}"), args.to_string());
    let (starter, program) = (guest("starter").display().to_string(), guest("program").display().to_string());
    let mut line =
        vec!["call", &tool, &args, "--json", "--isolation", "thread", "--package", &starter, "--path", &program];
    line.extend(flags);
    Ended::of(place.command(&line).env("GRANTED", "of the starter").output().expect("the program starts"))
}

/// Runs commands as a pipeline, and asserts what the last wrote and how each ended.
#[track_caller]
fn check(commands: &[&str], flags: &[&str], stdout: &str, exits: &[&str]) -> Value {
    let ended = call(&Place::new(), "pipeline", &json!({ "commands": commands }), flags);
    assert_eq!(ended.code, Some(0), "{commands:?}: {ended:?}");
    let outcome = ended.json();
    let value = &outcome["end"]["value"];
    assert_eq!(value["stdout"], stdout, "{commands:?}: {outcome}");
    assert_eq!(value["exits"], json!(exits), "{commands:?}: {outcome}");
    outcome
}

#[test]
pub(crate) fn starter() {
    check(&["program print a b"], &[], "a b\n", &["0"]);
    check(&["program print a", "program cat", "program cat", "program count"], &[], "2\n", &["0", "0", "0", "0"]);
    // More than any pipe holds, and more than a call's limit on output: it goes from one to the next.
    check(&["program bytes 20000", "program cat", "program count"], &[], "20000000\n", &["0", "0", "0"]);
    check(&["program yes", "program head 2"], &[], "yes\nyes\n", &["broken pipe", "0"]);
    check(
        &["program yes", "program cat", "program cat", "program head 1"],
        &[],
        "yes\n",
        &["broken pipe", "broken pipe", "broken pipe", "0"],
    );
    check(&["program exit 1"], &[], "", &["1"]);
    check(&["program exit 77"], &[], "", &["77"]);
    check(&["program panic", "program count"], &[], "0\n", &["trap", "0"]);
    check(&["program name"], &[], "program\n", &["0"]);
    let fed = json!({ "commands": ["program cat"], "stdin": "x".repeat(100_000) });
    let fed = call(&Place::new(), "pipeline", &fed, &[]).json();
    assert_eq!(fed["end"]["value"]["stdout"].as_str().map(str::len), Some(100_000));
}

#[test]
pub(crate) fn program() {
    let place = Place::new();
    // A command is a tool as before.
    let package = guest("program").display().to_string();
    place.run(&["call", "program.run", r#"{"args":["name"]}"#, "--package", &package]).expect(0, &["program"]);
    let said = call(&place, "path", &json!({ "name": "program" }), &[]).json();
    assert_eq!(said["end"]["value"], json!(["program", "program.run"]));
    let said = call(&place, "path", &json!({ "name": "ls" }), &[]).json();
    assert_eq!(said["end"]["value"], json!(["program"]));
}

#[test]
fn what_a_process_sees() {
    let place = Place::new();
    let ended = |args: &Value, flags: &[&str]| {
        let outcome = call(&place, "pipeline", args, flags).json();
        outcome["end"]["value"].clone()
    };
    let mount = ["--mount", "workspace=workspace:rw", "--mount", "out=out:rw"];
    let seen = ended(&json!({ "commands": ["program where"], "cwd": "/workspace/docs" }), &mount);
    assert_eq!(seen["stdout"], "/workspace/docs\n");
    let seen = ended(&json!({ "commands": ["program read a.md"], "cwd": "/workspace/docs" }), &mount);
    assert_eq!(seen["stdout"], "# A");
    // Only what it is given: neither the host's variables nor those that its starter was granted.
    let seen = ended(&json!({ "commands": ["program env"], "env": "A=b" }), &["--env", "GRANTED"]);
    assert_eq!(seen["stdout"], "A=b\n");
    let seen = ended(&json!({ "commands": ["program complain no"] }), &[]);
    assert_eq!((seen["stdout"].as_str(), seen["stderr"].as_str()), (Some(""), Some("no\n")));
    let aloud = call(&place, "aloud", &json!({ "commands": ["program print a", "program print b"] }), &[]).json();
    assert_eq!(aloud["printed"]["stdout"], "a\nthen b\nthen ", "{aloud}");
}

/// A process has what its starter was granted, as far as policy grants it to its own tool.
#[test]
fn no_more_than_its_starter() {
    let place = Place::new();
    let check = |command: &str, rules: &str, expected: &str| {
        place.write("policy.cedar", &format!("permit (principal, action, resource);\n{rules}"));
        place.write("gloveport.toml", "policy = [\"policy.cedar\"]\n[mounts.out]\npath = \"out\"\naccess = \"read-write\"\n[mounts.workspace]\npath = \"workspace\"\naccess = \"read\"\n");
        let ended = call(&place, "pipeline", &json!({ "commands": [command] }), &[]);
        let all = format!("{}{}", ended.stdout, ended.stderr);
        assert!(all.contains(expected), "{command} under {rules}: expected {expected} in {ended:?}");
    };
    check("program write /out/a text", "", r#""exits":["0"]"#);
    check("program write /workspace/a text", "", r#""exits":["1"]"#);
    check("program read /etc/passwd", "", r#""exits":["1"]"#);
    let of_program = r#"when { context.tool == Tool::"program.run" };"#;
    let no_writing = format!(r#"forbid (principal, action == Action::"write", resource) {of_program}"#);
    check("program write /out/a text", &no_writing, r#""exits":["1"]"#);
    check("program read /out/a", &no_writing, r#""stdout":"text""#);
    let hidden = format!(r#"forbid (principal, action == Action::"read", resource == Mount::"out") {of_program}"#);
    check("program read /out/a", &hidden, r#""exits":["1"]"#);
    check("program name", r#"forbid (principal, action == Action::"exec", resource);"#, "refused: start program");
    check(
        "program name",
        r#"forbid (principal, action == Action::"call", resource == Tool::"program.run");"#,
        "refused: denied by policy: call Tool",
    );
    let asks = r#"forbid (principal, action == Action::"call", resource == Tool::"program.run") when { context.args.hasTag("args[0]") && context.args.getTag("args[0]") == "name" };"#;
    check("program name", asks, "refused: denied by policy: call Tool");
    check("program print a", asks, r#""stdout":"a\n""#);
    check("missing a", "", "no such program on the path");
    // What the starter may not write, nobody writes for it.
    let not_here =
        r#"forbid (principal, action == Action::"write", resource) when { context.tool == Tool::"starter.pipeline" };"#;
    check("program write /out/b text", not_here, r#""exits":["1"]"#);
}

#[test]
fn trees_are_bounded() {
    let place = Place::new();
    let many = |times: u32, limits: &[&str]| call(&place, "many", &json!({ "times": times }), limits);
    many(8, &["--limit", "processes=8"]).expect(0, &[r#""value":8"#]);
    many(9, &["--limit", "processes=8"]).expect(4, &["too many processes run already after 8"]);
    many(9, &["--limit", "started=8"]).expect(5, &[r#""limit":"started","value":8"#]);
    let run = |command: &str, limits: &[&str]| call(&place, "pipeline", &json!({ "commands": [command] }), limits);
    run("program spin", &["--limit", "cpu=100ms"]).expect(5, &[r#""limit":"cpu""#]);
    run("program spin", &["--limit", "wall=200ms"]).expect(5, &[r#""limit":"wall""#]);
    run("program memory 100", &["--limit", "memory=64MiB"]).expect(0, &[r#""exits":["limit memory"]"#]);
    run("program bytes 5000", &["--limit", "output=1MiB"]).expect(5, &[r#""limit":"output""#]);
    run("program name", &["--limit", "depth=1"]).expect(0, &["program"]);
    let together = json!({ "commands": ["program memory 60", "program memory 60"] });
    call(&place, "pipeline", &together, &["--limit", "tree-memory=100MiB"]).expect(0, &["limit tree-memory"]);
    call(&place, "pipeline", &together, &[]).expect(0, &[r#""exits":["0","0"]"#]);
    call(&place, "pipes", &json!({ "times": 100 }), &[]).expect(0, &["100"]);
    call(&place, "pipes", &json!({ "times": 10_000 }), &[]).expect(5, &[r#""limit":"handles""#]);
}

#[test]
fn how_they_end() {
    let place = Place::new();
    let value = |function: &str, args: Value| {
        call(&place, function, &args, &["--mount", "out=out:rw"]).json()["end"]["value"].clone()
    };
    assert_eq!(value("kill", json!({ "words": "program spin" })), "killed");
    assert_eq!(value("kill", json!({ "words": "program yes" })), "killed");
    assert_eq!(value("sip", json!({ "words": "program yes", "bytes": 8 })), "yes\nyes\n broken pipe");
    assert_eq!(value("alone", json!({})), "BrokenPipe");
    // One that is still there ends with the call, which does not wait for it.
    assert_eq!(value("leave", json!({ "words": "program spin" })), true);
}

/// What is recorded of them: each start with its decision, each end with what it did.
#[test]
fn they_are_recorded() {
    let place = Place::new();
    let (starter, program) = (guest("starter").display().to_string(), guest("program").display().to_string());
    place.write("policy.cedar", "permit (principal, action, resource);");
    place.write("plan.toml", &format!(
        "objective = \"x\"\npolicy = [\"policy.cedar\"]\ntools = [{starter:?}, {program:?}]\npath = [\"program\"]\n[mounts.out]\npath = \"out\"\naccess = \"read-write\"\n[[step]]\nid = \"a\"\ntool = \"starter.pipeline\"\nargs = {{ commands = [\"program print text\", \"program cat\"], env = \"KEY=hidden\" }}\n[[step]]\nid = \"b\"\ntool = \"starter.kill\"\nargs = {{ words = \"program spin\" }}\n"
    ));
    let run = place.run(&["run", "plan.toml", "--isolation", "thread"]);
    run.expect(0, &[]);
    let task = run.stdout.trim();
    let record = place.run(&["tail", task, "--json"]);
    record.expect(
        0,
        &[
            r#""event":"process-started""#,
            r#""program":"program""#,
            r#""env":["KEY"]"#,
            r#""event":"process-ended""#,
            r#""chain":["starter.pipeline"]"#,
            "tool:starter.pipeline",
        ],
    );
    // Its variables' values are its own.
    let events = record.stdout.lines().filter(|line| line.contains("process-")).collect::<String>();
    assert!(!events.contains("hidden"), "{events}");
    place
        .run(&["tail", task])
        .expect(0, &["started   program (program.run) by starter.pipeline", "exited    program.run"]);
    place.run(&["report", task]).expect(0, &["program.run"]);
    place.run(&["policy", "learn", task]).expect(0, &[r#"action == Action::"exec", resource == Tool::"program.run""#]);
    place.run(&["audit", "verify", task]).expect(0, &["intact"]);
    place.run(&["replay", task]).expect(0, &["2 identical"]);
}

/// What one process of a call has read counts for all of them: a pipe leads from one to the next.
#[test]
fn pipes_carry_sources() {
    let place = Place::new();
    let read = call(
        &place,
        "pipeline",
        &json!({ "commands": ["program read /workspace/file.txt", "program cat"] }),
        &["--mount", "workspace=workspace"],
    )
    .json();
    assert_eq!(read["effects"]["mounts_read"], json!(["workspace"]), "{read}");
}

#[test]
fn bad_paths() {
    let place = Place::new();
    let starter = guest("starter").display().to_string();
    let line = ["call", "starter.path", r#"{"name":"a"}"#, "--package", &starter];
    place
        .run(&[&line[..], &["--path", "nothing"]].concat())
        .expect(2, &["--path: there is no package `nothing`; packages are: "]);
    place.run(&[&line[..], &["--path", "none.wasm"]].concat()).expect(2, &["none.wasm"]);
    place.write("gloveport.toml", "path = [\"nothing\"]\n");
    place.run(&line).expect(2, &["path: there is no package `nothing`"]);
    place.write("plan.toml", "objective = \"x\"\ntools = [\"text\"]\npath = [\"files\"]\n[[step]]\nid = \"a\"\ntool = \"text.count\"\nargs = { text = \"a\" }\n");
    place.run(&["run", "plan.toml"]).expect(2, &["path: package `files` is not among the plan's `tools`"]);
}
