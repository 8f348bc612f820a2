//! The file's form, before anything in it is checked against anything else.

use super::{Isolation, OnFailure, PlanError};
use policy::{
    Access, Classification, HostPattern, MountName, NarrowMount, Principal, ProgramPattern, SecretName, ToolId,
    ToolPattern,
};
use sandbox::Wall;
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

/// The largest plan file, in bytes.
const MAX_TEXT: usize = 1 << 20;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPlan {
    pub(super) objective: String,
    pub(super) principal: Option<Principal>,
    #[serde(default)]
    pub(super) roles: Vec<String>,
    #[serde(default)]
    pub(super) input: BTreeMap<String, serde_json::Value>,
    pub(super) result: Option<serde_json::Value>,
    pub(super) depth: Option<u32>,
    #[serde(default)]
    pub(super) tools: Vec<String>,
    #[serde(default)]
    pub(super) path: Vec<String>,
    #[serde(default)]
    pub(super) policy: Vec<PathBuf>,
    pub(super) forbid: Option<String>,
    #[serde(default)]
    pub(super) mounts: BTreeMap<MountName, RawMount>,
    #[serde(default)]
    pub(super) sources: Classification,
    pub(super) planner: Option<RawPlanner>,
    #[serde(default)]
    pub(super) env: Vec<String>,
    #[serde(default)]
    pub(super) secrets: journal::Secrets,
    #[serde(default)]
    pub(super) network: journal::NetworkSettings,
    pub(super) isolation: Option<Isolation>,
    #[serde(default)]
    pub(super) isolate: Vec<String>,
    #[serde(default)]
    pub(super) require: Vec<Wall>,
    #[serde(default)]
    pub(super) limits: BTreeMap<String, Quantity>,
    #[serde(default)]
    pub(super) budget: BTreeMap<String, Quantity>,
    #[serde(default)]
    pub(super) approval: RawApproval,
    pub(super) concurrency: Option<usize>,
    #[serde(rename = "step", default)]
    pub(super) steps: Vec<RawStep>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMount {
    pub(super) path: PathBuf,
    pub(super) access: Access,
    #[serde(default)]
    pub(super) create: bool,
    #[serde(default)]
    pub(super) deny: Vec<String>,
    #[serde(default, rename = "read-only")]
    pub(super) read_only: Vec<String>,
    #[serde(default)]
    pub(super) staged: bool,
    #[serde(default)]
    pub(super) shared: bool,
}

/// The language model that plans.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPlanner {
    pub(super) name: Option<Principal>,
    pub(super) api: String,
    pub(super) url: String,
    pub(super) model: String,
    pub(super) key: Option<SecretName>,
    pub(super) context: Option<u64>,
    pub(super) output: Option<u64>,
    pub(super) result: Option<Quantity>,
    pub(super) turns: Option<u32>,
    pub(super) price: Option<RawPrice>,
    pub(super) instructions: Option<String>,
}

/// What a million tokens cost.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPrice {
    pub(super) input: Quantity,
    pub(super) cached: Option<Quantity>,
    pub(super) output: Quantity,
}

/// What goes for approvals.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawApproval {
    /// Who has to agree to the whole plan.
    #[serde(default)]
    pub(super) plan: Vec<Principal>,
    /// How long one counts.
    pub(super) expires: Option<Quantity>,
}

/// How often a step is tried, and how long to wait in between.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRetry {
    pub(super) tries: u32,
    pub(super) wait: Option<Quantity>,
    pub(super) longest: Option<Quantity>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStep {
    pub(super) id: String,
    pub(super) title: Option<String>,
    pub(super) tool: Option<ToolId>,
    pub(super) task: Option<toml::Table>,
    #[serde(default)]
    pub(super) args: BTreeMap<String, serde_json::Value>,
    #[serde(default)]
    pub(super) after: Vec<String>,
    pub(super) when: Option<String>,
    pub(super) foreach: Option<serde_json::Value>,
    pub(super) expect: Option<String>,
    pub(super) retry: Option<RawRetry>,
    #[serde(default)]
    pub(super) on_failure: OnFailure,
    #[serde(default)]
    pub(super) idempotent: bool,
    pub(super) mounts: Option<BTreeMap<MountName, NarrowMount>>,
    pub(super) env: Option<BTreeSet<String>>,
    pub(super) http: Option<BTreeSet<HostPattern>>,
    pub(super) tcp: Option<BTreeSet<HostPattern>>,
    pub(super) udp: Option<BTreeSet<HostPattern>>,
    pub(super) listen: Option<BTreeSet<HostPattern>>,
    pub(super) secrets: Option<BTreeSet<SecretName>>,
    pub(super) invoke: Option<BTreeSet<ToolPattern>>,
    pub(super) exec: Option<BTreeSet<ProgramPattern>>,
    #[serde(default)]
    pub(super) limits: BTreeMap<String, Quantity>,
}

/// An amount: a number in the unit of its key, or a text with a unit.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "a number, or a text such as `5s` or `64MiB`")]
pub(super) enum Quantity {
    Number(u64),
    Decimal(f64),
    Text(String),
}

impl std::fmt::Display for Quantity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Decimal(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

impl RawPlan {
    pub(super) fn parse(name: &str, text: &str) -> Result<Self, PlanError> {
        if text.len() > MAX_TEXT {
            return Err(PlanError::one(name, format!("larger than {MAX_TEXT} bytes")));
        }
        toml::from_str(text).map_err(|error| PlanError::one(name, error.to_string().trim_end().to_owned()))
    }
}

impl RawStep {
    /// Reads steps that are JSON; every problem is named with its step.
    pub(super) fn list(name: &str, steps: &[serde_json::Value]) -> Result<Vec<Self>, PlanError> {
        let (mut read, mut problems) = (Vec::new(), Vec::new());
        for (index, step) in steps.iter().enumerate() {
            match Self::deserialize(step) {
                Ok(step) => read.push(step),
                Err(error) => {
                    let id =
                        step["id"].as_str().map_or_else(|| format!("number {}", index + 1), |id| format!("`{id}`"));
                    problems.push(format!("step {}: {error}", super::steps::short(&id)));
                }
            }
        }
        if problems.is_empty() { Ok(read) } else { Err(PlanError { file: name.to_owned(), problems }) }
    }
}
