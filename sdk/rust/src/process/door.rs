//! The interface `gloveport:tool/process` of the host.

use super::{Command, Exit, SpawnError};
use bindings::gloveport::tool::process as door;
use std::{fmt, io, sync::OnceLock};
use wasip2::{
    cli,
    io::{
        poll::Pollable,
        streams::{InputStream, OutputStream, StreamError},
    },
};

#[allow(warnings, unsafe_code, missing_docs, unreachable_pub, clippy::all, clippy::pedantic, clippy::restriction)]
mod bindings {
    wit_bindgen::generate!({
        path: ["wit/io.wit", "wit/process.wit"],
        world: "gloveport:tool/shell",
        with: {
            "wasi:io/error@0.2.12": wasip2::io::error,
            "wasi:io/poll@0.2.12": wasip2::io::poll,
            "wasi:io/streams@0.2.12": wasip2::io::streams,
        },
    });
}

/// As many bytes as one call of `blocking-write-and-flush` takes.
const MAX_WRITE: usize = 4096;

/// A holder, and its stream once it was needed here. The stream is a child of the holder, so it stands first.
pub(super) struct Input {
    stream: OnceLock<InputStream>,
    holder: door::Input,
}

impl Input {
    pub(super) fn new(stream: InputStream) -> Self {
        Self::held(door::Input::new(stream))
    }

    pub(super) fn stdin() -> Self {
        Self::new(cli::stdin::get_stdin())
    }

    fn held(holder: door::Input) -> Self {
        Self { stream: OnceLock::new(), holder }
    }

    pub(super) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        filled(buffer, self.stream().blocking_read(buffer.len() as u64))
    }

    pub(super) fn try_read(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match self.stream().read(buffer.len() as u64) {
            Ok(bytes) if bytes.is_empty() => Ok(None),
            read => filled(buffer, read).map(Some),
        }
    }

    pub(super) fn subscribe(&self) -> Pollable {
        self.stream().subscribe()
    }

    fn stream(&self) -> &InputStream {
        self.stream.get_or_init(|| self.holder.stream())
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input").finish_non_exhaustive()
    }
}

/// As [`Input`].
pub(super) struct Output {
    stream: OnceLock<OutputStream>,
    holder: door::Output,
}

impl Output {
    pub(super) fn new(stream: OutputStream) -> Self {
        Self::held(door::Output::new(stream))
    }

    pub(super) fn stdout() -> Self {
        Self::new(cli::stdout::get_stdout())
    }

    pub(super) fn stderr() -> Self {
        Self::new(cli::stderr::get_stderr())
    }

    fn held(holder: door::Output) -> Self {
        Self { stream: OnceLock::new(), holder }
    }

    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let bytes = &bytes[..bytes.len().min(MAX_WRITE)];
        self.stream().blocking_write_and_flush(bytes).map_err(broken)?;
        Ok(bytes.len())
    }

    pub(super) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        let room = usize::try_from(self.stream().check_write().map_err(broken)?).unwrap_or(usize::MAX);
        let bytes = &bytes[..bytes.len().min(room)];
        if !bytes.is_empty() {
            self.stream().write(bytes).map_err(broken)?;
        }
        Ok(bytes.len())
    }

    pub(super) fn subscribe(&self) -> Pollable {
        self.stream().subscribe()
    }

    fn stream(&self) -> &OutputStream {
        self.stream.get_or_init(|| self.holder.stream())
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output").finish_non_exhaustive()
    }
}

/// What was read, or 0 at the end.
fn filled(buffer: &mut [u8], read: Result<Vec<u8>, StreamError>) -> io::Result<usize> {
    match read {
        Ok(bytes) => {
            buffer[..bytes.len()].copy_from_slice(&bytes);
            Ok(bytes.len())
        }
        Err(StreamError::Closed) => Ok(0),
        Err(StreamError::LastOperationFailed(error)) => Err(io::Error::other(error.to_debug_string())),
    }
}

fn broken(error: StreamError) -> io::Error {
    match error {
        StreamError::Closed => io::ErrorKind::BrokenPipe.into(),
        StreamError::LastOperationFailed(error) => io::Error::other(error.to_debug_string()),
    }
}

#[derive(Debug)]
pub(super) struct Capture(door::Capture);

impl Capture {
    pub(super) fn take(&self) -> Vec<u8> {
        self.0.take()
    }
}

#[derive(Debug)]
pub(super) struct Process(door::Process);

impl Process {
    pub(super) fn exit(&self) -> Option<Exit> {
        self.0.exit().map(exit)
    }

    pub(super) fn wait(&self) -> Exit {
        exit(self.0.wait())
    }

    pub(super) fn kill(&self) {
        self.0.kill();
    }

    pub(super) fn subscribe(&self) -> Pollable {
        self.0.subscribe()
    }
}

fn exit(exit: door::Exit) -> Exit {
    match exit {
        door::Exit::Code(code) => Exit::Code(code),
        door::Exit::BrokenPipe => Exit::BrokenPipe,
        door::Exit::Killed => Exit::Killed,
        door::Exit::Limit(which) => Exit::Limit(which),
        door::Exit::Trap => Exit::Trap,
    }
}

pub(super) fn pipe() -> (Input, Output) {
    let (reading, writing) = door::pipe();
    (Input::held(reading), Output::held(writing))
}

pub(super) fn collect() -> (Capture, Output) {
    let (capture, output) = door::collect();
    (Capture(capture), Output::held(output))
}

pub(super) fn spawn(command: Command<'_>) -> Result<Process, SpawnError> {
    let Command { name, args, env, cwd, stdin, stdout, stderr } = command;
    let command = door::Command {
        name,
        args,
        env,
        cwd,
        stdin: stdin.map(|input| &input.0.holder),
        stdout: stdout.map(|output| &output.0.holder),
        stderr: stderr.map(|output| &output.0.holder),
    };
    door::spawn(&command).map(Process).map_err(|error| match error {
        door::SpawnError::NotFound => SpawnError::NotFound,
        door::SpawnError::Denied(text) => SpawnError::Denied(text),
        door::SpawnError::Invalid(text) => SpawnError::Invalid(text),
        door::SpawnError::TooMany => SpawnError::TooMany,
        door::SpawnError::Failed => SpawnError::Failed,
    })
}

pub(super) fn find(name: &str) -> Option<String> {
    door::find(name)
}

pub(super) fn programs() -> Vec<String> {
    door::programs()
}
