//! From command line and configuration to a gate.

use crate::{
    args::{ConfiguredArgs, GrantArgs},
    config::Config,
    exit::Internal,
    flags::{self, Callable},
    places,
};
use anyhow::{Context as _, Result, bail};
use controller::{Gate, Setup, Who};
use journal::{Durability, Journal, TaskId};
use policy::{Access, Limits, MountName, Policy, ToolId};
use registry::{Lock, Origin, Sources};
use sandbox::{CodeCache, Mount, Package, Sandbox, World};
use std::{
    collections::BTreeMap,
    env, fs,
    panic::resume_unwind,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

/// How many calls run at once in a process that serves, in one that runs a plan, and in one that makes a call: a small
/// pool starts faster.
pub(crate) const SERVING_SLOTS: u32 = 1_000;
pub(crate) const TASK_SLOTS: u32 = 64;
pub(crate) const CALL_SLOTS: u32 = 1;

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
        let sources = sources(self.grants.packages.iter().chain(&self.config.packages))?;
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
        let typed = |file: &Path| self.grants.packages.iter().any(|path| file.starts_with(path));
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

    /// How much of each mount could be granted, without opening any.
    pub(crate) fn offered(&self) -> BTreeMap<&MountName, Access> {
        self.mounts().map(|(name, _, access)| (name, access)).collect()
    }

    /// The configuration's mounts, and then those of the command line, which take the place of what has their names.
    fn mounts(&self) -> impl Iterator<Item = (&MountName, &Path, Access)> {
        let configured = self.config.mounts.iter().map(|(name, mount)| (name, mount.path.as_path(), mount.access));
        configured.chain(self.grants.mounts.iter().map(|mount| (&mount.name, mount.path.as_path(), mount.access)))
    }

    /// Policy from files, and from the flags.
    pub(crate) fn policy(&self, callable: &Callable<'_>) -> Result<Policy> {
        let mut texts = read_policies(&self.config.policy)?;
        // With a policy of the operator's, the command line allows what it grants, but no calls by itself.
        let none = Callable::Packages(Vec::new());
        let callable = if texts.is_empty() { callable } else { &none };
        texts.push((flags::NAME.to_owned(), flags::policy(&self.grants, callable)));
        parse_policies(&texts)
    }

    pub(crate) fn world(&self) -> Result<World> {
        world(self.mounts(), self.config.env.iter().chain(&self.grants.env))
    }

    pub(crate) fn limits(&self) -> Result<Limits> {
        apply_limits(self.config.limits, &self.grants.limits)
    }

    pub(crate) fn who(&self) -> Who {
        let principal = self.config.principal.clone();
        Who {
            tenant: "default".into(),
            principal: principal.unwrap_or_else(|| "operator".parse().expect("a valid name")),
            roles: Vec::new(),
        }
    }

    /// The gate for calls outside of plans.
    pub(crate) fn gate<'a>(
        &self,
        slots: u32,
        packages: impl IntoIterator<Item = &'a registry::Package>,
        callable: &Callable<'_>,
        journal: Arc<Journal>,
        task: TaskId,
    ) -> Result<Gate> {
        let (world, limits) = (self.world()?, self.limits()?);
        let (sandbox, packages, policy) = load(slots, packages, || self.policy(callable))?;
        self.check_reach(&packages)?;
        let setup = Setup { sandbox, packages, policy, world, who: self.who(), limits, journal, task };
        Ok(Gate::new(setup))
    }
}

/// Files and folders, and what is bundled.
pub(crate) fn sources<'a>(paths: impl Iterator<Item = &'a PathBuf>) -> Result<Sources> {
    let bundled = bundle::PACKAGES.iter().map(|package| (package.name, package.digest, package.bytes));
    let mut sources = Sources::bundled(bundled, sandbox::declared_name);
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

/// Starts the engine and loads packages, while another thread parses policy, which takes about as long.
pub(crate) fn load<'a>(
    slots: u32,
    packages: impl IntoIterator<Item = &'a registry::Package>,
    policy: impl FnOnce() -> Result<Policy> + Send,
) -> Result<(Sandbox, Vec<Package>, Policy)> {
    thread::scope(|scope| {
        let policy = scope.spawn(policy);
        let sandbox = sandbox(slots)?;
        let packages = packages.into_iter().map(|package| load_one(&sandbox, package)).collect::<Result<_>>()?;
        let policy = policy.join().unwrap_or_else(|panic| resume_unwind(panic))?;
        Ok((sandbox, packages, policy))
    })
}

fn load_one(sandbox: &Sandbox, package: &registry::Package) -> Result<Package> {
    let from = || match &package.origin {
        Origin::File(path) | Origin::Folder(path) => path.display().to_string(),
        Origin::Bundled => format!("bundled package {}", package.name),
    };
    sandbox.load(&package.bytes, package.digest, &package.name).with_context(from)
}

fn sandbox(slots: u32) -> Result<Sandbox> {
    let dir = places::cache()?;
    let cache = match CodeCache::open(&dir) {
        Ok(cache) => Some(cache),
        Err(error) => {
            eprintln!("gloveport: {error}; compiling without a cache");
            None
        }
    };
    Sandbox::new(sandbox::Config { slots, cache }).map_err(|error| Internal(error.into()).into())
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

pub(crate) fn world<'a>(
    mounts: impl Iterator<Item = (&'a MountName, &'a Path, Access)>,
    env: impl Iterator<Item = &'a String>,
) -> Result<World> {
    let mut world = World { mounts: BTreeMap::new(), env: BTreeMap::new(), clock_ms: controller::now_ms() };
    for (name, path, access) in mounts {
        // A flag takes the place of what the configuration says of the same name.
        world.mounts.insert(name.clone(), Mount::open(name, path, access)?);
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
