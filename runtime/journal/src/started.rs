//! The beginning of a task, as its first event says it.

use crate::{
    TaskId,
    outside::{NetworkSettings, Secrets},
};
use policy::{Access, Digest, MountName, Principal, Provenance};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The beginning of a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskStarted {
    /// What it is to achieve.
    pub objective: String,
    /// The plan's file, for people and for relative paths in it.
    pub plan_file: String,
    /// The plan, as it was read.
    pub plan: String,
    /// Policy: each file's name and text, as it was read.
    pub policy: Vec<(String, String)>,
    /// Whose world it is.
    pub tenant: String,
    /// On whose behalf its calls are made.
    pub principal: Principal,
    /// What that principal is, for policy.
    pub roles: Vec<String>,
    /// What its world holds.
    pub mounts: Vec<MountRecord>,
    /// The names of the environment variables that its world holds. Their values are not recorded.
    pub env: Vec<String>,
    /// The secrets that its world holds, by where they are.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: Secrets,
    /// What its world knows of the network.
    #[serde(default, skip_serializing_if = "NetworkSettings::is_default")]
    pub network: NetworkSettings,
    /// The walls that have to stand around its worker processes; absent where its calls run on threads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isolation: Option<Vec<String>>,
    /// The packages whose calls run in worker processes; empty for all where they do at all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub isolate: Vec<String>,
    /// Limits of the command line, as keys and values: they go before the plan's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<(String, String)>,
    /// Where its virtual clock starts, in milliseconds since 1970.
    pub clock_ms: u64,
    /// Its packages.
    pub packages: Vec<PackageRecord>,
    /// The packages whose programs its processes can be, the first that has a name before the others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub path: Vec<String>,
    /// What its plan would do at most, as the controller says it.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub footprint: Value,
    /// What it was given on the command line, by name: it goes before what the plan says.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub input: BTreeMap<String, Value>,
    /// The step that it is, where it is one of another task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
}

/// Where a task comes from that is a step of another one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// The other task.
    pub task: TaskId,
    /// Its step.
    pub step: String,
    /// Where the choice of it came from, and with it everything that is written in it.
    pub chosen: Provenance,
    /// Where what it was given came from, by name.
    pub input: BTreeMap<String, Provenance>,
}

/// A mount of a task's world.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MountRecord {
    /// The name.
    pub name: MountName,
    /// The directory on the host.
    pub path: String,
    /// What can be done in it at most.
    pub access: Access,
    /// Patterns of what no call sees of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<String>,
    /// Patterns of what no call changes of it.
    #[serde(default, rename = "read-only", skip_serializing_if = "Vec::is_empty")]
    pub read_only: Vec<String>,
    /// Whether all that is changed in it is staged.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub staged: bool,
    /// Whether others see what is written there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shared: bool,
}

/// A package of a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackageRecord {
    /// The name.
    pub name: String,
    /// The digest of its bytes.
    pub digest: Digest,
    /// The file that it came from; absent where it is bundled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}
