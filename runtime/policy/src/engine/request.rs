//! A request as it arrives, and as Cedar sees it.

use super::{
    arguments::{Tags, TooMuch},
    mentions::{Arguments, Mentions},
    vocabulary::{Kind, entity},
};
use crate::{Access, Bounds, Classification, Labels, Limits, MountName, Narrow, Needs, Principal, Provenance, ToolId};
use cedar_policy::{Context, Entities, Entity, EntityUid, RestrictedExpression};
use serde_json::Value;
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

/// Who asks to call what, with what, in which world.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Whose world the call would run in.
    pub tenant: &'a str,
    /// What the principal is trusted as.
    pub roles: &'a [String],
    /// Who asks.
    pub principal: &'a Principal,
    /// What is to be called.
    pub tool: &'a ToolId,
    /// The digest of the tool's package, as [`crate::Digest`] writes it.
    pub digest: &'a str,
    /// What the tool's package asks for.
    pub needs: &'a Needs,
    /// The mounts that the world offers; each name once.
    pub mounts: &'a [(MountName, Access)],
    /// The variables that the world offers.
    pub env: &'a BTreeSet<String>,
    /// What the caller gives up.
    pub narrow: &'a Narrow,
    /// The bounds of the call that makes this one; `None` where it is made by no other.
    pub within: Option<&'a Bounds>,
    /// The bounds of the call, which policy passes on.
    pub limits: Limits,
    /// The arguments, checked against the tool's schema before.
    pub args: &'a Value,
    /// Where each top-level argument came from.
    pub provenance: &'a BTreeMap<String, Provenance>,
    /// Where the choice of this call came from: who proposed it, and what led to it.
    pub chosen: &'a Provenance,
    /// What goes for sources.
    pub classification: &'a Arc<Classification>,
    /// The mounts in which others see what is written.
    pub shared: &'a BTreeSet<MountName>,
    /// What the task has used before this call.
    pub spent: Spent,
}

/// What a task has used so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Spent {
    /// Calls that were started.
    pub calls: u64,
    /// Time that guests computed, in milliseconds.
    pub cpu_ms: u64,
    /// Bytes that were written to files.
    pub written_bytes: u64,
}

/// What policies look at in the variable part of a request: equal observations lead to equal decisions.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Observed<'a> {
    pub(super) arguments: Tags<'a>,
    pub(super) provenance: Option<Cow<'a, BTreeMap<String, Provenance>>>,
    pub(super) sources: Option<Provenance>,
    pub(super) chosen: Option<Cow<'a, Provenance>>,
    pub(super) labels: Option<Marked>,
    pub(super) spent: Option<Spent>,
}

/// What goes for the sources of a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Marked {
    all: Labels,
    args: BTreeMap<String, Labels>,
    chosen: Labels,
    /// Which sources are what, for reasons.
    pub(super) told: String,
}

impl Marked {
    fn new(request: &Request<'_>, all: &Provenance) -> Self {
        let classification = request.classification;
        let args = request.provenance.iter().map(|(key, sources)| (key.clone(), classification.labels(sources)));
        let mut told = all.clone();
        told.join(request.chosen);
        Self {
            all: classification.labels(all),
            args: args.collect(),
            chosen: classification.labels(request.chosen),
            told: classification.told(&told),
        }
    }
}

impl<'a> Observed<'a> {
    pub(super) fn new(request: &Request<'a>, mentions: &'a Mentions) -> Result<Self, TooMuch> {
        let join = || {
            request.provenance.values().fold(Provenance::new(), |mut all, sources| {
                all.join(sources);
                all
            })
        };
        Ok(Self {
            arguments: match &mentions.arguments {
                Arguments::Named(tags) => Tags::named(tags, request.args)?,
                Arguments::All => Tags::all(request.args)?,
            },
            provenance: mentions.provenance.then_some(Cow::Borrowed(request.provenance)),
            // What is written down of sources needs them itself.
            sources: (mentions.sources || mentions.labels || mentions.request).then(join),
            chosen: mentions.chosen.then_some(Cow::Borrowed(request.chosen)),
            labels: mentions.labels.then(|| Marked::new(request, &join())),
            spent: mentions.spent.then_some(request.spent),
        })
    }

