//! Names that arrive from outside, checked once where they enter.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Why a name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The id of a tool has the form `package.function`.
    #[error("`{0}` is not a tool id: expected `package.function`, such as `files.read`")]
    Tool(String),
    /// The name of a mount is a word.
    #[error("`{0}` is not a mount name: expected 1 to 64 letters, digits, `-` or `_`, starting with a letter")]
    Mount(String),
    /// The name of a secret is a word.
    #[error("`{0}` is not a secret's name: expected 1 to 64 letters, digits, `-` or `_`, starting with a letter")]
    Secret(String),
    /// The name of a program is one that a shell can look up.
    #[error(
        "`{0}` is not a program's name: expected 1 to 64 lower-case letters, digits, `-` or `_`, starting with a letter"
    )]
    Program(String),
    /// The name of a principal is short and printable.
    #[error("`{0}` is not a principal: expected 1 to 128 printable characters")]
    Principal(String),
    /// A sub-path stays inside its mount.
    #[error("`{0}` is not a path inside a mount: expected relative components without `..`, such as `docs/public`")]
    SubPath(String),
}

fn is_word(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

/// One exported function of a package: `package.function`, or `package.interface.function` where two interfaces of
/// a package export the same function name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ToolId {
    text: Box<str>,
    dot: usize,
}

impl ToolId {
    /// The package's name: what stands before the first dot.
    pub fn package(&self) -> &str {
        &self.text[..self.dot]
    }

    /// The function's name: what stands after the first dot.
    pub fn function(&self) -> &str {
        &self.text[self.dot + 1..]
    }

    /// The whole id.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for ToolId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let refuse = || IdError::Tool(text.chars().take(200).collect());
        let dot = text.find('.').ok_or_else(refuse)?;
        let parts = text.split('.').count();
        if (2..=3).contains(&parts) && text.split('.').all(is_word) {
            Ok(Self { text: text.into(), dot })
        } else {
            Err(refuse())
        }
    }
}

/// The name by which a plan, a policy and a guest know a mount; the guest sees it as the directory `/NAME`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MountName(Box<str>);

impl MountName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for MountName {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        if is_word(text) { Ok(Self(text.into())) } else { Err(IdError::Mount(text.chars().take(200).collect())) }
    }
}

/// The name by which a tool, a policy and the configuration know a secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SecretName(Box<str>);

impl SecretName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SecretName {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        if is_word(text) { Ok(Self(text.into())) } else { Err(IdError::Secret(text.chars().take(200).collect())) }
    }
}

/// The name by which a program is started, such as `grep`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProgramName(Box<str>);

impl ProgramName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The function's name of the tool that the program is: what stands after the dot in its id.
    pub fn function(&self) -> String {
        self.0.replace('-', "_")
    }
}

impl FromStr for ProgramName {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let lower = !text.contains(|c: char| c.is_ascii_uppercase());
        if is_word(text) && lower {
            Ok(Self(text.into()))
        } else {
            Err(IdError::Program(text.chars().take(200).collect()))
        }
    }
}

/// Who, or which agent, asked for a call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Principal(Box<str>);

impl Principal {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Principal {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let length = text.chars().count();
        if (1..=128).contains(&length) && !text.chars().any(char::is_control) {
            Ok(Self(text.into()))
        } else {
            Err(IdError::Principal(text.chars().take(200).collect()))
        }
    }
}

/// A relative path inside a mount, without `.` and `..`; empty means the whole mount.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SubPath(Box<str>);

impl SubPath {
    /// The path with `/` between its components.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it stands for the whole mount.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `other` is this path or lies below it.
    pub fn covers(&self, other: &Self) -> bool {
        self.is_empty() || other.0.strip_prefix(&*self.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl FromStr for SubPath {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let refuse = || IdError::SubPath(text.chars().take(200).collect());
        if text.is_empty() || text == "." {
            return Ok(Self::default());
        }
        let trimmed = text.strip_suffix('/').unwrap_or(text);
        let plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(['\0', '\\']);
        if trimmed.len() <= 4096 && trimmed.split('/').all(plain) { Ok(Self(trimmed.into())) } else { Err(refuse()) }
    }
}

macro_rules! text_conversions {
    ($($name:ident),*) => { $(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }
        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.as_str().to_owned()
            }
        }
    )* };
}
text_conversions!(ToolId, MountName, SecretName, ProgramName, Principal, SubPath);
