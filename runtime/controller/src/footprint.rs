//! What a plan would do at most, in words that a person can agree to: before anything runs, from what policy would grant each
//! step's call.

use crate::{
    gate::{Gate, Proposal},
    plan::{Plan, Step, SubTask, Work},
    template::Template,
};
use policy::{Bounds, HostPattern, Provenance, Source};
use sandbox::Tool;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// What a plan would do at most.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Footprint {
    /// The tools that it calls.
    pub calls: BTreeSet<String>,
    /// Mounts that it reads, or parts of them.
    pub reads: BTreeSet<String>,
    /// Mounts that it changes, or parts of them.
    pub writes: BTreeSet<String>,
    /// What it sends, and to which hosts: `GET api.example.com`, `request *.example.com`, `connect db:5432`.
    pub sends: BTreeSet<String>,
    /// Secrets that it has put into requests.
    pub secrets: BTreeSet<String>,
    /// Tools that its tools call.
    pub invokes: BTreeSet<String>,
    /// Programs that tools could start as processes.
    pub starts: BTreeSet<String>,
    /// Environment variables that it sees.
    pub variables: BTreeSet<String>,
    /// How many calls there are, lists counted once.
    pub count: usize,
    /// Whether some step is a call for each value of a list that is not there yet.
    pub open: bool,
    /// How many tasks there are of their own whose steps a planner proposes while they run.
    #[serde(default)]
    pub planned: usize,
    /// How many of the calls somebody has to agree to by itself.
    pub asks: usize,
    /// Steps whose call would be denied, with the reason.
    pub denied: BTreeMap<String, String>,
}

impl Footprint {
    /// The footprint of steps. What is not known before they run counts as anything.
    pub(crate) fn of<'a>(gate: &Gate, steps: impl Iterator<Item = (&'a Step, &'a Provenance)>) -> Self {
        let mut this = Self::default();
        for (step, chosen) in steps {
            match &step.work {
                Work::Call(tool) => {
                    if let Some(tool) = gate.tool(tool) {
                        this.add(gate, tool, step, chosen);
                    }
                }
                Work::Task(task) => this.add_task(gate, task, step, chosen),
            }
        }
        this
    }

    fn add_task(&mut self, gate: &Gate, task: &SubTask, step: &Step, chosen: &Provenance) {
        // Rules that are not valid are refused before: what cannot be asked counts as denied.
        let own = match gate.narrowed(&step.id, task.plan.forbid.as_deref()) {
            Ok(gate) => Self::of(&gate, task.plan.steps.iter().map(|step| (step, chosen))),
            Err(error) => {
                self.denied.insert(step.id.clone(), error.to_string());
                return;
            }
        };
        self.count += own.count;
        self.asks += own.asks;
        self.open |= own.open || step.foreach.is_some();
        self.planned += own.planned + usize::from(task.plan.planner.is_some());
        let sets = [
            (&mut self.calls, own.calls),
            (&mut self.reads, own.reads),
            (&mut self.writes, own.writes),
            (&mut self.sends, own.sends),
            (&mut self.secrets, own.secrets),
            (&mut self.invokes, own.invokes),
            (&mut self.starts, own.starts),
            (&mut self.variables, own.variables),
        ];
        sets.into_iter().for_each(|(all, more)| all.extend(more));
        self.denied.extend(own.denied.into_iter().map(|(inner, why)| (format!("{}/{inner}", step.id), why)));
    }

    fn add(&mut self, gate: &Gate, tool: &Tool, step: &Step, chosen: &Provenance) {
        let (args, whole) = known(step);
        let provenance = step.args.keys().map(|key| (key.clone(), chosen.clone())).collect();
        let foreseen = gate.foresee(&Proposal {
            tool,
            args: &args,
            provenance: &provenance,
            chosen,
            narrow: &step.narrow,
            within: None,
            limits: step.limits,
            spent: Default::default(),
        });
        self.calls.insert(tool.id.to_string());
        self.count += 1;
        self.open |= step.foreach.is_some();
        let foreseen = match foreseen {
            Ok(foreseen) => foreseen,
            Err(denial) => {
                // With arguments that are not known yet, policy may say something else.
                if whole && step.when.is_none() {
                    self.denied.insert(step.id.clone(), denial.to_string());
                }
                return;
            }
        };
        self.asks += usize::from(!foreseen.approvers.is_empty());
        self.reach(&foreseen.bounds, &args);
    }

    fn reach(&mut self, bounds: &Bounds, args: &Value) {
        for mount in bounds.mounts() {
            let place =
                if mount.path.is_empty() { mount.name.to_string() } else { format!("{}/{}", mount.name, mount.path) };
            if mount.access.writes() {
                self.writes.insert(place.clone());
            }
            self.reads.insert(place);
        }
        let asks = bounds.asks();
        // A host that an argument names says more than a pattern that covers it.
        let url = args["url"].as_str().and_then(host_of);
        let method = args["method"].as_str().unwrap_or("request");
        for pattern in &asks.http {
            match &url {
                Some(host) => drop(self.sends.insert(format!("{method} {host}"))),
                None => drop(self.sends.insert(format!("{method} {pattern}"))),
            }
        }
        let more = [("connect", &asks.tcp), ("datagram", &asks.udp), ("listen", &asks.listen)];
        for (word, patterns) in more {
            self.sends.extend(patterns.iter().map(|pattern| format!("{word} {pattern}")));
        }
        self.secrets.extend(asks.secrets.iter().map(ToString::to_string));
        self.invokes.extend(asks.invoke.iter().map(ToString::to_string));
        self.starts.extend(asks.exec.iter().map(ToString::to_string));
        self.variables.extend(bounds.env().iter().cloned());
    }

    /// What one call with these arguments could do.
    pub(crate) fn of_call(tool: &Tool, bounds: &Bounds, args: &Value) -> Self {
        let mut this = Self { count: 1, ..Self::default() };
        this.calls.insert(tool.id.to_string());
        this.reach(bounds, args);
        this
    }

    /// Whether another one stays within this one: it reaches nothing else, and has no more calls.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        let inside = [
            (&self.calls, &other.calls),
            (&self.reads, &other.reads),
            (&self.writes, &other.writes),
            (&self.secrets, &other.secrets),
            (&self.invokes, &other.invokes),
            (&self.starts, &other.starts),
            (&self.variables, &other.variables),
        ];
        inside.iter().all(|(own, other)| own.is_superset(other))
            && other.sends.iter().all(|sent| self.sends.iter().any(|own| own == sent || covers(own, sent)))
            && other.count <= self.count
            && other.planned <= self.planned
            && (self.open || !other.open)
    }
}

