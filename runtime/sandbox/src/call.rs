//! One call: a fresh instance, one function, an outcome.

use crate::{
    Sandbox,
    describe::TypedResult,
    doors::{
        self,
        clock::VirtualClock,
        fs::Tree,
        host::{Asking, HostDoor},
        http::{HttpDoor, Requests},
        sockets::Sockets,
    },
    ledger::Ledger,
    meter::{Meter, Metered},
    mounts::Opened,
    outcome::{End, LimitHit, Outcome, Usage},
    outside::{Here, Outside},
    package::{Arguments, Entry, Given, Tool},
    process::{Process, Processes},
    shape::Shape,
    shares::Places,
    stage::{Account, Chain, Stage},
    staged::StagedError,
    state::{Memory, State},
    terms::Terms,
    value,
    worker::WorkerError,
    world::World,
};
use policy::{Grant, LimitKind, UNLIMITED};
use serde_json::json;
use std::{collections::HashMap, io, sync::Arc, time::Duration};
use wasmtime::{
    AsContextMut, PoolConcurrencyLimitError, Store, Trap,
    component::{Instance, ResourceTable, ResourceTableError, Val},
};
use wasmtime_wasi::{I32Exit, WasiCtx};
use wasmtime_wasi_http::WasiHttpCtx;

/// How much longer than a pure copy the values that cross from guest to host may be than the limit on the result:
/// the engine counts the host's own representation.
const FUEL_PER_BYTE: u64 = 4;
/// The least that values may take, so that a small limit on the result does not stop ordinary host calls.
const MIN_FUEL: u64 = 4 << 20;
/// The engine counts headers with what each takes in memory. What is sent is counted by the door.
const HEADER_OVERHEAD: usize = 4;
/// The longest message of a trap, in characters.
pub(crate) const MAX_MESSAGE: usize = 300;

/// One call, ready to run.
pub(crate) struct Job<'a> {
    pub(crate) tool: &'a Tool,
    pub(crate) arguments: Arguments,
    pub(crate) terms: &'a Terms,
    pub(crate) mounts: &'a [Opened],
    /// Where the call is a process.
    pub(crate) process: Option<Process>,
    /// Those that it starts.
    pub(crate) processes: Arc<Processes>,
}

/// What a call is for, beside its arguments.
pub struct Setting<'a> {
    /// What grants choose from.
    pub world: &'a World,
    /// Where the virtual random numbers start.
    pub seed: u64,
    /// Who makes the calls that it asks for; `None` where they are refused.
    pub stage: Option<Arc<dyn Stage>>,
    /// The call that makes this one; `None` where it is made by no other.
    pub within: Option<(Chain, Account)>,
    /// What makes it a process, where it is one.
    pub process: Option<Process>,
}

/// A call that could not begin: nothing ran.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// A grant is for one tool.
    #[error("the grant is for `{granted}`, not for `{called}`")]
    OtherTool {
        /// The grant's tool.
        granted: String,
        /// The tool that was to be called.
        called: String,
    },
    /// The part of a mount that was granted cannot be opened.
    #[error("mount `{mount}`, path `{path}`: {error}")]
    Mount {
        /// The mount.
        mount: String,
        /// The part of it.
        path: String,
        /// What happened.
        error: io::Error,
    },
    /// The place for staged changes cannot be used.
    #[error("mount `{mount}`: {error}")]
    Staged {
        /// The mount.
        mount: String,
        /// What is wrong with it.
        error: StagedError,
    },
    /// There are fewer slots than calls that could be under way within each other.
    #[error(
        "a call, those within it (limit `depth`) and its processes (limit `processes`) can take {places} instances at once, and there is room for {slots}"
    )]
    Depth {
        /// What it could take.
        places: u32,
        /// What there is.
        slots: u32,
    },
    /// What is not counted cannot be limited.
    #[error("the limit `fuel` is set, and this sandbox was started without counting instructions")]
    Fuel,
    /// There is no worker for it.
    #[error(transparent)]
    Worker(#[from] WorkerError),
    /// The engine failed to make an instance.
    #[error("no instance could be made: {0:#}")]
    Engine(wasmtime::Error),
}

