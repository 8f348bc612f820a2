//! People and tasks: approvals, steering, from other processes than the one that works on the task.

use crate::program::{Ended, Place, guest};
use std::{
    ffi::OsStr,
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, Stdio},
};

/// Everything is allowed, and what counts is asked about.
const ASK: &str = "permit (principal, action, resource) unless { resource == Tool::\"odd.count\" };
    @id(\"ask\") @approval(\"alice, bob\") permit (principal, action, resource == Tool::\"odd.count\");";

fn plan(place: &Place, policy: &str, head: &str, steps: &str) {
    place.write("policy.cedar", policy);
    place.write("plan.toml", &format!(
        "objective = \"test\"\npolicy = [\"policy.cedar\"]\ntools = [\"files\", {:?}]\n{head}\n[mounts.out]\npath = \"out\"\naccess = \"read-write\"\n{steps}",
        guest("odd").display().to_string(),
    ));
}

fn count(id: &str) -> String {
    format!("[[step]]\nid = \"{id}\"\ntool = \"odd.count\"\n")
}

fn write(id: &str, after: &str) -> String {
    format!(
        "[[step]]\nid = \"{id}\"\ntool = \"files.write\"\nargs = {{ path = \"out/{id}\", content = \"{id}\" }}\nafter = [{after}]\n"
    )
}

/// Runs it to where it waits; gives the task.
fn waiting(place: &Place) -> String {
    place.run(&["run", "plan.toml"]).expect(3, &["task      waiting"]).stdout.trim().to_owned()
}

/// The digests of what waits.
pub(crate) fn asked(place: &Place, task: &str) -> Vec<String> {
    let lines = place.run(&["approvals", task, "--json"]);
    let asks = lines.stdout.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
    asks.map(|ask| ask["ask"]["digest"].as_str().expect("a digest").to_owned()).collect()
}

#[test]
fn an_approval_lets_exactly_one_call_run() {
    let place = Place::new();
    plan(&place, ASK, "concurrency = 1", &(count("a") + &count("b")));
    let task = waiting(&place);
    let digests = asked(&place, &task);
    assert_eq!(digests.len(), 2, "each call is asked about by itself");
    place.run(&["approvals", &task]).expect(0, &["step a: asks alice, bob", "odd.count", "gloveport approve"]);
    let say = |line: &[&str], code: i32, expected: &str| {
        place.run(line).expect(code, &[expected]);
    };
    let zero = format!("sha256:{}", "0".repeat(64));
    say(&["approve", &task, &zero, "--as", "alice"], 2, "nothing of task");
    say(&["approve", &task, &digests[0], "--as", "mallory"], 2, "`mallory` is not asked: alice, bob");
    say(&["answer", &task, &digests[0], "yes", "--as", "alice"], 2, "it wants `gloveport approve`");
    say(&["approve", &task, &digests[0], "--as", "alice"], 0, "gloveport resume");
    say(&["approve", &task, &digests[0], "--as", "bob"], 2, "was answered already, by alice");
    let resumed = place.run(&["resume", &task]);
    resumed.expect(3, &["began     a", "ended     a: ok", "waits     b"]);
    // It is used up, and the other one still waits under the same digest.
    assert_eq!(asked(&place, &task), [digests[1].clone()]);
    say(&["reject", &task, &digests[1], "--as", "bob", "--why", "not today"], 0, "");
    place.run(&["resume", &task]).expect(3, &["task      failed: step `b` did not succeed"]);
    place.run(&["show", &task]).expect(0, &["denied     b", "rejected by bob", "not today"]);
    place.run(&["report", &task]).expect(0, &["under the approval of", "alice", "rejected"]);
    say(&["approve", &task, &digests[1], "--as", "bob"], 2, "the task is failed: nothing can be said");
    place.run(&["audit", "verify", &task]).expect(0, &["intact", "closed"]);
}

#[test]
fn an_approval_is_bound_to_what_was_shown_and_expires() {
    // What a retry would do is another call: it is asked about again.
    let place = Place::new();
    let policy = ASK.replace("odd.count", "odd.fail");
    let step = "[[step]]\nid = \"f\"\ntool = \"odd.fail\"\nargs = { why = \"so\" }\nretry = { tries = 2, wait = \"1ms\" }\nidempotent = true\n";
    plan(&place, &policy, "", step);
    let task = waiting(&place);
    place.run(&["approve", &task, &asked(&place, &task)[0], "--as", "alice"]).expect(0, &[]);
    place.run(&["resume", &task]).expect(3, &["tried again after 1", "asks      step f"]);
    // Too late.
    plan(&place, ASK, "approval = { expires = \"1ms\" }", &count("a"));
    let task = waiting(&place);
    assert!(asked(&place, &task).is_empty());
    let shown = place.run(&["show", &task, "--json"]).stdout;
    let digest = shown
        .split("\"asked\"")
        .nth(1)
        .and_then(|rest| rest.split("\"digest\":\"").nth(1))
        .and_then(|rest| rest.split('"').next());
    place.run(&["approve", &task, digest.expect("it was asked"), "--as", "alice"]).expect(2, &["has expired"]);
}

/// A run that another process speaks to; `until` is waited for first.
pub(crate) fn running(
    place: &Place,
    line: &[impl AsRef<OsStr>],
    until: &str,
) -> (Child, String, BufReader<std::process::ChildStderr>) {
    let mut child = place
        .command(line)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut said = BufReader::new(child.stderr.take().expect("piped"));
    let (mut task, mut line) = (String::new(), String::new());
    while !line.contains(until) {
        line.clear();
        assert!(said.read_line(&mut line).expect("UTF-8") > 0, "it ended before it said `{until}`");
        if let Some(id) = line.strip_prefix("task ").filter(|_| task.is_empty()) {
            task = id.trim().to_owned();
        }
    }
    (child, task, said)
}

pub(crate) fn rest(mut child: Child, mut said: BufReader<std::process::ChildStderr>) -> Ended {
    let mut stderr = String::new();
    said.read_to_string(&mut stderr).expect("UTF-8");
    Ended { code: child.wait().expect("it ends").code(), stdout: String::new(), stderr }
}

#[test]
fn a_task_is_steered_while_it_waits() {
    let place = Place::new();
    plan(&place, ASK, "", &(count("a") + &write("w", "\"a\"") + &write("x", "\"w\"")));
    let (child, task, said) = running(&place, &["run", "plan.toml", "--wait"], "asks      step a");
    let say = |line: &[&str], code: i32, expected: &str| {
        place.run(line).expect(code, &[expected]);
    };
    say(&["continue", &task], 2, "the task is not paused");
    say(&["pause", &task, "--as", "alice"], 0, "");
    say(&["tell", &task, "hello"], 2, "has no planner");
    say(&["edit", &task, "--drop", "nothing"], 2, "step `nothing` is not there");
    say(&["edit", &task], 2, "nothing to change");
    place.write("more.toml", "[[step]]\nid = \"y\"\ntool = \"files.wirte\"\n[[stap]]");
    say(&["edit", &task, "--add", "more.toml"], 2, "unknown key `stap`");
    place.write("more.toml", "[[step]]\nid = \"w\"\ntool = \"files.write\"\n");
    say(&["edit", &task, "--add", "more.toml"], 2, "step `w`: the id is used twice");
    place.write("more.toml", "[[step]]\nid = \"w2\"\ntool = \"text.count\"\n");
    say(&["edit", &task, "--add", "more.toml"], 2, "the task began without package `text`");
    place.write("more.toml", "[[step]]\nid = \"w2\"\ntool = \"files.wirte\"\nargs = { path = \"out/w2\" }\n");
    say(
        &["edit", &task, "--add", "more.toml"],
        2,
        "step `w2`: there is no tool `files.wirte`; did you mean `files.write`?",
    );
    place.write(
        "more.toml",
        "[[step]]\nid = \"w2\"\ntool = \"files.write\"\nargs = { path = \"out/w2\", content = 2 }\n",
    );
    say(&["edit", &task, "--add", "more.toml"], 2, "step `w2`, args.content: expected a string, got an integer");
    place.write("more.toml", &write("y", "\"a\", \"w\""));
    say(&["edit", &task, "--drop", "x", "--add", "more.toml", "--as", "alice"], 0, "");
    place.write("wide.cedar", "permit (principal, action, resource);");
    say(&["tighten", &task, "wide.cedar"], 2, "policy in force can be tightened, never widened");
    place.write("tight.cedar", "@id(\"no-y\") forbid (principal, action == Action::\"call\", resource) when { context.args.hasTag(\"path\") && context.args.getTag(\"path\") == \"out/y\" };");
    say(&["tighten", &task, "tight.cedar", "--as", "bob"], 0, "");
    say(&["approve", &task, &asked(&place, &task)[0], "--as", "alice"], 0, "");
    say(&["continue", &task, "--as", "alice"], 0, "");
    let ended = rest(child, said);
    ended.expect(
        3,
        &[
            "paused    by alice",
            "tightened by bob",
            "continues by alice",
            "takes out x",
            "ended     w: ok",
            "denied    y",
            "no-y",
        ],
    );
    assert!(place.path("out/w").exists() && !place.path("out/x").exists() && !place.path("out/y").exists());
    place.run(&["report", &task]).expect(0, &["taken out of the plan by alice", "tightened policy by"]);
    place.run(&["audit", "verify", &task]).expect(0, &["intact", "closed"]);
}

#[test]
fn what_was_said_holds_after_a_restart() {
    let place = Place::new();
    plan(&place, ASK, "", &(count("a") + &write("w", "\"a\"")));
    let task = waiting(&place);
    place.write("tight.cedar", "forbid (principal, action == Action::\"write\", resource);");
    place.run(&["tighten", &task, "tight.cedar", "--as", "bob"]).expect(0, &["gloveport resume"]);
    place.run(&["pause", &task]).expect(0, &[]);
    place.run(&["approve", &task, &asked(&place, &task)[0], "--as", "alice"]).expect(0, &[]);
    place.run(&["resume", &task]).expect(3, &["task      waiting: paused by"]);
    place.run(&["continue", &task]).expect(0, &[]);
    place.run(&["resume", &task]).expect(4, &["ended     a: ok", "ended     w: tool error"]);
}

#[test]
fn a_task_is_cancelled() {
    let place = Place::new();
    let spin = format!(
        "[limits]\ncpu = \"1min\"\nwall = \"1min\"\n[[step]]\nid = \"s\"\ntool = \"spin.run\"\n{}",
        write("w", "\"s\"")
    );
    place.write("policy.cedar", "permit (principal, action, resource);");
    place.write(
        "plan.toml",
        &format!(
            "objective = \"x\"\npolicy = [\"policy.cedar\"]\ntools = [\"files\", {:?}]\n{spin}",
            guest("spin").display().to_string()
        ),
    );
    let (child, task, said) = running(&place, &["run", "plan.toml"], "began     s");
    place.run(&["cancel", &task, "--why", "too slow", "--as", "alice"]).expect(0, &[]);
    rest(child, said).expect(4, &["ended     s: cancelled", "task      cancelled: cancelled by alice", "too slow"]);
    place.run(&["tasks"]).expect(0, &["cancelled"]);
    place.run(&["resume", &task]).expect(2, &["the task is cancelled and cannot be resumed"]);
}

#[test]
fn what_waits_is_listed_over_all_tasks() {
    let place = Place::new();
    plan(&place, ASK, "", &count("a"));
    let (one, two) = (waiting(&place), waiting(&place));
    place.run(&["approvals"]).expect(0, &[&one, &two]);
    place.run(&["call", "text.count", "--arg", "text=a"]).expect(0, &[]);
    place.run(&["approve", &one, &asked(&place, &one)[0], "--as", "bob"]).expect(0, &[]);
    let left = place.run(&["approvals"]);
    assert!(!left.stdout.contains(&one) && left.stdout.contains(&two), "{left:?}");
}

#[test]
fn a_plan_is_agreed_to_as_a_whole() {
    let place = Place::new();
    let all = "permit (principal, action, resource);";
    let read = "[[step]]\nid = \"r\"\ntool = \"files.read\"\nargs = { path = \"out/w\" }\nafter = [\"w\"]\n";
    plan(&place, all, "approval = { plan = [\"alice\"] }", &(write("w", "") + read));
    place.run(&["run", "plan.toml", "--check"]).expect(0, &["writes out; 2 calls"]);
    let task = waiting(&place);
    place.run(&["approvals", &task]).expect(0, &["its plan: asks alice", "writes out; 2 calls"]);
    assert!(!place.path("out/w").exists(), "nothing has begun");
    let digest = asked(&place, &task)[0].clone();
    place.run(&["approve", &task, &digest, "--as", "bob"]).expect(2, &["`bob` is not asked"]);
    place.run(&["approve", &task, &digest, "--as", "alice"]).expect(0, &[]);
    // A change that goes beyond it is asked about again, in the place of what was asked before; one that does not is not.
    place.write("more.toml", &(write("x", "\"r\"") + &write("y", "")));
    place.run(&["edit", &task, "--drop", "r", "--add", "more.toml"]).expect(0, &[]);
    place.run(&["resume", &task]).expect(3, &["asks      the plan"]);
    assert!(!place.path("out/w").exists(), "nothing has begun");
    place.write("more.toml", &(write("z", "") + &write("zz", "")));
    place.run(&["edit", &task, "--add", "more.toml"]).expect(0, &[]);
    place.run(&["resume", &task]).expect(3, &["asks      the plan"]);
    assert_eq!(asked(&place, &task).len(), 1);
    place.run(&["edit", &task, "--drop", "z", "--drop", "zz", "--drop", "y"]).expect(0, &[]);
    let digest = asked(&place, &task)[0].clone();
    place.run(&["approve", &task, &digest, "--as", "alice"]).expect(0, &[]);
    place.run(&["resume", &task]).expect(0, &["ended     w: ok", "task      done"]);
    // One in the place of another is no more.
    let task = waiting(&place);
    place.run(&["approve", &task, &asked(&place, &task)[0], "--as", "alice"]).expect(0, &[]);
    place.write("more.toml", &write("x", "\"r\"").replace("content = \"x\"", "content = \"x\", mode = \"overwrite\""));
    place.run(&["edit", &task, "--drop", "w", "--drop", "r", "--add", "more.toml"]).expect(0, &[]);
    place.run(&["resume", &task]).expect(0, &["ended     x: ok", "task      done"]);
    // Who refuses it ends it.
    let task = waiting(&place);
    place.run(&["reject", &task, &asked(&place, &task)[0], "--as", "alice", "--why", "too much"]).expect(0, &[]);
    place.run(&["resume", &task]).expect(3, &["task      failed: the plan was rejected by alice", "too much"]);
}

#[test]
fn what_is_sure_to_be_denied_is_told_before_anything_runs() {
    let place = Place::new();
    let policy = "permit (principal, action, resource) unless { resource == Tool::\"files.write\" };";
    plan(&place, policy, "", &(count("a") + &write("w", "")));
    place.run(&["run", "plan.toml"]).expect(3, &["step `w` would be denied: call Tool::\"files.write\""]);
    place.run(&["run", "plan.toml", "--check"]).expect(3, &["would be denied: w"]);
    // Where the plan goes on without it, it is tried.
    plan(&place, policy, "", &(count("a") + &write("w", "") + "on_failure = \"continue\"\n"));
    place.run(&["run", "plan.toml"]).expect(0, &["denied    w", "task      done"]);
}
