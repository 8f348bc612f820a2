//! Who may read, write and run a file.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// The nine bits of permissions; nothing else of a file's mode is staged. Written in octal: `644`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct FileMode(u32);

/// Text that is no mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected the permissions of a file, three octal digits such as `644`")]
pub struct NoMode;

impl FileMode {
    const ALL: u32 = 0o777;

    pub(super) fn of(mode: u32) -> Self {
        Self(mode & Self::ALL)
    }

    /// Whether anybody may run it.
    pub fn is_executable(self) -> bool {
        self.0 & 0o111 != 0
    }
}

impl fmt::Display for FileMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03o}", self.0)
    }
}

impl FromStr for FileMode {
    type Err = NoMode;

    fn from_str(text: &str) -> Result<Self, NoMode> {
        let mode = u32::from_str_radix(text, 8).map_err(|_| NoMode)?;
        if text.len() == 3 && mode <= Self::ALL { Ok(Self(mode)) } else { Err(NoMode) }
    }
}

impl From<FileMode> for String {
    fn from(mode: FileMode) -> Self {
        mode.to_string()
    }
}

impl TryFrom<String> for FileMode {
    type Error = NoMode;

    fn try_from(text: String) -> Result<Self, NoMode> {
        text.parse()
    }
}
