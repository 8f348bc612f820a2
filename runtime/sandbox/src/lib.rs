//! Runs one call of one tool in one fresh WebAssembly instance, under a grant and limits.
//!
//! The only crate that names wasmtime. Everything that a guest can reach is in [`mod@doors`]; a [`policy::Grant`],
//! which only policy can mint, says which of it one call gets.
#![allow(clippy::disallowed_methods, reason = "opens mounts, and keeps compiled code")]

mod adapt;
mod cache;
mod call;
mod describe;
mod doors;
mod engine;
mod ledger;
mod load;
mod meter;
mod mounts;
mod nested;
mod net;
mod outcome;
mod outside;
mod package;
#[allow(unreachable_pub, reason = "the bindings export their resources again")]
mod process;
pub mod redact;
mod schema;
mod secrets;
mod shape;
mod shares;
mod stage;
mod staged;
mod state;
mod surface;
mod terms;
mod value;
mod worker;
mod world;

pub use cache::{CacheError, CodeCache};
pub use call::{CallError, Setting};
pub use describe::{DescribeError, Description, ToolDescription, declared, reach_of};
pub use doors::fs::{PathPatterns, PatternRefused};
pub use engine::config as engine_config;
#[doc(hidden)]
pub use net::{Examined, examine};
pub use net::{Names, Network, Resolver, Resolving, TlsError, is_public};
pub use outcome::{Action, Effect, Effects, End, Level, LimitHit, Log, MAX_EFFECTS, Outcome, Printed, Usage};
pub use package::{Arguments, MissingExport, Package, Tool};
pub use process::{Exit, Leash, Process};
pub use secrecy::SecretString;
pub use secrets::Secrets;
pub use stage::{
    Account, Chain, Invocation, Invoking, NotInvoked, NotStarted, Progress, Running, Stage, Start, Starting,
};
pub use staged::{Change, CommitError, Content, Diff, FileMode, NoMode, Staged, StagedError};
pub use value::BadArguments;
pub use worker::{Probed, Wall, WallStanding, Walls, WorkerError, serve_as_worker};
pub use world::{Mount, MountError, World};

use meter::Meter;
use policy::Digest;
use sha2::{Digest as _, Sha256};
use shares::{Shares, Tenant};
use state::State;
use std::{
    collections::BTreeSet,
    sync::{Arc, LazyLock},
};
use wasmtime::{
    Engine,
    component::{Component, Linker},
};
use worker::Workers;

/// How many times the free slots one tenant may hold: alone it gets three quarters of them.
const HOLD: u32 = 3;

/// How a sandbox is set up.
#[derive(Debug)]
pub struct Config {
    /// How many calls can run at once. Each takes 4 GiB of address space, and nothing else until it is used.
    pub slots: u32,
    /// Where compiled code is kept; `None` compiles every time.
    pub cache: Option<CodeCache>,
    /// How requests leave.
    pub network: Network,
    /// Whether instructions are counted, which the limit `fuel` needs. Code that counts is compiled apart.
    pub fuel: bool,
    /// Which calls run in worker processes; `None` where all run on threads of this one.
    pub isolated: Option<Isolated>,
}

/// Calls that run in worker processes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Isolated {
    /// The walls that have to stand around the processes.
    pub require: Vec<Wall>,
    /// The packages whose calls they are; empty for all.
    pub packages: BTreeSet<String>,
}

/// An engine and its doors. One or two to a process: each reserves its whole address space.
pub struct Sandbox {
    engine: Engine,
    linker: Linker<State>,
    cache: Option<CodeCache>,
    slots: Arc<Shares>,
    capacity: u32,
    /// For those that compute for long: as many as there are cores.
    lane: Arc<Shares>,
    client: Arc<net::Client>,
    fuel: bool,
    workers: Option<Workers>,
}

/// A sandbox that cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The engine refused.
    #[error("the WebAssembly engine cannot start with room for {slots} calls at once: {error:#}")]
    Engine {
        /// How many calls at once.
        slots: u32,
        /// What it said.
        error: wasmtime::Error,
    },
    /// No thread for the clock.
    #[error("the thread that keeps the guests' time cannot start: {0}")]
    Ticker(std::io::Error),
    /// Certificates that cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Bytes that cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The bytes are not a package.
    #[error(transparent)]
    Describe(#[from] DescribeError),
    /// The engine cannot compile or link it.
    #[error("the component cannot be compiled: {0:#}")]
    Compile(wasmtime::Error),
    /// It imports an interface with functions that the host's version does not have.
    #[error("the component's imports do not fit this host: {0:#}")]
    Link(wasmtime::Error),
    /// A fault of this program.
    #[error(transparent)]
    Export(#[from] MissingExport),
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox").field("slots", &self.capacity).finish_non_exhaustive()
    }
}

