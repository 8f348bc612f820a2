//! A long task: what the controller and the record add to each of its calls, whether memory grows, and how long it takes to be
//! taken up again.

use crate::{odd, setup::Bench};
use anyhow::{Context as _, Result, ensure};
use controller::{Attended, Plan, Task, Watch};
use journal::{EventBody, JournalError, TaskId, TaskStarted, TaskState};
use serde_json::json;
use std::{
    fmt::Write as _,
    fs,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

const STEPS: usize = 10_000;
/// Where memory is looked at: from the first to the last, it is only to grow by what the record says of the steps between.
const LOOKS: [usize; 3] = [STEPS / 10, STEPS / 2, STEPS];

pub(crate) fn run() -> Result<()> {
    println!("\na task of {STEPS} steps, each a call of a small typed tool");
    let package = odd()?;
    let mut bench = Bench::new(&package)?;
    // What one call takes without a task, recorded as a single call is.
    bare(&mut bench, STEPS / 10)?;
    let bare = bare(&mut bench, STEPS)?;
    println!("{:<48}{:>10.1} us", "a call outside of a task", micros(bare));
    for concurrency in [1, 8] {
        let ran = run_task(&mut bench, concurrency)?;
        let step = ran.took / u32::try_from(STEPS)?;
        let name = format!("a step, {concurrency} at a time");
        println!("{name:<48}{:>10.1} us{:>8.2} x", micros(step), ratio(step, bare));
        if concurrency == 1 {
            let journal = journal(&mut bench, &ran.task)? / u32::try_from(STEPS)?;
            println!(
                "{:<48}{:>10.1} us{:>8.2} x",
                "  of which: its events recorded",
                micros(journal),
                ratio(journal, bare)
            );
            let rest = step.saturating_sub(bare).saturating_sub(journal);
            println!("{:<48}{:>10.1} us{:>8.2} x", "  of which: the controller", micros(rest), ratio(rest, bare));
            let resident: Vec<_> = ran.resident.iter().map(|bytes| format!("{:.1}", mebibytes(*bytes))).collect();
            println!("memory after {LOOKS:?} steps: {} MiB", resident.join(", "));
            let (took, events) = taken_up(&mut bench, &ran.task)?;
            println!(
                "taken up after a crash before its end, {events} events: {took:?}, {:.3} of the task",
                ratio(took, ran.took)
            );
        }
    }
    let item = run_plan(&mut bench, foreach()?)?.took / u32::try_from(STEPS)?;
    println!(
        "{:<48}{:>10.1} us{:>8.2} x",
        "an item of one step with `foreach`, 8 at a time",
        micros(item),
        ratio(item, bare)
    );
    Ok(())
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn ratio(time: Duration, of: Duration) -> f64 {
    time.as_secs_f64() / of.as_secs_f64()
}

fn mebibytes(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes / 1_024).unwrap_or(u32::MAX)) / 1_024.0
}

/// How long one call takes outside of a task.
fn bare(bench: &mut Bench, times: usize) -> Result<Duration> {
    let began = Instant::now();
    for _ in 0..times {
        bench.call("odd.count", json!({}))?;
    }
    Ok(began.elapsed() / u32::try_from(times)?)
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
        path: Vec::new(),
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

/// One step for a list of as many items.
fn foreach() -> Result<Arc<Plan>> {
    let items: Vec<_> = (0..STEPS).map(|n| n.to_string()).collect();
    let text = format!(
        "objective = \"long\"\nconcurrency = 8\n[input]\nitems = [{}]\n[[step]]\nid = \"s\"\ntool = \"odd.count\"\nforeach = \"${{{{ input.items }}}}\"\n",
        items.join(", ")
    );
    Ok(Arc::new(Plan::parse("bench.toml", &text, Path::new(""))?))
}

/// A task that ran from beginning to end.
struct Ran {
    task: TaskId,
    took: Duration,
    /// The memory in use at each of [`LOOKS`].
    resident: Vec<u64>,
}

fn run_task(bench: &mut Bench, concurrency: usize) -> Result<Ran> {
    run_plan(bench, plan(STEPS, concurrency)?)
}

fn run_plan(bench: &mut Bench, plan: Arc<Plan>) -> Result<Ran> {
    let (gate, started, task) = (bench.gate()?, started(&plan)?, TaskId::generate());
    let seen = Arc::new(Mutex::new((0, Vec::new())));
    let looks = Arc::clone(&seen);
    let watch: Watch = Arc::new(move |_, event, _| {
        if matches!(event, EventBody::StepEnded { .. }) {
            let mut seen = looks.lock().unwrap_or_else(PoisonError::into_inner);
            seen.0 += 1;
            if LOOKS.contains(&seen.0) {
                seen.1.extend(resident().ok());
            }
        }
    });
    let began = Instant::now();
    let end = bench
        .block_on(async { Task::start(gate, plan, task, started, Attended::default(), watch).await?.run().await })?;
    let took = began.elapsed();
    ensure!(end.state == TaskState::Done, "it ended otherwise: {:?}", end.why);
    let resident = seen.lock().unwrap_or_else(PoisonError::into_inner).1.clone();
    Ok(Ran { task, took, resident })
}

/// How long it takes to record the events of a task again, waiting where the task waited.
fn journal(bench: &mut Bench, task: &TaskId) -> Result<Duration> {
    let journal = bench.journal()?;
    let events: Vec<_> = journal.reader()?.events(task, 0).collect::<Result<_, _>>()?;
    let again = TaskId::generate();
    let began = Instant::now();
    bench.block_on(async {
        for event in events {
            // The decision and the intent are committed together.
            match event.body {
                body @ EventBody::Decided { .. } => journal.append_unwaited(&again, body, event.at_ms).await?,
                body => drop(journal.append(&again, body, event.at_ms).await?),
            }
        }
        Ok::<_, JournalError>(())
    })?;
    Ok(began.elapsed())
}

/// Takes up a task of which everything is recorded but its end.
fn taken_up(bench: &mut Bench, task: &TaskId) -> Result<(Duration, u64)> {
    let (journal, gate, again) = (bench.journal()?, bench.gate()?, TaskId::generate());
    let mut count = 0;
    bench.block_on(async {
        for event in journal.reader()?.events(task, 0) {
            let event = event?;
            if !matches!(event.body, EventBody::TaskEnded { .. }) {
                journal.append_unwaited(&again, event.body, event.at_ms).await?;
                count += 1;
            }
        }
        journal.flush().await
    })?;
    let plan = plan(STEPS, 1)?;
    let began = Instant::now();
    drop(bench.block_on(Task::resume(gate, plan, again, Attended::default(), Arc::new(|_, _, _| {})))?);
    Ok((began.elapsed(), count))
}

/// The memory of this process that is in use, in bytes.
fn resident() -> Result<u64> {
    let statm = fs::read_to_string("/proc/self/statm")?;
    let pages: u64 = statm.split(' ').nth(1).context("two numbers")?.parse()?;
    Ok(pages * 4_096)
}
