//! A language model's server that says what a test tells it to, in the form of three real APIs, and is as strict as they are.

use serde_json::{Value, json};
use std::{
    collections::HashSet,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// The three APIs: their names in plans, and their paths.
pub(crate) const APIS: [(&str, &str); 3] = [
    ("openai-responses", "/v1/responses"),
    ("openai-chat", "/v1/chat/completions"),
    ("anthropic-messages", "/v1/messages"),
];

/// What it answers to one request.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// Words, and calls by our names of functions; arguments as they are written.
    Say { text: String, calls: Vec<(String, String)> },
    /// The same, at once instead of in a stream.
    AtOnce { text: String, calls: Vec<(String, String)> },
    /// It declines.
    Refuse(String),
    /// It reaches the bound on its output.
    Length(String),
    /// Another status.
    Status { code: u16, headers: Vec<(&'static str, String)>, body: String },
    /// An error in the stream, after some words.
    Error(&'static str),
    /// The connection ends after some words.
    Cut,
    /// Words without end.
    Endless,
    /// Nothing at all.
    Stall,
}

impl Answer {
    pub(crate) fn call(name: &str, args: Value) -> Self {
        Self::calls(&[(name, args)])
    }

    pub(crate) fn calls(calls: &[(&str, Value)]) -> Self {
        let calls = calls.iter().map(|(name, args)| ((*name).to_owned(), args.to_string())).collect();
        Self::Say { text: String::new(), calls }
    }

    pub(crate) fn words(text: &str) -> Self {
        Self::Say { text: text.to_owned(), calls: Vec::new() }
    }

    pub(crate) fn status(code: u16, body: &str) -> Self {
        Self::Status { code, headers: Vec::new(), body: body.to_owned() }
    }
}

/// What decides: from the request and its number, from 0.
type Script = Box<dyn FnMut(&Value, usize) -> Answer + Send>;

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) headers: Vec<String>,
    pub(crate) body: Value,
}

pub(crate) struct ModelServer {
    port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl ModelServer {
    /// Gives these answers, one after the other, and after the last one a failure.
    pub(crate) fn says(answers: Vec<Answer>) -> Self {
        Self::start(move |_, n| answers.get(n).cloned().unwrap_or_else(|| Answer::status(400, "the script is over")))
    }

    pub(crate) fn start(script: impl FnMut(&Value, usize) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let (kept, script) = (Arc::clone(&asked), Arc::new(Mutex::new((Box::new(script) as Script, 0))));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (kept, script) = (Arc::clone(&kept), Arc::clone(&script));
                // A client that goes away is what some tests are about.
                thread::spawn(move || drop(serve(stream, &kept, &script)));
            }
        });
        Self { port, asked }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.port)
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("no panic").clone()
    }
}

fn serve(stream: TcpStream, kept: &Mutex<Vec<Asked>>, script: &Mutex<(Script, usize)>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            match line.trim_end() {
                "" => break,
                line => head.push(line.to_owned()),
            }
        }
        let length =
            head.iter().find_map(|line| line.to_lowercase().strip_prefix("content-length: ").map(str::to_owned));
        let mut body = vec![0; length.and_then(|length| length.parse().ok()).unwrap_or(0)];
        reader.read_exact(&mut body)?;
        let path = head[0].split(' ').nth(1).unwrap_or_default().to_owned();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let wrong = check(&path, &head, &body);
        kept.lock().expect("no panic").push(Asked { path: path.clone(), headers: head, body: body.clone() });
        let answer = match wrong {
            Some(wrong) => Answer::status(
                400,
                &json!({ "error": { "type": "invalid_request_error", "message": wrong } }).to_string(),
            ),
            None => {
                let mut script = script.lock().expect("no panic");
                script.1 += 1;
                let number = script.1 - 1;
                (script.0)(&body, number)
            }
        };
        if !respond(&stream, &path, &answer)? {
            return Ok(());
        }
    }
}

