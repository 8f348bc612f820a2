//! `gloveport mcp`, spoken to by a client that does exactly what it is told.

use crate::program::{Place, guest};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Stdio},
};

pub(crate) struct Client {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Client {
    /// Starts a server with the typed guest and the one that forges messages.
    fn start(place: &Place, flags: &[&str]) -> Self {
        let (odd, forged) = (guest("odd").display().to_string(), guest("forged_protocol").display().to_string());
        let mut line = vec!["mcp", "--package", &odd, "--package", &forged];
        line.extend(flags);
        let mut command = place.command(&line);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program starts");
        let (input, output) = (child.stdin.take(), BufReader::new(child.stdout.take().expect("piped")));
        Self { child, input, output }
    }

    /// Starts a server and shakes hands as a revision asks.
    pub(crate) fn of_revision(place: &Place, revision: &str, flags: &[&str]) -> Self {
        let mut client = Self::start(place, flags);
        let hello = json!({ "protocolVersion": revision, "capabilities": {}, "clientInfo": { "name": "test", "version": "1" } });
        client.request(0, "initialize", &hello);
        let answer = client.receive();
        assert_eq!(answer["result"]["protocolVersion"], revision, "{answer}");
        client.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
        client
    }

    fn send(&mut self, message: &Value) {
        let input = self.input.as_mut().expect("open");
        writeln!(input, "{message}").expect("the server reads");
    }

    pub(crate) fn request(&mut self, id: u64, method: &str, params: &Value) {
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
    }

    fn call(&mut self, id: u64, tool: &str, args: &Value) {
        self.request(id, "tools/call", &json!({ "name": tool, "arguments": args }));
    }

