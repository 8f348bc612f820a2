//! What one call may reach.

use crate::{Access, Limits, MountName, Needs, SubPath, Time, ToolId};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// What policy gave one call of one tool. It cannot be made outside this crate, nor cloned: it is spent by the call.
///
/// ```compile_fail
/// fn twice(grant: policy::Grant) -> (policy::Grant, policy::Grant) { (grant.clone(), grant) }
/// ```
/// ```compile_fail
/// let grant: policy::Grant = serde_json::from_str("{}").unwrap();
/// ```
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Grant(Arc<Granted>);

/// The content of a [`Grant`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Granted {
    pub(crate) tool: ToolId,
    pub(crate) mounts: Vec<MountGrant>,
    pub(crate) env: BTreeSet<String>,
    pub(crate) clock: Time,
    pub(crate) random: Time,
    pub(crate) limits: Limits,
    pub(crate) policies: Vec<String>,
}

/// One mount, or a part of it, in a grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MountGrant {
    /// Which mount.
    pub name: MountName,
    /// What may be done in it.
    pub access: Access,
    /// The only part of it that can be reached; empty for all of it.
    #[serde(default, skip_serializing_if = "SubPath::is_empty")]
    pub path: SubPath,
}

/// What the caller gives up of what policy would allow. It can only narrow: what it names and policy does not allow
/// is a denial, not a silent difference.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Narrow {
    /// The only mounts that the call gets; absent for all that policy allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mounts: Option<BTreeMap<MountName, NarrowMount>>,
    /// The only variables that the call gets; absent for all that policy allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<BTreeSet<String>>,
}

/// How a caller narrows one mount.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NarrowMount {
    /// What the call will do at most; absent for what the tool needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<Access>,
    /// The only part that it gets.
    #[serde(default, skip_serializing_if = "SubPath::is_empty")]
    pub path: SubPath,
}

impl Grant {
    pub(crate) fn mint(granted: Arc<Granted>) -> Self {
        Self(granted)
    }

    /// The tool that the grant was minted for; no other can be called with it.
    pub fn tool(&self) -> &ToolId {
        &self.0.tool
    }

    /// The mounts that the guest sees, each as a directory of the mount's name.
    pub fn mounts(&self) -> &[MountGrant] {
        &self.0.mounts
    }

    /// The names of the environment variables that the guest sees.
    pub fn env(&self) -> &BTreeSet<String> {
        &self.0.env
    }

    /// Which clock the guest sees.
    pub fn clock(&self) -> Time {
        self.0.clock
    }

    /// Which random numbers the guest sees.
    pub fn random(&self) -> Time {
        self.0.random
    }

    /// The bounds of the call.
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// The ids of the policies that allowed it.
    pub fn policies(&self) -> &[String] {
        &self.0.policies
    }

    /// Whether the call can change anything outside its own instance.
    pub fn can_change(&self) -> bool {
        self.0.mounts.iter().any(|mount| mount.access.writes())
    }
}

impl Narrow {
    /// The access that the caller leaves of `needs` for one mount, and the part of it; `None` where it gives it up.
    pub(crate) fn mount(&self, name: &MountName, needs: &Needs) -> Option<(Access, SubPath)> {
        let needed = needs.fs?;
        match &self.mounts {
            None => Some((needed, SubPath::default())),
            Some(mounts) => {
                let narrow = mounts.get(name)?;
                Some((narrow.access.map_or(needed, |access| access.min(needed)), narrow.path.clone()))
            }
        }
    }
}
