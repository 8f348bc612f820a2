//! The usual way: rustup downloads the target.

use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use super::TRIPLE;
use crate::process;

/// The download is some 10 MB. Behind a firewall that drops packets rustup would try for many minutes.
const LIMIT: Duration = Duration::from_secs(60);

/// Adds the target to the toolchain in use.
pub(super) fn add() -> Result<()> {
    process::capture(Command::new("rustup").args(["target", "add", TRIPLE]), LIMIT)?;
    Ok(())
}