impl Sandbox {
    /// Runs one tool in a fresh instance under a grant, which is spent by it.
    ///
    /// The guest shares the thread it is polled on with others: it yields every millisecond. When `cancel` completes,
    /// the guest is stopped at its next yield; dropping the future does the same, without an outcome.
    ///
    /// # Errors
    /// Where the call could not begin. Whatever a guest does is an [`Outcome`].
    pub async fn call(
        &self,
        tool: &Tool,
        arguments: Arguments,
        grant: Grant,
        mut setting: Setting<'_>,
        cancel: impl Future<Output = ()>,
    ) -> Result<Outcome, CallError> {
        if *grant.tool() != tool.id {
            let (granted, called) = (grant.tool().to_string(), tool.id.to_string());
            return Err(CallError::OtherTool { granted, called });
        }
        let outer = setting.within.as_ref().map(|(_, account)| Arc::clone(&account.ledger));
        let chain = match &setting.within {
            Some((chain, _)) => chain.and(tool.id.clone()),
            None => Chain::of(tool.id.clone()),
        };
        let process = setting.process.take();
        let mut terms = Terms::of(&grant, &setting, chain.depth());
        let ledger = match &process {
            None => Ledger::new(terms.limits, outer),
            Some(process) => {
                // It sees what its starter gave it, which had no more than it was granted.
                terms.env = process.env.clone();
                Ledger::of_process(terms.limits, outer)
            }
        };
        let ledger = Arc::new(ledger);
        let around = setting.within.as_ref().map(|(_, account)| Arc::clone(&account.meter));
        let meter = Arc::new(self.meter(&terms.limits, &setting.world.tenant, around));
        let outside = Arc::new(self.here(&grant, &setting, chain, (&ledger, &meter)));

        let mounts = grant.mounts().iter().map(|mount| Opened::new(mount, setting.world));
        let mounts = mounts.collect::<Result<Vec<_>, _>>()?;
        let processes = Arc::<Processes>::default();
        let job = Job { tool, arguments, terms: &terms, mounts: &mounts, process, processes: Arc::clone(&processes) };
        // A process is where its starter is.
        let workers = self.workers.as_ref().filter(|workers| workers.run(tool.id.package()) && job.process.is_none());
        let end = match workers {
            None => {
                let run = async {
                    // Waiting for a slot counts as time of the call: its caller waits too.
                    let _slot = self.slot(&grant, &setting).await?;
                    self.run_here(job, outside, &ledger, &meter).await
                };
                bounded(run, &ledger, cancel).await
            }
            Some(workers) => {
                let whose = (&setting.world.tenant, setting.within.is_some());
                self.run_in_worker(workers, job, outside, (&ledger, &meter), whose, cancel).await
            }
        };
        // What they did belongs to what it did.
        processes.end().await;
        let mut outcome = outcome(end?, &ledger, &meter);
        // They are masked where they come in. Whatever way they took past that, they do not get further than here.
        outcome.mask(setting.world.secrets.redactor());
        Ok(outcome)
    }

    /// The host's side of the doors that lead outside.
    fn here(
        &self,
        grant: &Grant,
        setting: &Setting<'_>,
        chain: Chain,
        (ledger, meter): (&Arc<Ledger>, &Arc<Meter>),
    ) -> Here {
        let standing = grant.standing().cloned();
        Here {
            requests: Requests {
                standing: standing.clone(),
                ledger: Arc::clone(ledger),
                client: Arc::clone(&self.client),
                secrets: setting.world.secrets.clone(),
            },
            sockets: Sockets::new(standing.clone(), Arc::clone(ledger), Arc::clone(&self.client)),
            asking: Asking {
                standing,
                stage: setting.stage.clone(),
                bounds: grant.bounds(),
                ledger: Arc::clone(ledger),
                meter: Arc::clone(meter),
                chain,
            },
            stage: setting.stage.clone(),
        }
    }

    /// Runs a call on this process's own engine.
    pub(crate) async fn run_here(
        &self,
        job: Job<'_>,
        outside: Arc<dyn Outside>,
        ledger: &Arc<Ledger>,
        meter: &Arc<Meter>,
    ) -> Result<End, CallError> {
        meter.begin().await;
        let (tool, store, arguments) = self.store(job, outside, ledger, meter)?;
        Metered::new(meter, run(store, tool, arguments, ledger)).await
    }

    /// A place for an instance, and for those of the calls that it may make: whoever waits for a place while it holds
    /// another could wait for ever.
    async fn slot(&self, grant: &Grant, setting: &Setting<'_>) -> Result<Option<Places>, CallError> {
        if setting.within.is_some() {
            return Ok(None);
        }
        let places = crate::places(grant.limits(), !grant.asks().invoke.is_empty(), !grant.asks().exec.is_empty());
        let places = u32::try_from(places).unwrap_or(u32::MAX);
        if places > self.capacity {
            return Err(CallError::Depth { places, slots: self.capacity });
        }
        Ok(Some(self.slots.take(&setting.world.tenant, places).await))
    }

