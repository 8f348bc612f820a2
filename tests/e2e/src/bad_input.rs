//! Bad input: what is wrong, where, and nothing half-written.

use crate::program::Place;
use std::fs;

/// Runs a plan, and asserts that it is refused with these words.
#[track_caller]
fn refused(plan: &str, expected: &[&str]) {
    let place = Place::new();
    place.write("plan.toml", plan);
    let ended = place.run(&["run", "plan.toml"]);
    ended.expect(2, expected);
    assert!(ended.stderr.contains("plan.toml"), "the file is not named: {ended:?}");
    assert_eq!(fs::read_dir(place.path("state")).expect("a folder").count(), 0, "something was recorded");
    assert!(!place.path("made").exists(), "a mount was made");
}

const STEP: &str = "[[step]]\nid = \"a\"\ntool = \"text.count\"\n";
const HEAD: &str = "objective = \"x\"\ntools = [\"text\"]\n";

#[test]
fn plans() {
    let with = |step: &str| format!("{HEAD}{STEP}{step}");
    refused("objective = ", &["line 1"]);
    refused("objective = \"x\"\n", &["it has no `[[step]]`"]);
    refused(&format!("objectve = \"x\"\n{STEP}"), &["line 1", "unknown field `objectve`"]);
    refused(&with("argz = {}\n"), &["line 6", "unknown field `argz`"]);
    refused(&with("args = { text = \"${{ steps.b.result }}\" }\n"), &["step `a`, args.text: there is no step `b`"]);
    refused(&with("args = { text = \"${{ steps.a\" }\n"), &["step `a`, args.text", "without `}}`"]);
    refused(&with("args = { text = \"${{ 1 + }}\" }\n"), &["step `a`, args.text: expression `1 +`"]);
    refused(&with("expect = \"resutl > 0\"\n"), &["step `a`, expect", "no variable `resutl`"]);
    refused(&with("after = [\"a\"]\n"), &["steps wait for each other: a → a"]);
    refused(&with("limits = { cpu = \"soon\" }\n"), &["step `a`, limits: limit `cpu`: `soon` is not a time"]);
    refused(&with("limits = { heap = 1 }\n"), &["there is no limit `heap`; limits are: cpu,"]);
    refused(&with(STEP), &["step `a`: the id is used twice"]);
    refused(&with("mounts = { out = { path = \"../x\" } }\n"), &["is not a path inside a mount"]);
    refused(
        &format!("{HEAD}budget = {{ monye = 1 }}\n{STEP}"),
        &["there is no budget `monye`; budgets are: calls, cpu,"],
    );
    refused(&format!("{HEAD}budget = {{ money = \"1,50\" }}\n{STEP}"), &["budget: `money`: `1,50` is not an amount"]);
    refused(&format!("{HEAD}sources = {{ \"disk:x\" = {{}} }}\n{STEP}"), &["`disk:x` names no sources"]);
    refused(&format!("{HEAD}concurrency = 0\n{STEP}"), &["concurrency: 0 is outside 1 to 64"]);
    refused(
        &format!("objective = \"x\"\ntools = [\"txt\"]\n{STEP}"),
        &["there is no package `txt`; packages are: data, files, http, text"],
    );
    refused(&format!("objective = \"x\"\n{STEP}"), &["step `a`: its package `text` is not among the plan's `tools`"]);
    refused(&with("retry = { tries = 0 }\n"), &["retry.tries: 0 is outside 1 to 20"]);
    refused(&with("retry = { tries = 2, wait = \"soon\" }\n"), &["retry.wait: `soon` is not a time"]);
    refused(&with("foreach = 5\n"), &["step `a`, foreach: an integer is not a list"]);
    refused(&with("when = \"1 + 1\"\n"), &["step `a`, when: expected true or false, got an integer"]);
    // Several problems are told at once.
    refused(&with("expect = \"x\"\nafter = [\"zzz\"]\n"), &["no variable `x`", "there is no step `zzz`"]);
}

#[test]
fn other_files() {
    let place = Place::new();
    let check = |file: &str, text: &str, line: &[&str], expected: &[&str]| {
        place.write(file, text);
        place.run(line).expect(2, expected);
        fs::remove_file(place.path(file)).expect("it was written");
    };
    let call = ["call", "text.count", "--arg", "text=a", "--config", "c.toml"];
    check("c.toml", "principle = \"x\"", &call, &["configuration c.toml", "unknown field `principle`", "line 1"]);
    check("c.toml", "policy = [\"missing.cedar\"]", &call, &["policy missing.cedar"]);
    check("c.toml", "[mounts.work]\npath = \"nowhere\"\naccess = \"read\"", &call, &["mount `work`", "nowhere"]);
    check("c.toml", "[limits]\nmemory = \"1TiB\"", &call, &["limit `memory`: `1TiB` is not a size"]);
    check("p.cedar", "permit (principal, action, resource", &["policy", "check", "p.cedar"], &["p.cedar:1"]);
    check(
        "p.cedar",
        "\npermit (principal, action == Action::\"cal\", resource);",
        &["policy", "check", "p.cedar"],
        &["p.cedar:2", "cal"],
    );
    check(
        "p.cedar",
        "@aproval(\"x\") permit (principal, action, resource);",
        &["policy", "check", "p.cedar"],
        &["@aproval"],
    );

    let lock = |text: &str, expected: &[&str]| {
        place.write("c.toml", "lock = \"g.lock\"");
        check("g.lock", text, &call, expected);
    };
    lock("version = 1", &["lock file g.lock", "version 1 is not known here; expected 2"]);
    lock("version = 2\n[[package]]\nname = \"a\"\ndigest = \"md5:0\"", &["lock file g.lock", "is not a digest"]);
}

#[test]
fn arguments_of_the_program() {
    let place = Place::new();
    let check = |line: &[&str], expected: &str| {
        place.run(line).expect(2, &[expected]);
    };
    check(&["call", "text"], "`text` is not a tool id: expected `package.function`");
    check(&["call", "nothing.at_all"], "there is no package `nothing`; packages are: data, files, http, text");
    check(&["call", "text.count", "[1]"], "expected a JSON object");
    check(&["call", "text.count", "{"], "not JSON");
    check(&["call", "text.count", "--limit", "cpu=1year"], "is not a time such as");
    check(&["call", "text.count", "--mount", "workspace"], "expected NAME=DIR");
    check(&["call", "text.count", "--package", "missing.wasm"], "package missing.wasm");
    check(&["show", "t-1"], "is not a task id");
    check(&["show", "20261122-153000-042-k3v9x7"], "there is no journal");
    check(&["run", "missing.toml"], "plan missing.toml");
    check(&["run", "missing.toml", "--config", "c.toml"], "unexpected argument '--config'");
    check(&["frobnicate"], "unrecognized subcommand");
}
