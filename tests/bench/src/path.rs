//! The whole path in process: arguments, policy, fresh instance, record; and its parts.

use crate::{bare::Bare, odd, stats::Times};
use anyhow::Result;
use controller::{Answer, Gate, Proposal, Setup, Spent, Who};
use journal::{Durability, EventBody, Journal, TaskId};
use policy::{Decision, Limits, Narrow, Policy, Provenance, Source};
use sandbox::{Config, Sandbox, Tool, World};
use serde_json::{Value, json};
use std::{collections::BTreeMap, future::pending, sync::Arc, time::Instant};

const RUNS: usize = 20_000;
const IN_FLIGHT: usize = 64;

/// A gate over the typed guest, with a policy of two rules and a journal of its own.
pub(crate) fn gate(state: &std::path::Path) -> Result<Arc<Gate>> {
    let config = Config { slots: 200, cache: None, network: Default::default(), fuel: false, isolated: None };
    let sandbox = Arc::new(Sandbox::new(config)?);
    let odd = odd()?;
    let packages = vec![sandbox.load(&odd.bytes, odd.digest, &odd.name)?];
    let text = "@id(\"call\") permit (principal, action == Action::\"call\", resource in Package::\"odd\");\n\
                @id(\"not\") forbid (principal, action == Action::\"call\", resource == Tool::\"odd.leave\");";
    let who = Who { tenant: "default".into(), principal: "bench".parse()?, roles: Vec::new() };
    Ok(Gate::new(Setup {
        path: Vec::new(),
        sandbox,
        packages,
        policy: Policy::parse(&[("bench.cedar", text)])?,
        world: World::default(),
        classification: Arc::default(),
        shared: Default::default(),
        who,
        limits: Limits::default(),
        journal: Arc::new(Journal::open(state, Durability::Process)?),
        task: TaskId::generate(),
        watch: None,
        lease: None,
    }))
}

pub(crate) fn run() -> Result<()> {
    println!("one call of a small typed tool, sequentially, {RUNS} times");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let text = "sixteen bytes ok";
    let bare = Bare::new(&odd()?.bytes, 200)?;
    let bare = Times::of(RUNS, || drop(runtime.block_on(bare.echo(text)).expect("it works")));
    bare.print("bare: fresh instance, empty WASI context, typed call", None);

    let state = tempfile::tempdir()?;
    let gate = gate(state.path())?;
    let tool = gate.tool(&"odd.echo".parse()?).expect("loaded").clone();
    let args = json!({ "text": text });
    let whole = Times::of(RUNS, || {
        let answer = runtime.block_on(gate.call(&tool, args.clone(), pending()));
        assert!(matches!(answer, Answer::Ran(_)), "{answer:?}");
    });
    whole.print("whole path: schema, policy, limits, record, JSON", Some(&bare));
    let checked = Times::of(RUNS, || drop(tool.arguments(&args, 1 << 20).expect("they fit")));
    checked.print("  of which: arguments checked", Some(&bare));
    decided(&gate, &tool, &args).print("  of which: policy asked", Some(&bare));
    let journal = Journal::open(state.path(), Durability::Process)?;
    let task = TaskId::generate();
    let event = || EventBody::StepRefused { step: "bench".into(), why: text.into(), budget: false };
    let queued =
        Times::of(RUNS, || runtime.block_on(journal.append_unwaited(&task, event(), 0)).expect("it is queued"));
    queued.print("  of which: record queued", Some(&bare));
    runtime.block_on(journal.flush())?;
    let appended = Times::of(RUNS / 10, || _ = runtime.block_on(journal.append(&task, event(), 0)).expect("recorded"));
    appended.print("a record that is waited for, before and after a change", Some(&bare));

    println!("\n{IN_FLIGHT} in flight on the guests' threads");
    let threads = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let rate = threads.block_on(async {
        let start = Instant::now();
        let workers: Vec<_> = (0..IN_FLIGHT)
            .map(|_| {
                let (gate, tool, args) = (Arc::clone(&gate), Arc::clone(&tool), args.clone());
                tokio::spawn(async move {
                    for _ in 0..RUNS * 4 / IN_FLIGHT {
                        Arc::clone(&gate).call_apart(Arc::clone(&tool), args.clone(), pending()).await;
                    }
                })
            })
            .collect();
        for worker in workers {
            worker.await.expect("it ran");
        }
        (RUNS * 4 / IN_FLIGHT * IN_FLIGHT) as f64 / start.elapsed().as_secs_f64()
    });
    println!("{rate:.0} calls a second");
    Ok(())
}

fn decided(gate: &Gate, tool: &Tool, args: &Value) -> Times {
    let caller = Provenance::from_iter([Source::Caller]);
    let provenance = BTreeMap::from([("text".to_owned(), caller)]);
    let proposal = Proposal {
        tool,
        args,
        provenance: &provenance,
        chosen: &Default::default(),
        narrow: &Narrow::default(),
        within: None,
        limits: Limits::default(),
        spent: Spent::default(),
    };
    Times::of(RUNS, || assert!(matches!(gate.decide(&proposal), Decision::Allow { .. })))
}