/// Sends an answer; whether the connection can go on.
fn respond(mut stream: &TcpStream, path: &str, answer: &Answer) -> std::io::Result<bool> {
    let events = match answer {
        Answer::Stall => {
            // Until the client goes.
            let _ = stream.read(&mut [0])?;
            return Ok(false);
        }
        Answer::Status { code, headers, body } => {
            let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
            write!(stream, "HTTP/1.1 {code} X\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len())?;
            return Ok(true);
        }
        Answer::AtOnce { text, calls } => {
            let body = whole(path, text, calls).to_string();
            write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            )?;
            return Ok(true);
        }
        Answer::Say { text, calls } => events(path, text, calls, "end"),
        Answer::Refuse(why) => events(path, why, &[], "refusal"),
        Answer::Length(text) => events(path, text, &[], "length"),
        Answer::Error(kind) => {
            let mut all = events(path, "so", &[], "end");
            all.truncate(all.len() / 2);
            all.push((
                "error".into(),
                json!({ "type": "error", "error": { "type": kind, "code": kind, "message": "not now" } }),
            ));
            all
        }
        Answer::Cut | Answer::Endless => {
            let mut all = events(path, "so far so good", &[], "end");
            all.truncate(all.len() / 2);
            all
        }
    };
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"
    )?;
    let mut text = String::from(": hello\n\n");
    for (kind, data) in &events {
        // Chat completions have no kinds.
        if !path.ends_with("/completions") {
            text += &format!("event: {kind}\n");
        }
        text += &format!("data: {data}\n\n");
    }
    // Pieces that end in the middle of everything.
    for piece in text.as_bytes().chunks(61) {
        write!(stream, "{:x}\r\n", piece.len())?;
        stream.write_all(piece)?;
        stream.write_all(b"\r\n")?;
    }
    match answer {
        Answer::Cut => return Ok(false),
        Answer::Endless => loop {
            let more =
                format!("data: {}\n\n", json!({ "type": "response.output_text.delta", "delta": "x".repeat(60_000) }));
            write!(stream, "{:x}\r\n{more}\r\n", more.len())?;
        },
        _ => {}
    }
    if path.ends_with("/completions") {
        write!(stream, "e\r\ndata: [DONE]\n\n\r\n")?;
    }
    stream.write_all(b"0\r\n\r\n")?;
    Ok(true)
}

fn wire(name: &str) -> String {
    name.replace('.', "__")
}

