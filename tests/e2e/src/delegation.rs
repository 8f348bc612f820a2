//! Steps that are tasks of their own: what they are given and give back, and that they are held by the task around them.

use crate::{
    model_server::{APIS, Answer, ModelServer},
    people::{rest, running},
    program::{Ended, Place, guest},
};
use serde_json::{Value, json};

const ALL: &str = "permit (principal, action, resource);";

fn plan(place: &Place, policy: &str, head: &str, steps: &str) {
    place.write("policy.cedar", policy);
    let guests =
        [guest("odd"), guest("repeats"), guest("spin")].map(|path| format!("{:?}", path.display().to_string()));
    place.write(
        "plan.toml",
        &format!(
            "objective = \"outer\"\npolicy = [\"policy.cedar\"]\ntools = [\"files\", \"text\", {}]\n{head}\n[mounts.out]\npath = \"out\"\naccess = \"read-write\"\n{steps}",
            guests.join(", ")
        ),
    );
}

#[track_caller]
fn check(head: &str, steps: &str, code: i32, expected: &[&str]) -> (Place, Ended) {
    let place = Place::new();
    plan(&place, ALL, head, steps);
    let ended = place.run(&["run", "plan.toml"]);
    ended.expect(code, expected);
    (place, ended)
}

/// A task within, which writes what it is given and gives back how long that is.
const WRITER: &str = r#"
[[step]]
id = "first"
tool = "odd.echo"
args = { text = "hello" }

[[step]]
id = "sub"
args = { words = "${{ steps.first.result }}!" }
[step.task]
objective = "write it down"
result = "${{ {'bytes': steps.count.result.bytes, 'again': input.words} }}"
[[step.task.step]]
id = "write"
tool = "files.write"
args = { path = "out/sub", content = "${{ input.words }}" }
[[step.task.step]]
id = "count"
tool = "text.count"
args = { text = "${{ input.words }}" }
after = ["write"]

[[step]]
id = "last"
tool = "odd.echo"
args = { text = "${{ steps.sub.result.again }} ${{ steps.sub.result.bytes }}" }
expect = "result == 'hello! 6'"
"#;

/// The tasks within, as `tail` says their ids.
pub(crate) fn within(place: &Place, task: &str) -> Vec<String> {
    let events = place.run(&["show", task, "--json"]).stdout;
    let events = events.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let tasks = events.filter(|event| event["body"]["event"] == "delegated");
    tasks.map(|event| event["body"]["task"].as_str().expect("an id").to_owned()).collect()
}

#[test]
fn a_step_is_a_task() {
    let (place, ended) = check(
        "",
        WRITER,
        0,
        &[
            "delegated sub: task",
            "  sub › ended     write: ok",
            "returned  sub: task",
            "ended     last: ok",
            "as expected",
        ],
    );
    assert_eq!(place.read("out/sub"), "hello!");
    let task = ended.stdout.trim();
    let inner = &within(&place, task)[0];
    place.run(&["report", task]).expect(
        0,
        &[
            "is the task",
            "## The task of step sub",
            "### write it down",
            "{\"again\":\"hello!\",\"bytes\":6}",
            "4 calls",
        ],
    );
    place.run(&["report", task, "--html"]).expect(0, &["The task of step sub", "write it down"]);
    // What it was given has the sources of the step that made it.
    place.run(&["explain", inner, "write"]).expect(0, &["argument `content`", "tool:odd.echo"]);
    place.run(&["explain", task, "last"]).expect(0, &["tool:text.count"]);
    let verified = place.run(&["audit", "verify", task]);
    assert_eq!(verified.stdout.lines().filter(|line| line.contains("intact")).count(), 2, "{}", verified.stdout);
    place.run(&["resume", inner]).expect(2, &["is step `sub` of task", "goes on with both"]);
    place.run(&["show", task]).expect(0, &["sub    a task"]);
}

