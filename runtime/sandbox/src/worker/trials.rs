//! What a worker tries from behind its walls, as a guest would that broke out of the engine: that a wall was put up is one
//! thing, that it holds another.

use rustix::{
    fs::{CWD, Mode, OFlags, openat},
    net::{AddressFamily, SocketType, socket},
    process::{Pid, Resource, Rlimit, Signal, kill_process, setrlimit},
};
use std::{collections::BTreeMap, fs, process::Command};

/// What came of each: nothing where it was refused, else what was reached.
pub(super) fn run() -> BTreeMap<String, Option<String>> {
    let mut tried = BTreeMap::new();
    let mut attempt = |what: &str, got: Option<String>| drop(tried.insert(what.to_owned(), got));
    let open = |path: &str, flags: OFlags| {
        openat(CWD, path, flags | OFlags::CLOEXEC, Mode::from_raw_mode(0o600)).is_ok().then(|| path.to_owned())
    };
    attempt("read a file of the host", open("/etc/passwd", OFlags::RDONLY));
    attempt(
        "read what other processes have",
        open("/proc/1/environ", OFlags::RDONLY).or(open("/proc/2/environ", OFlags::RDONLY)),
    );
    attempt("list the root directory", fs::read_dir("/").is_ok().then(|| "/".to_owned()));
    attempt(
        "make a file",
        open("/gloveport-was-here", OFlags::CREATE | OFlags::WRONLY)
            .or(open("/tmp/gloveport-was-here", OFlags::CREATE | OFlags::WRONLY)),
    );
    for (name, family) in
        [("inet", AddressFamily::INET), ("unix", AddressFamily::UNIX), ("netlink", AddressFamily::NETLINK)]
    {
        let made = socket(family, SocketType::DGRAM, None);
        attempt(&format!("make a socket ({name})"), made.is_ok().then(|| name.to_owned()));
    }
    attempt(
        "start a program",
        Command::new("/proc/self/exe").arg("--version").status().is_ok().then(|| "itself".to_owned()),
    );
    let parent = Pid::from_raw(1);
    attempt(
        "signal a process",
        parent.and_then(|pid| kill_process(pid, Signal::CONT).is_ok().then(|| "process 1".to_owned())),
    );
    let mounted = rustix::mount::mount("tmpfs", "/proc", "tmpfs", rustix::mount::MountFlags::empty(), None);
    attempt("mount a file system", mounted.is_ok().then(|| "/proc".to_owned()));
    let more = Rlimit { current: None, maximum: None };
    attempt("raise its limits", setrlimit(Resource::Data, more).is_ok().then(|| "memory".to_owned()));
    attempt(
        "leave for a new namespace",
        crate::load::leave(rustix::thread::UnshareFlags::NEWUSER).is_ok().then(|| "user".to_owned()),
    );
    tried
}
