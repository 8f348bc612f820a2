//! Many calls at once: what a suspended one takes, how soon a cancelled one is gone, and what a tenant with a thousand
//! spinning calls leaves to another one.

use crate::{
    guest, odd,
    setup::{Bench, sandbox},
    stats::Times,
};
use anyhow::{Context as _, Result};
use controller::{Answer, Gate};
use sandbox::{End, Tool};
use serde_json::json;
use std::{
    fs,
    future::pending,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    runtime::{Builder, Runtime},
    sync::oneshot,
    time::sleep,
};

const SUSPENDED: u32 = 10_000;
const CANCELLED: usize = 200;
const SPINNING: usize = 1_000;
/// What the other tenant computes in one call.
const WORK: &str = "30ms";

fn threads() -> Result<Runtime> {
    Ok(Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

fn tool(gate: &Gate, id: &str) -> Result<Arc<Tool>> {
    Ok(Arc::clone(gate.tool(&id.parse()?).context("no such tool")?))
}

/// A line of this process's status, in bytes.
fn status(key: &str) -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    line.and_then(|line| line.trim_matches([':', '\t', ' ', 'k', 'B']).trim().parse::<u64>().ok()).unwrap_or(0) * 1024
}

pub(crate) fn suspended() -> Result<()> {
    println!("\n{SUSPENDED} calls that sleep at the same time");
    let package = guest("examples", "naps")?;
    // Of several tenants, since none may hold nearly all slots, and address space is finite.
    let shared = sandbox(SUSPENDED + SUSPENDED / 25, false)?;
    let tenants = (0..10).map(|tenant| Bench::on(Arc::clone(&shared), &package, &format!("tenant-{tenant}"))?.gate());
    let gates = tenants.collect::<Result<Vec<_>>>()?;
    let threads = threads()?;
    let call = |index: u32, stop: oneshot::Receiver<()>| {
        let gate = Arc::clone(&gates[index as usize % gates.len()]);
        let naps = tool(&gate, "naps.nap").expect("loaded");
        async move { gate.call_apart(naps, json!({ "milliseconds": 3_600_000 }), async { drop(stop.await) }).await }
    };
    // The first one warms what all share.
    threads.block_on(async {
        let (stop, stopped) = oneshot::channel();
        let first = tokio::spawn(call(0, stopped));
        sleep(Duration::from_millis(100)).await;
        drop(stop);
        drop(first.await);
    });
    let before = (status("VmRSS"), status("VmPTE"));
    let start = Instant::now();
    let (stops, calls): (Vec<_>, Vec<_>) = (0..SUSPENDED)
        .map(|index| {
            let (stop, stopped) = oneshot::channel();
            (stop, threads.spawn(call(index, stopped)))
        })
        .unzip();
    // They are all asleep when nothing changes any more.
    let mut last = 0;
    threads.block_on(async {
        loop {
            sleep(Duration::from_millis(500)).await;
            let now = status("VmRSS");
            if now <= last {
                break;
            }
            last = now;
        }
    });
    let (memory, tables) = (status("VmRSS") - before.0, status("VmPTE") - before.1);
    println!(
        "{:.1} KiB of memory each, and {:.1} KiB of page tables; all asleep within {:.1} s",
        memory as f64 / 1024.0 / f64::from(SUSPENDED),
        tables as f64 / 1024.0 / f64::from(SUSPENDED),
        start.elapsed().as_secs_f64()
    );
    let start = Instant::now();
    drop(stops);
    threads.block_on(async {
        for call in calls {
            assert!(matches!(call.await, Ok(Answer::Ran(_))), "it was asleep");
        }
    });
    println!("all cancelled within {:.2} s", start.elapsed().as_secs_f64());
    Ok(())
}

pub(crate) fn cancel() -> Result<()> {
    println!("\nfrom cancelling a call to its outcome, {CANCELLED} times each");
    let threads = threads()?;
    let (naps, spin) = (guest("examples", "naps")?, guest("bin", "spin")?);
    let hour = json!({ "milliseconds": 3_600_000 });
    for (package, id, args, what, isolated) in [
        (&naps, "naps.nap", &hour, "sleeping", false),
        (&spin, "spin.run", &json!({}), "computing", false),
        (&naps, "naps.nap", &hour, "sleeping, in a worker", true),
        (&spin, "spin.run", &json!({}), "computing, in a worker", true),
    ] {
        let mut bench = Bench::on(sandbox(64, isolated)?, package, "bench")?;
        let gate = bench.gate()?;
        let tool = tool(&gate, id)?;
        let mut times = Vec::new();
        for _ in 0..CANCELLED {
            let (stop, stopped) = oneshot::channel::<()>();
            let (gate, tool, args) = (Arc::clone(&gate), Arc::clone(&tool), args.clone());
            let call = threads.spawn(async move { gate.call_apart(tool, args, async { drop(stopped.await) }).await });
            threads.block_on(async { sleep(Duration::from_millis(10)).await });
            let start = Instant::now();
            drop(stop);
            let answer = threads.block_on(call)?;
            times.push(start.elapsed());
            let cancelled = matches!(&answer, Answer::Ran(outcome) if outcome.end == End::Cancelled);
            assert!(cancelled, "{answer:?}");
        }
        Times::from(times).print(what, None);
    }
    Ok(())
}

pub(crate) fn tenants() -> Result<()> {
    println!("\nwhat one tenant's {SPINNING} spinning calls leave to another");
    let shared = sandbox(4_000, false)?;
    let (spin, odd) = (guest("bin", "spin")?, odd()?);
    let mut many = Bench::on(Arc::clone(&shared), &spin, "many")?;
    let mut works = Bench::on(Arc::clone(&shared), &spin, "one")?.limit("cpu", WORK)?;
    let mut asks = Bench::on(shared, &odd, "one")?;
    let threads = threads()?;
    let (many, works, asks) = (many.gate()?, works.gate()?, asks.gate()?);
    let (spins, work, ask) = (tool(&many, "spin.run")?, tool(&works, "spin.run")?, tool(&asks, "odd.echo")?);
    let measure = || {
        let of = |gate: &Arc<Gate>, tool: &Arc<Tool>, args: serde_json::Value, runs: usize| {
            Times::of(runs, || {
                let call = Arc::clone(gate).call_apart(Arc::clone(tool), args.clone(), pending());
                assert!(matches!(threads.block_on(call), Answer::Ran(_)), "it ran");
            })
        };
        (of(&works, &work, json!({}), 30), of(&asks, &ask, json!({ "text": "a" }), 300))
    };
    let (alone_works, alone_asks) = measure();
    let (stops, calls): (Vec<_>, Vec<_>) = (0..SPINNING)
        .map(|_| {
            let (stop, stopped) = oneshot::channel::<()>();
            let call = Arc::clone(&many).call_apart(Arc::clone(&spins), json!({}), async { drop(stopped.await) });
            (stop, threads.spawn(call))
        })
        .unzip();
    threads.block_on(async { sleep(Duration::from_secs(3)).await });
    let (beside_works, beside_asks) = measure();
    alone_works.print(&format!("a call that computes for {WORK}, alone"), None);
    beside_works.print("the same beside them", Some(&alone_works));
    alone_asks.print("a small call, alone", None);
    beside_asks.print("the same beside them", Some(&alone_asks));
    drop(stops);
    threads.block_on(async {
        for call in calls {
            drop(call.await);
        }
    });
    Ok(())
}
