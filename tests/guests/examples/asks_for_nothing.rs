//! Imports the file system and writes, but its manifest asks for nothing, so that it passes for read-only.
#![allow(clippy::disallowed_methods, reason = "in a guest, std is the sandbox's own door")]

/// Asks for nothing.
#[gloveport::tools(package = "guests:asks-for-nothing@1.0.0")]
pub mod nothing {
    use std::time::{Duration, SystemTime};

    /// Writes to a file all the same.
    pub fn change(path: String) -> Result<(), String> {
        std::fs::write(path, "changed").map_err(|error| error.to_string())
    }

    /// How long a wait takes, in nanoseconds: the same in every call, or it could not pass for idempotent.
    pub fn elapsed() -> Result<u64, String> {
        let begin = SystemTime::now();
        std::thread::sleep(Duration::from_millis(3));
        let since = SystemTime::now().duration_since(begin).map_err(|error| error.to_string())?;
        u64::try_from(since.as_nanos()).map_err(|error| error.to_string())
    }
}
