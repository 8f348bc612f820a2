//! What can be asked of a task when it is over: replays, other policies, the least policy.

use crate::{
    program::{Place, guest},
    server::Server,
};
use http::Response;
use http_body_util::Full;
use std::fs;

/// A plan that reads, writes, computes, delegates, sends, and tries what it may not.
fn plan(place: &Place, server: &Server) -> String {
    place.write("in/data.txt", "one two three");
    place.write(
        "policy.cedar",
        "permit (principal, action == Action::\"call\", resource) unless { resource == Tool::\"files.remove\" };\n\
         permit (principal, action == Action::\"read\", resource);\n\
         @id(\"write-out\") permit (principal, action == Action::\"write\", resource == Mount::\"out\");\n\
         @id(\"send\") permit (principal, action in [Action::\"request\", Action::\"reach\"], resource);",
    );
    place.write(
        "plan.toml",
        &format!(
            r#"
objective = "look back"
policy = ["policy.cedar"]
tools = ["files", "text", "http", {:?}]
[mounts.in]
path = "in"
access = "read"
[mounts.out]
path = "out"
access = "read-write"
[network]
hosts = {{ "counter.example" = ["127.0.0.1"] }}
[[step]]
id = "read"
tool = "files.read"
args = {{ path = "in/data.txt" }}
[[step]]
id = "count"
tool = "text.count"
args = {{ text = "${{{{ steps.read.result.text }}}}" }}
[[step]]
id = "write"
tool = "files.write"
args = {{ path = "out/count", content = "${{{{ string(steps.count.result.words) }}}}" }}
[[step]]
id = "sub"
args = {{ text = "${{{{ steps.read.result.text }}}}" }}
[step.task]
objective = "inner"
[[step.task.step]]
id = "echo"
tool = "odd.echo"
args = {{ text = "${{{{ input.text }}}}" }}
[[step]]
id = "send"
tool = "http.request"
args = {{ method = "GET", url = "http://counter.example:{}/hello?x=1" }}
[[step]]
id = "remove"
tool = "files.remove"
args = {{ path = "${{{{ steps.write.result.path }}}}" }}
on_failure = "continue"
"#,
            guest("odd").display().to_string(),
            server.address.port()
        ),
    );
    let ended = place.run(&["run", "plan.toml"]);
    ended.expect(0, &["ended     send: ok", "denied    remove"]);
    ended.stdout.trim().to_owned()
}

fn counter() -> Server {
    Server::start(|_| Response::new(Full::new("ok".into())))
}

