//! Sudden deaths: at every event of a task, and at any other moment. Whoever takes the task up again brings it to the same
//! end, and nothing that must not happen twice does.

use crate::{
    delegation::within,
    model_server::{Answer, ModelServer},
    program::{Place, guest},
    server::Server,
};
use http::Response;
use http_body_util::Full;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader},
    process::Stdio,
    time::Duration,
};

/// Some of everything: tries, lists, conditions, an approval, calls that can run again and calls that cannot, a planner.
const STEPS: &str = r#"
[[step]]
id = "flaky"
tool = "repeats.flaky"
args = { path = "out/flaky", fails = 1 }
retry = { tries = 9, wait = "1ms" }

[[step]]
id = "once"
tool = "repeats.once"
args = { path = "out/once", line = "once" }
on_failure = "continue"

[[step]]
id = "each"
tool = "repeats.once"
foreach = ["a", "b", "c"]
args = { path = "out/each-${{ item }}", line = "${{ item }}" }
on_failure = "continue"

[[step]]
id = "skipped"
tool = "repeats.once"
when = "steps.flaky.state == 'failed'"
args = { path = "out/never", line = "never" }

[[step]]
id = "post"
tool = "http.request"
args = { method = "POST", url = "http://counter.example:8080/post" }
after = ["flaky"]
on_failure = "continue"

[[step]]
id = "asked"
tool = "repeats.once"
args = { path = "out/asked", line = "asked" }
after = ["once", "each"]
on_failure = "continue"

[[step]]
id = "keyed"
tool = "repeats.keyed"
args = { path = "out/keyed", fails = 0 }
after = ["asked"]

[[step]]
id = "sub"
args = { line = "within" }
on_failure = "continue"
after = ["flaky"]
[step.task]
objective = "within"
[[step.task.step]]
id = "in_once"
tool = "repeats.once"
args = { path = "out/in_once", line = "${{ input.line }}" }
on_failure = "continue"
[[step.task.step]]
id = "in_asked"
tool = "repeats.once"
args = { path = "out/in_asked", line = "asked" }
after = ["in_once"]
on_failure = "continue"
"#;

const POLICY: &str = r#"
permit (principal, action, resource) unless { context has args && context.args.hasTag("line") && context.args.getTag("line") == "asked" };
@approval("alice") permit (principal, action, resource);
permit (principal, action == Action::"reach", resource);
"#;

/// A place with the plan, and who counts from outside.
struct Setup {
    place: Place,
    counter: Server,
    _model: ModelServer,
}

impl Setup {
    fn new() -> Self {
        let counter = Server::start(|_| Response::new(Full::new("ok".into())));
        // What it says depends on how far the conversation is, not on how often it was asked.
        let model = ModelServer::start(|request, _| {
            let turns = request["messages"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|message| message["role"] == "assistant")
                .count();
            match turns {
                0 => Answer::calls(&[
                    (
                        "repeats.once",
                        json!({ "path": "out/planned", "line": "${{ steps.keyed.result.size() > 0 ? 'planned' : 'lost' }}" }),
                    ),
                    ("files.read", json!({ "path": "out/flaky" })),
                ]),
                1 => Answer::call(
                    "propose_plan",
                    json!({ "steps": [
                    { "id": "p1", "tool": "repeats.once", "args": { "path": "out/p1", "line": "p1" }, "on_failure": "continue" },
                    { "id": "p2", "tool": "files.write", "args": { "path": "out/p2", "content": "p2" }, "after": ["p1"] },
                ] }),
                ),
                _ => Answer::call("finish", json!({ "summary": "all of it" })),
            }
        });
        let place = Place::new();
        place.write("policy.cedar", POLICY);
        place.write("plan.toml", &format!(
            "objective = \"survive\"\npolicy = [\"policy.cedar\"]\ntools = [\"files\", \"http\", {:?}]\nconcurrency = 3\n[mounts.out]\npath = \"out\"\naccess = \"read-write\"\n[network]\nhosts = {{ \"counter.example\" = [\"127.0.0.1\"] }}\n[planner]\napi = \"openai-chat\"\nurl = \"{}\"\nmodel = \"m\"\n{}",
            guest("repeats").display().to_string(), model.url(),
            STEPS.replace(":8080", &format!(":{}", counter.address.port()))
        ));
        Self { place, counter, _model: model }
    }

