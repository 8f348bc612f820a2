//! What a call asks for while it runs: decided by needs, by what the caller left, and by policy.

use policy::{
    Access, Decision, Grant, Limits, Narrow, Needs, Policy, Principal, Provenance, Request, Sending, Source, Spent,
};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

const POLICY: &str = r#"
@id("call") permit(principal, action == Action::"call", resource);
@id("invoke") permit(principal, action == Action::"invoke", resource in Package::"text");
@id("mounts") permit(principal, action in [Action::"read", Action::"write"], resource);
@id("get") permit(principal, action == Action::"request", resource)
    when { resource.name like "*.example.com" && context.request.method == "GET" };
@id("post") permit(principal, action == Action::"request", resource == Host::"api.example.com")
    when { context.request.scheme == "https" && context.request.path like "/v1/*" };
@id("private") forbid(principal, action == Action::"request", resource)
    when { context.sources.contains("mount:private") };
@id("all-actions") permit(principal, action, resource == Address::"10.0.0.1");
@id("lab") permit(principal, action == Action::"reach", resource) when { resource.ip.isInRange(ip("192.168.7.0/24")) };
@id("token") permit(principal, action == Action::"inject", resource == Secret::"token")
    when { context.request.host == "api.example.com" };
@id("db") permit(principal, action == Action::"connect", resource == Host::"db.example.com")
    when { context.request.port == 5432 };
@id("asks") @approval("alice") permit(principal, action == Action::"request", resource == Host::"ask.example.org");
"#;

fn needs() -> Needs {
    let needs = json!({
        "fs": "read-write", "http": ["*"], "tcp": ["*:5432"], "secrets": ["token", "other"], "invoke": ["text.*", "files.read"],
    });
    serde_json::from_value(needs).expect("needs")
}

fn grant(policy: &Policy, needs: &Needs, narrow: &Narrow, within: Option<&policy::Bounds>) -> Grant {
    let mounts =
        [("work".parse().expect("a name"), Access::ReadWrite), ("more".parse().expect("a name"), Access::Read)];
    let decision = policy.decide(&Request {
        tenant: "default",
        roles: &[],
        principal: &"tester".parse::<Principal>().expect("a name"),
        tool: &"net.fetch".parse().expect("an id"),
        digest: "sha256:0",
        needs,
        mounts: &mounts,
        env: &BTreeSet::new(),
        narrow,
        within,
        limits: Limits::default(),
        args: &json!({}),
        provenance: &BTreeMap::new(),
        chosen: &Provenance::new(),
        classification: &Default::default(),
        shared: &BTreeSet::new(),
        spent: Spent::default(),
    });
    match decision {
        Decision::Allow { grant } => grant,
        refused => panic!("{refused:?}"),
    }
}

fn said(answer: Result<policy::Asked, policy::Refusal>) -> String {
    match answer {
        Ok(asked) => asked.policies.join(","),
        Err(refusal) => format!("no: {} {} {}", refusal.action, refusal.resource, refusal.hint),
    }
}

