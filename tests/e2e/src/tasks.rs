//! Tasks: order, failure, budgets, approvals, crashes, records.

use crate::program::{Ended, Place, guest};
use std::{
    io::{BufRead as _, BufReader},
    process::Stdio,
};

const ALL: &str = "permit (principal, action, resource);";

/// Runs a plan of these steps under a policy.
fn run(place: &Place, policy: &str, head: &str, steps: &str) -> Ended {
    place.write("policy.cedar", policy);
    place.write("plan.toml", &format!(
        "objective = \"test\"\npolicy = [\"policy.cedar\"]\ntools = [\"files\", \"text\", {:?}, {:?}]\n{head}\n[mounts.out]\npath = \"out\"\naccess = \"read-write\"\n{steps}",
        guest("odd").display().to_string(), guest("spin").display().to_string(),
    ));
    place.run(&["run", "plan.toml"])
}

/// A step that calls a function of the typed guest.
fn step(id: &str, function: &str, args: &str, more: &str) -> String {
    format!("[[step]]\nid = \"{id}\"\ntool = \"odd.{function}\"\nargs = {{ {args} }}\n{more}\n")
}

#[track_caller]
fn check(steps: &[String], code: i32, expected: &[&str]) {
    let place = Place::new();
    let ended = run(&place, ALL, "", &steps.concat());
    ended.expect(code, expected);
    place.run(&["audit", "verify", ended.stdout.trim()]).expect(0, &["intact"]);
}

#[test]
fn steps_use_what_others_gave() {
    check(
        &[
            step("last", "echo", "text = \"${{ steps.first.result + '!' }}\"", "expect = \"result == 'hello!'\""),
            step("first", "echo", "text = \"hello\"", ""),
        ],
        0,
        &["ended     last: ok", "as expected", "task      done"],
    );
}

#[test]
fn a_failure_stops_the_task_or_does_not() {
    let fail = |more: &str| step("f", "fail", "why = \"so\"", more);
    let after = step("after", "echo", "text = \"x\"", "after = [\"f\"]");
    let uses = step("uses", "echo", "text = \"${{ steps.f.result }}\"", "");
    check(&[fail(""), after.clone()], 4, &["tool error \"so\"", "step `f` did not succeed"]);
    check(
        &[fail("on_failure = \"continue\""), after.clone(), uses],
        0,
        &["ended     after: ok", "skipped   uses: it uses the result of `f`, which is failed"],
    );
    check(&[fail("expect = \"error == 'so'\""), after], 0, &["ended     after: ok"]);
    check(&[step("a", "echo", "text = \"a\"", "expect = \"result == 'b'\"")], 4, &["not as expected"]);
    check(&[step("a", "spin", "", "limits = { cpu = \"20ms\" }")], 5, &["limit `cpu` of 20ms was hit"]);
    check(&[step("a", "deep_panic", "depth = 1, message = \"m\"", "")], 6, &["trap"]);
    check(
        &[step("a", "echo", "text = \"${{ ['x'][steps.b.result] }}\"", ""), step("b", "count", "", "")],
        4,
        &["refused   a: args.text"],
    );
}

#[test]
fn budgets_are_kept() {
    let place = Place::new();
    let steps: String = (0..4).map(|n| step(&format!("s{n}"), "count", "", "")).collect();
    for concurrency in [1, 4] {
        let ended = run(&place, ALL, &format!("budget = {{ calls = 3 }}\nconcurrency = {concurrency}"), &steps);
        ended.expect(5, &["refused   s3: the budget `calls` of 3 is spent"]);
    }
    let write = |n: i32| {
        let content = format!("path = \"out/{n}\", content = \"123456789\"");
        format!("[[step]]\nid = \"w{n}\"\ntool = \"files.write\"\nargs = {{ {content} }}\non_failure = \"continue\"\n")
    };
    let writes: String = (0..4).map(write).collect();
    run(&place, ALL, "budget = { written = \"20B\" }\nconcurrency = 4", &writes);
    let written = (0..4).filter(|n| place.read(&format!("out/{n}")).len() == 9).count();
    assert_eq!(written, 2);
    let spin = step("spin", "spin", "", "on_failure = \"continue\"") + &step("next", "count", "", "after = [\"spin\"]");
    let ended = run(&place, ALL, "budget = { cpu = \"50ms\" }\nconcurrency = 1", &spin);
    ended.expect(5, &["limit `cpu` of 50ms was hit", "refused   next: the budget `cpu` of 50ms is spent"]);
}

#[test]
fn a_call_that_cannot_begin_ends_its_own_step_only() {
    let place = Place::new();
    let lost = "[[step]]\nid = \"lost\"\ntool = \"files.list\"\nargs = { path = \"out/nowhere\" }\nmounts = { out = { path = \"nowhere\" } }\non_failure = \"continue\"\n";
    let steps = lost.to_owned() + &step("other", "count", "", "");
    run(&place, ALL, "", &steps).expect(0, &["lost: ", "nowhere", "ended     other: ok", "task      done"]);
}