    /// About the bytes that the texts take.
    pub(super) fn bytes(&self) -> usize {
        // A source is a short name; the bound is on memory, not exact.
        const SOURCE: usize = 64;
        let counts = |sources: &Provenance| sources.iter().count() * SOURCE;
        let provenance = self.provenance.iter().flat_map(|map| map.iter());
        self.arguments.0.iter().map(|(tag, text)| tag.len() + text.len()).sum::<usize>()
            + provenance.map(|(argument, sources)| argument.len() + counts(sources)).sum::<usize>()
            + self.sources.as_ref().map_or(0, counts)
            + self.chosen.as_deref().map_or(0, counts)
            + self.labels.as_ref().map_or(0, |marked| marked.told.len() + marked.args.len() * SOURCE)
    }

    pub(super) fn into_owned(self) -> Observed<'static> {
        Observed {
            arguments: self.arguments.into_owned(),
            provenance: self.provenance.map(|provenance| Cow::Owned(provenance.into_owned())),
            sources: self.sources,
            chosen: self.chosen.map(|chosen| Cow::Owned(chosen.into_owned())),
            labels: self.labels,
            spent: self.spent,
        }
    }
}

/// A request in Cedar's terms, for all the questions that are asked about it.
pub(super) struct Facts {
    pub(super) principal: EntityUid,
    /// What the tool is in.
    pub(super) package: EntityUid,
    pub(super) context: Context,
    pub(super) entities: Entities,
    /// Which sources are what, in words; empty where no policy asks, or none is anything.
    pub(super) told: String,
}

/// The same before it is put together, so that more can be added.
#[derive(Clone)]
pub(super) struct Parts {
    pub(super) principal: EntityUid,
    pub(super) package: EntityUid,
    pub(super) context: Vec<(String, RestrictedExpression)>,
    pub(super) entities: Vec<Entity>,
    /// The sources of all arguments, where any policy looks at them.
    pub(super) sources: Option<Provenance>,
    /// What goes for sources, where any policy looks at that.
    pub(super) labels: Option<Marked>,
    pub(super) classification: Arc<Classification>,
}

/// Why a request has no form in Cedar; Cedar's own errors, of which only the text is ever used.
pub(super) type Unfit = Box<dyn std::error::Error>;

impl Parts {
    pub(super) fn new(request: &Request<'_>, observed: &Observed<'_>, mentions: &Mentions) -> Result<Self, Unfit> {
        let principal = entity(Kind::Agent, request.principal.as_str());
        let tool = entity(Kind::Tool, request.tool.as_str());
        let package = entity(Kind::Package, request.tool.package());
        let trusted_as = request.roles.iter().map(|role| entity(Kind::Role, role));
        let parents: HashSet<_> = trusted_as.chain([entity(Kind::Tenant, request.tenant)]).collect();
        let digest = RestrictedExpression::new_string(request.digest.to_owned());
        let changes = request.needs != &request.needs.to_read();
        let mut entities = vec![
            Entity::new_no_attrs(principal.clone(), parents),
            tool_entity(tool.clone(), &package, changes, request.needs.is_open_world())?,
            Entity::new(package.clone(), HashMap::from([("digest".to_owned(), digest)]), HashSet::new())?,
        ];
        if mentions.shared {
            for (name, _) in request.mounts {
                let shared = RestrictedExpression::new_bool(request.shared.contains(name));
                let says = HashMap::from([("shared".to_owned(), shared)]);
                entities.push(Entity::new(entity(Kind::Mount, name.as_str()), says, HashSet::new())?);
            }
        }
        let mut context = Vec::new();
        if mentions.tool {
            context.push(("tool".to_owned(), RestrictedExpression::new_entity_uid(tool)));
        }
        if mentions.arguments() {
            let tags = observed.arguments.0.iter().map(|(tag, text)| (tag.to_string(), string(text)));
            context.push(("args".to_owned(), tagged(Kind::Arguments, tags, &mut entities)?));
        }
        if let Some(provenance) = &observed.provenance {
            let tags = provenance.iter().map(|(argument, sources)| (argument.clone(), set(sources)));
            context.push(("provenance".to_owned(), tagged(Kind::Sources, tags, &mut entities)?));
        }
        if let Some(sources) = &observed.sources {
            context.push(("sources".to_owned(), set(sources)));
        }
        if let Some(chosen) = &observed.chosen {
            context.push(("chosen".to_owned(), set(chosen)));
        }
        if let Some(marked) = &observed.labels {
            let tags = marked.args.iter().map(|(argument, labels)| (argument.clone(), words(*labels)));
            // The entity that carries them is the same, whatever else is in the context.
            tagged(Kind::Marks, tags, &mut entities)?;
            context.push(("labels".to_owned(), marked.expression()?));
        }
        if let Some(spent) = observed.spent {
            context.push(("spent".to_owned(), used(spent)?));
        }
        let (sources, labels) = (observed.sources.clone(), observed.labels.clone());
        let classification = Arc::clone(request.classification);
        Ok(Self { principal, package, context, entities, sources, labels, classification })
    }

