//! Exit codes, and errors that carry one.

use std::fmt;

/// How the program ends. Documented in `--help` and the README.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    Done = 0,
    Usage = 2,
    Denied = 3,
    ToolError = 4,
    Limit = 5,
    Trap = 6,
    Internal = 70,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A fault of this program or of the machine, not of what was asked: everything else that goes wrong is bad input.
#[derive(Debug)]
pub(crate) struct Internal(pub(crate) anyhow::Error);

impl fmt::Display for Internal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

impl std::error::Error for Internal {}

/// Policy says no before anything has begun.
#[derive(Debug)]
pub(crate) struct Refused(pub(crate) anyhow::Error);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

impl std::error::Error for Refused {}

/// The exit code of an error.
pub(crate) fn of(error: &anyhow::Error) -> Exit {
    if error.is::<Internal>() {
        Exit::Internal
    } else if error.is::<Refused>() {
        Exit::Denied
    } else {
        Exit::Usage
    }
}