    /// What is there afterwards: lines of files, and what the server was sent.
    fn world(&self) -> BTreeMap<String, usize> {
        let mut world = BTreeMap::new();
        for entry in fs::read_dir(self.place.path("out")).expect("a folder") {
            let entry = entry.expect("a file");
            let text = fs::read_to_string(entry.path()).expect("text");
            world.insert(entry.file_name().to_string_lossy().into_owned(), text.lines().count());
        }
        world.insert("POST".into(), self.counter.asked().len());
        world
    }

    /// Runs a line until it dies or ends by itself; the events that it has told of, and whether it died.
    fn run_and_die(&self, line: &[&str], die_at: Option<u64>, after: Option<Duration>) -> (Vec<Value>, bool) {
        let mut command = self.place.command(line);
        if let Some(die_at) = die_at {
            command.env("DIE_AT_EVENT", die_at.to_string());
        }
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::null()).stdin(Stdio::null()).spawn().expect("it starts");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        if let Some(after) = after {
            // The moment is any: that is what it is about.
            std::thread::sleep(after);
            // It may have ended already.
            let _ = child.kill();
        }
        let events = stdout.lines().map_while(Result::ok).filter_map(|line| serde_json::from_str(&line).ok()).collect();
        let code = child.wait().expect("it ended").code();
        (events, code.is_none())
    }

    fn task(&self) -> Option<String> {
        let tasks = self.place.run(&["tasks", "--json"]).stdout;
        let task: Option<Value> = tasks.lines().last().and_then(|line| serde_json::from_str(line).ok());
        task.and_then(|task| task["task"].as_str().map(str::to_owned))
    }

    fn record(&self, task: &str) -> Vec<Value> {
        let record = self.place.run(&["show", task, "--json"]).stdout;
        record.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// All that people have to say: yes to what is asked, and about what is uncertain what really happened.
    fn words(&self, task: &str) -> Vec<String> {
        for line in self.place.run(&["approvals", "--json"]).stdout.lines() {
            let ask: Value = serde_json::from_str(line).expect("JSON");
            let (task, digest) =
                (ask["task"].as_str().expect("an id"), ask["ask"]["digest"].as_str().expect("a digest"));
            self.place.run(&["approve", task, digest, "--as", "alice"]).expect(0, &[]);
        }
        let mut words = self.uncertain(task, "");
        for inner in within(&self.place, task) {
            words.extend(self.uncertain(&inner, "sub/"));
        }
        words
    }

    fn uncertain(&self, task: &str, path: &str) -> Vec<String> {
        let (shown, world, mut words) = (self.place.run(&["show", task]).stdout, self.world(), Vec::new());
        for line in shown.lines().filter(|line| line.contains("? uncertain")) {
            let step = line.split_whitespace().skip_while(|word| *word != "uncertain").nth(1).expect("a step");
            let trace = match step {
                "post" => "POST".to_owned(),
                "each[0]" | "each[1]" | "each[2]" => {
                    let letter = ["a", "b", "c"][usize::from(step.as_bytes()[5] - b'0')];
                    format!("each-{letter}")
                }
                "t1_1" => "planned".to_owned(),
                step => step.to_owned(),
            };
            let happened = world.get(&trace).is_some_and(|count| *count > 0);
            words.extend([if happened { "--give-up" } else { "--repeat" }.to_owned(), format!("{path}{step}")]);
        }
        words
    }
}

