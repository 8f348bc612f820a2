//! From one request to all its questions, and from their answers to one decision.

use super::{
    Standing,
    request::{Facts, Parts, Request, Unfit},
    rules::{Rules, Ruling},
    vocabulary::{Action, Kind, entity},
};
use crate::{
    Access, Asks, Decision, Denial, Grant, MountGrant, MountName, Refusal, Source, SubPath, Time, grant::Granted,
};
use cedar_policy::EntityUid;
use serde::Serialize;
use std::{collections::BTreeSet, sync::Arc};

/// A decision that can be kept and given again.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case", tag = "decision")]
pub(super) enum Answer {
    Allow { grant: Arc<Granted> },
    Ask { approvers: Vec<String>, policies: Vec<String> },
    Deny(Denial),
}

impl Answer {
    pub(super) fn deny(action: Action, resource: &EntityUid, hint: String) -> Self {
        let refusal =
            Refusal { action: action.as_str().into(), resource: resource.to_string(), policies: vec![], hint };
        Self::Deny(Denial { refused: vec![refusal] })
    }

    pub(super) fn decision(self) -> Decision {
        match self {
            Self::Allow { grant } => Decision::Allow { grant: Grant::mint(grant) },
            Self::Ask { approvers, policies } => Decision::Ask { approvers, policies },
            Self::Deny(denial) => Decision::Deny(denial),
        }
    }
}

/// One thing that was asked, and the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Question {
    /// The action, such as `read`.
    pub action: &'static str,
    /// What it would be done to, as policies spell it.
    pub resource: String,
    /// What came of it.
    pub verdict: Verdict,
    /// The policies that decided it, or that failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<String>,
    /// Who is asked to agree.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub approvers: Vec<String>,
    /// Whether what comes of it is staged.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub staged: bool,
    /// Where it was not allowed: what would allow it, or what failed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub hint: String,
}

/// The answer to one question; the later, the stricter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Granted.
    Allow,
    /// Granted if an approver agrees.
    Ask,
    /// Not allowed; the call can run without it, and it is left out of the grant.
    LeaveOut,
    /// Not allowed, and the call was made for it: the whole call is denied.
    Deny,
}

/// Asks every question that a request raises.
pub(super) fn judge(
    rules: &Rules,
    request: &Request<'_>,
    parts: &Parts,
    agreed: &BTreeSet<String>,
    standing: impl FnOnce(Asks) -> Option<Arc<Standing>>,
) -> Result<(Vec<Question>, Answer), Unfit> {
    let facts = parts.clone().facts()?;
    let mut court = Court { rules, request, parts, facts: &facts, agreed, questions: Vec::new() };
    court.ask(Action::Call, &entity(Kind::Tool, request.tool.as_str()), true);
    let mut granted = Granted {
        tool: request.tool.clone(),
        mounts: court.mounts()?,
        env: court.env(),
        clock: court.machine(Kind::Clock, request.needs.clock),
        random: court.machine(Kind::Random, request.needs.random),
        asks: request.narrow.asks(request.needs),
        standing: None,
        limits: request.limits,
        policies: Vec::new(),
        left_out: left_out(&court.questions),
    };
    if let Some(bounds) = request.within {
        granted.confine(&bounds.0);
    }
    let granted = |policies| {
        let standing = standing(granted.asks.clone());
        Granted { standing, policies, ..granted }
    };
    let answer = conclude(&court.questions, granted);
    Ok((court.questions, answer))
}

/// A mount that may be read, and what is wanted of it beyond that.
struct Wanted {
    name: MountName,
    path: SubPath,
    writes: bool,
    /// Whether the caller insists on it.
    asks_to_write: bool,
}

struct Court<'a, 'r> {
    rules: &'a Rules,
    request: &'a Request<'r>,
    parts: &'a Parts,
    facts: &'a Facts,
    agreed: &'a BTreeSet<String>,
    questions: Vec<Question>,
}

impl Court<'_, '_> {
    /// Asks; whether the grant holds it. What the caller `named` is denied rather than left out.
    fn ask(&mut self, action: Action, resource: &EntityUid, named: bool) -> bool {
        self.ask_of(self.facts, action, resource, named)
    }

