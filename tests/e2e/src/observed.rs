//! What calls do, as others see it: the kernel's own notices of files, a server's log, and the system calls of the program.
//! None of it uses what the program says of itself; all of it must fit what it says.

use crate::{
    program::{Ended, Place, guest},
    server::{Asked, Server},
};
use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    fs,
    mem::MaybeUninit,
    os::{fd::OwnedFd, unix::fs::symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// A call that is watched: a guest, its arguments, and its grants.
struct Watched {
    name: &'static str,
    args: &'static [&'static str],
    mounts: &'static [&'static str],
}

const READ: &str = "workspace=workspace";
const WRITE: &str = "out=out:rw";
const BOTH: &[&str] = &[READ, WRITE];

const fn watched(name: &'static str, args: &'static [&'static str]) -> Watched {
    Watched { name, args, mounts: BOTH }
}

/// Guests that attack files. Some end in a limit: what they did before counts too.
const GUESTS: [Watched; 28] = [
    watched("path_traversal", &[]),
    watched("absolute_path", &[]),
    watched("symlink_escape", &[]),
    watched("write_read_only", &[]),
    watched("cross_mounts", &[]),
    watched("writes_and_spins", &[]),
    watched("creator", &[]),
    watched("disk_filler", &["far"]),
    watched("unseen", &["flags"]),
    watched("unopened", &[]),
    watched("directory_as_file", &[]),
    watched("trailing_slash", &[]),
    watched("odd_names", &[]),
    watched("long_paths", &[]),
    watched("hard_links", &[]),
    watched("moved_links", &[]),
    watched("disguises", &[]),
    watched("renames", &[]),
    watched("exclusive", &[]),
    watched("grows", &["size"]),
    watched("grows", &["splice"]),
    watched("outlives", &[]),
    watched("read_only_calls", &[]),
    watched("metadata_probe", &[]),
    watched("special_files", &[]),
    watched("huge_asks", &["file-zeroes"]),
    watched("same_file", &["20"]),
    Watched {
        name: "ruled",
        args: &["write file.txt", "mkdir a", "rename a b", "times secret.txt"],
        mounts: &["workspace=workspace:rw"],
    },
];

/// A place with neighbours: folders beside the mounts, which no call may touch.
fn furnished() -> Place {
    let place = Place::new();
    for path in ["beside/file.txt", "beside/deep/file.txt", "workspace2/file.txt", "out/there.txt", "out/other.txt"] {
        place.write(path, "1000 bytes".repeat(100).as_str());
    }
    for (to, path) in [("../outside.txt", "leak"), ("..", "up"), ("nowhere", "dangling"), ("../beside", "beside")] {
        symlink(to, place.path("out").join(path)).expect("a link");
    }
    place
}

/// Runs a guest; what it prints and how it ends is for other tests.
fn call(place: &Place, watched: &Watched) -> Ended {
    place.run(&line(watched))
}

fn line(watched: &Watched) -> Vec<String> {
    let package = guest(watched.name).display().to_string();
    let (tool, args) = (format!("{}.run", watched.name), json!({ "args": watched.args }).to_string());
    let mut line = ["call", &tool, &args, "--json", "--package", &package].map(str::to_owned).to_vec();
    for mount in watched.mounts {
        line.extend(["--mount", mount].map(str::to_owned));
    }
    line.extend(["--limit", "created=40", "--limit", "written=1MiB", "--limit", "cpu=500ms"].map(str::to_owned));
    line
}

/// The kernel's notices of all folders below one that are there when it begins.
struct Observer {
    inotify: OwnedFd,
    folders: BTreeMap<i32, PathBuf>,
}

impl Observer {
    fn of(root: &Path, not: &[&str]) -> Self {
        let inotify = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).expect("inotify");
        let mut observer = Self { inotify, folders: BTreeMap::new() };
        let mut waiting = vec![root.to_owned()];
        while let Some(folder) = waiting.pop() {
            let inside = folder.strip_prefix(root).expect("below it").to_owned();
            if not.iter().any(|not| inside == Path::new(not)) {
                continue;
            }
            let events = WatchFlags::CREATE
                | WatchFlags::MODIFY
                | WatchFlags::ATTRIB
                | WatchFlags::DELETE
                | WatchFlags::MOVED_FROM
                | WatchFlags::MOVED_TO
                | WatchFlags::ONLYDIR;
            let watch = inotify::add_watch(&observer.inotify, &folder, events).expect("it is watched");
            observer.folders.insert(watch, inside);
            let entries = fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry").path());
            waiting.extend(entries.filter(|path| path.is_dir() && !path.is_symlink()));
        }
        observer
    }

    /// What has happened so far: the path, and what happened to it.
    fn events(&self) -> Vec<(String, ReadFlags)> {
        let mut buffer = vec![MaybeUninit::uninit(); 1 << 16];
        let mut reader = Reader::new(&self.inotify, &mut buffer);
        let mut events = Vec::new();
        while let Ok(event) = reader.next() {
            assert!(!event.events().contains(ReadFlags::QUEUE_OVERFLOW), "more happened than was seen");
            // Of a folder that is gone, or of itself: its parent says so too.
            let (Some(folder), Some(name)) = (self.folders.get(&event.wd()), event.file_name()) else { continue };
            let path = folder.join(name.to_str().expect("UTF-8"));
            events.push((path.to_str().expect("UTF-8").to_owned(), event.events()));
        }
        events
    }
}

