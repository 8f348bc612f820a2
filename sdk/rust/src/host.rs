//! What a tool can ask of its host beside WASI: other tools, and a word to the operator and the caller.
//!
//! `sdk/wit/host.wit` is the contract. A package that uses none of this imports none of it. In tests on the machine itself
//! there is no host: there [`invoke`] is an error, and [`log`] and [`progress`] write to standard error.

use std::fmt;

/// How much a message matters, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Every step, for whoever looks for a fault.
    Trace,
    /// What helps to find a fault.
    Debug,
    /// What is worth knowing.
    Info,
    /// What is odd, although the call goes on.
    Warn,
    /// What went wrong.
    Error,
}

/// Why a call of another tool gave no result.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvokeError {
    /// It was refused; the text says what was, and not why.
    Denied(String),
    /// There is no such tool, or the arguments do not fit it; the text says where.
    Invalid(String),
    /// The tool's own error, as JSON.
    Failed(String),
    /// It hit a limit, trapped, or was cancelled; the text says which.
    Stopped(String),
    /// It ran, and what it gave is not of the type that `invoke_json` was to make of it.
    #[cfg(feature = "json")]
    Unexpected(String),
}

impl fmt::Display for InvokeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(text) => write!(f, "refused: {text}"),
            Self::Invalid(text) => write!(f, "not called: {text}"),
            Self::Failed(text) => write!(f, "the tool failed: {text}"),
            Self::Stopped(text) => write!(f, "stopped: {text}"),
            #[cfg(feature = "json")]
            Self::Unexpected(text) => write!(f, "unexpected result: {text}"),
        }
    }
}

impl std::error::Error for InvokeError {}

/// Calls another tool, by its id such as `files.read`, with its arguments as a JSON object, and waits for its result, which is
/// JSON too.
///
/// The manifest must need it (`needs(invoke = ["files.read"])`), and policy decides on each call. It runs in an instance of its
/// own with a grant of its own, which is never wider than the caller's, and within what is left of the caller's limits.
///
/// # Errors
/// Says whether it was refused, not called, failed by itself, or was stopped.
pub fn invoke(tool: &str, arguments: &str) -> Result<String, InvokeError> {
    imp::invoke(tool, arguments)
}

/// [`invoke`] with values instead of JSON text. `arguments` must become an object: a struct or a map whose keys are the
/// tool's parameters.
///
/// ```no_run
/// #[derive(serde::Serialize)]
/// struct Arguments<'a> {
///     path: &'a str,
/// }
/// # fn read() -> Result<(), gloveport::host::InvokeError> {
/// let read: serde_json::Value = gloveport::host::invoke_json("files.read", &Arguments { path: "workspace/a.txt" })?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// As [`invoke`]; moreover [`InvokeError::Invalid`] for arguments that have no JSON, and [`InvokeError::Unexpected`] for a
/// result that is no `R`.
#[cfg(feature = "json")]
pub fn invoke_json<A, R>(tool: &str, arguments: &A) -> Result<R, InvokeError>
where
    A: serde::Serialize + ?Sized,
    R: serde::de::DeserializeOwned,
{
    let arguments = serde_json::to_string(arguments)
        .map_err(|error| InvokeError::Invalid(format!("the arguments for `{tool}` have no JSON: {error}")))?;
    let result = invoke(tool, &arguments)?;
    serde_json::from_str(&result).map_err(|error| InvokeError::Unexpected(format!("what `{tool}` gave: {error}")))
}

/// Says something to the operator. It is kept with the call's outcome, which it does not change, and the host bounds how much
/// it keeps. `format_args!` makes a message of parts.
pub fn log(level: Level, message: impl fmt::Display) {
    imp::log(level, &message.to_string());
}

/// Says how far the call has come: `done` of `total`, in any unit, and what is going on in a few words. `total` is `None` where
/// it is not known.
pub fn progress(done: u64, total: Option<u64>, message: impl fmt::Display) {
    imp::progress(done, total, &message.to_string());
}

#[cfg(target_os = "wasi")]
mod imp {
    use super::{InvokeError, Level};
    use bindings::gloveport::tool::host;

    #[allow(warnings, unsafe_code, missing_docs, unreachable_pub, clippy::all, clippy::pedantic, clippy::restriction)]
    mod bindings {
        wit_bindgen::generate!({ path: "wit/host.wit", world: "gloveport:tool/tool" });
    }

    pub(super) fn invoke(tool: &str, arguments: &str) -> Result<String, InvokeError> {
        host::invoke(tool, arguments).map_err(|error| match error {
            host::InvokeError::Denied(text) => InvokeError::Denied(text),
            host::InvokeError::Invalid(text) => InvokeError::Invalid(text),
            host::InvokeError::Failed(text) => InvokeError::Failed(text),
            host::InvokeError::Stopped(text) => InvokeError::Stopped(text),
        })
    }

    pub(super) fn log(level: Level, message: &str) {
        let level = match level {
            Level::Trace => host::Level::Trace,
            Level::Debug => host::Level::Debug,
            Level::Info => host::Level::Info,
            Level::Warn => host::Level::Warn,
            Level::Error => host::Level::Error,
        };
        host::log(level, message);
    }

    pub(super) fn progress(done: u64, total: Option<u64>, message: &str) {
        host::progress(done, total, message);
    }
}

/// Tests on the machine itself.
#[cfg(not(target_os = "wasi"))]
mod imp {
    use super::{InvokeError, Level};

    pub(super) fn invoke(tool: &str, _arguments: &str) -> Result<String, InvokeError> {
        Err(InvokeError::Invalid(format!("`{tool}` can be called only inside the host")))
    }

    pub(super) fn log(level: Level, message: &str) {
        eprintln!("{level:?}: {message}");
    }

    pub(super) fn progress(done: u64, total: Option<u64>, message: &str) {
        match total {
            Some(total) => eprintln!("{done} of {total}: {message}"),
            None => eprintln!("{done}: {message}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outside_of_a_host_nothing_is_called() {
        let error = invoke("files.read", "{}").expect_err("there is no host");
        assert_eq!(error, InvokeError::Invalid("`files.read` can be called only inside the host".into()));
        log(Level::Info, format_args!("{} of {}", 1, 2));
        progress(1, Some(2), "half");
    }

    #[cfg(feature = "json")]
    #[test]
    fn arguments_without_json_are_refused() {
        let keys = std::collections::BTreeMap::from([((1, 2), 3)]);
        let error = invoke_json::<_, ()>("a.b", &keys).expect_err("keys are texts in JSON");
        assert!(matches!(&error, InvokeError::Invalid(text) if text.contains("the arguments for `a.b`")), "{error}");
    }
}
