//! The second wall: workers that have given up what a call does not need. Every other test of this binary is run with and
//! without it.

use crate::program::{Place, guest};
use serde_json::Value;
use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

const PROCESS: [&str; 2] = ["--isolation", "process"];

/// Whether this machine offers a wall: what it lacks cannot be tested on it.
fn offered(wall: &str) -> bool {
    Place::new().run(&["doctor", "--json"]).json()["walls"][wall].get("up").is_some()
}

#[test]
fn what_a_worker_tries_is_refused() {
    let place = Place::new();
    let ended = place.run(&["doctor", "--json"]);
    let said = ended.json();
    let tried = said["tried"].as_object().expect("attempts");
    assert!(tried.len() >= 10, "{said}");
    // Landlock and seccomp together stop all of it; a machine without them is told so.
    if offered("landlock") && offered("seccomp") {
        ended.expect(0, &[]);
        assert!(tried.values().all(Value::is_null), "{said}");
        place.run(&["doctor"]).expect(0, &["refused", "require = ["]);
    }
}

#[test]
fn what_is_required_and_missing_is_refused() {
    let place = Place::new();
    let check = |config: &str, code: i32, texts: &[&str]| {
        place.write("gloveport.toml", config);
        place.run(&["call", "text.count", "--arg", "text=a b"]).expect(code, texts);
    };
    if offered("seccomp") {
        check("isolation = \"process\"\nrequire = [\"seccomp\", \"no-new-privileges\"]\n", 0, &["\"words\":2"]);
    }
    check("isolation = \"process\"\nrequire = [\"moat\"]\n", 2, &["unknown variant `moat`", "`seccomp`"]);
    check("isolation = \"prison\"\n", 2, &["unknown variant `prison`", "`process`"]);
    check("isolating = \"process\"\n", 2, &["unknown field `isolating`"]);
    // Walls without a worker to put them around.
    place.write("gloveport.toml", "require = [\"seccomp\"]\n");
    let call = ["call", "text.count", "--arg", "text=a", "--isolation", "thread"];
    place.run(&call).expect(2, &["`isolation = \"process\"`"]);
    place.run(&["worker"]).expect(2, &["started by gloveport itself"]);
    place.run(&["call", "text.count", "--isolation", "prison"]).expect(2, &["expected `thread` or `process`"]);
}

/// Packages that are named run apart wherever others run.
#[test]
fn packages_can_be_isolated_by_name() {
    let place = Place::new();
    place.write("gloveport.toml", "isolate = [\"writes_and_spins\"]\n");
    let package = guest("writes_and_spins").display().to_string();
    let call = |tool: &str| {
        let mut line = vec!["call", tool, "{}", "--json", "--package", &package, "--mount", "out=out:rw"];
        line.extend(["--isolation", "thread", "--limit", "cpu=10ms"]);
        place.command(&line).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts")
    };
    let mut child = call("writes_and_spins.run");
    let mut seen = 0;
    while child.try_wait().expect("a child").is_none() {
        seen = seen.max(below(child.id()).len());
    }
    assert_eq!(seen, 2, "the one that waits, and the one that works");
    let other = ["call", "text.count", "--arg", "text=a b", "--package", &package];
    place.run(&other).expect(0, &["\"words\":2"]);
    place.write("gloveport.toml", "isolate = [\"writes-and-spins\"]\n");
    place.run(&other).expect(2, &["isolate: there is no package `writes-and-spins`"]);
}

/// A call that may use sockets keeps the host's network, so whoever requires a network of its own gets no such call.
#[test]
fn sockets_and_a_network_of_its_own_exclude_each_other() {
    let place = Place::new();
    place.write("gloveport.toml", "isolation = \"process\"\nrequire = [\"network-namespace\"]\n");
    let package = guest("dials").display().to_string();
    let line = ["call", "dials.run", "{\"args\":[]}", "--package", &package];
    place.run(&line).expect(70, &["network-namespace (the call may use sockets)"]);
}

/// The process ids of a process's descendants.
fn below(pid: u32) -> Vec<u32> {
    let parent = |pid: u32| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
        line.trim().parse::<u32>().ok()
    };
    let all = fs::read_dir("/proc")
        .expect("processes")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let all: Vec<_> = all.map(|pid| (pid, parent(pid))).collect();
    let mut found = vec![pid];
    let mut index = 0;
    while let Some(pid) = found.get(index).copied() {
        found.extend(all.iter().filter(|(_, parent)| *parent == Some(pid)).map(|(pid, _)| *pid));
        index += 1;
    }
    found.split_off(1)
}

