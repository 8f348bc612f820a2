//! For each question, only the policies whose scope can match it: evaluating one costs about a microsecond, whatever it
//! says.

use super::vocabulary::Action;
use cedar_policy::{ActionConstraint, Effect, EntityUid, Policy, PolicySet, PrincipalConstraint, ResourceConstraint};
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

/// Policies in all slices together that are kept at once, some 30 MiB; beyond it all slices are made anew.
const MAX_KEPT: usize = 1 << 16;

/// All policies, and those slices of them that were asked for.
pub(super) struct Slices {
    policies: Vec<Scoped>,
    made: RwLock<Made>,
}

/// A policy with the part of its scope that can be compared without evaluating anything. Comparing may pass a policy
/// that does not apply, and never misses one that does.
struct Scoped {
    policy: Policy,
    /// The only principal.
    principal: Option<EntityUid>,
    actions: Vec<Action>,
    /// The only resource, or what the resource has to be in.
    resource: Option<EntityUid>,
}

/// A question: who, what, to what.
type Question = (EntityUid, Action, EntityUid);

#[derive(Default)]
struct Made {
    slices: HashMap<Question, Arc<PolicySet>>,
    kept: usize,
}

impl Scoped {
    fn new(policy: Policy) -> Self {
        let applies = |action: &Action| match policy.action_constraint() {
            ActionConstraint::Any => policy.effect() == Effect::Forbid || !action.must_be_named(),
            ActionConstraint::Eq(only) => only == action.uid(),
            ActionConstraint::In(list) => list.contains(&action.uid()),
        };
        Self {
            principal: match policy.principal_constraint() {
                PrincipalConstraint::Eq(only) => Some(only),
                PrincipalConstraint::Any
                | PrincipalConstraint::In(_)
                | PrincipalConstraint::Is(_)
                | PrincipalConstraint::IsIn(..) => None,
            },
            actions: Action::ALL.into_iter().filter(applies).collect(),
            resource: match policy.resource_constraint() {
                ResourceConstraint::Eq(uid) | ResourceConstraint::In(uid) | ResourceConstraint::IsIn(_, uid) => {
                    Some(uid)
                }
                ResourceConstraint::Any | ResourceConstraint::Is(_) => None,
            },
            policy,
        }
    }

    fn can_match(&self, (principal, action, resource): &Question, parent: Option<&EntityUid>) -> bool {
        self.actions.contains(action)
            && self.principal.as_ref().is_none_or(|only| only == principal)
            && self.resource.as_ref().is_none_or(|only| only == resource || Some(only) == parent)
    }
}

impl Slices {
    pub(super) fn new(policies: Vec<Policy>) -> Self {
        Self { policies: policies.into_iter().map(Scoped::new).collect(), made: RwLock::default() }
    }

    /// The policies for a question; `parent` is what its resource is in.
    pub(super) fn get(&self, question: Question, parent: Option<&EntityUid>) -> Arc<PolicySet> {
        if let Some(slice) = self.made.read().unwrap_or_else(PoisonError::into_inner).slices.get(&question) {
            return slice.clone();
        }
        let matching = self.policies.iter().filter(|scoped| scoped.can_match(&question, parent));
        let slice = PolicySet::from_policies(matching.map(|scoped| scoped.policy.clone()))
            // Only equal ids are refused, and those were refused for all policies together.
            .unwrap_or_else(|error| unreachable!("a part of a valid set is valid: {error}"));
        let slice = Arc::new(slice);
        let mut made = self.made.write().unwrap_or_else(PoisonError::into_inner);
        // An empty slice takes room too.
        let size = slice.num_of_policies() + 1;
        if made.kept + size > MAX_KEPT {
            *made = Made::default();
        }
        made.kept += size;
        made.slices.insert(question, slice.clone());
        slice
    }
}
