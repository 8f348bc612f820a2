//! What a call asks while it runs: whether this request may leave, this secret be used, this tool be called.

use super::{
    judge::{forbidden, permit},
    request::{Facts, Parts, Request, Unfit, set, tool_entity, words},
    rules::{Rules, Ruling},
    vocabulary::{Action, Kind, entity},
};
use crate::{Asks, Classification, HostPattern, Provenance, Refusal, SecretName, ToolId};
use cedar_policy::{Context, Entities, Entity, EntityUid, RestrictedExpression};
use serde_json::Value;
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    fmt,
    net::IpAddr,
    sync::Arc,
};

/// In whose name a running call asks. Like a grant it comes from a decision only, and it decides by the policy that was
/// in force then.
pub struct Standing {
    rules: Arc<Rules>,
    parts: Parts,
    tool: ToolId,
    /// What the arguments say, and where each came from, where any policy looks at where requests go.
    arguments: Option<Vec<(Value, Provenance)>>,
    /// What the call can ask for at most, then what the calls can that it was made from.
    bounds: Vec<Asks>,
}

/// What is to be sent, and where.
#[derive(Debug, Clone, Copy)]
pub struct Sending<'a> {
    /// `http`, `https`, `tcp` or `udp`.
    pub scheme: &'a str,
    /// The method; empty but for HTTP.
    pub method: &'a str,
    /// The host's name in lower case without a final dot, or its address without brackets.
    pub host: &'a str,
    /// The port.
    pub port: u16,
    /// The path with the query; empty but for HTTP.
    pub path: &'a str,
    /// What the call has read before: it may be in what is sent.
    pub read: &'a Provenance,
}

/// Something that policy allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The policies that allowed it.
    pub policies: Vec<String>,
}

type Answer = Result<Asked, Refusal>;

impl Standing {
    pub(super) fn new(
        rules: &Arc<Rules>,
        request: &Request<'_>,
        parts: Parts,
        tells_destination: bool,
        asks: Asks,
    ) -> Self {
        let beyond = request.within.and_then(|bounds| bounds.0.standing.as_ref());
        let mut bounds = vec![asks];
        bounds.extend(beyond.iter().flat_map(|standing| standing.bounds.iter().cloned()));
        let arguments = tells_destination.then(|| {
            let given = request.args.as_object().into_iter().flatten();
            given
                .map(|(key, value)| (value.clone(), request.provenance.get(key).cloned().unwrap_or_default()))
                .collect()
        });
        Self { rules: Arc::clone(rules), parts, tool: request.tool.clone(), arguments, bounds }
    }

    /// Whether an HTTP request may be sent.
    ///
    /// # Errors
    /// What was refused, by which policies, and for the operator what would allow it.
    pub fn request(&self, sending: &Sending<'_>) -> Answer {
        self.host(Action::Request, |asks| &asks.http, sending)
    }

    /// Whether the addresses of a name may be looked up, for what is not HTTP.
    ///
    /// # Errors
    /// As for [`Standing::request`].
    pub fn resolve(&self, name: &str, read: &Provenance) -> Answer {
        let resource = entity(Kind::Host, name);
        let covers = |asks: &Asks| asks.tcp.iter().chain(&asks.udp).any(|pattern| pattern.covers_host(name));
        self.bounded(Action::Resolve, &resource, covers)?;
        let attribute = ("name", RestrictedExpression::new_string(name.to_owned()));
        self.ask(Action::Resolve, &resource, Some(attribute), None, read)
    }

    /// Whether a TCP connection may be opened.
    ///
    /// # Errors
    /// As for [`Standing::request`].
    pub fn connect(&self, sending: &Sending<'_>) -> Answer {
        self.host(Action::Connect, |asks| &asks.tcp, sending)
    }

    /// Whether datagrams may be exchanged.
    ///
    /// # Errors
    /// As for [`Standing::request`].
    pub fn datagram(&self, sending: &Sending<'_>) -> Answer {
        self.host(Action::Datagram, |asks| &asks.udp, sending)
    }

    /// Whether connections may be waited for on an address of this machine, which is the sending's host.
    ///
    /// # Errors
    /// As for [`Standing::request`].
    pub fn listen(&self, sending: &Sending<'_>) -> Answer {
        self.host(Action::Listen, |asks| &asks.listen, sending)
    }