    fn store<'a>(
        &self,
        job: Job<'a>,
        outside: Arc<dyn Outside>,
        ledger: &Arc<Ledger>,
        meter: &Arc<Meter>,
    ) -> Result<(&'a Tool, Store<State>, Arguments), CallError> {
        let Job { tool, arguments, terms, mounts, process, processes } = job;
        let mut wasi = WasiCtx::builder();
        doors::sockets::open(&mut wasi, terms.tcp, terms.udp, &outside);
        let mut stdin = None;
        if let Given::Command { args, stdin: given } = &arguments.0 {
            let name = process.as_ref().map_or_else(|| tool.program(), |process| &process.name);
            wasi.arg(name).args(args);
            stdin = given.clone().map(Into::into);
        }
        let mut cwd = None;
        match process {
            None => doors::stdio::open(&mut wasi, stdin, ledger),
            Some(process) => {
                if let Some(folder) = process.cwd {
                    wasi.initial_cwd(&folder);
                    cwd = Some(folder);
                }
                doors::stdio::give(&mut wasi, process.streams, process.leash.broken());
            }
        }
        doors::random::open(&mut wasi, terms.seed);
        for (name, value) in &terms.env {
            wasi.env(name, value);
        }
        let mut roots = Vec::with_capacity(mounts.len());
        for mount in mounts {
            let refuse = |error| CallError::Mount { mount: mount.guest_path.clone(), path: String::new(), error };
            roots.push(mount.preopen(&mut wasi).map_err(refuse)?);
        }
        let mut table = ResourceTable::new();
        let handles = usize::try_from(terms.limit(LimitKind::Handles)).unwrap_or(usize::MAX);
        table.set_max_capacity(handles);
        let mut http_ctx = WasiHttpCtx::new();
        http_ctx.set_field_size_limit(ledger.limit_of_headers().saturating_mul(HEADER_OVERHEAD));
        let state = State {
            wasi: wasi.build(),
            table,
            tree: Tree::new(roots),
            virtual_clock: terms.clock_ms.map(VirtualClock::starting_at),
            http: HttpDoor { outside: Arc::clone(&outside) },
            http_ctx,
            host: HostDoor {
                outside,
                limits: terms.limits,
                ledger: Arc::clone(ledger),
                meter: Arc::clone(meter),
                tool: tool.id.clone(),
                depth: terms.depth,
            },
            processes,
            cwd,
            connections: HashMap::new(),
            memory: Memory::new(&terms.limits, Arc::clone(ledger)),
            meter: Arc::clone(meter),
            ledger: Arc::clone(ledger),
        };
        let mut store = Store::new(&self.engine, state);
        store.limiter(|state| &mut state.memory);
        if self.fuel {
            store.set_fuel(terms.limit(LimitKind::Fuel)).map_err(CallError::Engine)?;
        } else if terms.limit(LimitKind::Fuel) != UNLIMITED {
            return Err(CallError::Fuel);
        }
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|store| store.data().meter.at_tick());
        let fuel = terms.limit(LimitKind::Result).saturating_mul(FUEL_PER_BYTE).max(MIN_FUEL);
        store.set_hostcall_fuel(usize::try_from(fuel).unwrap_or(usize::MAX));
        store.as_context_mut().set_max_component_handles(handles);
        Ok((tool, store, arguments))
    }
}

/// Bounds a call by its limit `wall`, by what is hit in what the host does meanwhile, and by whoever takes it back.
pub(crate) async fn bounded(
    run: impl Future<Output = Result<End, CallError>>,
    ledger: &Ledger,
    cancel: impl Future<Output = ()>,
) -> Result<End, CallError> {
    let wall = ledger.hit(LimitKind::Wall);
    let end = tokio::select! {
        biased;
        end = tokio::time::timeout(Duration::from_millis(wall.value), run) => match end {
            Ok(end) => end?,
            Err(_) => End::Limit(wall),
        },
        hit = ledger.stopped() => End::Limit(hit),
        () = cancel => End::Cancelled,
    };
    // A guest can be done before the limit that was hit on its behalf has stopped it.
    Ok(ledger.hit_meanwhile().map_or(end, End::Limit))
}

/// How a call ended, and all that is known of it.
pub(crate) fn outcome(end: End, ledger: &Ledger, meter: &Meter) -> Outcome {
    let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let usage = Usage {
        cpu_us: micros(meter.cpu()),
        wall_us: micros(meter.wall()),
        memory: ledger.memory_peak(),
        written: ledger.written(),
        sent: ledger.sent(),
        received: ledger.received(),
    };
    Outcome { end, usage, effects: ledger.take_effects(), printed: ledger.take_printed() }
}