/// Starts a call that does not end by itself, and waits until its workers run.
fn spinning(place: &Place, flags: &[&str]) -> (Child, Vec<u32>) {
    let package = guest("writes_and_spins").display().to_string();
    let mut line = vec!["call", "writes_and_spins.run", "{}", "--json", "--package", &package, "--mount", "out=out:rw"];
    line.extend(PROCESS.iter().chain(flags));
    let child = place.command(&line).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = child.expect("the program starts");
    let until = Instant::now() + Duration::from_secs(60);
    // It has written when it spins.
    while fs::read_dir(place.path("out")).expect("a folder").next().is_none() {
        assert!(Instant::now() < until, "the guest never began");
        thread::yield_now();
    }
    let workers = below(child.id());
    (child, workers)
}

#[test]
fn a_crash_is_an_outcome() {
    let place = Place::new();
    let (child, workers) = spinning(&place, &[]);
    assert_eq!(workers.len(), 2, "the one that waits, and the one that works");
    let killed = std::process::Command::new("kill").args(["-KILL", &workers[1].to_string()]).status();
    assert!(killed.expect("kill").success());
    let ended = child.wait_with_output().expect("it ends");
    let outcome: Value = serde_json::from_slice(&ended.stdout).expect("an outcome");
    assert_eq!(ended.status.code(), Some(6), "{outcome}");
    assert!(outcome["end"]["value"].as_str().expect("a trap").contains("killed by signal 9"), "{outcome}");
    // Nobody knows what it changed, so it may be all that it could.
    let done = outcome["effects"]["done"].as_array().expect("effects").clone();
    assert!(done.iter().any(|effect| effect["action"] == "write" && effect["path"] == "out"), "{outcome}");
}

/// A host that is killed leaves nothing behind that goes on.
#[test]
fn workers_end_with_their_host() {
    let place = Place::new();
    let (mut child, workers) = spinning(&place, &[]);
    child.kill().expect("it is killed");
    child.wait().expect("it ends");
    let until = Instant::now() + Duration::from_secs(60);
    let lives = |pid: &u32| fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "));
    while workers.iter().any(lives) {
        assert!(Instant::now() < until, "{workers:?} outlive their host");
        thread::yield_now();
    }
}

/// A limit ends the call, and what it did until then is known.
#[test]
fn a_limit_leaves_a_record() {
    let place = Place::new();
    let (child, _) = spinning(&place, &["--limit", "cpu=300ms"]);
    let ended = child.wait_with_output().expect("it ends");
    let outcome: Value = serde_json::from_slice(&ended.stdout).expect("an outcome");
    assert_eq!(ended.status.code(), Some(5), "{outcome}");
    let done = outcome["effects"]["done"].as_array().expect("effects").clone();
    assert!(done.iter().any(|effect| effect["action"] == "create"), "{outcome}");
}

/// One server, many calls: workers are used again, each call is fresh, and they are gone when it is.
#[test]
fn workers_are_used_again() {
    let place = Place::new();
    let mut line = vec!["mcp"];
    line.extend(PROCESS);
    let mut child = place
        .command(&line)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let mut input = child.stdin.take().expect("a pipe");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut ask = |id: u32, method: &str, params: Value| {
        use std::io::Write as _;
        let message = serde_json::json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        writeln!(input, "{message}").expect("it reads");
        let line = lines.next().expect("an answer").expect("a line");
        serde_json::from_str::<Value>(&line).expect("JSON")
    };
    let client = serde_json::json!({ "name": "test", "version": "1" });
    ask(
        0,
        "initialize",
        serde_json::json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client }),
    );
    let mut seen = std::collections::BTreeSet::new();
    for id in 1..=5 {
        let arguments = serde_json::json!({ "text": "a b c" });
        let answer = ask(id, "tools/call", serde_json::json!({ "name": "text.count", "arguments": arguments }));
        assert!(answer.to_string().contains("words"), "{answer}");
        seen.extend(below(child.id()));
    }
    assert_eq!(seen.len(), 2, "one worker, and the one that waits for it: {seen:?}");
    drop(input);
    child.wait().expect("it ends");
}