    /// Whether an address that is not public may be reached; `what` it is, for the operator.
    ///
    /// # Errors
    /// As for [`Standing::request`].
    pub fn reach(&self, address: IpAddr, what: &str, sending: &Sending<'_>) -> Answer {
        let resource = entity(Kind::Address, &address.to_string());
        let ip = RestrictedExpression::new_ip(address.to_string());
        let answer = self.ask(Action::Reach, &resource, Some(("ip", ip)), Some(sending), sending.read);
        answer.map_err(|mut refusal| {
            refusal.hint = format!("`{}` is at {address}, which is {what}; {}", sending.host, refusal.hint);
            refusal
        })
    }

    /// Whether a secret may be put into a request.
    ///
    /// # Errors
    /// As for [`Standing::request`].
    pub fn inject(&self, secret: &SecretName, sending: &Sending<'_>) -> Answer {
        let resource = entity(Kind::Secret, secret.as_str());
        self.bounded(Action::Inject, &resource, |asks| asks.secrets.contains(secret))?;
        self.ask(Action::Inject, &resource, None, Some(sending), sending.read)
    }

    /// Whether another tool may be called. Its call is decided on by itself then.
    ///
    /// # Errors
    /// As for [`Standing::request`].
    pub fn invoke(&self, tool: &ToolId, read: &Provenance) -> Answer {
        let resource = entity(Kind::Tool, tool.as_str());
        self.bounded(Action::Invoke, &resource, |asks| asks.invoke.iter().any(|pattern| pattern.covers(tool)))?;
        self.ask(Action::Invoke, &resource, None, None, read)
    }

    /// Whether a program, which is this tool, may be started as a process. Its call is decided on by itself then.
    ///
    /// # Errors
    /// As for [`Standing::request`].
    pub fn exec(&self, program: &str, tool: &ToolId, read: &Provenance) -> Answer {
        let resource = entity(Kind::Tool, tool.as_str());
        self.bounded(Action::Exec, &resource, |asks| asks.exec.iter().any(|pattern| pattern.covers(program)))?;
        self.ask(Action::Exec, &resource, None, None, read)
    }

    fn host(&self, action: Action, patterns: fn(&Asks) -> &BTreeSet<HostPattern>, sending: &Sending<'_>) -> Answer {
        let resource = entity(Kind::Host, sending.host);
        let covers = |asks: &Asks| patterns(asks).iter().any(|pattern| pattern.covers(sending.host, sending.port));
        self.bounded(action, &resource, covers)?;
        let name = RestrictedExpression::new_string(sending.host.to_owned());
        self.ask(action, &resource, Some(("name", name)), Some(sending), sending.read)
    }

    /// What neither the package's manifest nor the caller left is refused before policy is asked.
    fn bounded(&self, action: Action, resource: &EntityUid, covers: impl Fn(&Asks) -> bool) -> Result<(), Refusal> {
        if self.bounds.iter().all(covers) {
            return Ok(());
        }
        let hint = format!("neither the manifest of `{}` nor its caller left it this", self.tool);
        Err(Refusal { action: action.as_str().into(), resource: resource.to_string(), policies: vec![], hint })
    }

    fn ask(
        &self,
        action: Action,
        resource: &EntityUid,
        attribute: Option<(&str, RestrictedExpression)>,
        sending: Option<&Sending<'_>>,
        read: &Provenance,
    ) -> Answer {
        let refuse = |policies, hint| {
            Err(Refusal { action: action.as_str().into(), resource: resource.to_string(), policies, hint })
        };
        let facts = match self.facts(action, resource, attribute, sending, read) {
            Ok(facts) => facts,
            Err(error) => return refuse(vec![], error.to_string()),
        };
        rule(&self.rules, &facts, action, resource)
    }

    /// Whether a planner may see a result.
    pub(super) fn of_result(rules: &Rules, request: &Request<'_>, parts: Result<Parts, Unfit>) -> Answer {
        let resource = entity(Kind::Tool, request.tool.as_str());
        match parts.and_then(Parts::facts) {
            Ok(facts) => rule(rules, &facts, Action::Reveal, &resource),
            Err(error) => {
                let action = Action::Reveal.as_str().into();
                Err(Refusal { action, resource: resource.to_string(), policies: vec![], hint: error.to_string() })
            }
        }
    }