    fn ask_of(&mut self, facts: &Facts, action: Action, resource: &EntityUid, named: bool) -> bool {
        let refused = if named { Verdict::Deny } else { Verdict::LeaveOut };
        let ruling = self.rules.ask(facts, action, resource, self.agreed);
        let (verdict, policies, approvers, hint) = match ruling {
            Ruling::Permitted { policies } => (Verdict::Allow, policies, vec![], String::new()),
            Ruling::Approval { approvers, policies } => (Verdict::Ask, policies, approvers, String::new()),
            Ruling::Unmentioned => (refused, vec![], vec![], permit(&facts.principal, action, resource)),
            Ruling::Forbidden { policies } => {
                let hint = forbidden(&policies, &facts.told);
                (refused, policies, vec![], hint)
            }
            Ruling::Failed { policies, reasons } => (refused, policies, vec![], reasons.join("; ")),
        };
        let staged = action == Action::Write && verdict <= Verdict::Ask && self.rules.stage(&policies);
        let (action, resource) = (action.as_str(), resource.to_string());
        self.questions.push(Question { action, resource, verdict, policies, approvers, staged, hint });
        verdict <= Verdict::Ask
    }

    /// Denies what the caller named and policy need not be asked about.
    fn refuse(&mut self, action: Action, resource: &EntityUid, hint: String) {
        let resource = resource.to_string();
        let question = Question {
            action: action.as_str(),
            resource,
            verdict: Verdict::Deny,
            policies: vec![],
            approvers: vec![],
            staged: false,
            hint,
        };
        self.questions.push(question);
    }

    fn mounts(&mut self) -> Result<Vec<MountGrant>, Unfit> {
        let request = self.request;
        let offered = |name: &MountName| request.mounts.iter().any(|(offered, _)| offered == name);
        for name in request.narrow.mounts.iter().flat_map(|mounts| mounts.keys()).filter(|name| !offered(name)) {
            let names: Vec<_> = request.mounts.iter().map(|(name, _)| name.as_str()).collect();
            let hint = format!("no mount `{name}` is offered; offered are: {}", list(&names));
            self.refuse(Action::Read, &entity(Kind::Mount, name.as_str()), hint);
        }
        let readable: Vec<_> =
            request.mounts.iter().filter_map(|(name, offered)| self.readable(name, *offered)).collect();
        readable.iter().map(|wanted| self.writable(wanted, &readable)).collect()
    }

    /// Whether a mount can be read.
    fn readable(&mut self, name: &MountName, offered: Access) -> Option<Wanted> {
        let resource = entity(Kind::Mount, name.as_str());
        let narrow = self.request.narrow;
        let named = narrow.mounts.as_ref().and_then(|mounts| mounts.get(name));
        let Some(needed) = self.request.needs.fs else {
            if named.is_some() {
                let hint = format!("`{}` needs no files; leave `{name}` out of what the call gets", self.request.tool);
                self.refuse(Action::Read, &resource, hint);
            }
            return None;
        };
        if named.and_then(|mount| mount.access).is_some_and(|access| access > needed) {
            let hint = format!("`{}` needs to read only; ask for `{name}` with `read`", self.request.tool);
            self.refuse(Action::Write, &resource, hint);
            return None;
        }
        let (wanted, path) = narrow.mount(name, self.request.needs)?;
        // Whoever names a mount asks to read it; only whoever says so asks to write.
        let asks_to_write = named.is_some_and(|mount| mount.access == Some(Access::ReadWrite));
        if asks_to_write && wanted > offered {
            let hint =
                format!("`{name}` is offered to be read only; ask for it with `read`, or offer it with `read-write`");
            self.refuse(Action::Write, &resource, hint);
            return None;
        }
        let reads = self.ask(Action::Read, &resource, named.is_some());
        let writes = wanted.min(offered).writes();
        reads.then(|| Wanted { name: name.clone(), path, writes, asks_to_write })
    }

    /// Whether a mount that can be read can be changed, too. What the call reads elsewhere may be in what it writes.
    fn writable(&mut self, wanted: &Wanted, readable: &[Wanted]) -> Result<MountGrant, Unfit> {
        let Wanted { name, path, writes, asks_to_write } = wanted;
        let (mut access, mut staged) = (Access::Read, false);
        if *writes {
            let mounts = readable.iter().filter(|other| other.name != *name);
            let mounts = mounts.map(|other| Source::Mount(other.name.to_string()));
            let asks = self.request.narrow.asks(self.request.needs);
            let hosts = asks.http.iter().chain(&asks.tcp).chain(&asks.udp).chain(&asks.listen);
            let facts = if self.parts.sources.is_some() {
                let sources = mounts.chain(hosts.map(|host| Source::Http(host.to_string()))).collect();
                Some(self.parts.clone().with(&sources)?.facts()?)
            } else {
                None
            };
            let facts = facts.as_ref().unwrap_or(self.facts);
            if self.ask_of(facts, Action::Write, &entity(Kind::Mount, name.as_str()), *asks_to_write) {
                access = Access::ReadWrite;
                staged = self.questions.last().is_some_and(|question| question.staged);
            }
        }
        Ok(MountGrant { name: name.clone(), access, path: path.clone(), staged })
    }

