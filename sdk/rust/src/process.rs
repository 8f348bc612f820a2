//! Programs as processes, and the streams between them.
//!
//! `sdk/wit/process.wit` is the contract. The package needs the programs (`needs(exec = ["grep", "sort"])`, or `["*"]`), and
//! policy decides on each start. Which programs there are is the operator's choice. A process has an instance, limits and a grant
//! of its own, and ends at the latest with the call that started it.
//!
//! ```no_run
//! use gloveport::process::{Command, Exit, collect, pipe};
//!
//! # fn main() -> Result<(), gloveport::process::SpawnError> {
//! let (reading, writing) = pipe();
//! let (lines, output) = collect();
//! let grep = Command::new("grep").args(["-c", "error"]).stdin(&reading).stdout(&output).spawn()?;
//! let cat = Command::new("cat").arg("/workspace/log").stdout(&writing).spawn()?;
//! // Held on, they would keep `grep` from coming to the end, and `cat` from learning that nobody reads.
//! drop((reading, writing));
//! assert_eq!((cat.wait(), grep.wait()), (Exit::Code(0), Exit::Code(0)));
//! let lines = lines.take();
//! # Ok(())
//! # }
//! ```
//!
//! In tests on the machine itself there is no host: there nothing starts, and streams hold nothing.

use std::{
    fmt,
    io::{self, Read, Write},
};

#[cfg_attr(target_os = "wasi", path = "process/door.rs")]
#[cfg_attr(not(target_os = "wasi"), path = "process/nowhere.rs")]
mod imp;

/// Why a program did not start.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpawnError {
    /// There is no program of this name on the path.
    NotFound,
    /// It was refused; the text says what was, and not why.
    Denied(String),
    /// The command cannot be run as it is; the text says what is wrong with it.
    Invalid(String),
    /// As many processes run already as the call's limit `processes` allows.
    TooMany,
    /// The host could not start it.
    Failed,
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("no such program on the path"),
            Self::Denied(text) => write!(f, "refused: {text}"),
            Self::Invalid(text) => write!(f, "not started: {text}"),
            Self::TooMany => f.write_str("too many processes run already"),
            Self::Failed => f.write_str("the host could not start it"),
        }
    }
}

impl std::error::Error for SpawnError {}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this code.
    Code(u8),
    /// It wrote to a pipe that nobody reads any more.
    BrokenPipe,
    /// It was killed.
    Killed,
    /// It hit a limit; the text says which.
    Limit(String),
    /// Its code broke off.
    Trap,
}

/// Something to read from that several can hold: what one of them reads, the others do not.
///
/// Reading waits for what is written; at the end there are 0 bytes.
#[derive(Debug)]
pub struct Input(imp::Input);

impl Input {
    /// The component's own standard input. Whoever also reads from `std::io::stdin`, which reads ahead, misses bytes here.
    pub fn stdin() -> Self {
        Self(imp::Input::stdin())
    }

    /// Any stream, such as one that `wasip2::filesystem` opened.
    #[cfg(target_os = "wasi")]
    pub fn from_stream(stream: wasip2::io::streams::InputStream) -> Self {
        Self(imp::Input::new(stream))
    }

    /// Reads what is there already; `None` where that is nothing, and the end has not come.
    ///
    /// # Errors
    /// Where reading fails.
    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        self.0.try_read(buffer)
    }

    /// Is ready when there is something to read, or the end, to wait for several.
    #[cfg(target_os = "wasi")]
    pub fn subscribe(&self) -> wasip2::io::poll::Pollable {
        self.0.subscribe()
    }
}

impl Read for &Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

/// Something to write to that several can hold: the next byte of each goes behind the last of all.
///
/// Writing waits for room; where nobody reads any more it fails with [`io::ErrorKind::BrokenPipe`].
#[derive(Debug)]
pub struct Output(imp::Output);

impl Output {
    /// The component's own standard output. What `std::io::stdout` still buffers is written later.
    pub fn stdout() -> Self {
        Self(imp::Output::stdout())
    }

    /// The component's own standard error.
    pub fn stderr() -> Self {
        Self(imp::Output::stderr())
    }

    /// Any stream, such as one that `wasip2::filesystem` opened.
    #[cfg(target_os = "wasi")]
    pub fn from_stream(stream: wasip2::io::streams::OutputStream) -> Self {
        Self(imp::Output::new(stream))
    }

    /// Writes as much as there is room for now; how much that was, which may be nothing.
    ///
    /// # Errors
    /// Where writing fails, and with [`io::ErrorKind::BrokenPipe`] where nobody reads any more.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    /// Is ready when there is room, or writing would fail, to wait for several.
    #[cfg(target_os = "wasi")]
    pub fn subscribe(&self) -> wasip2::io::poll::Pollable {
        self.0.subscribe()
    }
}

