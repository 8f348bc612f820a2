//! A guest that calls other tools, and says how it goes.
#![allow(clippy::disallowed_methods, reason = "in a guest, std is the sandbox's own door")]

/// Calls of other tools.
#[gloveport::tools(package = "guests:caller@1.0.0", needs(fs = "read-write", invoke = ["files.*", "text.count", "caller.*", "odd.*", "missing.*"]))]
pub mod caller {
    use gloveport::host::{self, InvokeError, Level};

    /// Calls one tool with arguments in JSON, so often; gives the last answer.
    pub fn call(
        /// The tool.
        tool: String,
        /// An object.
        args: String,
        /// How often.
        times: Option<u32>,
    ) -> Result<String, String> {
        let mut answer = Ok(String::new());
        for _ in 0..times.unwrap_or(1) {
            answer = host::invoke(&tool, &args);
        }
        answer.map_err(|error| match error {
            InvokeError::Denied(text) => format!("denied: {text}"),
            InvokeError::Invalid(text) => format!("invalid: {text}"),
            InvokeError::Failed(text) => format!("failed: {text}"),
            InvokeError::Stopped(text) => format!("stopped: {text}"),
            other => other.to_string(),
        })
    }

    /// Calls another tool by way of this one, so deep.
    pub fn again(
        /// The tool.
        tool: String,
        /// An object.
        args: String,
    ) -> Result<String, String> {
        call(tool, args, None)
    }

    /// Logs and tells its progress, so often.
    pub fn talk(
        /// How often.
        times: u32,
        /// What.
        text: String,
    ) {
        for done in 0..times {
            host::log(Level::Warn, &text);
            host::progress(u64::from(done), Some(u64::from(times)), &text);
        }
    }
}