#[test]
fn each_request_is_decided() {
    let policy = Policy::parse(&[("test", POLICY)]).expect("valid");
    let grant = grant(&policy, &needs(), &Narrow::default(), None);
    let standing = grant.standing().expect("it asks");
    let read = Provenance::new();
    let check = |what: &str,
                 scheme: &str,
                 method: &str,
                 host: &str,
                 port: u16,
                 path: &str,
                 read: &Provenance,
                 expected: &str| {
        let sending = Sending { scheme, method, host, port, path, read };
        let answer = match what {
            "request" => standing.request(&sending),
            "connect" => standing.connect(&sending),
            "datagram" => standing.datagram(&sending),
            "listen" => standing.listen(&sending),
            address if address.contains('.') => {
                standing.reach(address.parse().expect("an address"), "private", &sending)
            }
            secret => standing.inject(&secret.parse().expect("a name"), &sending),
        };
        let got = said(answer);
        assert!(got == expected || expected.len() > 6 && got.contains(expected), "{what} {method} {host}: {got}");
    };
    check("request", "https", "GET", "www.example.com", 443, "/", &read, "get");
    check(
        "request",
        "https",
        "POST",
        "www.example.com",
        443,
        "/",
        &read,
        r#"no: request Host::"www.example.com" permit("#,
    );
    check("request", "https", "POST", "api.example.com", 443, "/v1/x", &read, "post");
    check("request", "http", "POST", "api.example.com", 443, "/v1/x", &read, "no: request");
    check("request", "https", "POST", "api.example.com", 443, "/v2", &read, "no: request");
    check("request", "https", "GET", "example.com", 443, "/", &read, "no: request");
    check("request", "https", "GET", "ask.example.org", 443, "/", &read, "alice would have to agree");
    let tainted = Provenance::from_iter([Source::Mount("private".into())]);
    check("request", "https", "GET", "www.example.com", 443, "/", &tainted, "forbidden by private");
    // A policy for all actions does not open what is not public.
    check(
        "10.0.0.1",
        "https",
        "GET",
        "www.example.com",
        443,
        "/",
        &read,
        "www.example.com` is at 10.0.0.1, which is private",
    );
    check("192.168.7.9", "https", "GET", "www.example.com", 443, "/", &read, "lab");
    check("192.168.8.9", "https", "GET", "www.example.com", 443, "/", &read, "no: reach");
    check("token", "https", "GET", "api.example.com", 443, "/", &read, "token");
    check("token", "https", "GET", "www.example.com", 443, "/", &read, "no: inject");
    check("other", "https", "GET", "api.example.com", 443, "/", &read, "no: inject");
    check("third", "https", "GET", "api.example.com", 443, "/", &read, "neither the manifest");
    check("connect", "tcp", "", "db.example.com", 5432, "", &read, "db");
    check("connect", "tcp", "", "db.example.com", 5433, "", &read, "neither the manifest");
    check("datagram", "udp", "", "db.example.com", 5432, "", &read, "neither the manifest");
    check("listen", "tcp", "", "127.0.0.1", 5432, "", &read, "neither the manifest");
    assert_eq!(said(standing.invoke(&"text.grep".parse().expect("an id"), &read)), "invoke");
    let refused = said(standing.invoke(&"files.read".parse().expect("an id"), &read));
    assert!(refused.contains(r#"resource == Tool::"files.read""#), "{refused}");
    let refused = said(standing.invoke(&"files.write".parse().expect("an id"), &read));
    assert!(refused.contains("neither the manifest"), "{refused}");
}

#[test]
fn a_call_within_a_call_gets_no_more() {
    let policy = Policy::parse(&[("test", POLICY)]).expect("valid");
    let narrow: Narrow = serde_json::from_value(json!({
        "mounts": { "work": { "access": "read", "path": "docs" } }, "http": ["www.example.com"],
    }))
    .expect("valid");
    let outer = grant(&policy, &needs(), &narrow, None);
    let inner = grant(&policy, &needs(), &Narrow::default(), Some(&outer.bounds()));
    assert_eq!(
        serde_json::to_value(inner.mounts()).expect("data"),
        json!([{ "name": "work", "access": "read", "path": "docs" }])
    );
    let read = Provenance::new();
    let sending = |host| Sending { scheme: "https", method: "GET", host, port: 443, path: "/", read: &read };
    let standing = inner.standing().expect("it asks");
    assert_eq!(said(standing.request(&sending("www.example.com"))), "get");
    assert!(said(standing.request(&sending("api.example.com"))).contains("nor its caller left it this"));
    // Whoever can ask for nothing passes nothing on.
    let closed = grant(&policy, &Needs::default(), &Narrow::default(), None);
    let inner = grant(&policy, &needs(), &Narrow::default(), Some(&closed.bounds()));
    assert!(inner.standing().is_none() && inner.mounts().is_empty() && inner.asks().is_empty());
}
