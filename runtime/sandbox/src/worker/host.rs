//! The host's workers: started when a call needs one, kept for the next call of the same kind.

use super::{
    COMMAND, WITH_NETWORK, claims,
    hello::{self, Hello, HelloMount, HelloPackage},
    serve::{Out, Serving},
    walls::Walls,
    wire::{self, Account, ToHost, ToWorker},
};
use crate::{
    Isolated, Sandbox,
    call::{CallError, Job, bounded},
    ledger::{Ledger, lock},
    meter::Meter,
    mounts::{Opened, Place},
    outcome::{Action, Effect, End, LimitHit},
    outside::Here,
    package::Tool,
    shares::{Places, Shares, Tenant},
    terms::Terms,
};
use bytes::Bytes;
use policy::{Digest, Limits};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fstat, memfd_create};
use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    io::{self, Write as _},
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::{net::UnixStream, process::ExitStatusExt as _},
    },
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};
use tokio::{
    sync::mpsc,
    task::{JoinHandle, spawn_blocking},
    time::timeout,
};

/// How many calls run in workers at once; those that they make run beside them. Each takes some 20 MB.
const MAX_WORKERS: u32 = 64;
/// How many workers wait for their next call, and for how long.
const MAX_IDLE: usize = 16;
const IDLE: Duration = Duration::from_secs(60);
/// How long a worker may take to start, and to say what a call did that was stopped.
const START: Duration = Duration::from_secs(30);
const GRACE: Duration = Duration::from_millis(500);
/// How many messages of a worker wait to be read.
const QUEUE: usize = 16;

/// A call that no worker could be had for.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// It did not start.
    #[error("no worker process could be started: {0}")]
    Start(io::Error),
    /// It could not prepare itself.
    #[error("a worker process could not begin: {0}")]
    Prepare(String),
    /// It took too long.
    #[error("a worker process did not begin within {} s", START.as_secs())]
    Slow,
    /// Walls that the operator wants are not there.
    #[error("`require` names what this machine does not offer: {}; `gloveport doctor` says more", .0.join("; "))]
    Walls(Vec<String>),
}

/// What a worker says of the walls around it.
#[derive(Debug, Clone)]
pub struct Probed {
    /// Which were put up.
    pub walls: Walls,
    /// What it tried from behind them, and what it reached: nothing where it was refused.
    pub tried: BTreeMap<String, Option<String>>,
}

/// The workers of one engine.
pub(crate) struct Workers {
    isolated: Isolated,
    fuel: bool,
    room: Arc<Shares>,
    idle: Mutex<Vec<Idle>>,
    code: Mutex<HashMap<Digest, Arc<OwnedFd>>>,
}

struct Idle {
    key: Key,
    worker: Worker,
    since: Instant,
}

/// Calls with the same key can run in the same worker, one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    digest: Digest,
    tenant: Tenant,
    sockets: bool,
    mounts: Vec<MountKey>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct MountKey {
    guest_path: String,
    device: u64,
    inode: u64,
    writes: bool,
    /// The part of a staged mount, and the folder of its changes.
    staged: Option<(String, std::path::PathBuf)>,
    rules: Option<(std::path::PathBuf, crate::PathPatterns)>,
}

impl Key {
    fn of(digest: Digest, tenant: &Tenant, job: &Job<'_>) -> io::Result<Self> {
        let mount = |mount: &Opened| {
            let (stat, writes, staged, ruled) = match &mount.place {
                Place::Directory { dir, writes, ruled } => (fstat(&**dir)?, *writes, None, ruled),
                Place::Staged(view) => {
                    let staged = (view.floor.clone(), view.staged.folder().to_owned());
                    (fstat(view.staged.layer_of_changes())?, view.writes, Some(staged), &view.ruled)
                }
            };
            let rules = ruled.as_ref().map(|ruled| ruled.as_told());
            let guest_path = mount.guest_path.clone();
            Ok(MountKey { guest_path, device: stat.st_dev, inode: stat.st_ino, writes, staged, rules })
        };
        let mounts = job.mounts.iter().map(mount).collect::<io::Result<_>>()?;
        Ok(Self { digest, tenant: Arc::clone(tenant), sockets: job.terms.tcp || job.terms.udp, mounts })
    }
}

