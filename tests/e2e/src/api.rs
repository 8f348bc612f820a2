//! What people say over HTTP, with a real client: that it counts, and that nobody else can say it.

use crate::{
    people::{asked, rest, running},
    program::{Place, guest},
};
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::process::Child;
use tokio::net::TcpStream;

const ALICE: &str = "alice-token-0123456789";
const BOB: &str = "bob-token-0123456789";
const POLICY: &str = "permit (principal, action, resource) unless { resource == Tool::\"odd.count\" };
    @id(\"ask\") @approval(\"alice\") permit (principal, action, resource == Tool::\"odd.count\");";

/// The program that serves, which ends with its test.
struct Api {
    child: Child,
    port: u16,
}

impl Drop for Api {
    fn drop(&mut self) {
        // Nothing can be done where it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Api {
    fn start(place: &Place) -> Self {
        for (file, token) in [("alice", ALICE), ("bob", BOB)] {
            place.write(file, token);
            place.set_private(file);
        }
        let line = ["serve", "--listen", "127.0.0.1:0", "--person", "alice=alice", "--person", "bob=bob"];
        let (child, said) = place.says(&line, "listening on");
        let port = said.trim().rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
        Self { child, port }
    }

    fn ask(&self, token: Option<&str>, method: Method, path: &str, body: &str) -> (StatusCode, Value) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let stream = TcpStream::connect(("127.0.0.1", self.port)).await.expect("it listens");
            let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("it speaks HTTP");
            tokio::spawn(connection);
            let mut request = Request::builder().method(method).uri(path).header("host", "localhost");
            if let Some(token) = token {
                request = request.header("authorization", format!("Bearer {token}"));
            }
            let request =
                request.header("content-type", "application/json").body(Full::new(Bytes::from(body.to_owned())));
            let answer = sender.send_request(request.expect("a request")).await.expect("an answer");
            let status = answer.status();
            let body = answer.into_body().collect().await.expect("a body").to_bytes();
            (status, if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).expect("JSON") })
        })
    }

    fn get(&self, path: &str) -> Value {
        let (status, value) = self.ask(Some(ALICE), Method::GET, path, "");
        assert_eq!(status, 200, "{path}: {value}");
        value
    }

    #[track_caller]
    fn post(&self, token: &str, path: &str, body: &Value, status: u16, expected: &str) {
        let (found, value) = self.ask(Some(token), Method::POST, path, &body.to_string());
        assert_eq!(found, status, "{path} {body}: {value}");
        assert!(value.to_string().contains(expected), "{expected} is not in {value}");
    }
}

fn plan(place: &Place) {
    place.write("policy.cedar", POLICY);
    let odd = guest("odd").display().to_string();
    place.write(
        "plan.toml",
        &format!(
            "objective = \"x\"\npolicy = [\"policy.cedar\"]\ntools = [{odd:?}]\n[[step]]\nid = \"a\"\ntool = \"odd.count\"\n[[step]]\nid = \"b\"\ntool = \"odd.echo\"\nargs = {{ text = \"x\" }}\nafter = [\"a\"]\n"
        ),
    );
}

#[test]
fn a_task_is_answered_and_steered_over_http() {
    let place = Place::new();
    plan(&place);
    let (child, task, said) = running(&place, &["run", "plan.toml", "--wait"], "asks      step a");
    let api = Api::start(&place);
    let waiting = api.get("/v1/approvals");
    let digest = waiting[0]["ask"]["digest"].clone();
    assert_eq!(waiting[0]["task"], task.as_str());
    assert_eq!(api.get(&format!("/v1/tasks/{task}/approvals")), waiting);
    assert_eq!(waiting[0]["ask"]["shown"]["tool"], "odd.count", "{waiting}");

    let (answers, steering) = (format!("/v1/tasks/{task}/answers"), format!("/v1/tasks/{task}/steering"));
    let approve = json!({ "digest": digest, "answer": "approve" });
    api.post(BOB, &answers, &approve, 403, "`bob` is not asked: alice");
    api.post(ALICE, &answers, &json!({ "digest": digest, "answer": { "say": "yes" } }), 422, "it wants");
    let other = format!("sha256:{}", "0".repeat(64));
    api.post(ALICE, &answers, &json!({ "digest": other, "answer": "approve" }), 404, "nothing of task");
    api.post(
        ALICE,
        &answers,
        &json!({ "digest": digest, "answer": "approve", "as": "bob" }),
        400,
        "unknown field `as`",
    );
    api.post(ALICE, &steering, &json!("continue"), 409, "the task is not paused");
    api.post(BOB, &steering, &json!("pause"), 204, "");
    api.post(BOB, &steering, &json!({ "tighten": "permit (principal, action, resource);" }), 422, "never widened");
    let rules = "@id(\"no-b\") forbid (principal, action, resource == Tool::\"odd.echo\");";
    api.post(BOB, &steering, &json!({ "tighten": rules }), 204, "");
    api.post(ALICE, &steering, &json!({ "tell": "hello" }), 409, "no planner");
    api.post(ALICE, &answers, &approve, 204, "");
    api.post(ALICE, &answers, &approve, 409, "was answered already, by alice");
    api.post(ALICE, &steering, &json!("continue"), 204, "");
    rest(child, said).expect(3, &["paused    by bob", "ended     a: ok", "denied    b", "no-b"]);
    api.post(ALICE, &steering, &json!("pause"), 409, "the task is failed");

    let events = api.get(&format!("/v1/tasks/{task}/events?from=1"));
    let names: Vec<_> =
        events["events"].as_array().expect("a list").iter().map(|event| &event["body"]["event"]).collect();
    assert!(names.contains(&&json!("answered")) && !names.contains(&&json!("task-started")), "{names:?}");
    assert!(events["events"].to_string().contains("\"via\":\"api\""));
    assert_eq!(api.get(&format!("/v1/tasks/{task}/events?from={}", events["next"]))["events"], json!([]));
    assert_eq!(api.get("/v1/approvals"), json!([]));
    place.run(&["audit", "verify", &task]).expect(0, &["intact", "closed"]);
}