#[test]
fn values_are_given_on_the_command_line() {
    let place = Place::new();
    let steps = "[input]\nwords = \"none\"\nmany = [1]\n[[step]]\nid = \"w\"\ntool = \"files.write\"\nargs = { path = \"out/w\", mode = \"overwrite\", content = \"${{ input.words }} ${{ input.many.size() }}\" }\n";
    plan(&place, ALL, "result = \"${{ steps.w.state }}\"", steps);
    let run = |more: &[&str], code: i32, expected: &str| {
        let line: Vec<_> = ["run", "plan.toml"].iter().chain(more).copied().collect();
        place.run(&line).expect(code, &[expected]);
    };
    run(&["--json"], 0, "\"result\":\"done\"");
    assert_eq!(place.read("out/w"), "none 1");
    run(&["--input", "words=12", "--input", "many=[1, 2]"], 0, "done");
    assert_eq!(place.read("out/w"), "12 2");
    run(&["--input", "word=12"], 2, "the plan has no such input; it has: many, words");
    run(&["--input", "many=x"], 2, "--input many: expected a JSON value");
}

#[test]
fn what_is_wrong_within_is_known_before() {
    let sub =
        |task: &str, more: &str| format!("[[step]]\nid = \"sub\"\n{more}\n[step.task]\nobjective = \"x\"\n{task}");
    let step = "[[step.task.step]]\nid = \"s\"\ntool = \"odd.echo\"\nargs = { text = \"${{ input.given }}\" }";
    let check = |steps: String, expected: &str| drop(check("", &steps, 2, &[expected]));
    check(sub("", ""), "step `sub`, task: it has no `[[step]]`");
    check(sub("colour = 1", ""), "step `sub`, task: unknown field `colour`");
    check(sub(step, ""), "step `sub`, task: step `s`, args.text: `input.given`: there is no field `given`");
    check(
        sub(&step.replace("odd.echo", "odd.ecko"), "args = { given = 1 }"),
        "there is no tool `odd.ecko`; did you mean `odd.echo`?",
    );
    check(sub(step, "tool = \"odd.echo\"\nargs = { given = 1 }"), "expected either `tool` or `task`");
    check(
        sub(step, "retry = { tries = 2 }\nargs = { given = 1 }"),
        "step `sub`, retry: for a task, it stands in its steps",
    );
    check(sub(step, "http = []\nargs = { given = 1 }"), "a task is narrowed by rules of its own");
    check(
        sub(&format!("result = \"${{{{ steps.t.result }}}}\"\n{step}"), "args = { given = 1 }"),
        "task: result: there is no step `t`",
    );
    check(
        sub(&format!("forbid = \"permit (principal, action, resource);\"\n{step}"), "args = { given = 1 }"),
        "can be tightened, never widened",
    );
}

#[test]
fn tasks_go_no_deeper_than_the_plan_lets_them() {
    let nested = "[[step]]\nid = \"one\"\n[step.task]\nobjective = \"1\"\n[[step.task.step]]\nid = \"two\"\n[step.task.step.task]\nobjective = \"2\"\nresult = \"${{ steps.three.result }}\"\n[[step.task.step.task.step]]\nid = \"three\"\ntool = \"odd.echo\"\nargs = { text = \"deep\" }";
    check("depth = 1", nested, 2, &["step `one`, task: step `two`: tasks within tasks go no deeper here (`depth`)"]);
    check("depth = 9", nested, 2, &["depth: 9 is more than 8"]);
    let (place, ended) = check("depth = 2", nested, 0, &["two › ended     three: ok"]);
    place.run(&["report", ended.stdout.trim()]).expect(0, &["#### The task of step two"]);
}

