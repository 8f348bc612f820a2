//! What arrives at a host when a tool asks by the SDK, and what the tool makes of the answers.
#![allow(clippy::disallowed_methods, reason = "builds a package as an author does")]

mod host;

use host::{run, text};
use wasmtime::component::Val;

/// Sends a request, and gives what arrived and what the tool got.
fn send(method: &str, url: &str, hops: u32, how: Val) -> (Vec<String>, Result<String, String>) {
    let arguments = [Val::String(method.into()), Val::String(url.into()), Val::U32(hops), how];
    let (seen, result) = run("send", &arguments);
    (seen, text(result))
}

fn how(case: &str, count: Option<u32>) -> Val {
    Val::Variant(case.into(), count.map(|count| Box::new(Val::U32(count))))
}

#[track_caller]
fn check(sent: (Vec<String>, Result<String, String>), seen: &[&str], got: Result<&str, &str>) {
    assert_eq!(sent.0, seen);
    assert_eq!(sent.1, got.map(str::to_owned).map_err(str::to_owned));
}

#[test]
fn a_request_arrives_as_it_was_made() {
    check(
        send("GET", "https://A.example:443/echo/ü?q=1 2#part", 0, how("full", None)),
        &[
            "GET https://a.example/echo/%C3%BC?q=1%202 accept: text/plain; authorization: own; gloveport-secret: github; bearer; gloveport-secret: key; query=api_key; 7s; 0 bytes",
        ],
        Ok("200 https://a.example/echo/%C3%BC?q=1%202#part hello"),
    );
    check(
        send("GET", "http://[::1]:8080", 0, how("bare", None)),
        &["GET http://[::1]:8080/ 0 bytes"],
        Ok("200 http://[::1]:8080/ hello"),
    );
    check(
        send("PURGE", "https://a.example/", 0, how("bare", None)),
        &["PURGE https://a.example/ 0 bytes"],
        Ok("200 https://a.example/ hello"),
    );
}

#[test]
fn bodies_of_any_size_arrive_whole() {
    for count in [0, 1, 65_536, 65_537, 3_000_000] {
        let seen = format!("POST https://a.example/ content-length: {count}; {count} bytes");
        check(
            send("POST", "https://a.example/", 0, how("bytes", Some(count))),
            &[&seen],
            Ok("200 https://a.example/ hello"),
        );
        let seen = format!("PUT https://a.example/ {count} bytes");
        check(
            send("PUT", "https://a.example/", 0, how("stream", Some(count))),
            &[&seen],
            Ok("200 https://a.example/ hello"),
        );
    }
    check(
        send("POST", "https://a.example/", 0, how("bare", None)),
        &["POST https://a.example/ content-length: 0; 0 bytes"],
        Ok("200 https://a.example/ hello"),
    );
}

#[test]
fn an_answer_before_the_body_ends_the_sending() {
    let url = "https://a.example/early";
    for case in ["bytes", "stream"] {
        let (seen, got) = send("POST", url, 0, how(case, Some(30_000_000)));
        assert!(seen[0].ends_with("unread"), "{seen:?}");
        assert_eq!(got, Ok(format!("413 {url} too much")));
    }
}

#[test]
fn secrets_do_not_follow_to_another_origin() {
    let all = "accept: text/plain; authorization: own; gloveport-secret: github; bearer; gloveport-secret: key; query=api_key; 7s; 0 bytes";
    check(
        send("GET", "https://a.example/here", 1, how("full", None)),
        &[&format!("GET https://a.example/here {all}"), &format!("GET https://a.example/echo {all}")],
        Ok("200 https://a.example/echo hello"),
    );
    check(
        send("GET", "https://a.example/there", 1, how("full", None)),
        &[&format!("GET https://a.example/there {all}"), "GET https://b.example/echo accept: text/plain; 7s; 0 bytes"],
        Ok("200 https://b.example/echo hello"),
    );
    check(
        send("POST", "https://a.example/there", 0, how("bytes", Some(1))),
        &["POST https://a.example/there content-length: 1; 1 bytes"],
        Ok("307 https://a.example/there "),
    );
    check(
        send("POST", "https://a.example/there", 1, how("bytes", Some(2))),
        &[
            "POST https://a.example/there content-length: 2; 2 bytes",
            "POST https://b.example/echo content-length: 2; 2 bytes",
        ],
        Ok("200 https://b.example/echo hello"),
    );
}

#[test]
fn refusals_are_told_from_failures() {
    let check = |url: &str, expected: &str| {
        for count in [None, Some(1), Some(3_000_000)] {
            let how = count.map_or_else(|| how("bare", None), |count| how("bytes", Some(count)));
            assert_eq!(send("POST", url, 5, how).1, Err(expected.to_owned()), "{url} {count:?}");
        }
    };
    check("https://a.example/denied?key=1", r#"Denied("POST https://a.example")"#);
    check("https://a.example/private", r#"Denied("POST https://a.example: its address")"#);
    check("https://a.example/to-denied", r#"Denied("POST https://b.example")"#);
    check("https://a.example/unknown", r#"Failed("POST https://a.example: the name could not be resolved")"#);
    check("https://a.example/limit", r#"Failed("POST https://a.example: a limit of the call was reached")"#);
    check(
        "https://a.example/header",
        r#"Invalid("POST https://a.example: the header `gloveport-secret` does not fit")"#,
    );
}

#[test]
fn bodies_of_responses_are_bounded_and_may_break_off() {
    let check = |url: &str, expected: &str| {
        assert_eq!(text(run("count", &[Val::String(url.into())]).1), Ok(expected.to_owned()));
    };
    check("https://a.example/echo", "5");
    check("https://a.example/large", "200000");
    // For errors in a body, wasmtime 48 has no code but only a text.
    check("https://a.example/broken", r#"5, then Failed("GET https://a.example: connection terminated")"#);
    let got = send("GET", "https://a.example/large", 0, how("bare", None)).1;
    assert_eq!(got, Err("TooLarge { max: 65536 }".to_owned()));
    let got = send("GET", "https://a.example/binary", 0, how("bare", None)).1;
    assert_eq!(got, Err("NotText { valid: 1 }".to_owned()));
}

#[test]
fn tools_are_called_by_id() {
    let check = |tool: &str, expected: &str| {
        let (seen, result) = run("invoke", &[Val::String(tool.into()), Val::String("{\"a\":1}".into())]);
        let call = format!("invoke {tool} {{\"a\":1}}");
        let log = format!("log warn calling {tool}");
        assert_eq!(seen, [log.as_str(), "progress 1 Some(2) half", "progress 2 None ", &call, &call]);
        assert_eq!(text(result), Ok(expected.to_owned()));
    };
    check("math.add", r#"Ok("3") Ok(3)"#);
    check(
        "text.count",
        r#"Ok("{}") Err(Unexpected("what `text.count` gave: invalid type: map, expected u32 at line 1 column 0"))"#,
    );
    check("a.denied", r#"Err(Denied("it")) Err(Denied("it"))"#);
    check("a.invalid", r#"Err(Invalid("it")) Err(Invalid("it"))"#);
    check("a.failed", r#"Err(Failed("it")) Err(Failed("it"))"#);
    check("a.stopped", r#"Err(Stopped("it")) Err(Stopped("it"))"#);
}
