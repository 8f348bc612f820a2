//! What policy answers, with its reasons.

use crate::Grant;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The answer to one request for one call.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "decision")]
pub enum Decision {
    /// The call may run under this grant.
    Allow {
        /// What it may reach, with the ids of the policies that allowed it.
        grant: Grant,
    },
    /// A person has to agree first; then [`crate::Policy::decide_approved`] decides again.
    Ask {
        /// Who may agree, as the policies' `@approval` annotations name them.
        approvers: Vec<String>,
        /// The policies that ask.
        policies: Vec<String>,
    },
    /// The call must not run.
    Deny(Denial),
}

/// Why a call was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denial {
    /// Everything that was refused; at least one.
    pub refused: Vec<Refusal>,
}

/// One thing that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The action, such as `call` or `write`.
    pub action: String,
    /// What it was to be done to, as policies spell it: `Mount::"out"`.
    pub resource: String,
    /// The policies that forbid it, or that failed while they were evaluated; empty when simply none permits it.
    pub policies: Vec<String>,
    /// For the operator: what would allow it, or what failed.
    pub hint: String,
}

impl Denial {
    /// What the caller may know: what was refused, and nothing else.
    pub fn for_caller(&self) -> String {
        let list: Vec<_> =
            self.refused.iter().map(|refusal| format!("{} {}", refusal.action, refusal.resource)).collect();
        format!("denied by policy: {}", list.join(", "))
    }
}

impl fmt::Display for Denial {
    /// What the operator needs: the reasons, and how to allow it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, refusal) in self.refused.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            let by = match refusal.policies.as_slice() {
                [] => "no policy permits it".to_owned(),
                policies => format!("by {}", policies.join(", ")),
            };
            write!(f, "{separator}{} {} ({by}; {})", refusal.action, refusal.resource, refusal.hint)?;
        }
        Ok(())
    }
}