#[test]
fn its_budget_and_its_rules_are_narrower() {
    let writes = |forbid: &str, budget: &str| {
        format!(
            "[[step]]\nid = \"sub\"\non_failure = \"continue\"\n[step.task]\nobjective = \"x\"\nconcurrency = 1\n{forbid}\n{budget}\n[[step.task.step]]\nid = \"a\"\ntool = \"files.write\"\nargs = {{ path = \"out/a\", content = \"x\" }}\n[[step.task.step]]\nid = \"b\"\ntool = \"files.write\"\nargs = {{ path = \"out/b\", content = \"x\" }}\n[[step]]\nid = \"own\"\ntool = \"files.write\"\nargs = {{ path = \"out/own\", content = \"x\" }}\nafter = [\"sub\"]\n"
        )
    };
    let (place, _) =
        check("", &writes("", "budget = { calls = 1 }"), 0, &["the budget `calls` of 1 is spent", "ended     own: ok"]);
    assert!(place.path("out/a").exists() && !place.path("out/b").exists());
    // What is left around it bounds it as well, and what it spends is spent.
    let (place, _) = check(
        "budget = { calls = 2 }",
        &writes("", "budget = { calls = 9 }"),
        5,
        &["the budget `calls` of 2 is spent"],
    );
    assert!(place.path("out/b").exists() && !place.path("out/own").exists());
    let forbid = "forbid = '@id(\"not-here\") forbid (principal, action == Action::\"write\", resource);'";
    let (place, _) = check("", &writes(forbid, ""), 0, &["sub › ended     a: tool error", "ended     own: ok"]);
    assert!(!place.path("out/a").exists() && place.path("out/own").exists());
    // The plan's own goes for everything in it.
    let (place, _) = check(forbid, &writes("", ""), 4, &["ended     own: tool error"]);
    assert!(!place.path("out/a").exists());
}

#[test]
fn a_list_of_tasks() {
    let steps = "[[step]]\nid = \"each\"\nforeach = [\"a\", \"b\", \"c\"]\nargs = { name = \"${{ item }}\" }\n[step.task]\nobjective = \"x\"\nresult = \"${{ steps.w.result.size }}\"\n[[step.task.step]]\nid = \"w\"\ntool = \"files.write\"\nargs = { path = \"out/${{ input.name }}\", content = \"${{ input.name }}\" }\n[[step]]\nid = \"sum\"\ntool = \"odd.echo\"\nargs = { text = \"${{ string(steps.each.result.size()) }}\" }\nexpect = \"result == '3'\"";
    let (place, ended) = check("", steps, 0, &["expanded  each: 3 calls", "delegated each[2]", "as expected"]);
    assert_eq!(within(&place, ended.stdout.trim()).len(), 3);
    assert_eq!(place.read("out/c"), "c");
}

/// Asks before anything is written by the task within.
const ASK: &str = "permit (principal, action, resource) unless { context has args && context.args.hasTag(\"path\") };\n@approval(\"alice\") permit (principal, action, resource);";

#[test]
fn people_speak_to_it_and_to_the_task_around_it() {
    let place = Place::new();
    plan(&place, ASK, "", WRITER);
    let ended = place.run(&["run", "plan.toml"]);
    ended.expect(
        3,
        &["sub › asks      step write", "returned  sub: task", "waiting: step `write`: waits for the approval"],
    );
    let task = ended.stdout.trim().to_owned();
    let inner = within(&place, &task)[0].clone();
    let ask: Value = serde_json::from_str(place.run(&["approvals", &inner, "--json"]).stdout.trim()).expect("one");
    place.run(&["tighten", &task, "none.cedar"]).expect(2, &["none.cedar"]);
    place.run(&["pause", &task, "--as", "bob"]).expect(0, &[]);
    place.run(&["approve", &inner, ask["ask"]["digest"].as_str().expect("a digest"), "--as", "alice"]).expect(0, &[]);
    place.run(&["resume", &task]).expect(3, &["waiting: paused by bob"]);
    assert!(!place.path("out/sub").exists());
    place.run(&["continue", &task]).expect(0, &[]);
    let ended = place.run(&["resume", &task]);
    ended.expect(0, &["sub › ended     write: ok", "ended     last: ok"]);
    assert_eq!(within(&place, &task), [inner.clone(), inner.clone()], "it is one task, taken up again");
    place.run(&["approvals"]).expect(0, &["nothing waits"]);

    // Whoever ends the task around it ends it.
    let place = Place::new();
    let spin = "[limits]\ncpu = \"1min\"\nwall = \"1min\"\n[[step]]\nid = \"sub\"\n[step.task]\nobjective = \"x\"\n[[step.task.step]]\nid = \"s\"\ntool = \"spin.run\"\n";
    plan(&place, ALL, "", spin);
    let (child, task, said) = running(&place, &["run", "plan.toml"], "began     s");
    place.run(&["cancel", &task, "--why", "too slow", "--as", "alice"]).expect(0, &[]);
    rest(child, said)
        .expect(4, &["sub › ended     s: cancelled", "returned  sub", "task      cancelled: cancelled by alice"]);
    let inner = &within(&place, &task)[0];
    place.run(&["tail", inner]).expect(0, &["task      cancelled: cancelled by alice"]);
}

