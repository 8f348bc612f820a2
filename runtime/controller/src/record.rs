//! How decisions, calls and time become events.

use journal::{EventBody, Verdict};
use policy::{Decision, Digest, ToolId};
use sandbox::{Outcome, Tool};
use serde_json::Value;
use std::time::{SystemTime, UNIX_EPOCH};

/// The time that events carry: milliseconds since 1970.
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

/// A decision without the authority in it.
pub(crate) fn verdict(decision: &Decision) -> Verdict {
    match decision {
        Decision::Allow { grant } => Verdict::Allow { grant: json(grant) },
        Decision::Ask { approvers, policies } => {
            Verdict::Ask { approvers: approvers.clone(), policies: policies.clone() }
        }
        Decision::Deny(denial) => Verdict::Deny { denial: denial.clone() },
    }
}

/// An outcome as events carry it.
pub(crate) fn json(value: &impl serde::Serialize) -> Value {
    // Plain data with text keys: nothing in it can fail.
    serde_json::to_value(value).unwrap_or(Value::Null)
}

/// The events of a call outside of a plan.
pub(crate) struct Single {
    tool: ToolId,
    digest: Digest,
    args: Option<Value>,
    decision: Option<Verdict>,
}

impl Single {
    pub(crate) fn new(tool: &Tool, args: Value, decision: &Decision) -> Self {
        Self { tool: tool.id.clone(), digest: tool.digest, args: Some(args), decision: Some(verdict(decision)) }
    }

    /// The call was refused: this is all there is.
    pub(crate) fn refused(self) -> EventBody {
        self.event(None)
    }

    /// The call is about to run.
    pub(crate) fn begun(&mut self) -> Option<EventBody> {
        Some(EventBody::CallStarted {
            tool: self.tool.clone(),
            digest: self.digest,
            args: self.args.take()?,
            decision: self.decision.take()?,
        })
    }

    /// The call ended.
    pub(crate) fn ended(self, outcome: &Outcome) -> EventBody {
        self.event(Some(json(outcome)))
    }

    fn event(self, outcome: Option<Value>) -> EventBody {
        EventBody::Call { tool: self.tool, digest: self.digest, args: self.args, decision: self.decision, outcome }
    }
}
