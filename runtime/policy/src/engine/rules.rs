//! The policies in force, and what they say to one question.

use super::{request::Facts, slices::Slices, vocabulary::Action};
use cedar_policy::{AuthorizationError, Authorizer, Decision, EntityUid, Policy, Request};
use std::collections::{BTreeMap, BTreeSet};

/// Validated policies, and who may approve what they permit.
pub(super) struct Rules {
    slices: Slices,
    approvers: BTreeMap<String, Vec<String>>,
    staged: BTreeSet<String>,
    authorizer: Authorizer,
}

/// What policy says to one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ruling {
    /// It is allowed by these policies.
    Permitted { policies: Vec<String> },
    /// It is allowed by these policies if one of the approvers agrees.
    Approval { approvers: Vec<String>, policies: Vec<String> },
    /// No policy allows it.
    Unmentioned,
    /// These policies forbid it.
    Forbidden { policies: Vec<String> },
    /// These policies could not be evaluated, whatever they would have said; with the reasons.
    Failed { policies: Vec<String>, reasons: Vec<String> },
}

impl Rules {
    pub(super) fn new(
        policies: Vec<Policy>,
        approvers: BTreeMap<String, Vec<String>>,
        staged: BTreeSet<String>,
    ) -> Self {
        Self { slices: Slices::new(policies), approvers, staged, authorizer: Authorizer::new() }
    }

    pub(super) fn stages(&self) -> bool {
        !self.staged.is_empty()
    }

    /// Whether all of the policies that allow something want what comes of it staged, as all have to ask for somebody to
    /// be asked.
    pub(super) fn stage(&self, policies: &[String]) -> bool {
        !policies.is_empty() && policies.iter().all(|id| self.staged.contains(id))
    }

    /// Asks whether the principal may do this; `agreed` names those who have agreed to it already.
    pub(super) fn ask(&self, facts: &Facts, action: Action, resource: &EntityUid, agreed: &BTreeSet<String>) -> Ruling {
        let request =
            Request::new(facts.principal.clone(), action.uid(), resource.clone(), facts.context.clone(), None);
        let response = match request {
            Ok(request) => {
                let of_tools = matches!(action, Action::Call | Action::Invoke | Action::Exec | Action::Reveal);
                let parent = of_tools.then_some(&facts.package);
                let policies = self.slices.get((facts.principal.clone(), action, resource.clone()), parent);
                self.authorizer.is_authorized(&request, &policies, &facts.entities)
            }
            Err(error) => {
                return Ruling::Failed { policies: Vec::new(), reasons: vec![error.to_string()] };
            }
        };
        let diagnostics = response.diagnostics();
        // Cedar passes over what it cannot evaluate. Here it denies: a forbid that fails must not open a door.
        let failed = diagnostics.errors().map(|AuthorizationError::PolicyEvaluationError(error)| {
            (error.policy_id().to_string(), format!("`{}` failed: {}", error.policy_id(), error.inner()))
        });
        let failed: BTreeMap<_, _> = failed.collect();
        if !failed.is_empty() {
            let (policies, reasons) = failed.into_iter().unzip();
            return Ruling::Failed { policies, reasons };
        }
        let mut policies: Vec<_> = diagnostics.reason().map(ToString::to_string).collect();
        policies.sort_unstable();
        match response.decision() {
            Decision::Deny if policies.is_empty() => Ruling::Unmentioned,
            Decision::Deny => Ruling::Forbidden { policies },
            Decision::Allow => self.permitted(policies, agreed),
        }
    }

    /// Those of the satisfied permits that need no approval, or have it; or else all of them, and whom they ask.
    fn permitted(&self, policies: Vec<String>, agreed: &BTreeSet<String>) -> Ruling {
        let approvers = |id: &String| self.approvers.get(id).map_or(&[][..], Vec::as_slice);
        let settled = |id: &&String| approvers(id).is_empty() || approvers(id).iter().any(|name| agreed.contains(name));
        let free: Vec<_> = policies.iter().filter(settled).cloned().collect();
        if !free.is_empty() {
            return Ruling::Permitted { policies: free };
        }
        let asked: BTreeSet<_> = policies.iter().flat_map(approvers).cloned().collect();
        Ruling::Approval { approvers: asked.into_iter().collect(), policies }
    }
}
