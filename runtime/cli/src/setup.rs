//! From command line and configuration to a gate.

use crate::{
    args::{ConfiguredArgs, GrantArgs},
    config::Config,
    exit::Internal,
    flags::{self, Callable},
    path, places, secrets,
};
use anyhow::{Context as _, Result, bail};
use controller::{Gate, Isolation, Plan, Setup, Who};
use journal::{Durability, Journal, NetworkSettings, TaskId};
use policy::{Access, LimitKind, Limits, MountName, Policy, ToolId, UNLIMITED};
use registry::{Lock, Origin, Sources};
use sandbox::{CodeCache, Isolated, Mount, Names, Network, Package, PathPatterns, Sandbox, Wall, World};
use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    panic::resume_unwind,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

/// The variable that says where calls run, where the command line does not.
const ISOLATION: &str = "GLOVEPORT_ISOLATION";

/// How many calls run at once in a process that serves, in one that runs a plan, and in one that runs none: a small pool starts
/// faster.
pub(crate) const SERVING_SLOTS: u32 = 1_000;
pub(crate) const TASK_SLOTS: u32 = 64;
pub(crate) const EXPLAINING_SLOTS: u32 = 1;

/// How many calls can run at once in a process that runs this plan: where calls can start processes, several of those that take the
/// most.
pub(crate) fn task_slots(plan: &Plan, starts: bool) -> u32 {
    let most = plan.all_limits().into_iter().map(|limits| sandbox::places(limits, true, starts)).max().unwrap_or(1);
    u32::try_from(most.saturating_mul(4)).unwrap_or(u32::MAX).clamp(TASK_SLOTS, SERVING_SLOTS)
}

/// What the configuration and the command line say together.
pub(crate) struct Wanted {
    config: Config,
    grants: GrantArgs,
    lock: Option<Lock>,
}

impl Wanted {
    pub(crate) fn new(args: &ConfiguredArgs) -> Result<Self> {
        let config = Config::find(args.config.as_deref())?;
        let lock = config.lock.as_deref().map(Lock::read).transpose()?;
        Ok(Self { config, grants: args.grants.clone(), lock })
    }

    /// The packages that can be loaded, without loading any.
    pub(crate) fn sources(&self) -> Result<Sources> {
        let mut sources = sources(self.grants.packages.iter().chain(&self.config.packages))?;
        path::add(&self.grants.path, &mut sources)?;
        path::check("path", &self.config.path, &sources)?;
        check_isolate(&self.config.isolate, sources.packages().map(|package| package.name.as_str()))?;
        if let Some(lock) = &self.lock {
            self.check(lock, &sources).with_context(|| self.lock_file())?;
        }
        Ok(sources)
    }

    fn lock_file(&self) -> String {
        format!("lock file {}", self.config.lock.as_deref().unwrap_or(Path::new("")).display())
    }

    /// Every package of the configuration has to be pinned, or one that changed would only need another name. Those of
    /// the command line are the word of whoever typed it, and what is bundled is the program's.
    fn check(&self, lock: &Lock, sources: &Sources) -> Result<()> {
        sources.check(lock)?;
        let on_path = self.grants.path.iter().map(Path::new);
        let named: Vec<_> = self.grants.packages.iter().map(PathBuf::as_path).chain(on_path).collect();
        let typed = |file: &Path| named.iter().any(|path| file.starts_with(path));
        for package in sources.packages().filter(|package| lock.get(&package.name).is_none()) {
            match &package.origin {
                Origin::File(file) | Origin::Folder(file) if !typed(file) => bail!(
                    "package `{}` ({}) is not locked; `gloveport lock` says what it could reach, and how to add it",
                    package.name,
                    file.display()
                ),
                Origin::File(_) | Origin::Folder(_) | Origin::Bundled => {}
            }
        }
        Ok(())
    }