/// An answer in its final form.
fn whole(path: &str, text: &str, calls: &[(String, String)]) -> Value {
    if path.ends_with("/responses") {
        let mut output =
            vec![json!({ "type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "c2VjcmV0" })];
        if !text.is_empty() {
            output.push(
                json!({ "type": "message", "role": "assistant", "content": [{ "type": "output_text", "text": text }] }),
            );
        }
        output.extend(calls.iter().enumerate().map(|(n, (name, args))| {
            json!({ "type": "function_call", "id": format!("fc_{n}"), "call_id": format!("call_{n}"), "name": wire(name), "arguments": args })
        }));
        json!({
            "id": "resp_1", "status": "completed", "output": output,
            "usage": { "input_tokens": 1000, "input_tokens_details": { "cached_tokens": 200 }, "output_tokens": 50 },
        })
    } else if path.ends_with("/completions") {
        let calls: Vec<_> = calls.iter().enumerate().map(|(n, (name, args))| {
            json!({ "index": n, "id": format!("call_{n}"), "type": "function", "function": { "name": wire(name), "arguments": args } })
        }).collect();
        let finish = if calls.is_empty() { "stop" } else { "tool_calls" };
        json!({
            "choices": [{ "index": 0, "message": { "role": "assistant", "content": text, "tool_calls": calls }, "finish_reason": finish }],
            "usage": { "prompt_tokens": 1000, "prompt_tokens_details": { "cached_tokens": 200 }, "completion_tokens": 50 },
        })
    } else {
        let mut content = vec![json!({ "type": "thinking", "thinking": "hm", "signature": "c2ln" })];
        if !text.is_empty() {
            content.push(json!({ "type": "text", "text": text }));
        }
        content.extend(calls.iter().enumerate().map(|(n, (name, args))| {
            let input: Value = serde_json::from_str(args).unwrap_or_default();
            json!({ "type": "tool_use", "id": format!("toolu_{n}"), "name": wire(name), "input": input })
        }));
        json!({
            "type": "message", "role": "assistant", "content": content,
            "stop_reason": if calls.is_empty() { "end_turn" } else { "tool_use" },
            "usage": { "input_tokens": 800, "cache_read_input_tokens": 200, "output_tokens": 50 },
        })
    }
}

/// The same as a stream of events.
fn events(path: &str, text: &str, calls: &[(String, String)], end: &str) -> Vec<(String, Value)> {
    let mut all: Vec<(String, Value)> = Vec::new();
    let mut push = |data: Value| all.push((data["type"].as_str().unwrap_or_default().to_owned(), data));
    let half = |text: &str| {
        let middle = text.char_indices().nth(text.chars().count() / 2).map_or(0, |(at, _)| at);
        [text[..middle].to_owned(), text[middle..].to_owned()]
    };
    let mut done = whole(path, text, calls);
    if path.ends_with("/responses") {
        push(json!({ "type": "response.created", "response": { "id": "resp_1" } }));
        for piece in half(text) {
            push(json!({ "type": "response.output_text.delta", "output_index": 1, "delta": piece }));
        }
        match end {
            "refusal" => done["output"][1]["content"] = json!([{ "type": "refusal", "refusal": text }]),
            "length" => {
                done["status"] = "incomplete".into();
                done["incomplete_details"] = json!({ "reason": "max_output_tokens" });
            }
            _ => {}
        }
        let kind = if end == "length" { "response.incomplete" } else { "response.completed" };
        push(json!({ "type": kind, "response": done }));
    } else if path.ends_with("/completions") {
        let mut chunk = |delta: Value, finish: Value| {
            push(json!({ "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }] }))
        };
        chunk(json!({ "role": "assistant", "content": "" }), Value::Null);
        for piece in half(text) {
            chunk(
                if end == "refusal" { json!({ "refusal": piece }) } else { json!({ "content": piece }) },
                Value::Null,
            );
        }
        for (n, (name, args)) in calls.iter().enumerate() {
            chunk(
                json!({ "tool_calls": [{ "index": n, "id": format!("call_{n}"), "type": "function", "function": { "name": wire(name), "arguments": "" } }] }),
                Value::Null,
            );
            for piece in half(args) {
                chunk(json!({ "tool_calls": [{ "index": n, "function": { "arguments": piece } }] }), Value::Null);
            }
        }
        let finish = match end {
            "length" => "length",
            _ if calls.is_empty() => "stop",
            _ => "tool_calls",
        };
        chunk(json!({}), finish.into());
        push(json!({ "choices": [], "usage": done["usage"] }));
    } else {
        push(
            json!({ "type": "message_start", "message": { "usage": { "input_tokens": 800, "cache_read_input_tokens": 200, "output_tokens": 1 } } }),
        );
        push(json!({ "type": "ping" }));
        let mut place = 0;
        push(
            json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "thinking", "thinking": "", "signature": "" } }),
        );
        push(
            json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "thinking_delta", "thinking": "hm" } }),
        );
        push(
            json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "signature_delta", "signature": "c2ln" } }),
        );
        if !text.is_empty() {
            place += 1;
            push(
                json!({ "type": "content_block_start", "index": place, "content_block": { "type": "text", "text": "" } }),
            );
            for piece in half(text) {
                push(
                    json!({ "type": "content_block_delta", "index": place, "delta": { "type": "text_delta", "text": piece } }),
                );
            }
            push(json!({ "type": "content_block_stop", "index": place }));
        }
        for (n, (name, args)) in calls.iter().enumerate() {
            place += 1;
            push(
                json!({ "type": "content_block_start", "index": place, "content_block": { "type": "tool_use", "id": format!("toolu_{n}"), "name": wire(name), "input": {} } }),
            );
            for piece in half(args) {
                push(
                    json!({ "type": "content_block_delta", "index": place, "delta": { "type": "input_json_delta", "partial_json": piece } }),
                );
            }
            push(json!({ "type": "content_block_stop", "index": place }));
        }
        let stop = match end {
            "refusal" => "refusal",
            "length" => "max_tokens",
            _ if calls.is_empty() => "end_turn",
            _ => "tool_use",
        };
        push(json!({ "type": "message_delta", "delta": { "stop_reason": stop }, "usage": { "output_tokens": 50 } }));
        push(json!({ "type": "message_stop" }));
    }
    all
}

