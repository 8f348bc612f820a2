//! The worker's own process.

use super::{
    COMMAND, INNER, WITH_NETWORK,
    hello::{self, Hello, HelloPackage},
    line::Line,
    trials,
    walls::{self, Walls},
    wire::{self, Account, ToHost, ToWorker},
};
use crate::{
    Config, Network, Sandbox, call, ledger::Ledger, load, meter::Meter, mounts::Opened, package::Package, terms::Terms,
};
use bytes::Bytes;
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
    process::{Pid, PidfdFlags, Signal, pidfd_open, set_parent_process_death_signal},
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    env,
    fs::File,
    io,
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::{net::UnixStream, process::ExitStatusExt as _},
    },
    process::{Child, Command, ExitCode, Stdio},
    sync::Arc,
};
use tokio::sync::{Notify, mpsc};

/// How many threads wait for files: one call, which mostly waits for one thing.
const BLOCKING: usize = 64;

/// The exit code of a worker that nobody can talk to.
const NO_LINE: u8 = 2;

/// Serves as a worker where this process was started as one; else `None`, and the program goes on. To be called before
/// anything else, while there is one thread.
pub fn serve_as_worker() -> Option<ExitCode> {
    let mut args = env::args().skip(1);
    if args.next().as_deref() != Some(COMMAND) {
        return None;
    }
    let line = load::close_inherited().map_err(io::Error::from).and_then(|()| line());
    let Ok(line) = line else {
        eprintln!("gloveport: a worker is started by gloveport itself");
        return Some(ExitCode::from(NO_LINE));
    };
    Some(match (args.next().as_deref(), args.next()) {
        (Some(INNER), Some(left)) => inner(line, &left),
        (with_network, _) => outer(&line, with_network == Some(WITH_NETWORK)),
    })
}

/// The line is where a program has its standard input.
fn line() -> io::Result<UnixStream> {
    let line = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    line.peer_addr().map(|_| line)
}

/// Leaves namespaces, which only its child is in then, and waits for the child: as long as the host is there. What broke out of
/// the engine may not heed that the host is gone.
fn outer(line: &UnixStream, with_network: bool) -> ExitCode {
    let left = walls::leave_namespaces(with_network);
    let left = serde_json::to_string(&left).unwrap_or_default();
    let child =
        Command::new("/proc/self/exe").args([COMMAND, INNER, &left]).env_clear().stdin(Stdio::inherit()).spawn();
    let ended = child.and_then(|mut child| {
        if watch(line, &child).is_err() {
            child.kill()?;
        }
        child.wait()
    });
    let code = ended.map(|status| status.code().or_else(|| status.signal().map(|signal| 128 + signal)));
    ExitCode::from(code.ok().flatten().and_then(|code| u8::try_from(code).ok()).unwrap_or(NO_LINE))
}

/// Waits until a child has ended; an error where the host is gone before.
fn watch(line: &UnixStream, child: &Child) -> io::Result<()> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
    let child = pidfd_open(pid, PidfdFlags::empty())?;
    loop {
        // That the other end is closed is told unasked.
        let mut waiting = [PollFd::new(line, PollFlags::empty()), PollFd::new(&child, PollFlags::IN)];
        match poll(&mut waiting, None) {
            Err(Errno::INTR) => continue,
            polled => polled?,
        };
        if !waiting[1].revents().is_empty() {
            return Ok(());
        }
        if !waiting[0].revents().is_empty() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
    }
}

fn inner(line: UnixStream, left: &str) -> ExitCode {
    // Without its parent it would outlive its host.
    let tied = set_parent_process_death_signal(Some(Signal::KILL));
    // It makes a pair of sockets, and no thread yet.
    let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(BLOCKING).enable_all().build();
    let Ok(runtime) = runtime else {
        return ExitCode::from(NO_LINE);
    };
    let prepared = tied.map_err(|error| error.to_string()).and_then(|()| prepare(&line, left));
    let served = runtime.block_on(async {
        line.set_nonblocking(true)?;
        serve(tokio::net::UnixStream::from_std(line)?, prepared).await
    });
    // The host is gone, or wants no more of it.
    if served.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(NO_LINE) }
}

/// A worker behind its walls.
struct Worker {
    sandbox: Sandbox,
    package: Option<Package>,
    mounts: Vec<Opened>,
    walls: Walls,
}

fn prepare(line: &UnixStream, left: &str) -> Result<Worker, String> {
    let (hello, mut files) = hello::receive(line).map_err(|error| error.to_string())?;
    let mut walls: Walls = serde_json::from_str(left).map_err(|error| error.to_string())?;
    let Hello { package, fuel, sockets, mounts } = hello;
    let code = (package.is_some() && !files.is_empty()).then(|| files.remove(0));
    // The engine opens what it needs of the system, and has no threads yet.
    let config = Config { slots: 1, cache: None, network: Network::default(), fuel, isolated: None };
    let sandbox = Sandbox::build(config).map_err(|error| error.to_string())?;
    let mounts = hello::open(mounts, files, &mut walls)?;
    let reaches = mounts.iter().map(hello::reaches).collect::<Result<Vec<_>, _>>()?;
    walls::put_up(&mut walls, &reaches.into_iter().flatten().collect::<Vec<_>>(), sockets);
    // From here on with what is left.
    sandbox.tick().map_err(|error| error.to_string())?;
    let package = match (package, code) {
        (Some(package), Some(code)) => Some(load(&sandbox, code, package)?),
        _ => None,
    };
    Ok(Worker { sandbox, package, mounts, walls })
}

