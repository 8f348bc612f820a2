//! Raw sockets, as policy allows them and otherwise not at all.

use crate::program::{Place, guest};
use serde_json::{Value, json};
use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, UdpSocket},
    thread,
};

/// Gives back what it gets, over TCP and over UDP on the same port.
fn echo() -> SocketAddr {
    let tcp = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = tcp.local_addr().expect("an address");
    let udp = UdpSocket::bind(address).expect("the same port");
    thread::spawn(move || {
        for stream in tcp.incoming() {
            let Ok(mut stream) = stream else { return };
            thread::spawn(move || {
                let mut bytes = [0; 1000];
                while let Ok(length @ 1..) = stream.read(&mut bytes) {
                    let _ = stream.write_all(&bytes[..length]);
                }
            });
        }
    });
    thread::spawn(move || {
        let mut bytes = [0; 2000];
        while let Ok((length, from)) = udp.recv_from(&mut bytes) {
            let _ = udp.send_to(&bytes[..length], from);
        }
    });
    address
}

/// Runs the guest under a policy, and asserts the exit code and what it printed.
#[track_caller]
fn check(rules: &str, args: &[&str], flags: &[&str], code: i32, expected: &str) -> Value {
    let place = Place::new();
    place.write("policy.cedar", &format!("permit (principal, action == Action::\"call\", resource);\n{rules}"));
    place.write(
        "gloveport.toml",
        "policy = [\"policy.cedar\"]\n[network.hosts]\n\"echo.test\" = [\"127.0.0.1\"]\n\"other.test\" = [\"127.0.0.1\"]\n",
    );
    let (args, package) = (json!({ "args": args }).to_string(), guest("dials").display().to_string());
    let mut line = vec!["call", "dials.run", &args, "--json", "--package", &package];
    line.extend(flags);
    let ended = place.run(&line);
    assert_eq!(ended.code, Some(code), "{args} under {rules}: {ended:?}");
    let outcome = ended.json();
    assert!(outcome["end"].to_string().contains(expected), "{args} under {rules}: expected {expected} in {outcome}");
    outcome
}

const REACH: &str = r#"permit (principal, action == Action::"reach", resource == Address::"127.0.0.1");"#;
const TCP: &str =
    r#"permit (principal, action in [Action::"connect", Action::"resolve"], resource == Host::"echo.test");"#;
const UDP: &str = r#"permit (principal, action == Action::"datagram", resource == Host::"127.0.0.1");"#;

#[test]
pub(crate) fn dials() {
    let address = echo();
    let (port, number) = (address.port(), address.to_string());
    let (echo, other) = (format!("echo.test:{port}"), format!("other.test:{port}"));
    let allowed = format!("{REACH}\n{TCP}");
    let outcome = check(&allowed, &["tcp", &echo, "hello"], &[], 0, "hello");
    assert_eq!((&outcome["usage"]["sent"], &outcome["usage"]["received"]), (&json!(5), &json!(5)));
    assert_eq!(outcome["effects"]["hosts_read"], json!(["echo.test"]));
    assert_eq!(outcome["effects"]["done"][1], json!({ "action": "connect", "path": echo }), "{outcome}");

    // Connections under way at once, as requests.
    let few = ["--limit", "connections=3"];
    check(&allowed, &["many", &echo, "3"], &few, 0, "3 at once");
    check(&allowed, &["many", &echo, "4"], &few, 5, r#""limit":"connections","value":3"#);
    check(&allowed, &["again", &echo, "9"], &few, 0, "9 in turn");

    // Nothing, or not this, was allowed.
    let denied = |rules: &str, args: &[&str], why: &str| {
        let outcome = check(rules, args, &[], 4, "exit_code");
        let refused = outcome["effects"]["refused"].to_string();
        assert!(refused.contains(why), "{args:?}: {outcome}");
    };
    denied("", &["tcp", &echo, "hello"], r#"action == Action::\"resolve\""#);
    denied(TCP, &["tcp", &echo, "hello"], r#"action == Action::\"reach\""#);
    denied(&allowed, &["tcp", &other, "hello"], r#"Host::\"other.test\""#);
    denied(&allowed, &["tcp", &number, "hello"], r#"Host::\"127.0.0.1\""#);
    denied(
        &format!(
            "{allowed}\nforbid (principal, action == Action::\"connect\", resource) unless {{ context.request.port == 1 }};"
        ),
        &["tcp", &echo, "hello"],
        "connect",
    );
    // A datagram that is refused is like one that is lost: the guest waits for an answer.
    let outcome = check(&allowed, &["udp", &number, "hello"], &["--limit", "wall=500ms"], 5, r#""limit":"wall""#);
    assert!(outcome["effects"]["refused"].to_string().contains("datagram"), "{outcome}");
    denied(&allowed, &["listen", "127.0.0.1:0"], "listen");
    denied(&allowed, &["listen", "0.0.0.0:0"], "listen");
    denied(&allowed, &["look", "other.test"], "other.test");
    check(&allowed, &["look", "echo.test"], &[], 0, "127.0.0.1:1");
    check("", &["look", "127.0.0.1"], &[], 0, "127.0.0.1:1");

    check(&format!("{REACH}\n{UDP}"), &["udp", &number, "hello"], &[], 0, "hello");
    let listen = r#"permit (principal, action == Action::"listen", resource == Host::"127.0.0.1");"#;
    check(listen, &["listen", "127.0.0.1:0"], &[], 0, "listens");

    let long = "x".repeat(900);
    for (args, rules) in [(["tcp", &echo, &long], &allowed), (["udp", &number, &long], &format!("{REACH}\n{UDP}"))] {
        check(rules, &args, &["--limit", "sent=899"], 5, r#""limit":"sent","value":899"#);
        check(rules, &args, &["--limit", "received=899"], 5, r#""limit":"received","value":899"#);
        check(rules, &args, &["--limit", "sent=900", "--limit", "received=900"], 0, "xxxx");
    }
}