/// A process, until it is dropped.
struct Process(Child);

impl Process {
    /// What ended it, for the operator.
    fn ended(&mut self) -> String {
        let _ = self.0.kill();
        match self.0.wait() {
            // The one that waits for the worker says so by its own code.
            Ok(status) => match (status.code(), status.signal()) {
                (Some(code @ 129..), _) => format!("its worker process was killed by signal {}", code - 128),
                (_, Some(_)) => "its worker process was killed".to_owned(),
                (code, None) => format!("its worker process ended with exit code {}", code.unwrap_or(-1)),
            },
            Err(error) => format!("its worker process is lost: {error}"),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Worker {
    process: Process,
    from: mpsc::Receiver<(ToHost, Bytes)>,
    to: Out,
    /// The limits of its call, which bound how long its messages may be.
    limits: Arc<Mutex<Limits>>,
    tasks: [JoinHandle<()>; 2],
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Workers {
    pub(crate) fn new(isolated: Isolated, fuel: bool) -> Self {
        let room = Shares::new(MAX_WORKERS, Some(crate::HOLD));
        Self { isolated, fuel, room, idle: Mutex::default(), code: Mutex::default() }
    }

    /// Whether calls of a package run in workers.
    pub(crate) fn run(&self, package: &str) -> bool {
        self.isolated.packages.is_empty() || self.isolated.packages.contains(package)
    }

    /// Starts a worker for nothing, to see which walls stand around it.
    pub(crate) async fn probe() -> Result<Probed, WorkerError> {
        let hello = Hello { package: None, fuel: false, sockets: false, mounts: Vec::new() };
        start(hello, None, Vec::new()).await.map(|(_, probed)| probed)
    }

    /// Refuses to go on where walls are missing that the operator wants.
    pub(crate) async fn check(&self) -> Result<(), WorkerError> {
        if self.isolated.require.is_empty() {
            return Ok(());
        }
        self.stands(&Self::probe().await?.walls)
    }

    fn stands(&self, walls: &Walls) -> Result<(), WorkerError> {
        let missing = walls.missing(&self.isolated.require);
        if missing.is_empty() {
            return Ok(());
        }
        Err(WorkerError::Walls(missing.into_iter().map(|(wall, why)| format!("{wall} ({why})")).collect()))
    }

    /// Waits for room; calls within calls have theirs.
    async fn room(&self, tenant: &Tenant, within: bool) -> Option<Places> {
        if within { None } else { Some(self.room.take(tenant, 1).await) }
    }

    async fn worker(&self, key: &Key, job: &Job<'_>) -> Result<Worker, WorkerError> {
        if let Some(idle) = self.take(key) {
            return Ok(idle);
        }
        for mount in job.mounts {
            if let Place::Staged(view) = &mount.place {
                view.staged.share(&view.floor, view.writes).await.map_err(WorkerError::Start)?;
            }
        }
        let code = self.code(job.tool).map_err(WorkerError::Start)?;
        let package = HelloPackage { digest: job.tool.digest, description: Box::new(job.tool.package().clone()) };
        let hello = Hello {
            package: Some(package),
            fuel: self.fuel,
            sockets: key.sockets,
            mounts: job.mounts.iter().map(HelloMount::of).collect(),
        };
        let (worker, probed) = start(hello, Some(code), job.mounts.to_vec()).await?;
        self.stands(&probed.walls)?;
        Ok(worker)
    }

    fn take(&self, key: &Key) -> Option<Worker> {
        let mut idle = lock(&self.idle);
        let position = idle.iter().rposition(|idle| idle.key == *key)?;
        Some(idle.remove(position).worker)
    }

    fn keep(&self, key: Key, worker: Worker) {
        let gone: Vec<_> = {
            let mut idle = lock(&self.idle);
            idle.push(Idle { key, worker, since: Instant::now() });
            let old = idle.iter().take_while(|idle| idle.since.elapsed() > IDLE).count();
            let many = idle.len().saturating_sub(MAX_IDLE);
            idle.drain(..old.max(many)).collect()
        };
        drop(gone);
    }

    /// A package's compiled code as a file that nobody can change any more.
    fn code(&self, tool: &Tool) -> io::Result<Arc<OwnedFd>> {
        if let Some(code) = lock(&self.code).get(&tool.digest) {
            return Ok(Arc::clone(code));
        }
        let bytes = tool.pre.component().serialize().map_err(io::Error::other)?;
        let mut file = File::from(memfd_create("gloveport-code", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?);
        file.write_all(&bytes)?;
        fcntl_add_seals(&file, SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        let code = Arc::new(OwnedFd::from(file));
        lock(&self.code).insert(tool.digest, Arc::clone(&code));
        Ok(code)
    }
}

/// Starts a worker, and waits until it stands behind its walls and has loaded its package.
async fn start(hello: Hello, code: Option<Arc<OwnedFd>>, mounts: Vec<Opened>) -> Result<(Worker, Probed), WorkerError> {
    let begun = spawn_blocking(move || {
        let (here, there) = UnixStream::pair()?;
        let mut command = Command::new("/proc/self/exe");
        command.arg(COMMAND).env_clear().stdin(OwnedFd::from(there)).stdout(Stdio::null());
        // What it says is not for a terminal: it may not be what this program wrote.
        command.stderr(Stdio::null());
        if hello.sockets {
            command.arg(WITH_NETWORK);
        }
        let process = Process(command.spawn()?);
        // Its end is closed here with the command, so that a worker that dies is heard of.
        drop(command);
        hello::send(&here, &hello, code.as_ref().map(|code| code.as_fd()), &mounts)?;
        here.set_nonblocking(true)?;
        Ok((process, here))
    });
    let (process, line) = begun.await.map_err(io::Error::other).and_then(|begun| begun).map_err(WorkerError::Start)?;
    let (mut reading, mut writing) = tokio::net::UnixStream::from_std(line).map_err(WorkerError::Start)?.into_split();
    let (arrived, from) = mpsc::channel(QUEUE);
    let (to, mut leaving, waiting) = Out::new();
    let limits = Arc::new(Mutex::new(Limits::default()));
    let bounds = Arc::clone(&limits);
    let reader = tokio::spawn(async move {
        while let Ok(message) = wire::receive::<ToHost>(&mut reading, |kind| kind.most_to_host(&lock(&bounds))).await {
            if arrived.send(message).await.is_err() {
                break;
            }
        }
    });
    let writer = tokio::spawn(async move {
        while let Some((message, raw)) = leaving.recv().await {
            waiting.fetch_sub(1, Relaxed);
            if wire::send(&mut writing, &message, &raw).await.is_err() {
                break;
            }
        }
    });
    let mut worker = Worker { process, from, to, limits, tasks: [reader, writer] };
    match timeout(START, worker.from.recv()).await {
        Ok(Some((ToHost::Ready { walls, tried }, _))) => Ok((worker, Probed { walls, tried })),
        Ok(Some((ToHost::Failed { why }, _))) => Err(WorkerError::Prepare(why)),
        Ok(Some(_)) => Err(WorkerError::Prepare("it said something else than that it is ready".to_owned())),
        Ok(None) => Err(WorkerError::Prepare(worker.process.ended())),
        Err(_) => Err(WorkerError::Slow),
    }
}

impl Sandbox {
    /// Runs a call in a worker. Whatever becomes of it, what it did is in the ledger then.
    pub(crate) async fn run_in_worker(
        &self,
        workers: &Workers,
        job: Job<'_>,
        here: Arc<Here>,
        (ledger, meter): (&Arc<Ledger>, &Arc<Meter>),
        (tenant, within): (&Tenant, bool),
        cancel: impl Future<Output = ()>,
    ) -> Result<End, CallError> {
        let key = Key::of(job.tool.digest, tenant, &job).map_err(WorkerError::Start)?;
        let (tool, mounts) = (job.tool, job.mounts);
        let terms = Terms { outer: ledger.outer(), ..job.terms.clone() };
        let (limits, names) = (terms.limits, claims::names(mounts));
        let mut held = None;
        let mut ended = None;
        let run = async {
            let _room = workers.room(tenant, within).await;
            let worker = held.insert(workers.worker(&key, &job).await?);
            let mut serving =
                Serving::new(here, tool.id.clone(), (limits, names.clone()), Arc::clone(meter), worker.to.clone());
            let arguments = tool.json_of(job.arguments);
            let function = tool.id.function().to_owned();
            let call = ToWorker::Call { function, arguments, terms: Box::new(terms.clone()) };
            *lock(&worker.limits) = limits;
            worker.to.send(call, Bytes::new());
            loop {
                match worker.from.recv().await {
                    Some((ToHost::Ended { end, mut account }, _)) => {
                        let end = claims::checked(end, &mut account, &terms, &names);
                        ended = Some(account);
                        // It was told to begin, and may have done anything by now, whatever it says.
                        return Ok(
                            end.unwrap_or_else(|why| End::Trap(format!("its worker process could not run it: {why}")))
                        );
                    }
                    Some((message, raw)) => {
                        if !serving.take(message, raw) {
                            return Ok(End::Trap("its worker process asked for more than any tool can".to_owned()));
                        }
                    }
                    None => return Ok(End::Trap(worker.process.ended())),
                }
            }
        };
        let end = bounded(run, ledger, cancel).await;
        let Some(mut worker) = held else { return end };
        if ended.is_none() {
            worker.to.send(ToWorker::Stop, Bytes::new());
            ended = last_words(&mut worker).await;
            if let Some(account) = &mut ended {
                // How it ended is known.
                let _ = claims::checked(Ok(End::Cancelled), account, &terms, &names);
            }
        }
        match ended {
            Some(account) => {
                let over = absorb(ledger, meter, account);
                // Together with what the host did for it meanwhile it was too much.
                let end = match (end, over) {
                    (Ok(End::Result(_) | End::ToolError(_)), Some(hit)) => Ok(End::Limit(hit)),
                    (end, _) => end,
                };
                // What trapped or had to be stopped may have been an attack that went further than anybody knows.
                if matches!(end, Ok(End::Result(_) | End::ToolError(_))) {
                    workers.keep(key, worker);
                }
                end
            }
            None => {
                unknown(ledger, mounts);
                end
            }
        }
    }
}

/// What a worker says of a call that was stopped, if it still can.
async fn last_words(worker: &mut Worker) -> Option<Account> {
    let words = async {
        loop {
            // Nobody does anything else for it any more.
            if let (ToHost::Ended { account, .. }, _) = worker.from.recv().await? {
                return Some(account);
            }
        }
    };
    timeout(GRACE, words).await.ok().flatten()
}

fn absorb(ledger: &Ledger, meter: &Meter, account: Account) -> Option<LimitHit> {
    let Account { cpu_us, memory, counted, effects, printed } = account;
    // It has one thread that computes, and what it waits for is counted here.
    let computed = Duration::from_micros(cpu_us).min(meter.wall());
    meter.add(computed.saturating_sub(meter.cpu()));
    ledger.absorb(effects, printed, memory);
    ledger.settle(counted)
}

/// A worker that ended without a word may have changed whatever it could.
fn unknown(ledger: &Ledger, mounts: &[Opened]) {
    for mount in mounts {
        let writes = match &mount.place {
            Place::Directory { writes, .. } => *writes,
            Place::Staged(view) => view.writes,
        };
        if writes {
            let why = Some("its worker ended before it could say what it changed".to_owned());
            let path = mount.guest_path.trim_start_matches('/').to_owned();
            ledger.note(true, Effect { why, ..Effect::new(Action::Write, path) });
        }
    }
}
