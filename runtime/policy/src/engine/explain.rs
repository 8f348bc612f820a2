//! A decision with everything that led to it.

use super::judge::{Answer, Question, Verdict};
use serde::Serialize;
use std::fmt;

/// What policy would decide on a request, and why. It holds no grant: it is for reading.
#[derive(Debug, Serialize)]
pub struct Explanation {
    /// What was asked, in order.
    pub questions: Vec<Question>,
    #[serde(flatten)]
    pub(super) answer: Answer,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Allow => "allow",
            Self::Ask => "ask",
            Self::LeaveOut => "leave out",
            Self::Deny => "deny",
        })
    }
}

impl fmt::Display for Explanation {
    /// A line for each question, then one for the decision.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.questions.iter().map(|q| q.action.len() + 1 + q.resource.chars().count()).max().unwrap_or(0);
        for question in &self.questions {
            let Question { action, resource, verdict, policies, approvers, staged, hint } = question;
            write!(f, "{:width$}  {verdict:9}", format!("{action} {resource}"))?;
            if !policies.is_empty() {
                write!(f, "  by {}", policies.join(", "))?;
            }
            if !approvers.is_empty() {
                write!(f, "  of {}", approvers.join(", "))?;
            }
            if *staged {
                write!(f, "  staged")?;
            }
            if !hint.is_empty() {
                write!(f, "  {hint}")?;
            }
            writeln!(f)?;
        }
        match &self.answer {
            Answer::Allow { grant } => write!(f, "allow, by {}", grant.policies.join(", ")),
            Answer::Ask { approvers, policies } => {
                write!(f, "ask {}, by {}", approvers.join(", "), policies.join(", "))
            }
            Answer::Deny(denial) => write!(f, "deny: {denial}"),
        }
    }
}