fn load(sandbox: &Sandbox, code: OwnedFd, package: HelloPackage) -> Result<Package, String> {
    let code = File::from(code);
    let size = code.metadata().map_or(0, |metadata| metadata.len());
    let component = load::sent(sandbox.engine(), &code).map_err(|error| format!("{error:#}"))?;
    let HelloPackage { digest, description } = package;
    sandbox.package(digest, size, *description, &component, true).map_err(|error| error.to_string())
}

/// A call that runs.
struct Running {
    line: Arc<Line>,
    stop: Arc<Notify>,
}

async fn serve(line: tokio::net::UnixStream, prepared: Result<Worker, String>) -> io::Result<()> {
    let (mut from, mut to) = line.into_split();
    let (out, mut messages) = mpsc::unbounded_channel::<(ToHost, Bytes)>();
    let worker = match prepared {
        Ok(worker) => Arc::new(worker),
        Err(why) => return wire::send(&mut to, &ToHost::Failed { why }, &[]).await,
    };
    // One that serves no package is there to be asked what it can do.
    let tried = if worker.package.is_none() { trials::run() } else { BTreeMap::new() };
    let walls = worker.walls.clone();
    wire::send(&mut to, &ToHost::Ready { walls, tried }, &[]).await?;
    tokio::spawn(async move {
        while let Some((message, raw)) = messages.recv().await {
            if wire::send(&mut to, &message, &raw).await.is_err() {
                // Nobody will ever hear of what it does.
                std::process::exit(i32::from(NO_LINE));
            }
        }
    });
    let mut running: Option<Running> = None;
    loop {
        let (message, raw) = match wire::receive::<ToWorker>(&mut from, wire::Kind::most_to_worker).await {
            Ok(message) => message,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        };
        match (message, &running) {
            (ToWorker::Call { function, arguments, terms }, _) => {
                running = Some(begin(Arc::clone(&worker), function, arguments, *terms, out.clone()));
            }
            (ToWorker::Stop, Some(running)) => running.stop.notify_one(),
            (ToWorker::Answer { id, answer }, Some(running)) => running.line.answered(id, answer),
            (ToWorker::Body { id, part }, Some(running)) => running.line.bodies().came(id, part, raw),
            (ToWorker::More { id }, Some(running)) => running.line.bodies().more(id),
            (_, None) => {}
        }
    }
}

fn begin(
    worker: Arc<Worker>,
    function: String,
    arguments: Value,
    terms: Terms,
    out: mpsc::UnboundedSender<(ToHost, Bytes)>,
) -> Running {
    let ledger = Arc::new(Ledger::within(terms.limits, &terms.outer));
    let meter = Arc::new(worker.sandbox.meter(&terms.limits, &Arc::from(""), None));
    let line = Arc::new(Line::new(out.clone(), Arc::clone(&ledger), Arc::clone(&meter)));
    let stop = Arc::new(Notify::new());
    let running = Running { line: Arc::clone(&line), stop: Arc::clone(&stop) };
    let own = Arc::clone(&line);
    tokio::spawn(async move {
        let end = run(&worker, &function, &arguments, &terms, (line, &ledger, &meter), stop.notified()).await;
        let micros = |time: std::time::Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let account = Account {
            cpu_us: micros(meter.cpu()),
            memory: ledger.memory_peak(),
            counted: own.counted(),
            effects: ledger.take_effects(),
            printed: ledger.take_printed(),
        };
        drop(out.send((ToHost::Ended { end, account }, Bytes::new())));
    });
    running
}

async fn run(
    worker: &Worker,
    function: &str,
    arguments: &Value,
    terms: &Terms,
    (line, ledger, meter): (Arc<Line>, &Arc<Ledger>, &Arc<Meter>),
    stop: impl Future<Output = ()>,
) -> Result<crate::End, String> {
    let tools = worker.package.as_ref().map(|package| &package.tools);
    let tool = tools.and_then(|tools| tools.get(function)).ok_or_else(|| format!("no function `{function}`"))?;
    // They were bounded before they came here.
    let arguments = tool.arguments(arguments, u64::MAX).map_err(|error| error.to_string())?;
    let job = call::Job { tool, arguments, terms, mounts: &worker.mounts, process: None, processes: Arc::default() };
    let run = worker.sandbox.run_here(job, line, ledger, meter);
    call::bounded(run, ledger, stop).await.map_err(|error| error.to_string())
}
