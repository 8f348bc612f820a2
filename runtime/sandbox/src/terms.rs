//! What a call runs under, as plain data: what a grant says of the world, without the authority to decide anything.

use crate::call::Setting;
use policy::{Grant, LimitKind, Limits, Time};
use serde::{Deserialize, Serialize};

/// All but the mounts, which are open directories.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Terms {
    pub(crate) limits: Limits,
    pub(crate) env: Vec<(String, String)>,
    /// Where the virtual clock starts; `None` for the real one.
    pub(crate) clock_ms: Option<u64>,
    /// Where the virtual random numbers start; `None` for real ones.
    pub(crate) seed: Option<u64>,
    /// Which sockets it can ask for at all.
    pub(crate) tcp: bool,
    pub(crate) udp: bool,
    /// The accounts of the calls that it is made from, where what it uses counts too: the innermost first.
    pub(crate) outer: Vec<Counted>,
    /// How many calls are under way within each other, with this one.
    pub(crate) depth: u64,
}

/// An account as it stands: its limits, and the bytes written, things created, bytes sent and received by now.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Counted {
    pub(crate) limits: Limits,
    pub(crate) counted: [u64; 4],
}

impl Terms {
    pub(crate) fn of(grant: &Grant, setting: &Setting<'_>, depth: u64) -> Self {
        let (world, asks) = (setting.world, grant.asks());
        let value = |name: &String| world.env.get(name).map(|value| (name.clone(), value.clone()));
        Self {
            limits: *grant.limits(),
            env: grant.env().iter().filter_map(value).collect(),
            clock_ms: (grant.clock() == Time::Virtual).then_some(world.clock_ms),
            seed: (grant.random() == Time::Virtual).then_some(setting.seed),
            tcp: !asks.tcp.is_empty() || !asks.listen.is_empty(),
            udp: !asks.udp.is_empty(),
            outer: Vec::new(),
            depth,
        }
    }

    pub(crate) fn limit(&self, limit: LimitKind) -> u64 {
        self.limits.get(limit)
    }
}
