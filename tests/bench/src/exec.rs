//! Starting a program through the door, against starting one of the machine.

use crate::{guest, setup::Bench, stats::Times};
use anyhow::{Result, ensure};
use serde_json::json;
use std::process::{Command, Stdio};

/// How many are started for one measurement, one after the other.
const STARTS: u32 = 200;
const RUNS: usize = 30;

pub(crate) fn run() -> Result<()> {
    println!("a program that prints a word, started and waited for, {STARTS} times one after the other, {RUNS} times");
    let native = Times::of(RUNS, || {
        for _ in 0..STARTS {
            let ended = Command::new("/bin/echo").arg("word").stdin(Stdio::null()).output().expect("it starts");
            assert!(ended.status.success(), "{ended:?}");
        }
    });
    let native = native.over(STARTS);
    native.print("fork and exec of /bin/echo, its output read", None);

    let mut bench = Bench::new(&guest("examples", "starter")?)?.on_path(&guest("bin", "program")?)?;
    let mut start = |words: &str, times: u32| -> Result<()> {
        let failed = bench.call("starter.again", json!({ "words": words, "times": times }))?;
        ensure!(failed == 0, "{failed} failed");
        Ok(())
    };
    start("program print word", STARTS)?;
    let started = Times::of(RUNS, || start("program print word", STARTS).expect("it starts"));
    started.over(STARTS).print("a process: policy, record, fresh instance, output collected", Some(&native));
    Ok(())
}
