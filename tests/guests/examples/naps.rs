//! Sleeps by whatever clock it was given: really, or in no time at all.
#![allow(clippy::disallowed_methods, reason = "in a guest, std is the sandbox's own door")]

/// Sleeps.
#[gloveport::tools(package = "guests:naps@1.0.0", needs(clock = "real"))]
pub mod naps {
    /// Sleeps for so many milliseconds.
    pub fn nap(milliseconds: u64) -> Result<u64, String> {
        std::thread::sleep(std::time::Duration::from_millis(milliseconds));
        Ok(milliseconds)
    }
}
