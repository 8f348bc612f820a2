//! The least policy that would have allowed what a task asked for, as its record tells it.

use super::past::{Told, told};
use crate::report::Record;
use journal::{EventBody, TaskStarted, Verdict};
use policy::{Refusal, ToolId};
use sandbox::{Action, Effect, Outcome};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    net::IpAddr,
};

/// What something was asked for by, and whether any of it was refused.
#[derive(Default)]
struct By {
    tools: BTreeSet<String>,
    refused: bool,
    /// Who had to agree.
    approvers: BTreeSet<String>,
}

/// Requests to one host with one method.
#[derive(Default)]
struct Requests {
    by: By,
    ports: BTreeSet<(String, u16)>,
    paths: BTreeSet<String>,
}

/// What was asked for.
#[derive(Default)]
struct Asked {
    calls: BTreeMap<String, By>,
    /// By action and mount.
    mounts: BTreeMap<(&'static str, String), By>,
    /// By host and method.
    requests: BTreeMap<(String, String), Requests>,
    /// By action and host.
    sockets: BTreeMap<(&'static str, String), By>,
    /// By secret and host.
    secrets: BTreeMap<(String, String), By>,
    variables: BTreeMap<String, By>,
    invoked: BTreeMap<String, By>,
    /// The tools that were started as processes.
    started: BTreeMap<String, By>,
    /// Tools whose results a planner was shown.
    shown: BTreeSet<String>,
    /// Addresses that are not public, behind names of the configuration.
    addresses: BTreeSet<IpAddr>,
    /// What was refused that is not one of these.
    others: BTreeSet<(String, String)>,
}

/// The least policy, in Cedar, with what it is made of in comments. What was refused in the run is in it as well, and marked:
/// whoever puts it into force looks at that first.
pub fn learn(record: &Record) -> String {
    let mut asked = Asked::default();
    asked.record(record);
    let started = record.events.iter().find_map(|event| match &event.body {
        EventBody::TaskStarted(started) => Some(&**started),
        _ => None,
    });
    asked.write(record, started)
}

impl By {
    fn add(&mut self, tool: &ToolId, refused: bool) {
        self.tools.insert(tool.to_string());
        self.refused |= refused;
    }
}

impl Asked {
    fn record(&mut self, record: &Record) {
        for told in told(record) {
            match told {
                Told::Call(past) => {
                    self.decided(past.tool, past.decision, &past.agreed);
                    self.outcome(past.tool, past.outcome.as_ref());
                }
                Told::Invoked(inner) => {
                    let past = &inner.past;
                    self.decided(past.tool, past.decision, &past.agreed);
                    self.outcome(past.tool, past.outcome.as_ref());
                    // A call within another can do no more than what the one around it was granted.
                    for around in inner.chain {
                        self.granted(around, past.decision);
                        self.outcome(around, past.outcome.as_ref());
                    }
                }
                Told::Task(_, within) => self.record(within),
            }
        }
        let mut tools = BTreeMap::new();
        for event in &record.events {
            match &event.body {
                EventBody::Decided { step, tool, .. } => drop(tools.insert(step, tool)),
                EventBody::Shown { steps, .. } => {
                    self.shown.extend(steps.iter().filter_map(|step| tools.get(step)).map(ToString::to_string));
                }
                EventBody::TaskStarted(started) => {
                    let hosts = started.network.hosts.values().flatten();
                    self.addresses.extend(hosts.copied().filter(|address| !sandbox::is_public(*address)));
                }
                _ => {}
            }
        }
    }

    fn decided(&mut self, tool: &ToolId, decision: &Verdict, agreed: &BTreeSet<String>) {
        let call = self.calls.entry(tool.to_string()).or_default();
        call.approvers.extend(agreed.iter().cloned());
        match decision {
            Verdict::Allow { .. } => {
                call.add(tool, false);
                self.granted(tool, decision);
            }
            Verdict::Ask { approvers, .. } => {
                call.add(tool, false);
                call.approvers.extend(approvers.iter().cloned());
            }
            Verdict::Deny { denial } => {
                call.tools.insert(tool.to_string());
                denial.refused.iter().for_each(|refusal| self.refused(tool, refusal));
            }
        }
    }

    /// What a call was given of the host.
    fn granted(&mut self, tool: &ToolId, decision: &Verdict) {
        let Verdict::Allow { grant } = decision else { return };
        let names = grant["env"].as_array().into_iter().flatten().filter_map(|name| name.as_str());
        for name in names {
            self.variables.entry(format!("Variable::{name:?}")).or_default().add(tool, false);
        }
        for (key, resource) in [("clock", "Clock::\"real\""), ("random", "Random::\"real\"")] {
            if grant[key] == "real" {
                self.variables.entry(resource.to_owned()).or_default().add(tool, false);
            }
        }
    }

    /// Something that was refused before the call began.
    fn refused(&mut self, tool: &ToolId, refusal: &Refusal) {
        let Refusal { action, resource, .. } = refusal;
        let named = |kind: &str| resource.strip_prefix(kind).map(|name| name.trim_matches('"').to_owned());
        match (action.as_str(), named("Mount::"), named("Tool::")) {
            ("read", Some(mount), _) => self.mounts.entry(("read", mount)).or_default().add(tool, true),
            ("write", Some(mount), _) => self.mounts.entry(("write", mount)).or_default().add(tool, true),
            ("call", _, Some(called)) => self.calls.entry(called).or_default().add(tool, true),
            ("use", ..) => self.variables.entry(resource.clone()).or_default().add(tool, true),
            _ => drop(self.others.insert((action.clone(), resource.clone()))),
        }
    }

    fn outcome(&mut self, tool: &ToolId, outcome: Option<&Outcome>) {
        let Some(Outcome { effects, .. }) = outcome else { return };
        for mount in &effects.mounts_read {
            self.mounts.entry(("read", mount.clone())).or_default().add(tool, false);
        }
        for (refused, effect) in
            effects.done.iter().map(|one| (false, one)).chain(effects.refused.iter().map(|one| (true, one)))
        {
            self.effect(tool, effect, refused);
        }
    }

    fn effect(&mut self, tool: &ToolId, effect: &Effect, refused: bool) {
        let first = effect.path.split('/').next().unwrap_or_default().to_owned();
        match effect.action {
            action if action.is_of_files() => {
                // A path that leads to no mount asks for none.
                if refused && (first.is_empty() || first == "..") {
                    return;
                }
                self.mounts.entry(("read", first.clone())).or_default().add(tool, refused);
                if action.changes() {
                    self.mounts.entry(("write", first)).or_default().add(tool, refused);
                }
            }
            Action::Request => {
                let Some((method, url)) = effect.path.split_once(' ') else { return };
                let Ok(url) = url.parse::<url::Url>() else { return };
                let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
                self.addresses.extend(host.parse::<IpAddr>().ok().filter(|address| !sandbox::is_public(*address)));
                let requests = self.requests.entry((host, method.to_owned())).or_default();
                requests.by.add(tool, refused);
                requests.ports.insert((url.scheme().to_owned(), url.port_or_known_default().unwrap_or_default()));
                requests.paths.insert(url.path().to_owned());
            }
            Action::Resolve => self.socket("resolve", &effect.path, tool, refused),
            Action::Connect => self.socket("connect", host_of(&effect.path), tool, refused),
            Action::Datagram => self.socket("datagram", host_of(&effect.path), tool, refused),
            Action::Listen => self.socket("listen", host_of(&effect.path), tool, refused),
            Action::Inject => {
                let host = effect.to.clone().unwrap_or_default();
                self.secrets.entry((effect.path.clone(), host)).or_default().add(tool, refused);
            }
            Action::Invoke => self.invoked.entry(effect.path.clone()).or_default().add(tool, refused),
            Action::Exec => self.started.entry(effect.path.clone()).or_default().add(tool, refused),
            _ => {}
        }
    }

    fn socket(&mut self, action: &'static str, host: &str, tool: &ToolId, refused: bool) {
        self.addresses.extend(host.parse::<IpAddr>().ok().filter(|address| !sandbox::is_public(*address)));
        self.sockets.entry((action, host.to_owned())).or_default().add(tool, refused);
    }

    fn write(&self, record: &Record, started: Option<&TaskStarted>) -> String {
        let who = started.map_or_else(String::new, |started| format!(" == Agent::\"{}\"", started.principal));
        let mut out = format!(
            "// What task {} asked for, and no more. A rule that is marked was refused in that run: look at it before you put it\n// into force.\n",
            record.task
        );
        let mut never_ran = Vec::new();
        let mut rule = |by: &By, scope: String, when: Vec<String>| {
            out.push('\n');
            if by.refused {
                out.push_str("// REFUSED in the run.\n");
            }
            if !by.approvers.is_empty() {
                let names: Vec<_> = by.approvers.iter().map(String::as_str).collect();
                let _ = writeln!(out, "@approval(\"{}\")", names.join(","));
            }
            let _ = write!(out, "permit (principal{who}, {scope})");
            if !when.is_empty() {
                let _ = write!(out, "\nwhen {{ {} }}", when.join(" && "));
            }
            out.push_str(";\n");
        };
        for (tool, by) in &self.calls {
            if by.refused {
                never_ran.push(tool.as_str());
            }
            rule(by, format!("action == Action::\"call\", resource == Tool::{tool:?}"), Vec::new());
        }
        for ((action, mount), by) in &self.mounts {
            let scope = format!("action == Action::\"{action}\", resource == Mount::{mount:?}");
            rule(by, scope, vec![tools(by)]);
        }
        for ((host, method), Requests { by, ports, paths }) in &self.requests {
            let ports = ports.iter().map(|(scheme, port)| {
                format!("(context.request.scheme == {scheme:?} && context.request.port == {port})")
            });
            let when =
                vec![tools(by), format!("context.request.method == {method:?}"), one_of(ports.collect()), path(paths)];
            rule(by, format!("action == Action::\"request\", resource == Host::{host:?}"), when);
        }
        for ((action, host), by) in &self.sockets {
            rule(by, format!("action == Action::\"{action}\", resource == Host::{host:?}"), vec![tools(by)]);
        }
        for ((secret, host), by) in &self.secrets {
            let when = vec![tools(by), format!("context.request.host == {host:?}")];
            rule(by, format!("action == Action::\"inject\", resource == Secret::{secret:?}"), when);
        }
        for (resource, by) in &self.variables {
            rule(by, format!("action == Action::\"use\", resource == {resource}"), vec![tools(by)]);
        }
        for (action, called) in [("invoke", &self.invoked), ("exec", &self.started)] {
            for (tool, by) in called {
                rule(by, format!("action == Action::\"{action}\", resource == Tool::{tool:?}"), vec![tools(by)]);
            }
        }
        if !self.requests.is_empty() || !self.sockets.is_empty() {
            for address in &self.addresses {
                rule(
                    &By::default(),
                    format!("action == Action::\"reach\", resource == Address::\"{address}\""),
                    Vec::new(),
                );
            }
        }
        for tool in &self.shown {
            rule(&By::default(), format!("action == Action::\"reveal\", resource == Tool::{tool:?}"), Vec::new());
        }
        if !never_ran.is_empty() {
            let _ = writeln!(
                out,
                "\n// What {} would have reached is not known, since it never ran: a run under this policy shows it.",
                never_ran.join(", ")
            );
        }
        for (action, resource) in &self.others {
            let _ = writeln!(out, "\n// REFUSED in the run, and for you to decide: {action} {resource}");
        }
        out
    }
}

fn host_of(place: &str) -> &str {
    place.rsplit_once(':').map_or(place, |(host, _)| host).trim_matches(['[', ']'])
}

/// A condition on the tools that asked.
fn tools(by: &By) -> String {
    let tools: Vec<_> = by.tools.iter().map(|tool| format!("Tool::{tool:?}")).collect();
    match tools.as_slice() {
        [one] => format!("context.tool == {one}"),
        all => format!("[{}].contains(context.tool)", all.join(", ")),
    }
}

fn one_of(conditions: Vec<String>) -> String {
    if conditions.len() == 1 { conditions.concat() } else { format!("({})", conditions.join(" || ")) }
}

/// How many paths are listed one by one.
const MAX_PATHS: usize = 8;

/// A condition on paths: these, or where there are many, all below the folder that they have in common. With or without a query,
/// which is not in the record.
fn path(paths: &BTreeSet<String>) -> String {
    let like = |path: &str, end: &str| {
        let escaped = path.replace('\\', "\\\\").replace('"', "\\\"").replace('*', "\\*");
        format!("context.request.path like \"{escaped}{end}\"")
    };
    if paths.len() <= MAX_PATHS {
        let both = |path: &String| format!("({} || {})", like(path, ""), like(path, "?*"));
        return one_of(paths.iter().map(both).collect());
    }
    let (Some(first), Some(last)) = (paths.first(), paths.last()) else { return "true".into() };
    // What the first and the last in order have in common, all have.
    let common = first.char_indices().zip(last.chars()).take_while(|((_, a), b)| a == b);
    let end = common.last().map_or(0, |((at, c), _)| at + c.len_utf8());
    let folder = first[..end].rfind('/').map_or("/", |at| &first[..=at]);
    like(folder, "*")
}