impl Write for &Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    /// Does nothing: what was written is out already.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    /// Does nothing: what was written is out already.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A pipe of 64 KiB: who writes more waits for the reader, and the other way round.
///
/// When nobody holds the writing end any more, the reader comes to the end; when nobody holds the reading end, writing fails, and
/// ends a process whose standard output or standard error it is. So drop an end that only others need.
pub fn pipe() -> (Input, Output) {
    let (reading, writing) = imp::pipe();
    (Input(reading), Output(writing))
}

/// What was written to an output, for the component itself.
#[derive(Debug)]
pub struct Capture(imp::Capture);

impl Capture {
    /// What was written since this was last asked. As many bytes as the call's limit `output` allows are kept; more end the call.
    pub fn take(&self) -> Vec<u8> {
        self.0.take()
    }
}

/// An output whose bytes are kept for the component itself. Writing to it never waits.
pub fn collect() -> (Capture, Output) {
    let (capture, output) = imp::collect();
    (Capture(capture), Output(output))
}

/// A program to start: nothing is inherited but the directory.
#[derive(Debug)]
pub struct Command<'a> {
    name: String,
    args: Vec<String>,
    env: Vec<(String, String)>,
    cwd: Option<String>,
    stdin: Option<&'a Input>,
    stdout: Option<&'a Output>,
    stderr: Option<&'a Output>,
}

impl<'a> Command<'a> {
    /// The program of this name on the operator's path, without arguments and variables, that reads nothing and whose output goes
    /// nowhere.
    pub fn new(name: impl Into<String>) -> Self {
        let (args, env) = (Vec::new(), Vec::new());
        Self { name: name.into(), args, env, cwd: None, stdin: None, stdout: None, stderr: None }
    }

    /// One more argument after the name.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// More arguments after the name.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// One more variable.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// The directory that it starts in. Default: that of the component itself.
    #[must_use]
    pub fn cwd(mut self, cwd: impl Into<String>) -> Self {
        self.cwd = Some(cwd.into());
        self
    }

    /// Where it reads from.
    #[must_use]
    pub fn stdin(mut self, input: &'a Input) -> Self {
        self.stdin = Some(input);
        self
    }

    /// Where its output goes.
    #[must_use]
    pub fn stdout(mut self, output: &'a Output) -> Self {
        self.stdout = Some(output);
        self
    }

    /// Where its messages go.
    #[must_use]
    pub fn stderr(mut self, output: &'a Output) -> Self {
        self.stderr = Some(output);
        self
    }

    /// Starts it. It holds its input and outputs from then on, too.
    ///
    /// # Errors
    /// Says whether there is no such program, it was refused, or it could not be started.
    pub fn spawn(self) -> Result<Process, SpawnError> {
        imp::spawn(self).map(Process)
    }
}

/// A process that was started. It goes on when this is dropped.
#[derive(Debug)]
pub struct Process(imp::Process);

impl Process {
    /// How it ended; `None` while it runs.
    pub fn exit(&self) -> Option<Exit> {
        self.0.exit()
    }

    /// Waits until it has ended.
    pub fn wait(&self) -> Exit {
        self.0.wait()
    }

    /// Ends it and whatever it started, at once.
    pub fn kill(&self) {
        self.0.kill();
    }

    /// Is ready when the process has ended, to wait for several.
    #[cfg(target_os = "wasi")]
    pub fn subscribe(&self) -> wasip2::io::poll::Pollable {
        self.0.subscribe()
    }
}

/// The id of the tool that a program's name leads to, such as `coreutils.ls`; `None` where there is no such program.
pub fn find(name: &str) -> Option<String> {
    imp::find(name)
}

/// The names of all programs on the path, in order.
pub fn programs() -> Vec<String> {
    imp::programs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outside_of_a_host_nothing_starts() {
        let (mut reading, mut writing) = pipe();
        let (capture, output) = collect();
        let command =
            Command::new("cat").arg("-n").env("LANG", "C").cwd("/").stdin(&reading).stdout(&output).stderr(&writing);
        assert_eq!(command.spawn().expect_err("there is no host"), SpawnError::NotFound);
        assert_eq!(writing.write(b"x").expect_err("nobody reads").kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(writing.try_write(b"x").expect_err("nobody reads").kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(reading.read(&mut [0; 4]).expect("the end"), 0);
        assert_eq!(reading.try_read(&mut [0; 4]).expect("the end"), Some(0));
        assert!(capture.take().is_empty() && programs().is_empty() && find("cat").is_none());
    }
}