    /// A host that finds more in the same bytes than was accepted with them, such as a newer one with another door.
    fn check_reach(&self, packages: &[Package]) -> Result<()> {
        for package in packages {
            let Some(pin) = self.lock.as_ref().and_then(|lock| lock.get(package.name())) else { continue };
            let more = package.description.reach().beyond(&pin.surface.reach);
            if !more.is_empty() {
                bail!(
                    "{}: package `{}` could reach what was not accepted: {more}; `gloveport lock` says how to accept it",
                    self.lock_file(),
                    package.name()
                );
            }
        }
        Ok(())
    }

    /// The names of the packages on the path: those of the command line go before those of the configuration.
    pub(crate) fn path(&self, sources: &Sources) -> Vec<String> {
        path::names(&self.grants.path, sources).map(str::to_owned).chain(self.config.path.iter().cloned()).collect()
    }

    /// How much of each mount could be granted, without opening any.
    pub(crate) fn offered(&self) -> BTreeMap<&MountName, Access> {
        self.mounts().map(|mount| (mount.name, mount.access)).collect()
    }

    /// The configuration's mounts, and then those of the command line, which take the place of what has their names.
    fn mounts(&self) -> impl Iterator<Item = Offer<'_>> {
        let configured = self.config.mounts.iter().map(|(name, mount)| Offer {
            name,
            path: &mount.path,
            access: mount.access,
            patterns: PathPatterns { deny: mount.deny.clone(), read_only: mount.read_only.clone() },
            staged: mount.staged,
        });
        let granted = self.grants.mounts.iter().map(|mount| Offer {
            name: &mount.name,
            path: &mount.path,
            access: mount.access,
            patterns: PathPatterns::default(),
            staged: mount.staged,
        });
        configured.chain(granted)
    }

    /// Policy from files, and from the flags.
    pub(crate) fn policy(&self, callable: &Callable<'_>, path: &[String]) -> Result<Policy> {
        let mut texts = read_policies(&self.config.policy)?;
        // With a policy of the operator's, the command line allows what it grants, but no calls by itself.
        let none = Callable::Packages(Vec::new());
        let callable = if texts.is_empty() { callable } else { &none };
        // What the configuration puts on the path is for its policy to grant.
        let typed = path.len() - self.config.path.len();
        let path = path[..typed].iter().map(String::as_str);
        texts.push((flags::NAME.to_owned(), flags::policy(&self.grants, callable, path)));
        parse_policies(&texts)
    }

    fn world(&self, stages: &Stages) -> Result<World> {
        let mut world = world(self.mounts(), self.config.env.iter().chain(&self.grants.env), stages)?;
        world.secrets = secrets::read(&self.config.secrets)?;
        Ok(world)
    }

    /// The mounts in which others see what is written. What the command line says of a name takes its place.
    fn shared(&self) -> BTreeSet<MountName> {
        let named = |name: &MountName| self.grants.mounts.iter().any(|mount| mount.name == *name);
        let shared = self.config.mounts.iter().filter(|(name, mount)| mount.shared && !named(name));
        shared.map(|(name, _)| name.clone()).collect()
    }

    pub(crate) fn limits(&self) -> Result<Limits> {
        apply_limits(self.config.limits, &self.grants.limits)
    }

    /// How many instances one call can take at once: several where tools can call others.
    pub(crate) fn slots(&self, reached: &Reached<'_>) -> Result<u32> {
        let places = sandbox::places(&self.limits()?, reached.invokes, reached.starts);
        Ok(u32::try_from(places).unwrap_or(u32::MAX))
    }

    pub(crate) fn who(&self) -> Who {
        let principal = self.config.principal.clone();
        Who {
            tenant: self.config.tenant.as_ref().map_or("default", |tenant| tenant.as_str()).to_owned(),
            principal: principal.unwrap_or_else(|| "operator".parse().expect("a valid name")),
            roles: Vec::new(),
        }
    }

    /// The gate for calls outside of plans.
    pub(crate) fn gate<'a>(
        &self,
        slots: u32,
        packages: impl IntoIterator<Item = &'a registry::Package>,
        (callable, path): (&Callable<'_>, Vec<String>),
        journal: Arc<Journal>,
        task: TaskId,
    ) -> Result<Arc<Gate>> {
        let limits = self.limits()?;
        let network = network(&self.config.network);
        let Config { isolation, isolate, require, .. } = &self.config;
        let isolated = isolated(self.grants.isolation, *isolation, isolate, require)?;
        let machine = Machine { slots, network, fuel: counts([&limits]), isolated };
        let (sandbox, packages, policy) = load(machine, packages, || self.policy(callable, &path))?;
        self.check_reach(&packages)?;
        let stages = Stages { folder: places::staged(journal.folder(), &task), demanded: policy.stages() };
        let who = self.who();
        let world = self.world(&stages)?;
        let may_stage = stages.demanded || world.mounts.values().any(Mount::is_staged);
        let lease = may_stage.then(|| journal.lease(&task)).transpose()?;
        let setup = Setup {
            sandbox,
            packages,
            policy,
            path,
            world,
            classification: Arc::new(self.config.sources.clone()),
            shared: self.shared(),
            who,
            limits,
            journal,
            task,
            watch: None,
            lease,
        };
        Ok(Gate::new(setup))
    }
}

