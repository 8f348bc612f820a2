//! Requests that are odd, or left in the middle, and servers that never end; `http.rs` has what is plain.

use super::{check_in, done};
use crate::{
    program::Place,
    server::{Asked, Server, raw},
};
use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use serde_json::Value;

fn ok(_: &Asked) -> Response<Full<Bytes>> {
    Response::new(Full::new(Bytes::from_static(&[b'x'; 10_000])))
}

/// Runs a guest that may ask this host and no other, and asserts how it ended.
#[track_caller]
fn check(name: &str, args: &[&str], limits: &[&str], code: i32, end: &str) -> Value {
    let place = Place::new();
    place.write(
        "gloveport.toml",
        "policy = [\"p.cedar\"]\n[network.hosts]\n\"other.test\" = [\"127.0.0.1\"]\n\"meta.test\" = [\"169.254.169.254\"]\n",
    );
    place.write(
        "p.cedar",
        r#"
        permit (principal, action == Action::"call", resource);
        permit (principal, action == Action::"request", resource == Host::"127.0.0.1");
        permit (principal, action == Action::"reach", resource == Address::"127.0.0.1");
    "#,
    );
    check_in(&place, name, args, limits, code, end)
}

/// What a command guest printed.
fn said(outcome: &Value) -> &str {
    outcome["end"]["value"]["stdout"].as_str().expect("text")
}

#[test]
pub(super) fn odd_requests() {
    let server = Server::start(ok);
    let authority = server.address.to_string();
    let outcome = check("odd_requests", &[&authority], &[], 0, "exit_code\":0");
    let passed: Vec<_> = said(&outcome).lines().filter(|line| line.ends_with(": 200")).collect();
    // What is odd and harmless is sent as it is written; all the rest never leaves.
    let expected =
        ["plain", r#"method "get""#, r#"method "PRI""#, r#"path "//other.test/""#, r#"path "/é""#, r#"path "/#part""#];
    assert_eq!(passed, expected.map(|what| format!("{what}: 200")), "{outcome}");
    let asked = server.asked();
    let lines: Vec<_> = asked.iter().map(|asked| format!("{} {}", asked.method, asked.path)).collect();
    assert_eq!(lines, ["GET /", "get /", "PRI /", "GET //other.test/", "GET /%C3%A9", "GET /"]);
    for asked in &asked {
        assert_eq!(asked.header("host"), Some(authority.as_str()), "{asked:?}");
        assert!(asked.header("x-injected").is_none() && asked.body.is_empty(), "{asked:?}");
    }
    // The record has each one that the server saw, and beside them the one that only TLS kept from it.
    let recorded = done(&outcome);
    for asked in &asked {
        let expected = format!("request {} http://{authority}{}", asked.method, asked.path);
        assert!(recorded.contains(&expected), "{expected} is not in {recorded:?}");
    }
    assert_eq!(recorded.len(), 6, "{recorded:?}");
}

#[test]
pub(super) fn abandons() {
    let server = Server::start(ok);
    let authority = server.address.to_string();
    let check =
        |means: &str, limits: &[&str], code: i32, end: &str| check("abandons", &[&authority, means], limits, code, end);
    check("unfinished", &["wall=300ms"], 5, r#""limit":"wall","value":300"#);
    assert_eq!(said(&check("broken", &[], 0, "exit_code\":0")), "false\n");
    assert_eq!(said(&check("late", &[], 0, "exit_code\":0")), "Ok(10000)\n");
    let twice = "answer again: Some(true)\nbody again: true\nOk(10000)\nstream again: true\n";
    assert_eq!(said(&check("twice", &[], 0, "exit_code\":0")), twice);
    assert_eq!(said(&check("resent", &[], 0, "exit_code\":0")), "true\nOk(200)\n");
    // Each that is dropped gives its place back, read or not.
    assert_eq!(said(&check("unread", &["connections=1"], 0, "exit_code\":0")), "done\n");
    assert_eq!(said(&check("kept", &["connections=8"], 0, "exit_code\":0")), "8\n");
    check("kept", &["connections=7"], 5, r#""limit":"connections","value":7"#);
    // What was never awaited may or may not have been sent; no more than was asked, and the call ends.
    let before = server.asked().len();
    check("unawaited", &[], 0, "exit_code\":0");
    assert!(server.asked().len() <= before + 8);
}

#[test]
pub(super) fn reads_body() {
    let check = |head: &str, body: &[u8], close: bool, limits: &[&str], code: i32, end: &str| {
        let bytes = [b"HTTP/1.1 ", head.as_bytes(), b"\r\n\r\n", body].concat();
        check("reads_body", &[&raw(bytes, close).to_string()], limits, code, end)
    };
    // Nobody here unpacks what says that it is packed: what is counted, and given to the guest, is what came.
    let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    packed.extend([0u8; 990]);
    for encoding in ["gzip", "deflate", "br", "gzip, gzip, gzip"] {
        let head = format!("200 OK\r\ncontent-length: 1000\r\ncontent-encoding: {encoding}");
        let outcome = check(&head, &packed, false, &["received=1100"], 0, "exit_code\":0");
        assert_eq!(said(&outcome), format!("200 Some({encoding:?}) 1000 end\n"));
    }
    // Headers count as well: 20 bytes and 4 between and behind them.
    let sized = |limit: &str, code: i32, end: &str| {
        check("200 OK\r\ncontent-length: 1000", &[b'x'; 1000], false, &[limit], code, end);
    };
    sized("received=1022", 0, "1000 end");
    sized("received=1021", 5, r#""limit":"received","value":1021"#);
    // Bodies that never end: with a length, in chunks, until the connection closes, which it does not.
    let wall = r#""limit":"wall","value":300"#;
    for head in ["200 OK\r\ncontent-length: 9000", "200 OK\r\ntransfer-encoding: chunked", "200 OK"] {
        check(head, b"5\r\nbegin\r\n", false, &["wall=300ms"], 5, wall);
    }
    check("103 Early Hints", b"", false, &["wall=300ms"], 5, wall);
    // Two ways to say where it ends, which two readers could read as two messages.
    let both = "200 OK\r\ncontent-length: 4\r\ntransfer-encoding: chunked";
    let outcome = check(both, b"0\r\n\r\nHTTP/1.1 200 OK\r\n\r\nsmuggled", true, &[], 0, "exit_code\":0");
    assert_eq!(said(&outcome), "200 None 0 end\n");
    // Chunks that are none.
    for chunk in ["ffffffffffffffffff\r\nx", "-1\r\nx", "5;".repeat(20_000).as_str(), "5\r\nno more"] {
        let outcome = check("200 OK\r\ntransfer-encoding: chunked", chunk.as_bytes(), true, &[], 0, "exit_code\":0");
        assert!(!said(&outcome).ends_with(" end\n"), "{chunk:.40}: {outcome}");
    }
}
