//! A gate to measure: one package, a policy that allows all, a journal of its own.

use anyhow::{Context as _, Result, bail};
use controller::{Answer, Gate, Setup, Who};
use journal::{Durability, Journal, TaskId};
use policy::{Access, Limits, Policy};
use sandbox::{Config, End, Isolated, Mount, Package, Sandbox, World};
use serde_json::Value;
use std::{
    future::pending,
    path::{Path, PathBuf},
    sync::Arc,
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Allows all, also real time.
const POLICY: &str = "@id(\"all\") permit (principal, action, resource);";

pub(crate) struct Bench {
    sandbox: Arc<Sandbox>,
    packages: Vec<Package>,
    path: Vec<String>,
    world: World,
    tenant: String,
    gate: Option<Arc<Gate>>,
    journal: Option<Arc<Journal>>,
    state: TempDir,
    runtime: Runtime,
    limits: Limits,
}

/// An engine with room for so many calls.
pub(crate) fn sandbox(slots: u32, isolated: bool) -> Result<Arc<Sandbox>> {
    let isolated = isolated.then(Isolated::default);
    let config = Config { slots, cache: None, network: Default::default(), fuel: false, isolated };
    Ok(Arc::new(Sandbox::new(config)?))
}

impl Bench {
    pub(crate) fn new(package: &registry::Package) -> Result<Self> {
        Self::on(sandbox(64, false)?, package, "bench")
    }

    /// On an engine that is shared.
    pub(crate) fn on(sandbox: Arc<Sandbox>, package: &registry::Package, tenant: &str) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (world, state) = (World::default(), tempfile::tempdir()?);
        let limits = [("written", "16GiB"), ("created", "1000000"), ("cpu", "10min"), ("wall", "60min")];
        let limits = limits.iter().try_fold(Limits::default(), |limits, (key, value)| limits.with(key, value))?;
        let packages = vec![sandbox.load(&package.bytes, package.digest, &package.name)?];
        let path = Vec::new();
        Ok(Self {
            sandbox,
            packages,
            path,
            world,
            tenant: tenant.into(),
            gate: None,
            journal: None,
            state,
            runtime,
            limits,
        })
    }

    pub(crate) fn mount(mut self, name: &str, path: &Path, stage: Option<PathBuf>) -> Result<Self> {
        let name = name.parse()?;
        let mut mount = Mount::open(&name, path, Access::ReadWrite)?;
        if let Some(stage) = stage {
            mount = mount.staged(stage, true);
        }
        self.world.mounts.insert(name, mount);
        Ok(self)
    }

    /// A package whose programs can be started.
    pub(crate) fn on_path(mut self, package: &registry::Package) -> Result<Self> {
        self.packages.push(self.sandbox.load(&package.bytes, package.digest, &package.name)?);
        self.path.push(package.name.clone());
        Ok(self)
    }

    pub(crate) fn limit(mut self, key: &str, value: &str) -> Result<Self> {
        self.limits = self.limits.with(key, value)?;
        Ok(self)
    }

    pub(crate) fn gate(&mut self) -> Result<Arc<Gate>> {
        if let Some(gate) = &self.gate {
            return Ok(Arc::clone(gate));
        }
        let gate = Gate::new(Setup {
            path: self.path.clone(),
            sandbox: Arc::clone(&self.sandbox),
            packages: std::mem::take(&mut self.packages),
            policy: Policy::parse(&[("bench.cedar", POLICY)])?,
            world: self.world.clone(),
            classification: Arc::default(),
            shared: Default::default(),
            who: Who { tenant: self.tenant.clone(), principal: "bench".parse()?, roles: Vec::new() },
            limits: self.limits,
            journal: self.journal()?,
            task: TaskId::generate(),
            watch: None,
            lease: None,
        });
        self.gate = Some(Arc::clone(&gate));
        Ok(gate)
    }

    /// Where it records.
    pub(crate) fn journal(&mut self) -> Result<Arc<Journal>> {
        if let Some(journal) = &self.journal {
            return Ok(Arc::clone(journal));
        }
        let journal = Arc::new(Journal::open(self.state.path(), Durability::Process)?);
        self.journal = Some(Arc::clone(&journal));
        Ok(journal)
    }

    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// Makes a call that has to give a result.
    pub(crate) fn call(&mut self, tool: &str, args: Value) -> Result<Value> {
        let gate = self.gate()?;
        let tool = gate.tool(&tool.parse()?).context("no such tool")?;
        match self.runtime.block_on(gate.call(tool, args, pending())) {
            Answer::Ran(outcome) => match outcome.end {
                End::Result(value) => Ok(value),
                end => bail!("it ended otherwise: {end:?}"),
            },
            answer => bail!("it did not run: {answer:?}"),
        }
    }
}
