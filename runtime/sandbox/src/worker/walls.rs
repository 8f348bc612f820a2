//! What a worker takes from itself before it loads anything of a package.
//!
//! None of it is needed as long as the engine holds; all of it is what remains when it does not. Each wall is put up where
//! this machine has it; which of them have to stand is the operator's to say.

use super::{hello::Reach, seccomp};
use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible as _, PathBeneath, Ruleset,
    RulesetAttr as _, RulesetCreatedAttr as _, RulesetStatus, Scope,
};
use rustix::{
    process::{Resource, Rlimit, setrlimit},
    thread::{CapabilitySet, CapabilitySets, UnshareFlags, set_capabilities, set_no_new_privs},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, fs, io, str::FromStr};

/// One of the walls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wall {
    /// Users of its own, without rights among the host's.
    UserNamespace,
    /// File systems of its own: an empty root.
    MountNamespace,
    /// A network of its own, without any way out.
    NetworkNamespace,
    /// Processes of its own: it sees and signals no others.
    PidNamespace,
    /// No capabilities, in whatever namespace.
    Capabilities,
    /// Nothing that it runs can have more rights than it has.
    NoNewPrivileges,
    /// Limits of the system on memory, files and file size.
    ResourceLimits,
    /// Files: exactly the mounts of its calls.
    Landlock,
    /// The system calls that a worker needs, and no others.
    Seccomp,
}

impl Wall {
    /// All of them, in the order in which they are put up.
    pub const ALL: [Self; 9] = [
        Self::UserNamespace,
        Self::MountNamespace,
        Self::NetworkNamespace,
        Self::PidNamespace,
        Self::Capabilities,
        Self::NoNewPrivileges,
        Self::ResourceLimits,
        Self::Landlock,
        Self::Seccomp,
    ];

    /// The key in a configuration.
    pub fn key(self) -> &'static str {
        match self {
            Self::UserNamespace => "user-namespace",
            Self::MountNamespace => "mount-namespace",
            Self::NetworkNamespace => "network-namespace",
            Self::PidNamespace => "pid-namespace",
            Self::Capabilities => "capabilities",
            Self::NoNewPrivileges => "no-new-privileges",
            Self::ResourceLimits => "resource-limits",
            Self::Landlock => "landlock",
            Self::Seccomp => "seccomp",
        }
    }

    /// What it keeps from a worker, in a line.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::UserNamespace => "no rights among the host's users",
            Self::MountNamespace => "an empty file system but for what it holds open",
            Self::NetworkNamespace => "no network; requests leave through the host",
            Self::PidNamespace => "no other process is seen or signalled",
            Self::Capabilities => "no capabilities",
            Self::NoNewPrivileges => "nothing that it runs gains rights",
            Self::ResourceLimits => "bounded memory, open files and file size",
            Self::Landlock => "no files but the mounts of its calls",
            Self::Seccomp => "no system calls but those that it needs",
        }
    }
}

impl fmt::Display for Wall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.key())
    }
}

/// A name of no wall.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no wall; walls are {all}", all = Wall::ALL.map(Wall::key).join(", "))]
pub struct NoWall(String);

impl FromStr for Wall {
    type Err = NoWall;

    fn from_str(text: &str) -> Result<Self, NoWall> {
        let wall = Self::ALL.into_iter().find(|wall| wall.key() == text);
        wall.ok_or_else(|| NoWall(text.chars().take(60).collect()))
    }
}

/// Whether a wall stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It does; with how far, where there are degrees.
    Up(String),
    /// It does not, and why.
    Missing(String),
}

/// Which walls stand around a worker.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Walls(pub BTreeMap<Wall, Standing>);

impl Walls {
    /// Whether one of them stands.
    pub(super) fn has(&self, wall: Wall) -> bool {
        matches!(self.0.get(&wall), Some(Standing::Up(_)))
    }

    pub(super) fn put<E: fmt::Display>(&mut self, wall: Wall, put: Result<impl Into<String>, E>) {
        let standing = match put {
            Ok(how) => Standing::Up(how.into()),
            Err(error) => Standing::Missing(error.to_string()),
        };
        self.0.insert(wall, standing);
    }

    /// Those of some walls that do not stand, with why.
    pub fn missing<'a>(&'a self, of: impl IntoIterator<Item = &'a Wall>) -> Vec<(Wall, &'a str)> {
        let why = |wall: &'a Wall| match self.0.get(wall) {
            Some(Standing::Up(_)) => None,
            Some(Standing::Missing(why)) => Some((*wall, why.as_str())),
            None => Some((*wall, "not tried")),
        };
        of.into_iter().filter_map(why).collect()
    }
}

/// The namespaces that a process can leave the host's for, one by one where not all can be had.
const NAMESPACES: [(Wall, UnshareFlags); 4] = [
    (Wall::UserNamespace, UnshareFlags::NEWUSER),
    (Wall::MountNamespace, UnshareFlags::NEWNS.union(UnshareFlags::NEWIPC).union(UnshareFlags::NEWUTS)),
    (Wall::NetworkNamespace, UnshareFlags::NEWNET),
    (Wall::PidNamespace, UnshareFlags::NEWPID),
];

