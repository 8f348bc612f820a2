//! Language models behind three APIs: what is said to them, and what is made of what they answer.

use crate::model_server::{APIS, Answer, ModelServer};
use controller::{Arguments, CallResult, Function, Message, Model as _, ModelError, ModelFault, Prompt, Stop, Turn};
use model::{Endpoint, Patience, RemoteModel};
use serde_json::json;
use std::{sync::Mutex, time::Duration};

const KEY: &str = "sk-very-secret-0123456789";

fn endpoint(api: &str, url: &str) -> Endpoint {
    let moment = Duration::from_millis(1);
    let patience = Patience {
        attempts: 3,
        first: moment,
        longest: moment,
        silence: Duration::from_millis(300),
        ..Patience::default()
    };
    Endpoint {
        api: api.parse().expect("an API"),
        url: url.parse().expect("a URL"),
        model: "test-model".into(),
        key: Some(KEY.to_owned().into()),
        certificates: Vec::new(),
        patience,
    }
}

fn function(name: &str) -> Function {
    let parameters = json!({ "type": "object", "properties": { "path": { "type": "string" } } });
    Function { name: name.into(), description: "…".into(), parameters }
}

fn prompt(messages: Vec<Message>) -> Prompt {
    let functions = ["files.read", "files.write", "finish"].map(function).into();
    Prompt { system: "be good".into(), messages, functions, max_output: 100 }
}

fn hello() -> Prompt {
    prompt(vec![Message::Person("hello".into())])
}

/// Has a server say these things to one prompt; gives what came of it, and what was heard.
fn speak(api: &str, server: &ModelServer, prompt: &Prompt) -> (Result<Turn, ModelError>, String) {
    let model = RemoteModel::new(endpoint(api, &server.url())).expect("an endpoint");
    let heard = Mutex::new(String::new());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let listen = |words: &str| heard.lock().expect("no panic").push_str(words);
    let turn = runtime.block_on(model.speak(prompt, &listen));
    let heard = heard.into_inner().expect("no panic");
    (turn, heard)
}

/// The same for every API.
fn each(answers: &[Answer], check: impl Fn(&str, Result<Turn, ModelError>, &str, &ModelServer)) {
    for (api, _) in APIS {
        let server = ModelServer::says(answers.to_vec());
        let (turn, heard) = speak(api, &server, &hello());
        check(api, turn, &heard, &server);
    }
}

fn failed(answers: &[Answer], fault: ModelFault, attempts: u32, words: &str) {
    each(answers, |api, turn, _, _| {
        let error = turn.expect_err(api);
        assert_eq!((error.fault, error.attempts), (fault, attempts), "{api}: {error}");
        assert!(error.to_string().contains(words), "{api}: {error}");
        assert!(!format!("{error} {error:?}").contains(KEY), "{api}: the key is told");
    });
}