/// Files and folders, and what is bundled.
pub(crate) fn sources<'a>(paths: impl Iterator<Item = &'a PathBuf>) -> Result<Sources> {
    let bundled = bundle::PACKAGES.iter().map(|package| (package.name, package.digest, package.bytes));
    let mut sources = Sources::bundled(bundled, declared_name);
    for path in paths {
        if path.is_dir() {
            sources.add_folder(path)?;
        } else {
            sources.add_file(path)?;
        }
    }
    for shadowed in sources.shadowed() {
        eprintln!("gloveport: {shadowed}");
    }
    Ok(sources)
}

/// What an engine is started for.
pub(crate) struct Machine {
    /// How many calls run at once.
    pub(crate) slots: u32,
    /// How requests leave.
    pub(crate) network: Network,
    /// Whether instructions are counted.
    pub(crate) fuel: bool,
    /// Which calls run in worker processes.
    pub(crate) isolated: Option<Isolated>,
}

/// Which calls run in worker processes, by the command line, else by what is written down.
pub(crate) fn isolated(
    given: Option<Isolation>,
    written: Option<Isolation>,
    isolate: &[String],
    require: &[Wall],
) -> Result<Option<Isolated>> {
    let own = env::var(ISOLATION).ok().map(|text| text.parse().context(ISOLATION)).transpose()?;
    let require = require.to_vec();
    match given.or(own).or(written).unwrap_or(Isolation::Thread) {
        Isolation::Process => Ok(Some(Isolated { require, packages: BTreeSet::new() })),
        Isolation::Thread if !isolate.is_empty() => {
            Ok(Some(Isolated { require, packages: isolate.iter().cloned().collect() }))
        }
        // Less than what was required is not what was meant.
        Isolation::Thread if !require.is_empty() => bail!(
            "`require` names walls around worker processes, and calls run on threads: set `isolation = \"process\"`"
        ),
        Isolation::Thread => Ok(None),
    }
}

/// Refuses names of packages that are not there: one that is misspelt would run where it should not.
pub(crate) fn check_isolate<'a>(isolate: &[String], known: impl Iterator<Item = &'a str>) -> Result<()> {
    let known: Vec<_> = known.collect();
    match isolate.iter().find(|name| !known.contains(&name.as_str())) {
        Some(name) => bail!("isolate: there is no package `{name}`; packages are: {}", known.join(", ")),
        None => Ok(()),
    }
}

/// Whether any of these limits needs instructions to be counted.
pub(crate) fn counts<'a>(limits: impl IntoIterator<Item = &'a Limits>) -> bool {
    limits.into_iter().any(|limits| limits.get(LimitKind::Fuel) != UNLIMITED)
}

