//! Tests on the machine itself: there is no host that would start anything.

use super::{Command, Exit, SpawnError};
use std::io;

#[derive(Debug)]
pub(super) struct Input;

impl Input {
    pub(super) fn stdin() -> Self {
        Self
    }

    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "as inside of a host")]
    pub(super) fn read(&self, _buffer: &mut [u8]) -> io::Result<usize> {
        Ok(0)
    }

    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "as inside of a host")]
    pub(super) fn try_read(&self, _buffer: &mut [u8]) -> io::Result<Option<usize>> {
        Ok(Some(0))
    }
}

/// As inside of a host, dropping it does something.
impl Drop for Input {
    fn drop(&mut self) {}
}

#[derive(Debug)]
pub(super) struct Output;

impl Drop for Output {
    fn drop(&mut self) {}
}

impl Output {
    pub(super) fn stdout() -> Self {
        Self
    }

    pub(super) fn stderr() -> Self {
        Self
    }

    #[expect(clippy::unused_self, reason = "as inside of a host")]
    pub(super) fn write(&self, _bytes: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    #[expect(clippy::unused_self, reason = "as inside of a host")]
    pub(super) fn try_write(&self, _bytes: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
}

#[derive(Debug)]
pub(super) struct Capture;

impl Capture {
    #[expect(clippy::unused_self, reason = "as inside of a host")]
    pub(super) fn take(&self) -> Vec<u8> {
        Vec::new()
    }
}

/// None is ever made.
#[derive(Debug)]
pub(super) enum Process {}

impl Process {
    pub(super) fn exit(&self) -> Option<Exit> {
        match *self {}
    }

    pub(super) fn wait(&self) -> Exit {
        match *self {}
    }

    pub(super) fn kill(&self) {
        match *self {}
    }
}

pub(super) fn pipe() -> (Input, Output) {
    (Input, Output)
}

pub(super) fn collect() -> (Capture, Output) {
    (Capture, Output)
}

pub(super) fn spawn(command: Command<'_>) -> Result<Process, SpawnError> {
    let Command { name, args, env, cwd, stdin, stdout, stderr } = command;
    let _ = (name, args, env, cwd, stdin, stdout, stderr);
    Err(SpawnError::NotFound)
}

pub(super) fn find(_name: &str) -> Option<String> {
    None
}

pub(super) fn programs() -> Vec<String> {
    Vec::new()
}