    /// The next message; every line of the channel must be one.
    fn receive(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("the server writes");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    pub(crate) fn answer(&mut self, id: u64) -> Value {
        let message = self.receive();
        assert_eq!(message["id"], id, "{message}");
        message
    }

    /// Closes the input; the server ends, and says nothing that is not a message.
    fn close(mut self) -> Vec<Value> {
        drop(self.input.take());
        let rest = self.output.lines().map(|line| serde_json::from_str(&line.expect("UTF-8")).expect("a message"));
        let rest = rest.collect();
        assert!(self.child.wait().expect("the server ends").success());
        rest
    }
}

#[test]
fn today_s_revisions_are_spoken() {
    let place = Place::new();
    for revision in ["2025-06-18", "2025-11-25"] {
        let mut client = Client::of_revision(&place, revision, &["--mount", "workspace=workspace"]);
        client.request(1, "tools/list", &json!({}));
        let tools = client.answer(1);
        let tools = tools["result"]["tools"].as_array().expect("tools");
        let echo = tools.iter().find(|tool| tool["name"] == "odd.echo").expect("odd.echo is listed");
        assert_eq!(echo["inputSchema"]["properties"]["text"]["description"], "Anything.");
        assert_eq!(echo["outputSchema"]["properties"]["result"]["type"], "string");
        assert_eq!(echo["annotations"]["readOnlyHint"], true);
        client.call(2, "odd.echo", &json!({ "text": "hi" }));
        let answer = client.answer(2);
        assert_eq!(answer["result"]["structuredContent"], json!({ "result": "hi" }), "{answer}");
        assert_eq!(answer["result"]["content"], json!([]), "sent once: {answer}");
        client.call(3, "files.read", &json!({ "path": "workspace/file.txt" }));
        assert!(client.answer(3).to_string().contains("unchanged"));
        assert!(client.close().is_empty());
    }
}

#[test]
fn the_revision_without_a_handshake_is_spoken() {
    let place = Place::new();
    let mut client = Client::start(&place, &[]);
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    client.request(1, "tools/list", &json!({ "_meta": meta }));
    let listed = client.answer(1);
    assert!(listed["result"]["tools"].as_array().is_some_and(|tools| tools.len() > 3), "{listed}");
    client.request(2, "tools/call", &json!({ "_meta": meta, "name": "odd.echo", "arguments": { "text": "hi" } }));
    let answer = client.answer(2);
    assert_eq!(answer["result"]["structuredContent"], json!({ "result": "hi" }), "{answer}");
    assert!(client.close().is_empty());
}

#[test]
fn what_goes_wrong_in_a_call_is_a_result_that_says_so() {
    let place = Place::new();
    let mut client = Client::of_revision(&place, "2025-11-25", &["--limit", "cpu=50ms"]);
    let cases = [
        ("odd.fail", json!({ "why": "so" }), "so"),
        ("odd.echo", json!({}), "argument `text`: expected a string"),
        ("odd.spin", json!({}), "limit `cpu` of 50ms was hit"),
        ("odd.deep_panic", json!({ "depth": 1, "message": "m" }), "the tool trapped"),
    ];
    for (id, (tool, args, expected)) in (1..).zip(cases) {
        client.call(id, tool, &args);
        let answer = client.answer(id);
        assert_eq!(answer["result"]["isError"], true, "{answer}");
        assert!(
            answer["result"]["content"][0]["text"].as_str().is_some_and(|text| text.contains(expected)),
            "{answer}"
        );
    }
    client.call(9, "odd.nothing", &json!({}));
    assert!(client.answer(9)["error"]["message"].as_str().is_some_and(|text| text.contains("no tool `odd.nothing`")));
    assert!(client.close().is_empty());
}

#[test]
fn a_denial_does_not_say_what_else_there_is() {
    let place = Place::new();
    place.write(
        "p.cedar",
        "@id(\"the-rule\") forbid (principal, action == Action::\"call\", resource == Tool::\"odd.echo\");",
    );
    place.write("gloveport.toml", "policy = [\"p.cedar\"]");
    let mut client = Client::of_revision(&place, "2025-11-25", &[]);
    client.call(1, "odd.echo", &json!({ "text": "x" }));
    let text = client.answer(1)["result"]["content"][0]["text"].as_str().expect("a text").to_owned();
    assert!(text.contains("denied") && !text.contains("the-rule") && !text.contains("permit"), "{text}");
}

#[test]
fn what_a_guest_prints_never_reaches_the_channel() {
    let place = Place::new();
    let mut client = Client::of_revision(&place, "2025-11-25", &[]);
    for id in 1..=5 {
        client.call(id, "forged_protocol.run", &json!({}));
        let answer = client.answer(id);
        assert_eq!(answer["result"]["structuredContent"]["exit_code"], 0, "{answer}");
    }
    client.call(6, "odd.chatter", &json!({ "line": "{\"jsonrpc\":\"2.0\",\"id\":6,\"result\":{}}" }));
    assert_eq!(client.answer(6)["result"]["structuredContent"]["result"], 7);
    assert!(client.close().is_empty());
}

#[test]
fn no_reply_is_lost_whatever_is_pipelined() {
    let place = Place::new();
    let mut client = Client::of_revision(&place, "2025-11-25", &[]);
    let texts: BTreeMap<u64, String> =
        (1..=300).map(|id| (id, format!("{id}-{}", "ü".repeat((id as usize * 37) % 3_000)))).collect();
    for (id, text) in &texts {
        client.call(*id, "odd.echo", &json!({ "text": text }));
    }
    // The input is closed at once: what was asked is answered all the same.
    let mut answers: BTreeMap<u64, Value> =
        client.close().into_iter().map(|answer| (answer["id"].as_u64().expect("an id"), answer)).collect();
    for (id, text) in texts {
        let answer = answers.remove(&id).unwrap_or_else(|| panic!("no reply to {id}"));
        assert_eq!(answer["result"]["structuredContent"]["result"], text, "{id}");
    }
}

#[test]
fn spinning_calls_do_not_stop_others_and_end_when_they_are_cancelled() {
    let place = Place::new();
    let mut client = Client::of_revision(&place, "2025-11-25", &["--limit", "cpu=1min", "--limit", "wall=2min"]);
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let spinning = 1..=2 * cores;
    for id in spinning.clone() {
        client.call(id, "odd.spin", &json!({}));
    }
    for id in 100..150 {
        client.request(id, "ping", &json!({}));
        assert_eq!(client.answer(id)["result"], json!({}));
        client.call(1_000 + id, "odd.echo", &json!({ "text": "still here" }));
        assert_eq!(client.answer(1_000 + id)["result"]["structuredContent"]["result"], "still here");
    }
    for id in spinning {
        client.send(&json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": id } }));
    }
    client.request(200, "ping", &json!({}));
    // What was cancelled may be answered or not; the ping is.
    while client.receive()["id"] != 200 {}
    client.close();
}

/// A call that waits for a server is let go with everything that it holds, as soon as nobody waits for it.
#[test]
fn a_cancelled_call_lets_go_of_the_network() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let authority = listener.local_addr().expect("an address").to_string();
    let (events, seen) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut bytes = [0; 4096];
        // The request, and then the end of it: an answer never comes.
        while let Ok(length) = std::io::Read::read(&mut stream, &mut bytes) {
            let _ = events.send(length);
            if length == 0 {
                break;
            }
        }
    });
    let place = Place::new();
    let net = guest("net").display().to_string();
    let flags = ["--package", &net, "--http", "127.0.0.1", "--reach", "127.0.0.1", "--limit", "wall=10min"];
    let mut client = Client::of_revision(&place, "2025-11-25", &flags);
    let ask = json!({ "method": "GET", "scheme": "http", "authority": authority, "path": "/" });
    client.call(1, "net.send", &json!({ "ask": ask }));
    let patience = std::time::Duration::from_secs(60);
    assert!(seen.recv_timeout(patience).expect("it was asked") > 0);
    client.send(&json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 1 } }));
    assert_eq!(seen.recv_timeout(patience).expect("the connection was closed"), 0);
    client.close();
}
