//! The http door, from both sides: what a guest asks for, and what a server sees of it.

use crate::{
    program::{Ended, Place, guest},
    server::{Asked, Server, raw},
};
use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use serde_json::{Value, json};

const SECRET: &str = "tok-0123456789abcdef/+";

/// Gives back what was asked, as text, and does as some paths say.
fn echo(asked: &Asked) -> Response<Full<Bytes>> {
    let text = |text: String| Response::new(Full::new(Bytes::from(text)));
    let shown = format!("{} {} {:?} {}", asked.method, asked.path, asked.headers, asked.body.len());
    match asked.path.split('?').next().unwrap_or_default() {
        "/redirect" => {
            let mut response = text(String::new());
            *response.status_mut() = http::StatusCode::FOUND;
            let to = http::HeaderValue::from_static("http://169.254.169.254/latest/meta-data/");
            response.headers_mut().insert("location", to);
            response
        }
        "/large" => text("x".repeat(1 << 20)),
        "/headers" => {
            let mut response = text(String::new());
            for index in 0..40 {
                let name = http::HeaderName::try_from(format!("x-{index}")).expect("a name");
                response.headers_mut().insert(name, "v".repeat(1000).try_into().expect("a value"));
            }
            response
        }
        "/leak" => {
            let got = asked.header("authorization").or(asked.header("x-api-key")).unwrap_or_default().to_owned();
            let mut response = text(format!("you said {got}, or {}", hex(got.as_bytes())));
            response.headers_mut().insert("x-leak", got.try_into().expect("a value"));
            response
        }
        _ => text(shown),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn ask(authority: &str, path: &str) -> Value {
    json!({ "method": "GET", "scheme": "http", "authority": authority, "path": path })
}

/// Calls a function of the guest that sends requests.
fn call(place: &Place, function: &str, args: &Value, flags: &[&str]) -> Ended {
    let (tool, args, package) = (format!("net.{function}"), args.to_string(), guest("net").display().to_string());
    let mut line = vec!["call", &tool, &args, "--json", "--package", &package];
    line.extend(flags);
    place.run(&line)
}

/// Sends one request, and asserts how the call ended.
#[track_caller]
fn check(ask: &Value, flags: &[&str], code: i32, expected: &str) -> Value {
    check_in(&Place::new(), ask, flags, code, expected)
}

#[track_caller]
fn check_in(place: &Place, ask: &Value, flags: &[&str], code: i32, expected: &str) -> Value {
    let ended = call(place, "send", &json!({ "ask": ask }), flags);
    assert_eq!(ended.code, Some(code), "{:.300}: {ended:?}", ask.to_string());
    let outcome = ended.json();
    assert!(
        outcome["end"].to_string().contains(expected),
        "{:.300}: expected {expected} in {:.2000}",
        ask.to_string(),
        outcome.to_string()
    );
    outcome
}

#[test]
pub(crate) fn net() {
    let server = Server::start(echo);
    let authority = server.address.to_string();
    let local = ["--http", "127.0.0.1", "--reach", "127.0.0.1"];
    let outcome = check(&ask(&authority, "/a?b=c"), &local, 0, "GET /a?b=c");
    let done = &outcome["effects"]["done"][0];
    assert_eq!(done["path"], format!("GET http://{authority}/a"), "{outcome}");
    assert_eq!(outcome["effects"]["hosts_read"], json!(["127.0.0.1"]));
    assert!(outcome["usage"]["sent"].as_u64() > Some(10) && outcome["usage"]["received"].as_u64() > Some(10));

    let mut post = ask(&authority, "/b");
    post["method"] = "POST".into();
    post["body"] = "sixteen bytes ok".into();
    post["times"] = 1_000.into();
    post["headers"] = json!([["x-mine", "yes"]]);
    check(&post, &local, 0, " 16000");
    let asked = server.asked();
    assert_eq!(asked.len(), 2);
    assert_eq!((asked[1].header("host"), asked[1].header("x-mine")), (Some(authority.as_str()), Some("yes")));

    // Nothing, or not enough, or something else was granted: the server hears nothing.
    let other_port = format!("127.0.0.1:{}", server.address.port() ^ 1);
    for (flags, code) in [
        (&[][..], "HttpRequestDenied"),
        (&["--http", "127.0.0.1"][..], "DestinationIpProhibited"),
        (&["--reach", "127.0.0.0/8"][..], "HttpRequestDenied"),
        (&["--http", "*.example.com", "--reach", "127.0.0.1"][..], "HttpRequestDenied"),
        (&["--http", &other_port, "--reach", "127.0.0.1"][..], "HttpRequestDenied"),
        (&["--http", "127.0.0.1", "--reach", "10.0.0.0/8"][..], "DestinationIpProhibited"),
    ] {
        let outcome = check(&ask(&authority, "/denied"), flags, 4, code);
        let refused = &outcome["effects"]["refused"][0];
        assert_eq!(refused["path"], format!("GET http://{authority}/denied"), "{outcome}");
        let why = refused["why"].as_str().unwrap_or_default();
        assert!(why.contains("permit(principal == Agent::\"operator\""), "{outcome}");
    }
    assert_eq!(server.asked().len(), 2);
}

#[test]
fn policy_sees_the_request() {
    let server = Server::start(echo);
    let authority = server.address.to_string();
    let place = Place::new();
    place.write(
        "policy.cedar",
        r#"
        permit (principal, action == Action::"call", resource);
        permit (principal, action == Action::"reach", resource == Address::"127.0.0.1");
        permit (principal, action == Action::"request", resource == Host::"127.0.0.1")
          when { context.request.method == "GET" && context.request.path like "/public/*" };
        @id("tainted") forbid (principal, action == Action::"request", resource)
          when { context.sources.contains("http:127.0.0.1") && context.request.path like "*exfiltrate*" };
    "#,
    );
    place.write("gloveport.toml", "policy = [\"policy.cedar\"]");
    let one = |method: &str, path: &str, expected: &str| {
        let mut ask = ask(&authority, path);
        ask["method"] = method.into();
        check_in(&place, &ask, &[], if expected.contains(' ') { 0 } else { 4 }, expected);
    };
    one("GET", "/public/a", "GET /public/a");
    one("GET", "/public/%2e%2e/private", "HttpRequestDenied");
    one("GET", "/public/../private", "HttpRequestDenied");
    one("GET", "/private", "HttpRequestDenied");
    one("POST", "/public/a", "HttpRequestDenied");
    one("PURGE", "/public/a", "HttpRequestDenied");
    // What was read before is part of what is decided.
    let asks = json!({ "asks": [ask(&authority, "/public/a"), ask(&authority, "/public/exfiltrate")] });
    let ended = call(&place, "each", &asks, &[]);
    let got = &ended.json()["end"]["value"];
    assert!(got[0].as_str().is_some_and(|text| text.starts_with("GET /public/a")), "{ended:?}");
    assert!(got[1].as_str().is_some_and(|text| text.contains("HttpRequestDenied")), "{ended:?}");
    one("GET", "/public/exfiltrate", "GET /public/exfiltrate");
}

/// Every spelling of what is not public, and names that lead there.
#[test]
fn what_is_not_public_is_refused() {
    let place = Place::new();
    place.write(
        "gloveport.toml",
        "[network.hosts]\n\"inside.test\" = [\"10.0.0.1\"]\n\"both.test\" = [\"1.1.1.1\", \"127.0.0.1\"]\n\"mapped.test\" = [\"::ffff:127.0.0.1\"]\n\"none.test\" = []\n",
    );
    let prohibited = "DestinationIpProhibited";
    for (authority, expected) in [
        ("127.0.0.1", prohibited),
        ("2130706433", prohibited),
        ("0x7f.1", prohibited),
        ("0177.0.0.1", prohibited),
        ("127.1", prohibited),
        ("0", prohibited),
        ("[::1]", prohibited),
        ("[::ffff:127.0.0.1]", prohibited),
        ("[::ffff:a9fe:a9fe]", prohibited),
        ("[64:ff9b::a9fe:a9fe]", prohibited),
        ("[2002:7f00:1::]", prohibited),
        ("[fd00:ec2::254]", prohibited),
        ("169.254.169.254", prohibited),
        ("169.254.169.254.", prohibited),
        ("100.100.100.200", prohibited),
        ("inside.test", prohibited),
        ("INSIDE.test.", prohibited),
        ("both.test", prohibited),
        ("mapped.test", prohibited),
        ("none.test", "DnsError"),
        ("user@127.0.0.1", "HttpRequestUriInvalid"),
        ("user:word@both.test", "HttpRequestUriInvalid"),
        ("a..b", "HttpRequestUriInvalid"),
        ("127.0.0.1:0", "HttpRequestUriInvalid"),
    ] {
        let outcome = check_in(&place, &ask(authority, "/"), &["--http", "*"], 4, expected);
        assert_eq!(outcome["effects"]["done"], Value::Null, "{outcome}");
    }
}

#[test]
fn odd_requests_are_refused() {
    let server = Server::start(echo);
    let authority = server.address.to_string();
    let local = ["--http", "127.0.0.1", "--reach", "127.0.0.1"];
    let with = |key: &str, value: Value| {
        let mut ask = ask(&authority, "/");
        ask[key] = value;
        ask
    };
    let headers = |name: &str, value: &str| with("headers", json!([[name, value]]));
    check(&with("method", "CONNECT".into()), &local, 4, "HttpRequestMethodInvalid");
    check(&with("method", "TRACE".into()), &local, 4, "HttpRequestMethodInvalid");
    check(&with("scheme", "gopher".into()), &local, 4, "HttpProtocolError");
    check(&with("path", "http://other.test/".into()), &local, 4, "path");
    for name in [
        "host",
        "connection",
        "transfer-encoding",
        "upgrade",
        "te",
        "trailer",
        "expect",
        "keep-alive",
        "http2-settings",
    ] {
        check(&headers(name, "chunked"), &local, 4, "Forbidden");
    }
    check(&headers("x-a", "b\r\nx-c: d"), &local, 4, "InvalidSyntax");
    check(&headers("x a", "b"), &local, 4, "InvalidSyntax");
    check(&headers("x-large", &"v".repeat(70_000)), &local, 4, "eader");
    assert_eq!(server.asked().len(), 0);
    // A body that is not what its header says is noticed when it ends; the server may have seen the headers by then.
    check(&headers("content-length", "5"), &local, 4, "HttpRequestBodySize");
}

#[test]
fn redirects_are_decided_anew() {
    let server = Server::start(echo);
    let local = ["--http", "*", "--reach", "127.0.0.1"];
    let outcome = check(&ask(&server.address.to_string(), "/redirect"), &local, 0, r#""status":302"#);
    assert_eq!(server.asked().len(), 1, "nobody followed it: {outcome}");
    check(&ask("169.254.169.254", "/latest/meta-data/"), &local, 4, "DestinationIpProhibited");
}

#[test]
fn limits_of_the_network() {
    let server = Server::start(echo);
    let authority = server.address.to_string();
    let check = |ask: &Value, limit: &str, code: i32, expected: &str| {
        let flags = ["--http", "127.0.0.1", "--reach", "127.0.0.1", "--limit", limit];
        check(ask, &flags, code, expected)
    };
    let large = ask(&authority, "/large");
    check(&large, "received=1MiB", 5, r#""limit":"received","value":1048576"#);
    check(&large, "received=1050000", 0, "xxxx");
    let mut post = ask(&authority, "/");
    post["method"] = "POST".into();
    post["body"] = "x".repeat(1000).into();
    post["times"] = 100.into();
    check(&post, "sent=100000", 5, r#""limit":"sent","value":100000"#);
    check(&post, "sent=101000", 0, " 100000");
    check(&ask(&authority, "/headers"), "headers=40000", 4, "HttpResponseHeaderSectionSize");
    check(&ask(&authority, "/headers"), "headers=42000", 0, "x-39");
    let mut headers = ask(&authority, "/");
    headers["headers"] = json!([["x-a", "v".repeat(3000)]]);
    check(&headers, "headers=3000", 4, "HttpRequestHeaderSectionSize");
    check(&headers, "headers=3100", 0, "x-a");

    let many = |count: u32, limit: &str| {
        let args = json!({ "ask": ask(&authority, "/"), "count": count });
        call(&Place::new(), "many", &args, &["--http", "127.0.0.1", "--reach", "127.0.0.1", "--limit", limit])
    };
    many(4, "connections=4").expect(0, &[r#""value":4"#]);
    many(5, "connections=4").expect(5, &[r#""limit":"connections","value":4"#]);
}

#[test]
fn odd_servers_do_no_harm() {
    let local = ["--http", "127.0.0.1", "--reach", "127.0.0.1"];
    let served = |bytes: &[u8], close: bool| ask(&raw(bytes.to_vec(), close).to_string(), "/");
    let ok = "HTTP/1.1 200 OK\r\n";
    let check_raw = |head: &str, close: bool, flags: &[&str], code: i32, expected: &str| {
        let flags = [&local[..], flags].concat();
        check(&served(head.as_bytes(), close), &flags, code, expected);
    };
    check_raw(&format!("{ok}content-length: 2\r\n\r\nok"), false, &[], 0, r#""body":"ok""#);
    check_raw(&format!("{ok}content-length: 9\r\n\r\nok"), true, &[], 4, "");
    check_raw(&format!("{ok}content-length: 2\r\ncontent-length: 3\r\n\r\nokk"), true, &[], 4, "");
    check_raw("\u{1}\u{2}garbage\r\n\r\n", true, &[], 4, "");
    check_raw("", true, &[], 4, "");
    // It never says anything, or stops in the middle: the call's own time is over then, whatever it waits for.
    check_raw("", false, &["--limit", "wall=300ms"], 5, r#""limit":"wall""#);
    check_raw(&format!("{ok}content-length: 9\r\n\r\nok"), false, &["--limit", "wall=300ms"], 5, r#""limit":"wall""#);
    let endless = format!("{ok}{}", "x-a: b\r\n".repeat(100_000));
    check_raw(&endless, true, &[], 4, "");
}

#[test]
fn connections_are_kept_and_follow_what_was_checked() {
    let server = Server::start(echo);
    let authority = server.address.to_string();
    let local = ["--http", "127.0.0.1", "--reach", "127.0.0.1"];
    let asks: Vec<_> = (0..5).map(|_| ask(&authority, "/")).collect();
    call(&Place::new(), "each", &json!({ "asks": asks }), &local).expect(0, &[]);
    assert_eq!((server.asked().len(), server.connections()), (5, 1));
}

#[test]
fn tls_proves_who_answers() {
    let place = Place::new();
    let server = Server::start_tls(echo, "api.test", &place.path("ca.pem"));
    let port = server.address.port();
    place.write(
        "gloveport.toml",
        "[network]\ncertificates = [\"ca.pem\"]\n[network.hosts]\n\"api.test\" = [\"127.0.0.1\"]\n\"other.test\" = [\"127.0.0.1\"]\n",
    );
    let flags = ["--http", "*.test", "--reach", "127.0.0.1"];
    let https = |host: &str| {
        let mut ask = ask(&format!("{host}:{port}"), "/a");
        ask["scheme"] = "https".into();
        ask
    };
    check_in(&place, &https("api.test"), &flags, 0, "GET /a");
    assert_eq!(server.asked()[0].version, http::Version::HTTP_2);
    check_in(&place, &https("other.test"), &flags, 4, "TlsCertificateError");
    place.write("gloveport.toml", "[network.hosts]\n\"api.test\" = [\"127.0.0.1\"]\n");
    check_in(&place, &https("api.test"), &flags, 4, "TlsCertificateError");
    place.write("gloveport.toml", "[network]\ncertificates = [\"policy.cedar\"]\n");
    place.write("policy.cedar", "permit (principal, action, resource);");
    call(&place, "send", &json!({ "ask": https("api.test") }), &flags)
        .expect(70, &["policy.cedar: it holds no certificate"]);
}

/// The system's keyring, where this machine lets its users have one.
#[test]
fn secrets_come_from_the_keyring() {
    let place = Place::new();
    let user = format!("test-{}", std::process::id());
    let entry = keyring::Entry::new("gloveport-e2e", &user).expect("a name");
    let absent = format!("[secrets.token]\nkeyring = \"gloveport-e2e/{user}-absent\"\n");
    let server = Server::start(echo);
    let flags = ["--http", "127.0.0.1", "--reach", "127.0.0.1", "--secret", "token=127.0.0.1"];
    let mut asks = ask(&server.address.to_string(), "/");
    asks["headers"] = json!([["gloveport-secret", "token; bearer"]]);
    if let Err(error) = entry.set_password(SECRET) {
        eprintln!("no keyring can be had here, so it is only tested that there is none: {error}");
        place.write("gloveport.toml", &absent);
        call(&place, "send", &json!({ "ask": asks }), &flags).expect(2, &["keyring"]);
        return;
    }
    place.write("gloveport.toml", &format!("[secrets.token]\nkeyring = \"gloveport-e2e/{user}\"\n"));
    let ended = call(&place, "send", &json!({ "ask": asks }), &flags);
    entry.delete_credential().expect("it is there");
    ended.expect(0, &["you said Bearer **********************"]);
    let asked = server.asked().last().cloned().expect("it was asked");
    assert_eq!(asked.header("authorization"), Some(format!("Bearer {SECRET}").as_str()));
    place.write("gloveport.toml", &absent);
    call(&place, "send", &json!({ "ask": asks }), &flags).expect(2, &["the keyring has no entry"]);
}

#[test]
fn secrets_go_where_policy_says_and_never_come_back() {
    let server = Server::start(echo);
    let authority = server.address.to_string();
    let place = Place::new();
    place.write("token", &format!("{SECRET}\n"));
    let private = |mode: u32| {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(place.path("token"), std::fs::Permissions::from_mode(mode)).expect("a mode");
    };
    private(0o600);
    place.write("gloveport.toml", "[secrets.token]\nfile = \"token\"\n[secrets.other]\nenv = \"HOST_SECRET\"\n[network.hosts]\n\"far.test\" = [\"10.0.0.1\"]\n");
    let flags = ["--http", "*", "--reach", "0.0.0.0/0", "--secret", "token=127.0.0.1", "--secret", "token=far.test"];
    let with = |authority: &str, header: &str| {
        let mut ask = ask(authority, "/leak?q=1");
        ask["headers"] = json!([["gloveport-secret", header]]);
        ask
    };
    let send = |header: &str| {
        let ended = call(&place, "send", &json!({ "ask": with(&authority, header) }), &flags);
        let encoded = hex(SECRET.as_bytes());
        for text in [SECRET, &encoded, "must not be seen"] {
            assert!(!ended.stdout.contains(text) && !ended.stderr.contains(text), "{text} in {ended:?}");
        }
        (ended, server.asked().last().cloned())
    };
    let (ended, asked) = send("token; bearer");
    ended.expect(0, &["you said Bearer **********************"]);
    let asked = asked.expect("it was asked");
    assert_eq!(asked.header("authorization"), Some(format!("Bearer {SECRET}").as_str()));
    assert_eq!(asked.header("gloveport-secret"), None);
    let injected = &ended.json()["effects"]["done"][0];
    assert_eq!(*injected, json!({ "action": "inject", "path": "token", "to": authority }));

    let (ended, asked) = send("token; header=x-api-key");
    ended.expect(0, &[]);
    assert_eq!(asked.expect("it was asked").header("x-api-key"), Some(SECRET));
    let (ended, asked) = send("token; query=key");
    ended.expect(0, &[]);
    assert_eq!(asked.expect("it was asked").path, "/leak?q=1&key=tok-0123456789abcdef%2F%2B");
    let (ended, asked) = send("token; basic=me");
    ended.expect(0, &["you said Basic "]);
    let basic = "Basic bWU6dG9rLTAxMjM0NTY3ODlhYmNkZWYvKw==";
    assert_eq!(asked.expect("it was asked").header("authorization"), Some(basic));
    assert!(!ended.stdout.contains("dG9rLTAxMjM0NTY3ODlhYmNkZWYvK"), "{ended:?}");

    let before = server.asked().len();
    for header in ["other; bearer", "missing; bearer", "token", "token; cookie", "token; header=host", "token; query="]
    {
        let (ended, _) = send(header);
        ended.expect(4, &[]);
    }
    assert_eq!(server.asked().len(), before);
    // Over the network only where nobody can listen.
    check_in(&place, &with("far.test", "token; bearer"), &flags, 4, "HttpRequestDenied");

    private(0o640);
    call(&place, "send", &json!({ "ask": ask(&authority, "/") }), &flags)
        .expect(2, &["secret `token`", "mode 640", "chmod 600"]);
    place.write("gloveport.toml", "[secrets.token]\nenv = \"A\"\nfile = \"b\"\n");
    call(&place, "send", &json!({ "ask": ask(&authority, "/") }), &flags)
        .expect(2, &["exactly one of `env`, `file`, `keyring`"]);
    place.write("gloveport.toml", "[secrets.token]\nenv = \"SHORT\"\n");
    let line = ["tools"];
    place.run(&line).expect(0, &[]);
}