/// Between the question and the answer every process has ended.
#[test]
fn any_process_takes_the_answer() {
    let place = Place::new();
    plan(&place);
    let task = place.run(&["run", "plan.toml"]).expect(3, &["waiting"]).stdout.trim().to_owned();
    let digest = asked(&place, &task)[0].clone();
    Api::start(&place).post(
        ALICE,
        &format!("/v1/tasks/{task}/answers"),
        &json!({ "digest": digest, "answer": "approve" }),
        204,
        "",
    );
    place.run(&["resume", &task]).expect(0, &["ended     b: ok"]);
}

#[test]
fn nobody_else_is_heard() {
    let place = Place::new();
    plan(&place);
    let task = place.run(&["run", "plan.toml"]).expect(3, &[]).stdout.trim().to_owned();
    let api = Api::start(&place);
    let paths = ["/v1/approvals", "/v1/tasks/x/events", "/none", "/"];
    for token in [None, Some(""), Some("alice"), Some(&ALICE[1..]), Some("alice-token-0123456789 ")] {
        for path in paths {
            let (status, value) = api.ask(token, Method::GET, path, "");
            // White space around a header's value is none of the value.
            let expected = if token.is_some_and(|token| token.trim() == ALICE) { 200..=404 } else { 401..=401 };
            assert!(expected.contains(&status.as_u16()), "{token:?} {path}: {status} {value}");
        }
    }
    for (method, path, body, status) in [
        (Method::GET, "/v1/tasks/x/events".to_owned(), "", 404),
        (Method::GET, "/v1/tasks/20260101-000000-000-aaaaaa/events".to_owned(), "", 404),
        (Method::GET, format!("/v1/tasks/{task}/events?from=x"), "", 400),
        (Method::GET, format!("/v1/tasks/{task}/events?until=1"), "", 400),
        (Method::POST, format!("/v1/tasks/{task}/answers"), "{", 400),
        (Method::POST, format!("/v1/tasks/{task}/answers"), "[]", 400),
        (Method::POST, format!("/v1/tasks/{task}/steering"), "\"widen\"", 400),
        (Method::POST, format!("/v1/tasks/{task}/steering"), &"x".repeat(2 << 20), 400),
        (Method::DELETE, format!("/v1/tasks/{task}/steering"), "", 405),
    ] {
        let (found, value) = api.ask(Some(ALICE), method.clone(), &path, body);
        assert_eq!(found, status, "{method} {path}: {value}");
    }
    assert_eq!(asked(&place, &task).len(), 1, "nothing was said");
}

#[test]
fn it_does_not_open_wider_than_it_should() {
    let place = Place::new();
    place.write("short", "alice");
    place.set_private("short");
    place.write("open", ALICE);
    place.write("token", ALICE);
    place.set_private("token");
    let check = |flags: &[&str], expected: &str| {
        let line: Vec<_> = ["serve", "--listen", "127.0.0.1:0"].iter().chain(flags).copied().collect();
        place.run(&line).expect(2, &[expected]);
    };
    check(&[], "--person");
    check(&["--person", "alice"], "expected NAME=FILE");
    check(&["--person", "alice=none"], "--person alice=none");
    check(&["--person", "alice=open"], "others can read or change it");
    check(&["--person", "alice=short"], "shorter than 16 characters");
    check(&["--person", "alice=token", "--person", "bob=token"], "somebody else has the same token");
    place.run(&["serve", "--listen", "0.0.0.0:0", "--person", "alice=token"]).expect(2, &["in the clear"]);
}