#[test]
fn rules_that_are_added_hold_within() {
    let place = Place::new();
    plan(&place, ASK, "", WRITER);
    let task = place.run(&["run", "plan.toml"]).expect(3, &[]).stdout.trim().to_owned();
    let inner = within(&place, &task)[0].clone();
    place.write(
        "tight.cedar",
        "@id(\"no-more\") forbid (principal, action == Action::\"call\", resource == Tool::\"files.write\");",
    );
    place.run(&["tighten", &task, "tight.cedar"]).expect(0, &[]);
    place.write(
        "other.cedar",
        "@id(\"nor-this\") forbid (principal, action == Action::\"call\", resource == Tool::\"text.count\");",
    );
    place.run(&["tighten", &inner, "other.cedar"]).expect(0, &[]);
    place.run(&["resume", &task]).expect(3, &["sub › denied    write", "no-more"]);
    assert!(!place.path("out/sub").exists());
}

#[test]
fn a_model_hands_over_a_task() {
    let (place, read) = (Place::new(), |text: &str| text.replace("\\\"", "\""));
    // The one around it, the one within, and the one around it again.
    let server = ModelServer::says(vec![
        Answer::call("files.read", json!({ "path": "work/secret" })),
        Answer::call(
            "propose_plan",
            json!({ "steps": [{
            "id": "sub", "args": { "page": "${{ steps.t1_1.result.text }}", "words": "in one line" },
            "task": { "objective": "sum it up", "budget": { "calls": 2 } },
        }] }),
        ),
        Answer::call("files.write", json!({ "path": "work/copy", "content": "${{ input.page }}" })),
        Answer::call("finish", json!({ "summary": "summed up" })),
        Answer::call("finish", json!({ "summary": "all done" })),
    ]);
    let policy = "permit (principal, action, resource) unless { action == Action::\"reveal\" && context.labels.all.contains(\"untrusted\") };";
    place.write("policy.cedar", policy);
    place.write("work/secret", "the page");
    place.write("plan.toml", &format!(
        "objective = \"outer objective\"\npolicy = [\"policy.cedar\"]\ntools = [\"files\"]\nsources = {{ \"mount:work\" = {{ trust = \"untrusted\" }} }}\n[mounts.work]\npath = \"work\"\naccess = \"read-write\"\n[planner]\nname = \"tester\"\napi = \"{}\"\nurl = \"{}\"\nmodel = \"m\"\n",
        APIS[0].0, server.url()
    ));
    let ended = place.run(&["run", "plan.toml"]);
    ended.expect(0, &["delegated sub", "sub › finished  tester: summed up", "finished  tester: all done"]);
    assert_eq!(place.read("work/copy"), "the page");
    assert_eq!(server.asked().len(), 5);
    let asked: Vec<_> = server.asked().iter().map(|asked| read(&asked.body.to_string())).collect();
    assert!(asked[0].contains("propose_plan") && asked[0].contains("a task of its own"));
    // It knows its own objective, what it may know of what it is given, and nothing of the conversation around it.
    assert!(asked[2].contains("sum it up") && !asked[2].contains("outer objective"), "{}", asked[2]);
    assert!(asked[2].contains("${{ input.words }} is") && asked[2].contains("in one line"), "{}", asked[2]);
    assert!(asked[2].contains("${{ input.page }} is withheld") && !asked[2].contains("the page"), "{}", asked[2]);
    // What it says of it may hold what it was given.
    assert!(asked[4].contains("a text of 9 characters") && !asked[4].contains("summed up"), "{}", asked[4]);
}
