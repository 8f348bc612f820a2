//! What one call may reach.

use crate::{
    Access, Asks, HostPattern, Limits, MountName, Needs, ProgramPattern, Refusal, SecretName, Standing, SubPath, Time,
    ToolId, ToolPattern,
};
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
    /// What the call can ask for while it runs.
    #[serde(flatten, skip_serializing_if = "Asks::is_empty")]
    pub(crate) asks: Asks,
    /// In whose name it asks; absent where it can ask for nothing.
    #[serde(skip)]
    pub(crate) standing: Option<Arc<Standing>>,
    pub(crate) limits: Limits,
    pub(crate) policies: Vec<String>,
    /// What it could have held and a policy forbids.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) left_out: Vec<Refusal>,
}

impl Granted {
    /// Takes away what another grant does not hold.
    pub(crate) fn confine(&mut self, outer: &Self) {
        self.mounts = self.mounts.drain(..).filter_map(|mount| outer.share(mount)).collect();
        self.env.retain(|name| outer.env.contains(name));
        self.clock = self.clock.min(outer.clock);
        self.random = self.random.min(outer.random);
        self.limits = self.limits.within(&outer.limits);
        if outer.standing.is_none() {
            self.asks = Asks::default();
        }
    }

    /// What of a mount both hold.
    fn share(&self, mount: MountGrant) -> Option<MountGrant> {
        let own = self.mounts.iter().find(|own| own.name == mount.name)?;
        let path = if own.path.covers(&mount.path) {
            mount.path
        } else if mount.path.covers(&own.path) {
            own.path.clone()
        } else {
            return None;
        };
        let staged = mount.staged || own.staged;
        Some(MountGrant { name: mount.name, access: mount.access.min(own.access), path, staged })
    }
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
    /// Whether what is changed in it is staged, until a person takes it over.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub staged: bool,
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
    /// The only hosts that the call can send requests to; absent for all that policy allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<BTreeSet<HostPattern>>,
    /// The only hosts that it can open TCP connections to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp: Option<BTreeSet<HostPattern>>,
    /// The only hosts that it can exchange datagrams with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub udp: Option<BTreeSet<HostPattern>>,
    /// The only addresses that it can listen on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listen: Option<BTreeSet<HostPattern>>,
    /// The only secrets that it can use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secrets: Option<BTreeSet<SecretName>>,
    /// The only tools that it can call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoke: Option<BTreeSet<ToolPattern>>,
    /// The only programs that it can start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exec: Option<BTreeSet<ProgramPattern>>,
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

    /// What the call can ask for while it runs.
    pub fn asks(&self) -> &Asks {
        &self.0.asks
    }

    /// Who decides on what the call asks for while it runs; `None` where it can ask for nothing.
    pub fn standing(&self) -> Option<&Arc<Standing>> {
        self.0.standing.as_ref()
    }

    /// The bounds that a call made from within this one has: it can be granted nothing beyond them.
    pub fn bounds(&self) -> Bounds {
        Bounds(Arc::clone(&self.0))
    }

    /// The bounds of the call.
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// The ids of the policies that allowed it.
    pub fn policies(&self) -> &[String] {
        &self.0.policies
    }

    /// Whether the call can change anything outside its own instance: a request can change whatever it is sent to.
    pub fn can_change(&self) -> bool {
        self.0.mounts.iter().any(|mount| mount.access.writes()) || !self.0.asks.is_empty()
    }
}

/// What a call may reach, without the authority to do so: the bounds of the calls that it makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Bounds(pub(crate) Arc<Granted>);

impl Bounds {
    /// The mounts.
    pub fn mounts(&self) -> &[MountGrant] {
        &self.0.mounts
    }

    /// What can be asked for while a call runs.
    pub fn asks(&self) -> &Asks {
        &self.0.asks
    }

    /// The environment variables.
    pub fn env(&self) -> &BTreeSet<String> {
        &self.0.env
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

    /// What the caller leaves of what the call can ask for. An absent part stands for all of `needs`.
    pub(crate) fn asks(&self, needs: &Needs) -> Asks {
        fn or<T: Clone>(given: &Option<T>, needed: &T) -> T {
            given.as_ref().unwrap_or(needed).clone()
        }
        Asks {
            http: or(&self.http, &needs.http),
            tcp: or(&self.tcp, &needs.tcp),
            udp: or(&self.udp, &needs.udp),
            listen: or(&self.listen, &needs.listen),
            secrets: or(&self.secrets, &needs.secrets),
            invoke: or(&self.invoke, &needs.invoke),
            exec: or(&self.exec, &needs.exec),
        }
    }
}