/// The paths that an outcome says something was done to, and the actions.
fn said(outcome: &Value) -> BTreeSet<(String, String)> {
    let mut said = BTreeSet::new();
    for effect in outcome["effects"]["done"].as_array().into_iter().flatten() {
        let action = effect["action"].as_str().expect("an action");
        for key in ["path", "to"] {
            if let Some(path) = effect[key].as_str() {
                said.insert((path.to_owned(), action.to_owned()));
            }
        }
    }
    said
}

/// Which actions explain what was seen.
fn explains(seen: ReadFlags) -> &'static [&'static str] {
    match () {
        () if seen.contains(ReadFlags::CREATE) => &["create", "link"],
        () if seen.contains(ReadFlags::DELETE) => &["remove", "rename"],
        () if seen.intersects(ReadFlags::MOVED_FROM | ReadFlags::MOVED_TO) => &["rename"],
        () if seen.contains(ReadFlags::MODIFY) => &["write", "create"],
        // Times, modes, and how many names it has.
        () => &["write", "create", "link", "remove", "rename"],
    }
}

/// Everything that happens below the mounts is in the record, and nothing happens beside them.
#[test]
fn what_the_kernel_sees_is_on_record() {
    let mut noticed = 0;
    for watched in &GUESTS {
        let place = furnished();
        let observer = Observer::of(place.root(), &["state"]);
        let ended = call(&place, watched);
        let events = observer.events();
        let outcome = ended.json();
        assert_eq!(outcome["effects"]["omitted"], Value::Null, "{}: {outcome}", watched.name);
        let said = said(&outcome);
        let granted: Vec<_> =
            watched.mounts.iter().filter_map(|mount| mount.strip_suffix(":rw")?.split('=').next()).collect();
        for (path, seen) in &events {
            assert!(
                granted.iter().any(|mount| path.starts_with(&format!("{mount}/"))),
                "{} {:?}: {path} is in no mount that may be written: {seen:?}",
                watched.name,
                watched.args
            );
            assert!(
                explains(*seen).iter().any(|action| said.contains(&(path.clone(), (*action).to_owned()))),
                "{} {:?}: {path} {seen:?} is not in {said:?}",
                watched.name,
                watched.args
            );
        }
        noticed += events.len();
    }
    // Whoever sees nothing at all is no observer.
    assert!(noticed > 100, "{noticed}");
}

fn ok(_: &Asked) -> Response<Full<Bytes>> {
    Response::new(Full::new(Bytes::from("ok")))
}

/// The server's log and the record are the same list.
#[test]
fn what_a_server_sees_is_on_record() {
    let server = Server::start(ok);
    let authority = server.address.to_string();
    let place = Place::new();
    let package = guest("net").display().to_string();
    let ask = |method: &str, path: &str, authority: &str| json!({ "method": method, "scheme": "http", "authority": authority, "path": path });
    let asks = json!({ "asks": [
        ask("GET", "/a", &authority),
        ask("POST", "/b", &authority),
        ask("PURGE", "/c/../d", &authority),
        ask("CONNECT", "/no", &authority),
        ask("GET", "/no", "169.254.169.254"),
        ask("GET", "/no", "127.0.0.2:1"),
        ask("GET", "/e%20f", &authority),
    ] });
    let line = ["call", "net.each", &asks.to_string(), "--json", "--package", &package];
    let ended = place.run(&[&line[..], &["--http", "127.0.0.1", "--reach", "127.0.0.1"]].concat());
    ended.expect(0, &[]);
    let asked: Vec<_> =
        server.asked().iter().map(|asked| format!("{} http://{authority}{}", asked.method, asked.path)).collect();
    let done = ended.json()["effects"]["done"].take();
    let recorded: Vec<_> = done.as_array().expect("effects").iter().map(|effect| effect["path"].clone()).collect();
    assert_eq!(recorded, asked);
    assert_eq!(asked.len(), 4, "{asked:?}");
}

