//! Names that lead elsewhere the second time they are asked for.

use crate::{
    program::guest,
    server::{Asked, Server},
};
use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use policy::{Decision, Limits, Narrow, Policy, Request, Spent};
use sandbox::{Config, Network, Resolver, Resolving, Sandbox, Setting, World};
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    future::pending,
    net::{IpAddr, Ipv4Addr},
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering::Relaxed},
    },
};

/// Gives another address of loopback each time: 127.0.0.1, 127.0.0.2…
#[derive(Debug, Default)]
struct Rebinding(AtomicU8);

impl Resolver for Rebinding {
    fn resolve<'a>(&'a self, _: &'a str) -> Resolving<'a> {
        let last = self.0.fetch_add(1, Relaxed) + 1;
        Box::pin(async move { Ok(vec![IpAddr::from(Ipv4Addr::new(127, 0, 0, last))]) })
    }
}

fn hello(_: &Asked) -> Response<Full<Bytes>> {
    Response::new(Full::new(Bytes::from("hello")))
}

/// The address that was checked is the one that is dialled, and no connection serves what was checked for another.
#[test]
fn a_name_is_asked_for_once_a_request() {
    let server = Server::start(hello);
    let resolver = Arc::new(Rebinding::default());
    let network = Network { resolver: resolver.clone(), certificates: vec![] };
    let sandbox =
        Sandbox::new(Config { slots: 2, cache: None, network, fuel: false, isolated: None }).expect("an engine");
    let bytes = std::fs::read(guest("net")).expect("the guest is there");
    let package = sandbox.load(&bytes, registry::digest(&bytes), "net").expect("it loads");
    let rules = r#"
        permit (principal, action == Action::"call", resource);
        permit (principal, action == Action::"request", resource == Host::"rebinding.test");
        permit (principal, action == Action::"reach", resource == Address::"127.0.0.1");
    "#;
    let policy = Policy::parse(&[("rules", rules)]).expect("valid");
    let tool = &package.tools["each"];
    let ask = json!({
        "method": "GET", "scheme": "http", "authority": format!("rebinding.test:{}", server.address.port()), "path": "/",
    });
    let args = json!({ "asks": [ask, ask] });
    let decision = policy.decide(&Request {
        tenant: "default",
        roles: &[],
        principal: &"tester".parse().expect("a name"),
        tool: &tool.id,
        digest: &tool.digest_text,
        needs: tool.needs(),
        mounts: &[],
        env: &BTreeSet::new(),
        narrow: &Narrow::default(),
        within: None,
        limits: Limits::default(),
        args: &args,
        provenance: &BTreeMap::new(),
        chosen: &Default::default(),
        classification: &Default::default(),
        shared: &Default::default(),
        spent: Spent::default(),
    });
    let Decision::Allow { grant } = decision else { panic!("{decision:?}") };
    let arguments = tool.arguments(&args, 1 << 20).expect("they fit");
    let setting = Setting { world: &World::default(), seed: 0, stage: None, within: None, process: None };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads");
    let call = sandbox.call(tool, arguments, grant, setting, pending());
    let outcome = runtime.block_on(call).expect("it ran");
    let outcome = serde_json::to_value(&outcome).expect("plain data");
    let said = &outcome["end"]["value"];
    assert_eq!(said[0], "hello", "{outcome}");
    assert!(said[1].as_str().is_some_and(|text| text.contains("DestinationIpProhibited")), "{outcome}");
    assert_eq!((resolver.0.load(Relaxed), server.asked().len()), (2, 1));
    let why = outcome["effects"]["refused"][0]["why"].as_str().unwrap_or_default();
    assert!(why.contains("127.0.0.2") && why.contains("reach"), "{outcome}");
}
