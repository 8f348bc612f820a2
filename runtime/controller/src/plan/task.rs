//! A step that is a task of its own: within the plan that it stands in, with a budget and rules that can only be narrower.

use super::{
    Plan, check,
    raw::{Quantity, RawPlan, RawStep},
    steps::{Known, short},
};
use serde::Deserialize;
use std::{collections::BTreeMap, path::Path, sync::Arc};
use toml::{Table, Value};

/// What a task within a task shares with the one around it.
const SHARED: [&str; 13] = [
    "principal",
    "roles",
    "tools",
    "path",
    "mounts",
    "sources",
    "env",
    "secrets",
    "network",
    "isolation",
    "isolate",
    "require",
    "limits",
];

/// A task that is a step.
#[derive(Debug, Clone)]
pub struct SubTask {
    /// Its plan. What it is given stands in it with its name only.
    pub plan: Arc<Plan>,
    written: Table,
}

/// What such a task says itself; the rest is that of the task around it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTask {
    objective: String,
    result: Option<serde_json::Value>,
    forbid: Option<String>,
    #[serde(default)]
    limits: BTreeMap<String, Quantity>,
    #[serde(default)]
    budget: BTreeMap<String, Quantity>,
    concurrency: Option<usize>,
    #[serde(rename = "step", alias = "steps", default)]
    steps: Vec<RawStep>,
}

/// Reads it; `inputs` are the names of what it is given.
pub(super) fn read<'a>(
    written: Table,
    inputs: impl Iterator<Item = &'a String>,
    place: &str,
    known: &Known<'_>,
    problems: &mut Vec<String>,
) -> Option<SubTask> {
    let Some(depth) = known.outer.depth.checked_sub(1) else {
        problems.push(format!("{place}: tasks within tasks go no deeper here (`depth`)"));
        return None;
    };
    let raw: RawTask = match written.clone().try_into() {
        Ok(raw) => raw,
        Err(error) => {
            problems.push(format!("{place}, task: {}", short(error.to_string().trim_end())));
            return None;
        }
    };
    let raw = RawPlan {
        objective: raw.objective,
        input: inputs.map(|name| (name.clone(), serde_json::Value::Null)).collect(),
        result: raw.result,
        forbid: raw.forbid,
        limits: raw.limits,
        budget: raw.budget,
        concurrency: raw.concurrency,
        depth: Some(depth),
        steps: raw.steps,
        ..RawPlan::default()
    };
    match check::resolve(place, raw, "", Path::new(""), Some(&known.outer)) {
        Ok(plan) => Some(SubTask { plan: Arc::new(plan), written }),
        Err(error) => {
            problems.extend(error.problems.iter().map(|problem| format!("{place}, task: {problem}")));
            None
        }
    }
}

impl SubTask {
    /// The schema of what it gives back, where that is known.
    pub(crate) fn output(&self) -> Option<serde_json::Value> {
        self.plan.planner.as_ref().map(|_| {
            serde_json::json!({
                "type": "object",
                "properties": { "summary": { "type": "string" } },
                "required": ["summary"],
                "additionalProperties": false,
            })
        })
    }

    /// It as a plan of its own, for its record. `outer` is the plan that it stands in.
    pub(crate) fn text(&self, outer: &Plan) -> Result<String, toml::ser::Error> {
        // It was read before.
        let around: Table = toml::from_str(&outer.text).unwrap_or_default();
        let mut table: Table = self.written.clone();
        if let Some(steps) = table.remove("steps") {
            table.insert("step".into(), steps);
        }
        for key in SHARED {
            match (around.get(key), table.get_mut(key)) {
                // What it says itself goes before what goes for all.
                (Some(Value::Table(all)), Some(Value::Table(own))) => {
                    let rest = all.iter().filter(|(key, _)| !own.contains_key(*key));
                    let rest: Vec<_> = rest.map(|(key, value)| (key.clone(), value.clone())).collect();
                    own.extend(rest);
                }
                (Some(all), None) => drop(table.insert(key.into(), all.clone())),
                (Some(_) | None, _) => {}
            }
        }
        table.insert("depth".into(), i64::from(self.plan.depth).into());
        let mut approval = around.get("approval").and_then(Value::as_table).cloned().unwrap_or_default();
        if self.plan.planner.is_some() {
            table.extend(around.get("planner").map(|planner| ("planner".to_owned(), planner.clone())));
        } else {
            // Whoever agreed to the plan around it has seen these steps.
            approval.remove("plan");
        }
        if !approval.is_empty() {
            table.insert("approval".into(), approval.into());
        }
        toml::to_string(&table)
    }
}