/// Starts the engine and loads packages, while another thread parses policy, which takes about as long.
pub(crate) fn load<'a>(
    machine: Machine,
    packages: impl IntoIterator<Item = &'a registry::Package>,
    policy: impl FnOnce() -> Result<Policy> + Send,
) -> Result<(Arc<Sandbox>, Vec<Package>, Policy)> {
    thread::scope(|scope| {
        let policy = scope.spawn(policy);
        let sandbox = sandbox(machine)?;
        let packages = packages.into_iter().map(|package| load_one(&sandbox, package)).collect::<Result<_>>()?;
        let policy = policy.join().unwrap_or_else(|panic| resume_unwind(panic))?;
        Ok((Arc::new(sandbox), packages, policy))
    })
}

fn load_one(sandbox: &Sandbox, package: &registry::Package) -> Result<Package> {
    let from = || match &package.origin {
        Origin::File(path) | Origin::Folder(path) => path.display().to_string(),
        Origin::Bundled => format!("bundled package {}", package.name),
    };
    sandbox.load(&package.bytes, package.digest, &package.name).with_context(from)
}

fn sandbox(machine: Machine) -> Result<Sandbox> {
    let Machine { slots, network, fuel, isolated } = machine;
    let dir = places::cache()?;
    let cache = match CodeCache::open(&dir) {
        Ok(cache) => Some(cache),
        Err(error) => {
            eprintln!("gloveport: {error}; compiling without a cache");
            None
        }
    };
    Sandbox::new(sandbox::Config { slots, cache, network, fuel, isolated })
        .map_err(|error| Internal(error.into()).into())
}

/// How requests leave, as it was set up.
pub(crate) fn network(settings: &NetworkSettings) -> Network {
    let lower =
        |(name, addresses): (&String, &Vec<_>)| (name.trim_end_matches('.').to_ascii_lowercase(), addresses.clone());
    Network {
        resolver: Arc::new(Names { fixed: settings.hosts.iter().map(lower).collect() }),
        certificates: settings.certificates.iter().map(PathBuf::from).collect(),
    }
}

/// A package, and those that its tools can call, and those that theirs can.
pub(crate) struct Reached<'a> {
    pub(crate) packages: Vec<&'a registry::Package>,
    /// Whether any of them calls any tool.
    invokes: bool,
    /// Whether any of them starts any program.
    starts: bool,
}

impl<'a> Reached<'a> {
    pub(crate) fn from(sources: &'a Sources, package: &'a registry::Package, path: &[String]) -> Result<Self> {
        let mut reached = Self { packages: vec![package], invokes: false, starts: false };
        let mut looked_at = 0;
        while let Some(package) = reached.packages.get(looked_at) {
            looked_at += 1;
            let needs = match sandbox::declared(&package.bytes) {
                Some(manifest) => manifest.needs,
                None => describe(package)?.needs,
            };
            reached.invokes |= !needs.invoke.is_empty();
            if !needs.exec.is_empty() && !std::mem::replace(&mut reached.starts, true) {
                let known = |name: &str| reached.packages.iter().any(|known| known.name == name);
                let more: Vec<_> =
                    path.iter().filter(|name| !known(name)).filter_map(|name| sources.get(name)).collect();
                reached.packages.extend(more);
            }
            for pattern in &needs.invoke {
                let covered = |other: &&registry::Package| {
                    pattern.package().is_none_or(|(name, _)| name == other.name)
                        && !reached.packages.iter().any(|known| known.name == other.name)
                };
                let more: Vec<_> = sources.packages().filter(covered).collect();
                reached.packages.extend(more);
            }
        }
        Ok(reached)
    }
}

pub(crate) fn journal(state: Option<&Path>) -> Result<Arc<Journal>> {
    let dir = places::state(state)?;
    let journal = Journal::open(&dir, Durability::Process)?;
    Ok(Arc::new(journal))
}