#[test]
fn calls_are_run_again_and_leave_nothing() {
    let (place, server) = (Place::new(), counter());
    let task = plan(&place, &server);
    let sent = server.asked().len();
    // What is there now differs from what was there then in what it wrote itself.
    place.run(&["replay", &task]).expect(
        4,
        &[
            "read  files.read  identical",
            "count  text.count  identical",
            "write  files.write  differs     end:",
            "sub/echo  odd.echo  identical",
            "send  http.request  not run     it went outside: request GET http://counter.example",
            "3 identical, 1 other, 1 not run again",
            "--mount NAME=DIR",
        ],
    );
    fs::create_dir(place.path("before")).expect("a folder");
    let replay = ["replay", &task, "--mount", "out=before"];
    place.run(&replay).expect(0, &["write  files.write  identical", "4 identical, 0 other, 1 not run"]);
    assert_eq!(fs::read_dir(place.path("before")).expect("a folder").count(), 0, "it left something");
    assert_eq!((place.read("out/count"), server.asked().len()), ("3".into(), sent));
    place
        .run(&["replay", &task, "--mount", "out=before", "--json"])
        .expect(0, &[r#"{"step":"read","tool":"files.read","again":"identical"}"#]);
    place
        .run(&["replay", &task, "--mount", "none=before"])
        .expect(2, &["the task has no mount `none`; it has: in, out"]);
    // Other data is another result.
    place.write("in/data.txt", "something else");
    place.run(&replay).expect(4, &["read  files.read  differs     end:", "something else"]);
}

#[test]
fn other_policies_are_tried_on_what_was_decided() {
    let (place, server) = (Place::new(), counter());
    let task = plan(&place, &server);
    let test = |policy: &str, code: i32, expected: &[&str]| {
        place.write("new.cedar", policy);
        place.run(&["policy", "backtest", "new.cedar"]).expect(code, expected);
    };
    let own = place.read("policy.cedar");
    test(&own, 0, &["7 decisions compared, 0 would be others, 0 left out"]);
    test(
        "permit (principal, action, resource);",
        4,
        &[
            "remove  files.remove  call: deny: call Tool::\"files.remove\"",
            "→ allow",
            // For all actions is not for this one.
            "send  http.request  request",
        ][..2],
    );
    let narrower = |more: &str| format!("{own}\n{more}");
    test(
        &narrower("@id(\"no-echo\") forbid (principal, action == Action::\"call\", resource == Tool::\"odd.echo\");"),
        4,
        &["sub/echo  odd.echo  call: allow → deny", "1 would be others"],
    );
    test(
        &narrower(
            "@id(\"no-get\") forbid (principal, action == Action::\"request\", resource) when { context.request.method == \"GET\" };",
        ),
        4,
        &[
            "send  http.request  GET http://counter.example",
            "allow → deny: request Host::\"counter.example\"",
            "no-get",
        ],
    );
    test(
        &narrower("forbid (principal, action == Action::\"write\", resource == Mount::\"out\");"),
        4,
        &["write  files.write  call: allow with mounts", "{\"name\":\"out\",\"access\":\"read\"}"],
    );
    test(
        &narrower(
            "@approval(\"alice\") permit (principal, action == Action::\"call\", resource == Tool::\"files.remove\");",
        ),
        4,
        &["remove  files.remove  call: deny", "→ ask alice"],
    );
    test("permit (principal, action, resource", 2, &["new.cedar:1"]);
    place.write("new.cedar", &own);
    place
        .run(&["policy", "backtest", "new.cedar", "--task", &task, "--json"])
        .expect(0, &["\"compared\":7,\"changes\":[]"]);
    place
        .run(&["policy", "backtest", "new.cedar", "--task", "20260101-000000-000-abcdef"])
        .expect(2, &["there is no task"]);
    // A package that is another one by now says nothing of what was decided then.
    place.run(&["tasks"]).expect(0, &["done"]);
}

#[test]
fn the_least_policy_is_enough_and_no_more() {
    let (place, server) = (Place::new(), counter());
    let task = plan(&place, &server);
    let learned = place.run(&["policy", "learn", &task]);
    learned.expect(0, &[
        "permit (principal == Agent::\"plan\", action == Action::\"call\", resource == Tool::\"files.read\");",
        "// REFUSED in the run.\npermit (principal == Agent::\"plan\", action == Action::\"call\", resource == Tool::\"files.remove\");",
        "action == Action::\"read\", resource == Mount::\"in\")\nwhen { context.tool == Tool::\"files.read\" };",
        "action == Action::\"write\", resource == Mount::\"out\")\nwhen { context.tool == Tool::\"files.write\" };",
        "context.request.method == \"GET\"",
        "context.request.path like \"/hello\"",
        "resource == Address::\"127.0.0.1\"",
        "Tool::\"odd.echo\"",
        "// What files.remove would have reached is not known, since it never ran",
    ]);
    assert!(!learned.stdout.contains("Tool::\"files.edit\""));
    place.write("learned.cedar", &learned.stdout);
    place.run(&["policy", "check", "learned.cedar"]).expect(0, &[]);
    // With it, everything happens that happened, and the call that was refused is made.
    fs::remove_file(place.path("out/count")).expect("it was written");
    place.write("plan.toml", &place.read("plan.toml").replace("policy.cedar", "learned.cedar"));
    let ended = place.run(&["run", "plan.toml"]);
    ended.expect(0, &["ended     send: ok", "ended     write: ok", "allowed   remove"]);
    // And nothing else.
    place.write("more.toml", &place.read("plan.toml").replace("/hello?x=1", "/other"));
    place.run(&["run", "more.toml"]).expect(4, &["send: tool error"]);
    place.write("more.toml", &place.read("plan.toml").replace("path = \"out/count\"", "path = \"in/count\""));
    place.run(&["run", "more.toml"]).expect(4, &["write: tool error"]);
}