#[test]
fn a_task_is_driven_by_one_process_at_a_time() {
    let place = Place::new();
    let write = "args = { path = \"out/log\", content = \"x\\n\", mode = \"append\" }";
    let steps: String =
        (0..12).map(|n| format!("[[step]]\nid = \"s{n}\"\ntool = \"files.write\"\n{write}\n")).collect();
    let ask = "permit (principal, action, resource) unless { resource == Tool::\"odd.count\" };
        @approval(\"alice\") permit (principal, action, resource == Tool::\"odd.count\");";
    let last = step("last", "count", "", "after = [\"s11\"]");
    let first = run(&place, ask, "concurrency = 1", &(steps + &last));
    let task = first.expect(3, &[]).stdout.trim().to_owned();
    let resumed: Vec<_> =
        (0..6).map(|_| place.command(&["resume", &task]).stderr(Stdio::null()).stdout(Stdio::null()).spawn()).collect();
    for child in resumed {
        child.and_then(|mut child| child.wait()).expect("it runs");
    }
    assert_eq!(place.read("out/log").lines().count(), 12);
}

#[test]
fn what_policy_asks_for_waits_and_goes_on_when_policy_allows_it() {
    let place = Place::new();
    let ask = "@id(\"ask\") @approval(\"alice\") permit (principal, action, resource);";
    let ended = run(&place, ask, "", &step("a", "count", "", ""));
    ended.expect(3, &["needs the approval of alice", "task      waiting"]);
    let task = ended.stdout.trim();
    place.run(&["tasks"]).expect(0, &["waiting"]);
    // The record holds the policy that the task began with; what the file says by now does not widen it.
    place.write("policy.cedar", ALL);
    place.run(&["resume", task]).expect(3, &["waiting"]);
}

#[test]
fn flags_without_a_policy_grant_what_they_say() {
    let place = Place::new();
    let package = guest("odd").display().to_string();
    place.write("plan.toml", &format!("objective = \"x\"\n{}", step("a", "count", "", "")));
    place.run(&["run", "plan.toml", "--package", &package]).expect(0, &["task      done"]);
    place.write(
        "plan.toml",
        "objective = \"x\"\ntools = [\"text\"]\n[[step]]\nid = \"a\"\ntool = \"text.count\"\nargs = { text = \"a\" }",
    );
    place.run(&["run", "plan.toml"]).expect(3, &["step `a` would be denied"]);
}

#[test]
fn a_step_that_may_have_changed_something_is_not_run_again_silently() {
    let place = Place::new();
    place.write("policy.cedar", ALL);
    let spin = guest("writes_and_spins").display().to_string();
    place.write("plan.toml", &format!(
        "objective = \"x\"\npolicy = [\"policy.cedar\"]\ntools = [{spin:?}]\n[limits]\ncpu = \"1min\"\nwall = \"1min\"\n[mounts.out]\npath = \"out\"\naccess = \"read-write\"\n[[step]]\nid = \"s\"\ntool = \"writes_and_spins.run\"\non_failure = \"continue\"\n"
    ));
    let mut child = place
        .command(&["run", "plan.toml"])
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("the program starts");
    let mut task = None;
    for line in BufReader::new(child.stderr.take().expect("piped")).lines() {
        let line = line.expect("UTF-8");
        task = task.or_else(|| line.strip_prefix("task ").map(|id| id.trim().to_owned()));
        if line.contains("began     s") {
            // While it runs, nobody else can take it up.
            place.run(&["resume", task.as_deref().expect("named")]).expect(2, &["is being worked on"]);
            child.kill().expect("it runs");
        }
    }
    child.wait().expect("it ended");
    let task = task.expect("it said which task it is");
    place.run(&["resume", &task]).expect(3, &["may have changed something", "--give-up"]);
    place.run(&["resume", &task, "--repeat", "nothing"]).expect(2, &["step `nothing` is not uncertain"]);
    place.run(&["resume", &task, "--give-up", "s"]).expect(0, &["counts as failed, as a person said"]);
    place.run(&["resume", &task]).expect(2, &["the task is done and cannot be resumed"]);
    place.run(&["audit", "verify", &task]).expect(0, &["intact", "closed"]);
}

#[test]
fn records_are_read_by_other_processes() {
    let place = Place::new();
    let ended = run(&place, ALL, "", &step("a", "echo", "text = \"hi\"", ""));
    let task = ended.expect(0, &[]).stdout.trim().to_owned();
    place
        .run(&["tail", &task])
        .expect(0, &["allowed   a: odd.echo", "began     a", "ended     a: ok", "task      done"]);
    let json = place.run(&["tail", &task, "--json"]);
    assert_eq!(json.stdout.lines().count(), 5, "{json:?}");
    place.run(&["show", &task, "--json"]).expect(0, &["\"event\":\"task-started\""]);
    place.run(&["report", &task]).expect(
        0,
        &["# test", "odd.echo", "sha256:", "permit", "came from plan"]
            .map(|it| if it == "permit" { "allowed by policy" } else { it }),
    );
    place.run(&["audit", "verify", "--json"]).expect(0, &["\"intact\":true"]);
    // A record of single calls has no end to wait for.
    place.run(&["call", "text.count", "--arg", "text=a"]).expect(0, &[]);
    let calls = place.run(&["tasks", "--json"]);
    let calls = calls.stdout.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
    let calls = calls.map(|task| task["task"].as_str().expect("an id").to_owned()).find(|id| *id != task);
    place.run(&["tail", &calls.expect("a second record")]).expect(0, &["text.count"]);
    let zero = format!("sha256:{}", "0".repeat(64));
    place.run(&["audit", "verify", &task, "--head", &zero]).expect(2, &["NOT INTACT"]);
}