impl Sandbox {
    /// Starts the engine.
    ///
    /// # Errors
    /// Where there is not enough address space for the slots.
    pub fn new(config: Config) -> Result<Self, SetupError> {
        let this = Self::build(config)?;
        this.tick().map_err(SetupError::Ticker)?;
        Ok(this)
    }

    /// The same without the thread that keeps the guests' time: nothing can run yet.
    pub(crate) fn build(config: Config) -> Result<Self, SetupError> {
        let slots = config.slots.max(1);
        let refuse = |error| SetupError::Engine { slots, error };
        let client = Arc::new(net::Client::new(config.network)?);
        let engine = Engine::new(&engine::config(slots, config.fuel)).map_err(refuse)?;
        let mut linker = Linker::new(&engine);
        doors::link(&mut linker).map_err(refuse)?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            engine,
            linker,
            cache: config.cache,
            slots: Shares::new(slots, Some(HOLD)),
            capacity: slots,
            lane: Shares::new(u32::try_from(cores).unwrap_or(1), None),
            client,
            fuel: config.fuel,
            workers: config.isolated.map(|isolated| Workers::new(isolated, config.fuel)),
        })
    }

    pub(crate) fn tick(&self) -> std::io::Result<()> {
        engine::tick(&self.engine)
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn meter(&self, limits: &policy::Limits, tenant: &Tenant, outer: Option<Arc<Meter>>) -> Meter {
        Meter::new(limits, Arc::clone(&self.lane), Arc::clone(tenant), outer)
    }

    /// Whether what isolation requires is there, before the first call needs it.
    ///
    /// # Errors
    /// Names the walls that are missing, and why.
    pub async fn check_isolation(&self) -> Result<(), WorkerError> {
        match &self.workers {
            Some(workers) => workers.check().await,
            None => Ok(()),
        }
    }

    /// Loads a package: from the cache, or by compiling it, which takes some 80 ms a 100 KB.
    ///
    /// `digest` is the sha256 of the bytes, which whoever brings them has taken to identify them; `stem` names a package
    /// that has no manifest.
    ///
    /// # Errors
    /// What is wrong with the bytes, in words for whoever made them.
    pub fn load(&self, bytes: &[u8], digest: Digest, stem: &str) -> Result<Package, LoadError> {
        let key = stem_key(&digest, stem);
        let cached = self.cache.as_ref().and_then(|cache| cache.get(&self.engine, &key));
        let was_cached = cached.is_some();
        let (component, description) = match cached {
            Some(entry) => entry,
            None => {
                let bytes = adapt::component(bytes)?;
                let description = describe::describe(&bytes, stem)?;
                let component = Component::from_binary(&self.engine, &bytes).map_err(LoadError::Compile)?;
                if let Some(cache) = &self.cache {
                    // A cache that cannot be written costs the next start some time.
                    let _ = cache.put(&self.engine, &key, &component, &description);
                }
                (component, description)
            }
        };
        self.package(digest, bytes.len() as u64, description, &component, was_cached)
    }

    pub(crate) fn package(
        &self,
        digest: Digest,
        size: u64,
        description: Description,
        component: &Component,
        cached: bool,
    ) -> Result<Package, LoadError> {
        let pre = self.linker.instantiate_pre(component).map_err(LoadError::Link)?;
        Ok(Package::new(digest, size, description, component, &pre, cached)?)
    }
}

/// Which walls this machine puts around a worker process, and whether they hold.
///
/// # Errors
/// Where none can be started.
pub async fn probe_isolation() -> Result<Probed, WorkerError> {
    Workers::probe().await
}

/// How many instances a call with these limits can take at once: its own, those of the calls within it where it makes any, and its
/// processes where it starts any.
pub fn places(limits: &policy::Limits, invokes: bool, starts: bool) -> u64 {
    let depth = if invokes { limits.get(policy::LimitKind::Depth) } else { 0 };
    let processes = if starts { limits.get(policy::LimitKind::Processes) } else { 0 };
    1 + depth + processes
}

/// Derives what bytes say about a package, without an engine.
///
/// # Errors
/// What is wrong with the bytes.
pub fn describe(bytes: &[u8], stem: &str) -> Result<Description, DescribeError> {
    describe::describe(&adapt::component(bytes)?, stem)
}

/// What makes descriptions, which are kept beside compiled code: one that another version of it made is not read.
const DESCRIBING: [&str; 4] =
    [include_str!("adapt.rs"), include_str!("describe.rs"), include_str!("schema.rs"), include_str!("shape.rs")];

/// A description depends on the stem where there is no manifest, so the cache's key does too.
fn stem_key(digest: &Digest, stem: &str) -> [u8; 32] {
    static VERSION: LazyLock<blake3::Hash> = LazyLock::new(|| {
        let mut hasher = blake3::Hasher::new();
        for source in DESCRIBING {
            hasher.update(source.as_bytes());
        }
        hasher.finalize()
    });
    Sha256::new_with_prefix(VERSION.as_bytes()).chain_update(digest.0).chain_update(stem).finalize().into()
}