#[test]
fn words_and_calls() {
    let said = Answer::Say {
        text: "Ich prüfe – gleich…".into(),
        calls: vec![("files.read".into(), r#"{"path": "ä.txt"}"#.into()), ("files.write".into(), String::new())],
    };
    for answer in [
        said.clone(),
        match said {
            Answer::Say { text, calls } => Answer::AtOnce { text, calls },
            other => other,
        },
    ] {
        each(&[answer], |api, turn, heard, server| {
            let turn = turn.expect(api);
            assert_eq!((turn.text.as_str(), heard), ("Ich prüfe – gleich…", "Ich prüfe – gleich…"), "{api}");
            let calls: Vec<_> = turn.calls.iter().map(|call| (call.name.as_str(), &call.arguments)).collect();
            let (read, none) = (Arguments::Json(json!({ "path": "ä.txt" })), Arguments::Json(json!({})));
            assert_eq!(calls[0], ("files.read", &read), "{api}");
            assert!(
                calls[1] == ("files.write", &none) || calls[1] == ("files.write", &Arguments::Json(json!(null))),
                "{api}: {calls:?}"
            );
            assert_eq!(turn.stop, Stop::Calls, "{api}");
            assert_eq!((turn.tokens.input, turn.tokens.cached, turn.tokens.output), (1000, 200, 50), "{api}");
            let asked = &server.asked()[0];
            let resource = match api {
                "openai-responses" => "/v1/responses",
                "openai-chat" => "/v1/chat/completions",
                _ => "/v1/messages",
            };
            assert_eq!(asked.path, resource, "{api}");
            let key = if api == "anthropic-messages" {
                format!("x-api-key: {KEY}")
            } else {
                format!("authorization: Bearer {KEY}")
            };
            assert!(asked.headers.contains(&key), "{api}: {:?}", asked.headers);
            assert_eq!(asked.body["model"], "test-model", "{api}");
        });
    }
}

#[test]
fn a_conversation_goes_back_as_it_was() {
    for (api, path) in APIS {
        let calls = vec![
            ("files.read".to_owned(), r#"{"path":"a"}"#.to_owned()),
            ("files.write".to_owned(), "{broken".to_owned()),
        ];
        let server = ModelServer::says(vec![Answer::Say { text: "so".into(), calls }, Answer::words("done")]);
        let turn = speak(api, &server, &hello()).0.expect(api);
        assert_eq!(turn.calls[1].arguments, Arguments::Malformed("{broken".into()), "{api}");
        let results =
            turn.calls.iter().map(|call| CallResult { id: call.id.clone(), content: "ok".into(), failed: false });
        let messages = vec![
            Message::Person("hello".into()),
            Message::Turn(turn.clone()),
            Message::Results(results.collect()),
            Message::Person("and now?".into()),
        ];
        let (second, _) = speak(api, &server, &prompt(messages));
        assert_eq!(second.expect(api).text, "done", "{api}: the API takes it");
        let sent = server.asked()[1].body.to_string();
        for part in ["and now?", "files__read", "broken"] {
            assert!(sent.contains(part), "{api}: {part} is not in {sent}");
        }
        // Thoughts that only the API itself can read come back to it.
        let kept = match path {
            "/v1/responses" => r#""encrypted_content":"c2VjcmV0""#,
            "/v1/messages" => r#""signature":"c2ln""#,
            _ => "",
        };
        assert!(sent.contains(kept), "{api}: {kept} is not in {sent}");
    }
}

#[test]
fn it_declines_or_runs_out_of_words() {
    each(&[Answer::Refuse("I would rather not".into())], |api, turn, _, _| {
        assert_eq!(turn.expect(api).stop, Stop::Refused("I would rather not".into()), "{api}");
    });
    each(&[Answer::Length("and then".into())], |api, turn, _, _| {
        let turn = turn.expect(api);
        assert_eq!((turn.stop, turn.text.as_str()), (Stop::Length, "and then"), "{api}");
    });
    each(&[Answer::call("invented", json!({}))], |api, turn, _, _| {
        assert_eq!(turn.expect(api).calls[0].name, "invented", "{api}")
    });
}

#[test]
fn what_passes_is_tried_again() {
    let busy = Answer::Status { code: 429, headers: vec![("retry-after-ms", "1".into())], body: "{}".into() };
    for fault in [
        busy,
        Answer::status(529, ""),
        Answer::status(500, "oops"),
        Answer::Cut,
        Answer::Error("overloaded_error"),
        Answer::Error("rate_limit_error"),
    ] {
        each(&[fault.clone(), Answer::words("there")], |api, turn, heard, server| {
            let turn = turn.unwrap_or_else(|error| panic!("{api} after {fault:?}: {error}"));
            assert_eq!((turn.text.as_str(), server.asked().len()), ("there", 2), "{api} after {fault:?}");
            assert!(heard.ends_with("there"), "{api}: {heard}");
        });
    }
    let later =
        |seconds: &str| Answer::Status { code: 429, headers: vec![("retry-after", seconds.into())], body: "{}".into() };
    failed(&[later("600")], ModelFault::RateLimited(Some(Duration::from_secs(600))), 1, "429 Too Many Requests");
    failed(
        &[later("0"), later("0"), later("0")],
        ModelFault::RateLimited(Some(Duration::ZERO)),
        3,
        "(after 3 attempts)",
    );
    failed(&[Answer::Cut, Answer::Cut, Answer::Cut], ModelFault::Cut, 3, "the answer broke off");
    failed(&[Answer::Stall, Answer::Stall, Answer::Stall], ModelFault::Unreachable, 3, "nothing came in time");
}

#[test]
fn what_does_not_pass_is_told() {
    let body = |message: &str| json!({ "error": { "type": "x", "message": message } }).to_string();
    failed(&[Answer::status(401, &body(&format!("bad key {KEY}")))], ModelFault::Unauthorized, 1, "bad key [key]");
    failed(&[Answer::status(404, &body("no such model"))], ModelFault::Rejected, 1, "no such model");
    failed(&[Answer::status(400, &body("maximum context length is 8192"))], ModelFault::TooLong, 1, "8192");
    failed(&[Answer::status(302, "elsewhere")], ModelFault::Malformed, 1, "302 Found");
    failed(&[Answer::status(200, "hello?")], ModelFault::Malformed, 1, "neither a stream of events nor JSON: hello?");
    failed(&[Answer::Endless], ModelFault::Malformed, 1, "longer than");
}

#[test]
fn a_key_does_not_travel_in_the_clear() {
    let refuse = |url: &str, words: &str| {
        let error = RemoteModel::new(endpoint("openai-chat", url)).expect_err(url).to_string();
        assert!(error.contains(words) && !error.contains("password"), "{url}: {error}");
    };
    refuse("http://api.example.com/v1", "expected `https`");
    refuse("http://127.0.0.1.example.com/v1", "expected `https`");
    refuse("ftp://localhost/", "expected `https`");
    refuse("https://user:password@api.example.com/v1", "without a user");
    refuse("https://api.example.com/v1?key=password", "without a user, a query");
    assert!(RemoteModel::new(endpoint("openai-chat", "http://[::1]:1/v1")).is_ok());
}