async fn run(mut store: Store<State>, tool: &Tool, arguments: Arguments, ledger: &Ledger) -> Result<End, CallError> {
    let instance = match tool.pre.instantiate_async(&mut store).await {
        Ok(instance) => instance,
        Err(error) if error.is::<PoolConcurrencyLimitError>() => return Err(CallError::Engine(error)),
        Err(error) => return Ok(failed(&error, ledger)),
    };
    let ended = match (&tool.entry, arguments.0) {
        (Entry::Typed { function, result, .. }, Given::Typed(params)) => {
            typed(&mut store, &instance, function, result, &params, ledger).await
        }
        (Entry::Command { run, .. }, _) => command(&mut store, &instance, run, ledger).await,
        (Entry::Typed { .. }, Given::Command { .. }) => Err(wasmtime::Error::msg("arguments of another tool")),
    };
    Ok(ended.unwrap_or_else(|error| failed(&error, ledger)))
}

async fn typed(
    store: &mut Store<State>,
    instance: &Instance,
    function: &wasmtime::component::ComponentExportIndex,
    result: &TypedResult,
    params: &[Val],
    ledger: &Ledger,
) -> wasmtime::Result<End> {
    let function =
        instance.get_func(&mut *store, function).ok_or_else(|| wasmtime::Error::msg("the export is not a function"))?;
    let none = matches!(result, TypedResult::Plain(None));
    let mut results = vec![Val::Bool(false); usize::from(!none)];
    function.call_async(&mut *store, params, &mut results).await?;
    let limit = ledger.hit(LimitKind::Result);
    let json = |shape: &Shape, value: Val| value::json(shape, value, limit.value).map_err(|value::TooLarge| limit);
    let payload = |shape: &Option<Shape>, value: Option<Box<Val>>| match (shape, value) {
        (Some(shape), Some(value)) => json(shape, *value),
        _ => Ok(serde_json::Value::Null),
    };
    let value = results.pop();
    Ok(match (result, value) {
        (TypedResult::Plain(Some(shape)), Some(value)) => End::Result(json(shape, value)?),
        (TypedResult::Fallible { ok, .. }, Some(Val::Result(Ok(value)))) => End::Result(payload(ok, value)?),
        (TypedResult::Fallible { err, .. }, Some(Val::Result(Err(value)))) => End::ToolError(payload(err, value)?),
        _ => End::Result(serde_json::Value::Null),
    })
}

async fn command(
    store: &mut Store<State>,
    instance: &Instance,
    run: &wasmtime::component::ComponentExportIndex,
    ledger: &Ledger,
) -> wasmtime::Result<End> {
    let run = instance.get_typed_func::<(), (Result<(), ()>,)>(&mut *store, run)?;
    let code = match run.call_async(&mut *store, ()).await {
        Ok((Ok(()),)) => 0,
        Ok((Err(()),)) => 1,
        Err(error) => error.downcast_ref::<I32Exit>().map(|exit| exit.0).ok_or(error)?,
    };
    let (stdout, stderr) = ledger.take_output();
    let value = json!({ "exit_code": code, "stdout": stdout, "stderr": stderr });
    Ok(if code == 0 { End::Result(value) } else { End::ToolError(value) })
}

/// What an error of the engine means.
fn failed(error: &wasmtime::Error, ledger: &Ledger) -> End {
    if let Some(hit) = error.downcast_ref::<LimitHit>() {
        return End::Limit(*hit);
    }
    if matches!(error.downcast_ref(), Some(ResourceTableError::Full)) {
        return End::Limit(ledger.hit(LimitKind::Handles));
    }
    if let Some(exit) = error.downcast_ref::<I32Exit>() {
        return End::Trap(format!("the tool ended its process with exit code {}", exit.0));
    }
    if let Some(Trap::OutOfFuel) = error.downcast_ref() {
        return End::Limit(ledger.hit(LimitKind::Fuel));
    }
    if let Some(trap) = error.downcast_ref::<Trap>() {
        return End::Trap(trap.to_string());
    }
    let root = error.root_cause().to_string();
    // The engine's types for these are private.
    if root.contains("fuel allocated for hostcalls") {
        return End::Limit(ledger.hit(LimitKind::Result));
    }
    if root.contains("handle limit exceeded") {
        return End::Limit(ledger.hit(LimitKind::Handles));
    }
    End::Trap(root.chars().take(MAX_MESSAGE).collect())
}