    fn env(&mut self) -> BTreeSet<String> {
        let Request { needs, env: offered, narrow, tool, .. } = self.request;
        let needed = |name: &String| needs.env.as_ref().is_none_or(|needed| needed.contains(name));
        let Some(named) = &narrow.env else {
            let candidates = offered.iter().filter(|name| needed(name));
            return candidates
                .filter(|name| self.ask(Action::Use, &entity(Kind::Variable, name), false))
                .cloned()
                .collect();
        };
        let mut granted = BTreeSet::new();
        for name in named {
            let resource = entity(Kind::Variable, name);
            if !needed(name) {
                let hint = format!("`{tool}` does not need it; leave it out of what the call gets");
                self.refuse(Action::Use, &resource, hint);
            } else if !offered.contains(name) {
                self.refuse(Action::Use, &resource, "no such variable is offered".to_owned());
            } else if self.ask(Action::Use, &resource, true) {
                granted.insert(name.clone());
            }
        }
        granted
    }

    fn machine(&mut self, kind: Kind, needed: Time) -> Time {
        match needed {
            Time::Virtual => Time::Virtual,
            Time::Real if self.ask(Action::Use, &entity(kind, "real"), false) => Time::Real,
            Time::Real => Time::Virtual,
        }
    }
}

/// The strictest verdict decides.
fn conclude(questions: &[Question], granted: impl FnOnce(Vec<String>) -> Granted) -> Answer {
    let of = |verdict: Verdict| questions.iter().filter(move |question| question.verdict == verdict);
    let join = |verdict: Verdict, part: fn(&Question) -> &Vec<String>| {
        let all: BTreeSet<_> = of(verdict).flat_map(part).cloned().collect();
        all.into_iter().collect::<Vec<_>>()
    };
    let counts = |question: &&Question| question.verdict != Verdict::LeaveOut;
    match questions.iter().filter(counts).map(|question| question.verdict).max() {
        Some(Verdict::Allow) => Answer::Allow { grant: Arc::new(granted(join(Verdict::Allow, |q| &q.policies))) },
        Some(Verdict::Ask) => Answer::Ask {
            approvers: join(Verdict::Ask, |q| &q.approvers),
            policies: join(Verdict::Ask, |q| &q.policies),
        },
        // Every request asks whether the call may be made; without an answer it may not.
        Some(Verdict::Deny | Verdict::LeaveOut) | None => Answer::Deny(Denial { refused: refused(of(Verdict::Deny)) }),
    }
}

/// What policies took out of the grant; what none speaks of is not worth a word.
fn left_out(questions: &[Question]) -> Vec<Refusal> {
    let taken =
        questions.iter().filter(|question| question.verdict == Verdict::LeaveOut && !question.policies.is_empty());
    taken.map(Question::refusal).collect()
}

impl Question {
    fn refusal(&self) -> Refusal {
        let Self { action, resource, policies, hint, .. } = self;
        Refusal {
            action: (*action).to_owned(),
            resource: resource.clone(),
            policies: policies.clone(),
            hint: hint.clone(),
        }
    }
}

/// Who may not call a tool learns nothing of what else the call would have met.
fn refused<'q>(denied: impl Iterator<Item = &'q Question>) -> Vec<Refusal> {
    let mut refused = Vec::new();
    for question in denied {
        refused.push(question.refusal());
        if question.action == Action::Call.as_str() {
            break;
        }
    }
    refused
}

/// Why something is forbidden, with the sources that led to it where policy looks at those.
pub(super) fn forbidden(policies: &[String], told: &str) -> String {
    let told = if told.is_empty() { String::new() } else { format!(" ({told})") };
    format!("forbidden by {}{told}", policies.join(", "))
}

/// The policy that would allow exactly this.
pub(super) fn permit(principal: &EntityUid, action: Action, resource: &EntityUid) -> String {
    format!("permit(principal == {principal}, action == Action::\"{}\", resource == {resource});", action.as_str())
}

fn list(names: &[&str]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
