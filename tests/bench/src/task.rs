//! A long task: what the controller and the record add to each of its calls, whether memory grows, and how long it takes to be
//! taken up again.

use crate::{odd, setup::Bench};
use anyhow::{Context as _, Result, ensure};
use controller::{Attended, Plan, Progress, Task};
use journal::{EventBody, TaskId, TaskStarted, TaskState};
use std::{
    fmt::Write as _,
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

const STEPS: usize = 10_000;

pub(crate) fn run() -> Result<()> {
    println!("\na task of {STEPS} steps, one after the other:");
    let package = odd()?;
    let mut bench = Bench::new(&package)?;
    // What one call takes without a task, recorded as a single call is.
    for _ in 0..500 {
        bench.call("odd.count", serde_json::json!({}))?;
    }
    let began = Instant::now();
    for _ in 0..STEPS {
        bench.call("odd.count", serde_json::json!({}))?;
    }
    let bare = began.elapsed() / u32::try_from(STEPS)?;
    let mut last = None;
    for steps in [1_000, STEPS] {
        let before = resident()?;
        let took = whole(&mut bench, steps)?;
        let grown = resident()?.saturating_sub(before);
        let step = took / u32::try_from(steps)?;
        println!(
            "  {steps} steps: {step:?} a step, {:.2} x of the call, {} KiB more memory",
            step.as_secs_f64() / bare.as_secs_f64(),
            grown / 1_024
        );
        last = Some(took);
    }
    let took = last.context("it ran")?;
    println!("  a call outside of a task: {bare:?}; the whole task: {took:?}");
    let (folded, events) = taken_up(&mut bench)?;
    println!(
        "  taking up what {events} events say: {folded:?}, {:.3} of the task",
        folded.as_secs_f64() / took.as_secs_f64()
    );
    Ok(())
}

fn plan(steps: usize, concurrency: usize) -> Result<Arc<Plan>> {
    let mut text = format!("objective = \"long\"\nconcurrency = {concurrency}\n");
    for n in 0..steps {
        let _ = writeln!(text, "[[step]]\nid = \"s{n}\"\ntool = \"odd.count\"");
    }
    Ok(Arc::new(Plan::parse("bench.toml", &text, Path::new(""))?))
}

fn started(plan: &Plan) -> Result<TaskStarted> {
    Ok(TaskStarted {
        objective: plan.objective.clone(),
        plan_file: "bench.toml".into(),
        plan: plan.text.clone(),
        policy: Vec::new(),
        tenant: "bench".into(),
        principal: "bench".parse()?,
        roles: Vec::new(),
        mounts: Vec::new(),
        env: Vec::new(),
        secrets: Default::default(),
        network: Default::default(),
        isolation: None,
        isolate: Vec::new(),
        limits: Vec::new(),
        clock_ms: 0,
        packages: Vec::new(),
        footprint: serde_json::Value::Null,
        input: Default::default(),
        origin: None,
    })
}

/// Runs a task from beginning to end.
fn whole(bench: &mut Bench, steps: usize) -> Result<Duration> {
    let plan = plan(steps, 1)?;
    let (gate, started) = (bench.gate()?, started(&plan)?);
    let began = Instant::now();
    let end = bench.block_on(async {
        let task =
            Task::start(gate, plan, TaskId::generate(), started, Attended::default(), Arc::new(|_, _, _| {})).await?;
        task.run().await
    })?;
    ensure!(end.state == TaskState::Done, "it ended otherwise: {:?}", end.why);
    Ok(began.elapsed())
}

/// Takes up a task of which everything is recorded but its end.
fn taken_up(bench: &mut Bench) -> Result<(Duration, usize)> {
    let plan = plan(STEPS, 1)?;
    let journal = bench.journal()?;
    let reader = journal.reader()?;
    let longest =
        reader.tasks(None, 10)?.into_iter().find(|task| task.events > STEPS as u64).context("the long task")?;
    let again = TaskId::generate();
    bench.block_on(async {
        for event in reader.events(&longest.task, 0) {
            let event = event?;
            if !matches!(event.body, EventBody::TaskEnded { .. }) {
                journal.append_unwaited(&again, event.body, event.at_ms).await?;
            }
        }
        journal.flush().await
    })?;
    let gate = bench.gate()?;
    let began = Instant::now();
    drop(bench.block_on(Task::resume(gate, Arc::clone(&plan), again, Attended::default(), Arc::new(|_, _, _| {})))?);
    let took = began.elapsed();
    ensure!(Progress::new(plan).over() == 0, "a task that has not begun has no step that is over");
    Ok((took, usize::try_from(longest.events)?))
}

/// The memory of this process that is in use, in bytes.
fn resident() -> Result<u64> {
    let statm = fs::read_to_string("/proc/self/statm")?;
    let pages: u64 = statm.split(' ').nth(1).context("two numbers")?.parse()?;
    Ok(pages * 4_096)
}