/// A task that dies as it is told to until it ends by itself. Gives how often it died.
fn survive(mut deaths: impl FnMut(usize) -> (Option<u64>, Option<Duration>)) -> usize {
    let setup = Setup::new();
    let mut died = 0;
    let mut told = 0;
    for round in 0.. {
        assert!(round < 300, "it comes to no end: {:?}", setup.place.run(&["tasks"]));
        let (die_at, after) = deaths(round);
        let task = setup.task();
        let mut line = match &task {
            None => vec!["run".to_owned(), "plan.toml".to_owned()],
            Some(task) => [vec!["resume".to_owned(), task.clone()], setup.words(task)].concat(),
        };
        line.push("--json".into());
        let line: Vec<_> = line.iter().map(String::as_str).collect();
        let (events, by_death) = setup.run_and_die(&line, die_at, after);
        died += usize::from(by_death);
        let Some(task) = setup.task() else { continue };
        // What was told was recorded, in that order, and nothing of it is lost.
        let verified = setup.place.run(&["audit", "verify", &task, "--json"]);
        verified.expect(0, &["\"intact\":true"]);
        let record = setup.record(&task);
        let of_events = events.iter().filter(|event| event["event"].is_string());
        let mut inner = within(&setup.place, &task);
        inner.dedup();
        let inner = inner.iter().flat_map(|inner| setup.record(inner)).collect::<Vec<_>>();
        for event in of_events {
            // Those of the task within say so.
            let mut body = event.clone();
            let of = body.as_object_mut().and_then(|body| body.remove("of"));
            let kept = if of.is_some() { &inner } else { &record[told..] };
            assert!(kept.iter().any(|kept| kept["body"] == body), "it was told and is not in the record: {event}");
        }
        told = record.len();
        if setup.place.run(&["show", &task, "--json"]).stdout.contains("\"event\":\"task-ended\",\"state\":\"done\"") {
            break;
        }
    }
    let world = setup.world();
    // Each exactly once, whatever happened; what can run again may have, and its own counts agree.
    for once in ["once", "each-a", "each-b", "each-c", "asked", "planned", "p1", "p2", "POST", "in_once", "in_asked"] {
        assert_eq!(world.get(once), Some(&1), "`{once}` after {died} deaths: {world:?}");
    }
    assert!(!world.contains_key("never") && world["flaky"] >= 2 && world["keyed"] >= 1, "{world:?}");
    let keys = setup.place.read("out/keyed");
    let first = keys.lines().next();
    assert!(keys.lines().all(|key| Some(key) == first), "another try had another key: {keys}");
    died
}

/// Numbers that are the same every time.
pub(crate) fn draw(seed: &mut u64, below: u64) -> u64 {
    // xorshift64*
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    seed.wrapping_mul(0x2545_f491_4f6c_dd1d) % below
}

/// Dies at an event, and then at random ones.
fn at_events(first: u64, seed: u64) -> usize {
    let mut seed = seed | 1;
    survive(|round| {
        let at = if round == 0 { first } else { 1 + draw(&mut seed, 12) };
        (Some(at), None)
    })
}

#[test]
fn a_task_survives() {
    // Unharmed first: what it comes to is what it must come to.
    assert_eq!(survive(|_| (None, None)), 0);
    let died: usize = [3, 11, 20, 29].into_iter().map(|first| at_events(first, first * 77)).sum();
    assert!(died >= 12, "{died}");
}

/// The whole of it: `cargo xtask crash`.
#[test]
#[ignore = "takes minutes: `cargo xtask crash`"]
fn every_event_and_any_moment() {
    let mut died = 0;
    for first in 1..=60 {
        died += at_events(first, first * 7_919);
    }
    let mut seed = 4_711;
    while died < 500 {
        died += survive(|_| (None, Some(Duration::from_millis(5 + draw(&mut seed, 260)))));
    }
    println!("{died} deaths, and the same end each time");
}
