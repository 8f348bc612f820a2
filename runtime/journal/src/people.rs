//! What people say to a task, and what they are asked.

use policy::Digest;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;

/// A person, as the place says it through which they spoke.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Author {
    /// The name under which they act: what policies call approvers.
    pub name: String,
    /// Where they spoke: `cli`.
    pub via: String,
    /// The account that they were known by there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
}

impl fmt::Display for Author {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.account {
            Some(account) if *account != self.name => write!(f, "{} ({account}, {})", self.name, self.via),
            Some(_) | None => write!(f, "{} ({})", self.name, self.via),
        }
    }
}

/// Something that a person has to say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// The sha256 of [`Ask::shown`] as JSON: what an answer is bound to.
    pub digest: Digest,
    /// What it is about.
    pub about: About,
    /// Who may answer; empty where everybody may.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvers: Vec<String>,
    /// The policies that ask.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<String>,
    /// Everything that an answer permits, and nothing else is.
    pub shown: Value,
    /// Until when an answer counts, in milliseconds since 1970.
    pub until_ms: u64,
}

/// What a person is asked about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum About {
    /// Whether a step's call may run.
    Step(String),
    /// Whether a plan may be carried out.
    Plan,
    /// What a planner wants to know.
    Question,
}

/// What a person answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It may be done, once, exactly as it was shown.
    Approve,
    /// It must not be done.
    Reject(String),
    /// Words, to a question.
    Say(String),
}

/// How a person steers a task while it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Steering {
    /// No further step begins.
    Pause,
    /// Steps begin again.
    Continue,
    /// It ends: what runs is stopped.
    Cancel(String),
    /// A word to the planner.
    Tell(String),
    /// Further rules, each of which can only forbid: the name of their file, and its text.
    Tighten(String, String),
}
