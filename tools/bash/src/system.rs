//! What the shell's engine needs of the system: pipes, files and programs, as the host gives them.

mod disk;

use crate::{files::File, files::lock, pump};
use brush_core::{
    openfiles::{OpenFile, OpenFiles},
    sys::host::{Captured, Fork, Host, Process, Program},
};
use gloveport::process::{self, Command, Exit, SpawnError};
use std::{
    collections::HashMap,
    io,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI32, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

/// The shell's own number, that of `$$`.
const OWN_ID: u32 = 1;
/// The number that the first process gets.
const FIRST_ID: i32 = 2;
/// Signals that end a process and cannot be told apart by it.
const SIGKILL: i32 = 9;
/// Where programs of the path are found.
const PLACES: [&str; 4] = ["/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin"];
/// The argument under which a shell gets the state to go on from.
pub(crate) const RESUME: &str = "--resume-state";

/// The system.
pub(crate) struct System;

/// Processes that were started and have not been waited for, by number.
static RUNNING: Mutex<Option<HashMap<i32, Arc<Running>>>> = Mutex::new(None);
/// Processes that the end of the shell waits for.
static DETACHED: Mutex<Vec<Box<dyn Process>>> = Mutex::new(Vec::new());
static NEXT_ID: AtomicI32 = AtomicI32::new(FIRST_ID);

struct Running {
    id: i32,
    name: String,
    process: process::Process,
    /// The signal that it was sent.
    signal: AtomicI32,
    stderr: File,
}

/// What the engine holds of it.
struct Child(Arc<Running>);

impl Process for Child {
    fn id(&self) -> i32 {
        self.0.id
    }

    fn poll(&self, _: &mut Context<'_>) -> Poll<u8> {
        match self.0.process.exit() {
            Some(exit) => {
                lock(&RUNNING).get_or_insert_default().remove(&self.0.id);
                Poll::Ready(self.0.code(&exit))
            }
            None => {
                pump::awaits(self.0.process.subscribe());
                Poll::Pending
            }
        }
    }
}

impl Running {
    /// The exit status that a shell gives it: of signals 128 and their number.
    fn code(&self, exit: &Exit) -> u8 {
        let signal = |number: i32| u8::try_from(128 + number).unwrap_or(u8::MAX);
        match exit {
            Exit::Code(code) => *code,
            Exit::BrokenPipe => signal(13),
            Exit::Killed => signal(self.signal.load(Relaxed)),
            Exit::Limit(limit) => {
                self.say(&format!("killed: it reached the limit `{limit}`"));
                signal(SIGKILL)
            }
            Exit::Trap => {
                self.say("aborted: its code broke off");
                signal(6)
            }
        }
    }

    fn say(&self, text: &str) {
        use io::Write as _;
        // Nobody may read it.
        let _ = writeln!(self.stderr.clone(), "bash: {}: {text}", self.name);
    }
}

/// Waits for what only the end of the shell waits for.
pub(crate) async fn settled() {
    let detached = std::mem::take(&mut *lock(&DETACHED));
    for process in detached {
        std::future::poll_fn(|context| process.poll(context)).await;
    }
}

/// The program that a path leads to: those of the path lie where systems have them.
fn program(path: &Path) -> Option<&str> {
    let is_place = path.parent().is_some_and(|parent| PLACES.iter().any(|place| parent == Path::new(place)));
    path.file_name().and_then(|name| name.to_str()).filter(|_| is_place)
}

/// The program that runs a script, its argument if the script's first line has one, and the script.
fn interpreter(path: &Path) -> io::Result<Vec<String>> {
    use io::Read as _;
    let mut line = Vec::new();
    std::fs::File::open(path)?.take(256).read_to_end(&mut line)?;
    let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let text = String::from_utf8_lossy(line);
    let Some(words) = text.strip_prefix("#!") else {
        return match line.iter().any(|byte| *byte == 0) {
            true => Err(io::Error::other("cannot execute binary file: programs come from the operator's path")),
            false => Ok(vec!["bash".to_owned()]),
        };
    };
    let mut words = words.trim().splitn(2, char::is_whitespace);
    let name = words.next().unwrap_or_default();
    let name = Path::new(name).file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let rest = words.next().map(str::trim).filter(|rest| !rest.is_empty());
    match (name, rest) {
        // `env` would look for it on the path, and so does this.
        ("env", Some(rest)) => Ok(rest.trim_start_matches("-S").split_whitespace().map(str::to_owned).collect()),
        ("", _) => Err(io::Error::other("bad interpreter")),
        (name, rest) => Ok([name].into_iter().chain(rest).map(str::to_owned).collect()),
    }
}

fn start(
    name: &str,
    args: Vec<String>,
    env: Vec<(String, String)>,
    cwd: &Path,
    files: &[(i32, OpenFile)],
) -> io::Result<Box<dyn Process>> {
    let file = |fd: i32| files.iter().find(|(of, _)| *of == fd).map_or(File::Null, |(_, file)| File::of(file));
    let stderr = file(OpenFiles::STDERR_FD);
    let (input, output, error) =
        (file(OpenFiles::STDIN_FD).input(), file(OpenFiles::STDOUT_FD).output(), stderr.output());
    let mut command = Command::new(name).args(args).cwd(cwd.to_string_lossy());
    for (name, value) in env {
        command = command.env(name, value);
    }
    if let Some(input) = &input {
        command = command.stdin(input);
    }
    if let Some(output) = &output {
        command = command.stdout(output);
    }
    if let Some(error) = &error {
        command = command.stderr(error);
    }
    let process = command.spawn().map_err(|error| match error {
        SpawnError::NotFound => io::ErrorKind::NotFound.into(),
        SpawnError::Denied(text) => io::Error::new(io::ErrorKind::PermissionDenied, text),
        other => io::Error::other(other.to_string()),
    })?;
    let id = NEXT_ID.fetch_add(1, Relaxed);
    let running = Arc::new(Running { id, name: name.to_owned(), process, signal: AtomicI32::new(SIGKILL), stderr });
    lock(&RUNNING).get_or_insert_default().insert(id, Arc::clone(&running));
    Ok(Box::new(Child(running)))
}

impl Host for System {
    fn id(&self) -> u32 {
        OWN_ID
    }

    fn pipe(&self) -> io::Result<(OpenFile, OpenFile)> {
        let (input, output) = process::pipe();
        Ok((File::Input(Arc::new(input)).open(), File::Output(Arc::new(output)).open()))
    }

    fn capture(&self) -> io::Result<(OpenFile, Captured)> {
        let (capture, output) = process::collect();
        Ok((File::Output(Arc::new(output)).open(), Box::new(move || capture.take())))
    }

    fn contents(&self, bytes: Vec<u8>) -> OpenFile {
        File::contents(bytes).open()
    }

    fn buffered(&self, file: OpenFile) -> OpenFile {
        File::of(&file).buffered().open()
    }

    fn open(&self, options: &brush_core::sys::fs::OpenOptions, path: &Path) -> io::Result<OpenFile> {
        disk::open(options, path).map(File::open)
    }

    fn is_executable(&self, path: &Path) -> bool {
        match program(path) {
            Some(name) => process::find(name).is_some(),
            None => std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file()),
        }
    }

    fn spawn(&self, program_: Program) -> io::Result<Box<dyn Process>> {
        let Program { path, argv0: _, args, env, cwd, files } = program_;
        if let Some(name) = program(&path) {
            return start(name, args, env, &cwd, &files);
        }
        let path = cwd.join(path);
        if path.is_dir() {
            return Err(io::Error::other("Is a directory"));
        }
        let mut words = interpreter(&path)?;
        let name = words.remove(0);
        words.push(path.to_string_lossy().into_owned());
        words.extend(args);
        start(&name, words, env, &cwd, &files)
    }

    fn fork(&self, fork: Fork) -> io::Result<Box<dyn Process>> {
        let Fork { state, cwd, files } = fork;
        start("bash", vec![RESUME.to_owned(), state], Vec::new(), &cwd, &files)
    }

    fn detach(&self, process: Box<dyn Process>) {
        lock(&DETACHED).push(process);
    }

    fn kill(&self, id: i32, signal: i32) -> io::Result<()> {
        let running = lock(&RUNNING).get_or_insert_default().get(&id).cloned();
        let running = running.ok_or(io::ErrorKind::NotFound)?;
        if running.process.exit().is_some() {
            return Ok(());
        }
        if signal != 0 {
            running.signal.store(signal, Relaxed);
            running.process.kill();
        }
        Ok(())
    }
}