/// Leaves the host's namespaces; the process that is started next is in the new ones. Says which it left.
pub(super) fn leave_namespaces(with_network: bool) -> Walls {
    let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    let mut walls = Walls::default();
    for (wall, flags) in NAMESPACES {
        if wall == Wall::NetworkNamespace && with_network {
            walls.0.insert(wall, Standing::Missing("the call may use sockets".to_owned()));
            continue;
        }
        walls.put(wall, crate::load::leave(flags).map(|()| "").map_err(io::Error::from));
        if wall == Wall::UserNamespace && walls.has(wall) {
            // The same user by another number, who can set up the namespaces that follow.
            let map = |file: &str, text: String| fs::write(format!("/proc/self/{file}"), text);
            let _ = map("setgroups", "deny".to_owned());
            let _ = map("uid_map", format!("0 {uid} 1"));
            let _ = map("gid_map", format!("0 {gid} 1"));
        }
    }
    walls
}

/// Puts up everything that is put up around a process from within, before it has other threads.
pub(super) fn put_up(walls: &mut Walls, mounts: &[Reach], sockets: bool) {
    let changes = mounts.iter().any(|reach| reach.writes);
    walls.put(Wall::Capabilities, no_capabilities().map(|()| ""));
    walls.put(Wall::NoNewPrivileges, set_no_new_privs(true).map(|()| ""));
    let own_users = walls.has(Wall::UserNamespace);
    walls.put(Wall::ResourceLimits, resource_limits(own_users).map(|()| ""));
    walls.put(Wall::Landlock, landlock(mounts, sockets));
    walls.put(Wall::Seccomp, seccomp::apply(sockets, changes).map(|()| ""));
}

fn no_capabilities() -> Result<(), rustix::io::Errno> {
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })
}

/// The most memory that a call can have, twice, for what the host holds for it; the most open files and the largest file
/// that limits allow.
const DATA: u64 = 1 << 30;
const OPEN_FILES: u64 = 8_192;
const FILE_SIZE: u64 = 16 << 30;

/// The most threads: the engine's, and those that wait for files.
const THREADS: u64 = 256;

fn resource_limits(own_users: bool) -> Result<(), rustix::io::Errno> {
    let most = |most: u64| Rlimit { current: Some(most), maximum: Some(most) };
    // Without users of its own, everything that the host's user runs would count.
    if own_users && counts_threads_apart() {
        setrlimit(Resource::Nproc, most(THREADS))?;
    }
    setrlimit(Resource::Core, most(0))?;
    setrlimit(Resource::Data, most(DATA))?;
    setrlimit(Resource::Fsize, most(FILE_SIZE))?;
    let allowed = rustix::process::getrlimit(Resource::Nofile).maximum.unwrap_or(OPEN_FILES);
    setrlimit(Resource::Nofile, most(allowed.min(OPEN_FILES)))
}

/// Whether this kernel counts the threads of a user by namespace: since 5.14.
fn counts_threads_apart() -> bool {
    let name = rustix::system::uname();
    let mut parts = name.release().to_str().unwrap_or_default().split(['.', '-']).map_while(|part| part.parse().ok());
    let version: (u32, u32) = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    version >= (5, 14)
}

/// Everything that Landlock knows is refused, but reading in all mounts, and changing files in those that are granted so.
fn landlock(mounts: &[Reach], sockets: bool) -> Result<String, String> {
    const KNOWN: ABI = ABI::V6;
    let text = |error: landlock::RulesetError| error.to_string();
    let special = AccessFs::Execute
        | AccessFs::MakeChar
        | AccessFs::MakeBlock
        | AccessFs::MakeSock
        | AccessFs::MakeFifo
        | AccessFs::IoctlDev;
    let reading: BitFlags<AccessFs> = AccessFs::from_read(KNOWN) & !special;
    let changing: BitFlags<AccessFs> = AccessFs::from_all(KNOWN) & !special;
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(KNOWN))
        .map_err(text)?;
    if !sockets {
        ruleset = ruleset.handle_access(AccessNet::from_all(KNOWN)).map_err(text)?;
    }
    let ruleset = ruleset.scope(Scope::from_all(KNOWN)).map_err(text)?;
    let mut ruleset = ruleset.create().map_err(text)?;
    for reach in mounts {
        let access = if reach.writes { changing } else { reading };
        ruleset = ruleset.add_rule(PathBeneath::new(&reach.directory, access)).map_err(text)?;
    }
    let status = ruleset.restrict_self().map_err(text)?;
    match status.ruleset {
        RulesetStatus::FullyEnforced => Ok("in full".to_owned()),
        RulesetStatus::PartiallyEnforced => Ok("as far as this kernel has it".to_owned()),
        RulesetStatus::NotEnforced => Err("this kernel has it not".to_owned()),
    }
}
