//! A call in a worker process against one on a thread.

use crate::{
    odd,
    setup::{Bench, sandbox},
    stats::Times,
};
use anyhow::Result;
use serde_json::json;
use std::time::Instant;

const RUNS: usize = 2_000;
const STARTED: usize = 14;

pub(crate) fn run() -> Result<()> {
    println!("\na call in a worker process against one on a thread, {RUNS} times in turn");
    let odd = odd()?;
    let mut both = Both {
        thread: Bench::on(sandbox(64, false)?, &odd, "bench")?,
        process: Bench::on(sandbox(64, true)?, &odd, "bench")?,
    };
    let (thread, process) = Times::in_turn(RUNS, &mut both, Both::thread, Both::process);
    thread.print("on a thread", None);
    process.print("in a worker that is used again", Some(&thread));
    // A tenant of its own gets a worker of its own.
    let shared = sandbox(64, true)?;
    let tenants = (0..STARTED).map(|number| Bench::on(shared.clone(), &odd, &format!("tenant-{number}")));
    let mut tenants = tenants.collect::<Result<Vec<_>>>()?;
    tenants.iter_mut().try_for_each(|bench| bench.gate().map(drop))?;
    let first = tenants.iter_mut().map(|bench| {
        let start = Instant::now();
        bench.call("odd.echo", json!({ "text": "sixteen bytes ok" })).expect("it works");
        start.elapsed()
    });
    Times::from(first.collect()).print("in a worker that is started for it", Some(&thread));
    Ok(())
}

struct Both {
    thread: Bench,
    process: Bench,
}

impl Both {
    fn thread(&mut self) {
        self.thread.call("odd.echo", json!({ "text": "sixteen bytes ok" })).expect("it works");
    }

    fn process(&mut self) {
        self.process.call("odd.echo", json!({ "text": "sixteen bytes ok" })).expect("it works");
    }
}