    fn facts(
        &self,
        action: Action,
        resource: &EntityUid,
        attribute: Option<(&str, RestrictedExpression)>,
        sending: Option<&Sending<'_>>,
        read: &Provenance,
    ) -> Result<Facts, Box<dyn std::error::Error>> {
        let parts = self.parts.clone().with(read)?;
        let Parts { principal, package, mut context, entities, sources, labels, classification } = parts;
        let mut told = labels.as_ref().map(|marked| marked.told.clone()).unwrap_or_default();
        if let Some(Sending { scheme, method, host, port, path, .. }) = sending {
            let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
            let mut fields = vec![
                ("scheme", text(scheme)),
                ("method", text(method)),
                ("host", text(host)),
                ("path", text(path)),
                ("port", RestrictedExpression::new_long(i64::from(*port))),
            ];
            if let Some(arguments) = &self.arguments {
                let all = sources.as_ref().unwrap_or(read);
                let destination = destination(host, arguments, all, &classification);
                let labels = classification.labels(&destination);
                if labels.untrusted {
                    told = format!(
                        "{told}{}the host may come from {}",
                        if told.is_empty() { "" } else { "; " },
                        list(&destination)
                    );
                }
                fields.extend([("sources", set(&destination)), ("labels", words(labels))]);
            }
            let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value));
            context.push(("request".to_owned(), RestrictedExpression::new_record(fields)?));
        }
        let mut entities = entities;
        let mut package = package;
        if let Some((name, value)) = attribute {
            let attributes = HashMap::from([(name.to_owned(), value)]);
            entities.push(Entity::new(resource.clone(), attributes, HashSet::new())?);
        } else if matches!(action, Action::Invoke | Action::Exec)
            && !entities.iter().any(|known| known.uid() == *resource)
        {
            // The tool that is to be called, in its package. Its digest is compared when its own call is decided on.
            let id = resource.id();
            let name = AsRef::<str>::as_ref(id).split('.').next().unwrap_or_default().to_owned();
            package = entity(Kind::Package, &name);
            // What it could do is not known here: as much as any.
            entities.push(tool_entity(resource.clone(), &package, true, true)?);
        }
        Ok(Facts {
            principal,
            package,
            context: Context::from_pairs(context)?,
            entities: Entities::from_entities(entities, None)?,
            told,
        })
    }
}

/// Asks once. Nobody can agree to it meanwhile.
fn rule(rules: &Rules, facts: &Facts, action: Action, resource: &EntityUid) -> Answer {
    let refuse = |policies, hint| {
        Err(Refusal { action: action.as_str().into(), resource: resource.to_string(), policies, hint })
    };
    match rules.ask(facts, action, resource, &BTreeSet::new()) {
        Ruling::Permitted { policies } => Ok(Asked { policies }),
        Ruling::Unmentioned => refuse(vec![], permit(&facts.principal, action, resource)),
        Ruling::Forbidden { policies } => {
            let hint = forbidden(&policies, &facts.told);
            refuse(policies, hint)
        }
        Ruling::Failed { policies, reasons } => refuse(policies, reasons.join("; ")),
        Ruling::Approval { approvers, policies } => {
            let hint = format!("{} would have to agree, who cannot while a call runs", approvers.join(", "));
            refuse(policies, hint)
        }
    }
}

/// What may have chosen a host: the arguments that name it; where none does, whatever there is. Where somebody who is trusted
/// named it, it does not matter who else did.
fn destination(
    host: &str,
    arguments: &[(Value, Provenance)],
    all: &Provenance,
    classification: &Classification,
) -> Provenance {
    let naming: Vec<_> = arguments.iter().filter(|(value, _)| names(value, host)).map(|(_, sources)| sources).collect();
    if naming.is_empty() {
        return all.clone();
    }
    let trusted: Vec<_> = naming.iter().copied().filter(|sources| !classification.labels(sources).untrusted).collect();
    let counts = if trusted.is_empty() { naming } else { trusted };
    counts.into_iter().fold(Provenance::new(), |mut joined, sources| {
        joined.join(sources);
        joined
    })
}

/// Whether a host's name stands somewhere in a value.
fn names(value: &Value, host: &str) -> bool {
    match value {
        Value::String(text) => {
            let text = text.to_lowercase();
            let inside = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_');
            // A part of another name is none of its own.
            text.match_indices(host)
                .any(|(at, _)| !text[..at].ends_with(inside) && !text[at + host.len()..].starts_with(inside))
        }
        Value::Array(items) => items.iter().any(|item| names(item, host)),
        Value::Object(fields) => fields.values().any(|field| names(field, host)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn list(sources: &Provenance) -> String {
    let sources: Vec<_> = sources.iter().map(ToString::to_string).collect();
    sources.join(", ")
}

impl PartialEq for Standing {
    /// Grants are compared by what they say; that is in the bounds.
    fn eq(&self, other: &Self) -> bool {
        self.tool == other.tool && self.bounds == other.bounds
    }
}

impl Eq for Standing {}

impl fmt::Debug for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Standing").field("tool", &self.tool).field("bounds", &self.bounds).finish_non_exhaustive()
    }
}