/// Whether system calls can be traced here.
fn can_trace() -> bool {
    Command::new("strace")
        .args(["-f", "-o", "/dev/null", "true"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Runs a program line under `strace`, and gives what it opened, changed and dialled.
fn trace(place: &Place, line: &[impl AsRef<OsStr>]) -> Vec<String> {
    let file = place.path("state/trace");
    let program = place.command(line);
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-s", "4096", "-e", "trace=%file,%network", "-e", "signal=none", "-o"]).arg(&file);
    strace.arg(program.get_program()).args(program.get_args()).current_dir(place.root()).env_clear();
    strace.env("PATH", "/usr/bin:/bin");
    for (name, value) in program.get_envs() {
        strace.env(name, value.unwrap_or_default());
    }
    strace.stdin(Stdio::null()).output().expect("strace starts");
    let text = fs::read_to_string(&file).expect("a trace");
    // Without the thread's number.
    text.lines().map(|line| line.split_once(' ').map_or(line, |(_, rest)| rest).trim().to_owned()).collect()
}

/// The paths that a line of a trace changes; none where it failed or only looks.
fn changed(line: &str) -> Vec<&str> {
    let call = line.split('(').next().unwrap_or_default();
    let failed = line.rsplit_once(" = ").is_some_and(|(_, result)| result.starts_with('-'));
    let changes = match call {
        "open" | "openat" | "openat2" => {
            ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND"].iter().any(|flag| line.contains(flag))
        }
        "mkdir" | "mkdirat" | "rmdir" | "unlink" | "unlinkat" | "rename" | "renameat" | "renameat2" | "link"
        | "linkat" | "symlink" | "symlinkat" | "chmod" | "fchmodat" | "chown" | "truncate" | "utimensat" | "creat"
        | "mknod" | "mknodat" | "setxattr" => true,
        _ => false,
    };
    if !changes || failed {
        return Vec::new();
    }
    // A link's target is text.
    let targets = usize::from(call.starts_with("symlink"));
    line.split('"').skip(1).step_by(2).skip(targets).collect()
}

/// The program itself, as the kernel sees it: what it changes lies in mounts, state and cache, and it dials what was granted.
#[test]
fn what_is_traced_is_granted() {
    if !can_trace() {
        eprintln!("system calls cannot be traced here: what inotify sees has to do");
        return;
    }
    let cache = Path::new(env!("OUT_DIR")).join("compiled");
    let mut changes = 0;
    for watched in GUESTS.iter().filter(|it| {
        ["symlink_escape", "hard_links", "moved_links", "renames", "exclusive", "read_only_calls"].contains(&it.name)
    }) {
        let place = furnished();
        let lines = trace(&place, &line(watched));
        for line in &lines {
            assert!(!line.starts_with("connect(") && !line.starts_with("bind("), "{}: {line}", watched.name);
            for path in changed(line).into_iter().map(Path::new) {
                changes += 1;
                let own = [place.path("state"), cache.clone(), PathBuf::from("/dev/null"), PathBuf::from("/proc/self")];
                // What is relative is so to a directory that was opened as a mount, or below one; inotify sees the rest.
                let below = !path.is_absolute() && !line.contains("AT_FDCWD") && path.components().count() == 1
                    || line.starts_with("openat2") && line.contains("RESOLVE_BENEATH");
                assert!(below || own.iter().any(|own| path.starts_with(own)), "{}: {line}", watched.name);
            }
        }
    }
    assert!(changes > 30, "{changes}");

    let server = Server::start(ok);
    let (port, package) = (server.address.port(), guest("odd_requests").display().to_string());
    let args = json!({ "args": [server.address.to_string()] }).to_string();
    let line = ["call", "odd_requests.run", &args, "--json", "--package", &package, "--http", "127.0.0.1", "--reach"];
    let lines = trace(&Place::new(), &[&line[..], &["127.0.0.1"]].concat());
    let dialled: BTreeSet<_> = lines.iter().filter(|line| line.starts_with("connect(")).collect();
    assert!(!dialled.is_empty());
    for line in dialled {
        assert!(line.contains(&format!("sin_port=htons({port}), sin_addr=inet_addr(\"127.0.0.1\")")), "{line}");
    }
}
