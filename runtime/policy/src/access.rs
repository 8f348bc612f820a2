use serde::{Deserialize, Serialize};

/// How much of a file system a mount, a need or a grant covers. Ordered: the smaller one is the narrower.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Files can be listed, inspected and read.
    #[serde(alias = "ro")]
    Read,
    /// Files can also be created, written, renamed and removed.
    #[serde(alias = "rw")]
    ReadWrite,
}

impl Access {
    /// Whether anything can be changed through it.
    pub fn writes(self) -> bool {
        self == Self::ReadWrite
    }
}

impl std::fmt::Display for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::ReadWrite => "read-write",
        })
    }
}
