//! Where a value came from.

use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, fmt, str::FromStr};

/// One source of a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Source {
    /// The words of the person who asked for the task.
    Objective,
    /// The plan's own literals.
    Plan,
    /// Whoever made a single call: a command line or an MCP client.
    Caller,
    /// A file below the mount of this name.
    Mount(String),
    /// A response from this host.
    Http(String),
    /// The result of this tool.
    Tool(String),
    /// What this planner proposed.
    Planner(String),
    /// This secret.
    Secret(String),
    /// What could be told of a value without showing it: how large it is, whether there is one. It can give away what the value
    /// is, and is nothing that anybody could write.
    Shape(Box<Source>),
}

impl Source {
    /// What is told of a value of this source without showing it.
    #[must_use]
    pub fn shape(&self) -> Self {
        match self {
            Self::Shape(_) => self.clone(),
            _ => Self::Shape(Box::new(self.clone())),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Objective => f.write_str("objective"),
            Self::Plan => f.write_str("plan"),
            Self::Caller => f.write_str("caller"),
            Self::Mount(name) => write!(f, "mount:{name}"),
            Self::Http(host) => write!(f, "http:{host}"),
            Self::Tool(id) => write!(f, "tool:{id}"),
            Self::Planner(name) => write!(f, "planner:{name}"),
            Self::Secret(name) => write!(f, "secret:{name}"),
            Self::Shape(of) => write!(f, "shape:{of}"),
        }
    }
}

/// A text that names no source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a source: expected `objective`, `plan`, `caller`, `mount:NAME`, `http:HOST`, `tool:ID`, `planner:NAME`, `secret:NAME`, or `shape:` and one of these"
)]
pub struct SourceError(String);

impl FromStr for Source {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        let named = |name: &str| name.to_owned();
        match text.split_once(':') {
            None if text == "objective" => Ok(Self::Objective),
            None if text == "plan" => Ok(Self::Plan),
            None if text == "caller" => Ok(Self::Caller),
            Some(("mount", name)) => Ok(Self::Mount(named(name))),
            Some(("http", name)) => Ok(Self::Http(named(name))),
            Some(("tool", name)) => Ok(Self::Tool(named(name))),
            Some(("planner", name)) => Ok(Self::Planner(named(name))),
            Some(("secret", name)) => Ok(Self::Secret(named(name))),
            Some(("shape", of)) if !of.starts_with("shape:") => Ok(of.parse::<Self>()?.shape()),
            _ => Err(SourceError(text.chars().take(200).collect())),
        }
    }
}

impl TryFrom<String> for Source {
    type Error = SourceError;

    fn try_from(text: String) -> Result<Self, SourceError> {
        text.parse()
    }
}

impl From<Source> for String {
    fn from(source: Source) -> Self {
        source.to_string()
    }
}

/// The set of sources that a value came from. Joining values joins their sources; nothing ever removes one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Provenance(BTreeSet<Source>);

impl Provenance {
    /// The provenance of a value with no source yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one source.
    pub fn insert(&mut self, source: Source) {
        self.0.insert(source);
    }

    /// Adds all sources of another value.
    pub fn join(&mut self, other: &Self) {
        self.0.extend(other.0.iter().cloned());
    }

    /// The sources in order.
    pub fn iter(&self) -> impl Iterator<Item = &Source> {
        self.0.iter()
    }

    /// Whether all of these are among them.
    pub fn covers(&self, other: &Self) -> bool {
        other.0.is_subset(&self.0)
    }

    /// Whether no source is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Source> for Provenance {
    fn from_iter<I: IntoIterator<Item = Source>>(sources: I) -> Self {
        Self(sources.into_iter().collect())
    }
}