    /// The same, where more than the arguments may be in what is asked about.
    pub(super) fn with(mut self, more: &Provenance) -> Result<Self, Unfit> {
        if let Some(sources) = &mut self.sources {
            sources.join(more);
            self.context.retain(|(name, _)| name != "sources");
            self.context.push(("sources".to_owned(), set(sources)));
            if let Some(marked) = &mut self.labels {
                marked.all = marked.all.join(self.classification.labels(more));
                marked.told = self.classification.told(sources);
                self.context.retain(|(name, _)| name != "labels");
                self.context.push(("labels".to_owned(), marked.expression()?));
            }
        }
        Ok(self)
    }

    pub(super) fn facts(self) -> Result<Facts, Unfit> {
        Ok(Facts {
            principal: self.principal,
            package: self.package,
            context: Context::from_pairs(self.context)?,
            entities: Entities::from_entities(self.entities, None)?,
            told: self.labels.map(|marked| marked.told).unwrap_or_default(),
        })
    }
}

impl Marked {
    fn expression(&self) -> Result<RestrictedExpression, Unfit> {
        let fields = [
            ("all", words(self.all)),
            ("chosen", words(self.chosen)),
            ("args", RestrictedExpression::new_entity_uid(entity(Kind::Marks, "call"))),
        ];
        Ok(RestrictedExpression::new_record(fields.map(|(name, value)| (name.to_owned(), value)))?)
    }
}

pub(super) fn words(labels: Labels) -> RestrictedExpression {
    RestrictedExpression::new_set(labels.words().map(string))
}

/// A tool, and what it could do.
pub(super) fn tool_entity(
    tool: EntityUid,
    package: &EntityUid,
    changes: bool,
    open_world: bool,
) -> Result<Entity, Unfit> {
    let says = [("changes", changes), ("open_world", open_world)];
    let says = says.map(|(name, holds)| (name.to_owned(), RestrictedExpression::new_bool(holds)));
    Ok(Entity::new(tool, HashMap::from(says), HashSet::from([package.clone()]))?)
}

fn string(text: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(text.to_owned())
}

pub(super) fn set(sources: &Provenance) -> RestrictedExpression {
    RestrictedExpression::new_set(sources.iter().map(|source| string(&source.to_string())))
}

fn used(spent: Spent) -> Result<RestrictedExpression, cedar_policy::ExpressionConstructionError> {
    let counters = [("calls", spent.calls), ("cpu_ms", spent.cpu_ms), ("written_bytes", spent.written_bytes)];
    let long = |count: u64| RestrictedExpression::new_long(i64::try_from(count).unwrap_or(i64::MAX));
    RestrictedExpression::new_record(counters.map(|(name, count)| (name.to_owned(), long(count))))
}

/// Adds the only entity of a kind that exists to carry tags, and gives what refers to it.
fn tagged(
    kind: Kind,
    tags: impl Iterator<Item = (String, RestrictedExpression)>,
    entities: &mut Vec<Entity>,
) -> Result<RestrictedExpression, Unfit> {
    let uid = entity(kind, "call");
    entities.push(Entity::new_with_tags(uid.clone(), [], [], tags)?);
    Ok(RestrictedExpression::new_entity_uid(uid))
}