/// Whether requests to a pattern's hosts, whatever their method, are more than these.
fn covers(own: &str, sent: &str) -> bool {
    let (Some(pattern), Some((_, host))) = (own.strip_prefix("request "), sent.split_once(' ')) else { return false };
    let Ok(pattern) = pattern.parse::<HostPattern>() else { return false };
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, port.parse().ok()),
        _ => (host, None),
    };
    match port {
        Some(port) => pattern.covers(name, port),
        None => pattern.covers_host(name),
    }
}

/// The arguments as far as they are known, and whether that is all of them.
fn known(step: &Step) -> (Value, bool) {
    let mut whole = true;
    let mut args = Map::new();
    for (key, template) in &step.args {
        match literal(template) {
            Some(value) => drop(args.insert(key.clone(), value)),
            None => whole = false,
        }
    }
    (Value::Object(args), whole)
}

fn literal(template: &Template) -> Option<Value> {
    match template {
        Template::Literal(value) => Some(value.clone()),
        Template::Reference(_) | Template::Text(_) => None,
        Template::Array(items) => items.iter().map(literal).collect::<Option<Vec<_>>>().map(Value::from),
        Template::Object(entries) => {
            let entry = |(key, value): &(String, Template)| Some((key.clone(), literal(value)?));
            entries.iter().map(entry).collect::<Option<Map<_, _>>>().map(Value::Object)
        }
    }
}

/// The host in a URL, for people: what is decided is decided on the request itself.
fn host_of(url: &str) -> Option<String> {
    let rest = url.split_once("://")?.1;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let host = rest[..end].rsplit('@').next()?;
    (!host.is_empty()).then(|| host.to_lowercase())
}

/// What a plan would do at most.
pub fn of_plan(gate: &Gate, plan: &Plan) -> Footprint {
    let chosen = Provenance::from_iter([Source::Plan]);
    Footprint::of(gate, plan.steps.iter().map(|step| (step, &chosen)))
}

impl fmt::Display for Footprint {
    /// One line: "reads workspace, writes out, sends GET api.github.com, 6 calls, asks twice".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        let only_read: Vec<_> = self.reads.difference(&self.writes).map(String::as_str).collect();
        let join = |set: &BTreeSet<String>| set.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        if !only_read.is_empty() {
            parts.push(format!("reads {}", only_read.join(", ")));
        }
        for (verb, set) in [
            ("writes", &self.writes),
            ("sends", &self.sends),
            ("uses the secrets", &self.secrets),
            ("lets tools call", &self.invokes),
            ("lets tools start", &self.starts),
            ("sees the variables", &self.variables),
        ] {
            if !set.is_empty() {
                parts.push(format!("{verb} {}", join(set)));
            }
        }
        let more = if self.open { " or more" } else { "" };
        parts.push(format!("{} call{}{more}", self.count, if self.count == 1 && !self.open { "" } else { "s" }));
        match self.planned {
            0 => {}
            1 => parts.push("one task of its own that a planner plans".into()),
            tasks => parts.push(format!("{tasks} tasks of their own that a planner plans")),
        }
        match self.asks {
            0 => {}
            1 => parts.push("asks once".into()),
            2 => parts.push("asks twice".into()),
            times => parts.push(format!("asks {times} times")),
        }
        if !self.denied.is_empty() {
            let steps: Vec<_> = self.denied.keys().map(String::as_str).collect();
            parts.push(format!("would be denied: {}", steps.join(", ")));
        }
        f.write_str(&parts.join("; "))
    }
}