/// What the real API would refuse.
fn check(path: &str, head: &[String], body: &Value) -> Option<String> {
    let header = |name: &str| head.iter().any(|line| line.to_lowercase().starts_with(&format!("{name}: ")));
    let need = |keys: &[&str]| keys.iter().find(|key| body[**key].is_null()).map(|key| format!("missing: {key}"));
    let tools = body["tools"].as_array().cloned().unwrap_or_default();
    let name_of =
        |tool: &Value| tool["name"].as_str().or(tool["function"]["name"].as_str()).unwrap_or_default().to_owned();
    let names: HashSet<_> = tools.iter().map(name_of).collect();
    if names.len() != tools.len() {
        return Some("tool names must be unique".into());
    }
    let allowed = |name: &String| {
        (1..=64).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
    };
    if let Some(name) = names.iter().find(|name| !allowed(name)) {
        return Some(format!("invalid tool name {name}"));
    }
    if body["stream"] != true {
        return Some("expected a stream".into());
    }
    match path {
        "/v1/responses" => need(&["model", "input", "instructions", "max_output_tokens"]).or_else(|| {
            let items = body["input"].as_array().cloned().unwrap_or_default();
            let ids = |kind: &str| {
                items
                    .iter()
                    .filter(|item| item["type"] == kind)
                    .map(|item| item["call_id"].to_string())
                    .collect::<Vec<_>>()
            };
            let (calls, results) = (ids("function_call"), ids("function_call_output"));
            if calls != results {
                return Some(format!("no tool output found for function call: {calls:?} {results:?}"));
            }
            tools
                .iter()
                .any(|tool| tool["type"] != "function" || !tool["parameters"].is_object())
                .then(|| "tools".into())
        }),
        "/v1/chat/completions" => need(&["model", "messages", "max_completion_tokens"]).or_else(|| {
            let mut open: Vec<String> = Vec::new();
            for message in body["messages"].as_array().into_iter().flatten() {
                match message["role"].as_str().unwrap_or_default() {
                    "assistant" => {
                        open = message["tool_calls"]
                            .as_array()
                            .into_iter()
                            .flatten()
                            .map(|call| call["id"].to_string())
                            .collect();
                        if message["tool_calls"].as_array().is_some_and(Vec::is_empty) {
                            return Some("tool_calls must not be empty".into());
                        }
                    }
                    "tool" => {
                        let id = message["tool_call_id"].to_string();
                        match open.iter().position(|known| *known == id) {
                            Some(at) => drop(open.remove(at)),
                            None => return Some(format!("no call {id}")),
                        }
                    }
                    "system" | "user" if open.is_empty() => {}
                    other => return Some(format!("{other} where results are missing: {open:?}")),
                }
            }
            (!open.is_empty()).then(|| format!("calls without results: {open:?}"))
        }),
        "/v1/messages" => need(&["model", "messages", "max_tokens"]).or_else(|| {
            if !header("anthropic-version") {
                return Some("anthropic-version: header is required".into());
            }
            let mut last = "";
            let mut open: Vec<String> = Vec::new();
            for message in body["messages"].as_array().into_iter().flatten() {
                let role = message["role"].as_str().unwrap_or_default();
                if role == last || (last.is_empty() && role != "user") {
                    return Some("roles must alternate".into());
                }
                last = role;
                let blocks = message["content"].as_array().cloned().unwrap_or_default();
                if blocks.is_empty() || blocks.iter().any(|block| block["type"] == "text" && block["text"] == "") {
                    return Some("text content blocks must be non-empty".into());
                }
                if role == "assistant" {
                    open = blocks
                        .iter()
                        .filter(|block| block["type"] == "tool_use")
                        .map(|block| block["id"].to_string())
                        .collect();
                    if blocks.iter().any(|block| block["type"] == "tool_use" && !block["input"].is_object()) {
                        return Some("tool_use.input: expected an object".into());
                    }
                } else {
                    let results: Vec<_> = blocks
                        .iter()
                        .filter(|block| block["type"] == "tool_result")
                        .map(|block| block["tool_use_id"].to_string())
                        .collect();
                    if results != open {
                        return Some(format!("tool_use ids without tool_result blocks: {open:?} {results:?}"));
                    }
                    open.clear();
                }
            }
            tools.iter().any(|tool| !tool["input_schema"].is_object()).then(|| "tools".into())
        }),
        other => Some(format!("no such path {other}")),
    }
}