pub(crate) fn read_policies(files: &[PathBuf]) -> Result<Vec<(String, String)>> {
    let read = |path: &PathBuf| {
        let text = fs::read_to_string(path).with_context(|| format!("policy {}", path.display()))?;
        Ok((path.display().to_string(), text))
    };
    files.iter().map(read).collect()
}

pub(crate) fn parse_policies(texts: &[(String, String)]) -> Result<Policy> {
    let sources: Vec<_> = texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    Ok(Policy::parse(&sources)?)
}

/// A mount that the world is to hold.
pub(crate) struct Offer<'a> {
    pub(crate) name: &'a MountName,
    pub(crate) path: &'a Path,
    pub(crate) access: Access,
    pub(crate) patterns: PathPatterns,
    pub(crate) staged: bool,
}

/// Where the changes of a task are staged, and whether policy may want them to be.
pub(crate) struct Stages {
    pub(crate) folder: PathBuf,
    pub(crate) demanded: bool,
}

pub(crate) fn world<'a>(
    mounts: impl Iterator<Item = Offer<'a>>,
    env: impl Iterator<Item = &'a String>,
    stages: &Stages,
) -> Result<World> {
    let mut world = World { clock_ms: controller::now_ms(), ..World::default() };
    for Offer { name, path, access, patterns, staged } in mounts {
        // A flag takes the place of what the configuration says of the same name.
        let mut mount = Mount::open(name, path, access)?;
        mount = mount.with(&patterns).with_context(|| format!("mount `{name}`"))?;
        if staged || stages.demanded {
            mount = mount.staged(stages.folder.join(name.as_str()), staged);
        }
        world.mounts.insert(name.clone(), mount);
    }
    for name in env {
        match env::var(name) {
            Ok(value) => {
                world.env.insert(name.clone(), value);
            }
            Err(env::VarError::NotPresent) => bail!("environment variable {name} is granted but not set"),
            Err(env::VarError::NotUnicode(_)) => bail!("environment variable {name} is not UTF-8"),
        }
    }
    Ok(world)
}

pub(crate) fn apply_limits(base: Limits, given: &[(String, String)]) -> Result<Limits> {
    given.iter().try_fold(base, |limits, (key, value)| Ok(limits.with(key, value)?))
}

fn declared_name(bytes: &[u8]) -> Option<String> {
    sandbox::declared(bytes).map(|manifest| manifest.name)
}

/// The package of a file, or a bundled one by its name.
pub(crate) fn package_at(file: &Path) -> Result<registry::Package> {
    match bundle::PACKAGES.iter().find(|package| file == Path::new(package.name)) {
        Some(package) => Ok(registry::Package {
            name: package.name.to_owned(),
            digest: policy::Digest(package.digest),
            bytes: package.bytes.into(),
            origin: Origin::Bundled,
        }),
        None => Ok(registry::Package::from_file(file)?),
    }
}

/// What a package's bytes say about it.
pub(crate) fn describe(package: &registry::Package) -> Result<sandbox::Description> {
    sandbox::describe(&package.bytes, &package.name).with_context(|| format!("package {}", package.name))
}

/// The package that a tool is in.
pub(crate) fn package_of<'a>(sources: &'a Sources, tool: &ToolId) -> Result<&'a registry::Package> {
    let Some(package) = sources.get(tool.package()) else {
        let known: Vec<_> = sources.packages().map(|package| package.name.as_str()).collect();
        bail!("there is no package `{}`; packages are: {}", tool.package(), known.join(", "));
    };
    Ok(package)
}

/// The message for a tool that a package does not have.
pub(crate) fn no_such_tool<'a>(tool: &ToolId, known: impl Iterator<Item = &'a Arc<sandbox::Tool>>) -> String {
    let known: Vec<_> = known.map(|tool| tool.id.as_str()).collect();
    format!("there is no tool `{tool}`; tools of that package are: {}", known.join(", "))
}
