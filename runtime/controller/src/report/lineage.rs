//! Where what a step was given came from: back through the results that went into it, to files, hosts, people and planners.

use super::{markdown::verdict, story::Story};
use crate::plan::Plan;
use journal::{By, Event, EventBody, TaskId};
use policy::{Provenance, Source};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

/// How many of the results that a planner had seen are drawn; those of untrusted or private sources come first.
const MAX_SEEN: usize = 12;
/// How many of the calls that a step's tool made are drawn; the report has all.
const MAX_INNER: usize = 100;

/// Something, and where it came from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Branch {
    /// What.
    pub what: String,
    /// Where it came from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<Branch>,
}

impl Branch {
    fn leaf(what: String) -> Self {
        Self { what, from: Vec::new() }
    }

    fn draw(&self, lines: &mut Vec<String>, first: &str, rest: &str) {
        lines.push(format!("{first}{}", self.what));
        for (index, branch) in self.from.iter().enumerate() {
            let last = index + 1 == self.from.len();
            let (own, below) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            branch.draw(lines, &format!("{rest}{own}"), &format!("{rest}{below}"));
        }
    }

    /// As a tree of lines.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        self.draw(&mut lines, "", "");
        lines
    }
}

impl fmt::Display for Branch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines().join("\n"))
    }
}

/// Where each argument of a step came from.
///
/// # Errors
/// Gives back the ids of all steps where it is none of them.
pub fn explain(task: &TaskId, plan: &Arc<Plan>, events: &[Event], step: &str) -> Result<Branch, Vec<String>> {
    let story = Story::new(task, plan, events);
    let graph = &story.progress.graph;
    match graph.find(step) {
        Some(at) => Ok(Lineage::new(&story, events).of(at, true)),
        None => Err(graph.nodes().iter().filter(|node| node.item.is_none()).map(|node| node.id.to_string()).collect()),
    }
}

/// What is known of a task's data.
pub(super) struct Lineage<'a> {
    story: &'a Story<'a>,
    /// The results that a planner had been shown when it added a step.
    seen: BTreeMap<String, Vec<String>>,
    drawn: BTreeSet<usize>,
}

impl<'a> Lineage<'a> {
    pub(super) fn new(story: &'a Story<'a>, events: &'a [Event]) -> Self {
        let (mut shown, mut seen) = (Vec::<String>::new(), BTreeMap::new());
        for event in events {
            match &event.body {
                EventBody::Shown { steps, .. } => shown.extend(steps.iter().cloned()),
                EventBody::Replanned { by: By::Planner(_), add, .. } => {
                    let ids = add.iter().filter_map(|step| step["id"].as_str());
                    seen.extend(ids.map(|id| (id.to_owned(), shown.clone())));
                }
                _ => {}
            }
        }
        Self { story, seen, drawn: BTreeSet::new() }
    }

    /// The branch of a step; `whole` with what it was called with, else only with what its result came from.
    pub(super) fn of(&mut self, at: usize, whole: bool) -> Branch {
        let (node, known) = (&self.story.progress.graph.nodes()[at], &self.story.progress.steps[at]);
        let mut branch = Branch::leaf(format!("step {}: {}, {}", node.id, node.step.work, known.state.word()));
        if let Some(why) = known.why.as_ref().filter(|_| whole) {
            branch.what += &format!(": {why}");
        }
        if !self.drawn.insert(at) {
            branch.what += " (drawn already)";
            return branch;
        }
        let told = &self.story.steps[at];
        let given = told.decided.last().map(|decided| decided.provenance);
        for (key, template) in &node.step.args {
            let mut argument = Branch::leaf(format!("argument `{key}`"));
            for id in template.steps() {
                if let Some(other) = self.story.progress.graph.find(&id) {
                    argument.from.push(self.of(other, false));
                }
            }
            if let Some(sources) = given.and_then(|given| given.get(key)) {
                argument.what += &format!(" ← {}", self.named(sources));
            }
            branch.from.push(argument);
        }
        // Each of them carries what had been read before it.
        for call in told.invoked.iter().take(if whole { MAX_INNER } else { 0 }) {
            let (sources, verdict) = (self.named(&call.sources()), verdict(call.decision));
            let mut inner = Branch::leaf(format!("called {}, {verdict} ← {sources}", call.tool));
            let refused = call.effects().into_iter().flat_map(|effects| &effects.refused).take(MAX_SEEN);
            inner.from.extend(refused.map(|effect| {
                let why = effect.why.as_deref().unwrap_or_default();
                Branch::leaf(format!("was refused: {} {} {why}", effect.action.name(), effect.path))
            }));
            branch.from.push(inner);
        }
        if let Some(more) = told.invoked.len().checked_sub(MAX_INNER).filter(|more| whole && *more > 0) {
            branch.from.push(Branch::leaf(format!("and {more} more calls")));
        }
        // What it read itself is in its result.
        let read: BTreeSet<Source> = told
            .calls
            .iter()
            .filter_map(|call| call.outcome.as_ref())
            .flat_map(|outcome| outcome.effects.sources().iter().cloned().collect::<Vec<_>>())
            .collect();
        if !read.is_empty() {
            let sources: Provenance = read.into_iter().collect();
            branch.from.push(Branch::leaf(format!("read {}", self.named(&sources))));
        }
        branch.from.push(self.chosen(at));
        branch
    }

    /// Who chose a step, and what they had seen.
    fn chosen(&mut self, at: usize) -> Branch {
        let node = &self.story.progress.graph.nodes()[at];
        let mut branch = Branch::leaf(format!("chosen by {}", self.named(&node.chosen)));
        let id = node.step.id.clone();
        let seen = self.seen.get(&id).cloned().unwrap_or_default();
        let mut seen: Vec<_> = seen.iter().filter_map(|id| self.story.progress.graph.find(id)).collect();
        seen.sort_unstable();
        seen.dedup();
        // What matters most comes first.
        seen.sort_by_key(|at| self.labels(&self.story.progress.steps[*at].provenance).is_empty());
        for &other in seen.iter().take(MAX_SEEN) {
            let mut shown = self.of(other, false);
            shown.what = format!("which had seen {}", shown.what);
            branch.from.push(shown);
        }
        if let Some(more) = seen.len().checked_sub(MAX_SEEN).filter(|more| *more > 0) {
            branch.from.push(Branch::leaf(format!("and {more} more")));
        }
        branch
    }

    /// Sources, each with what goes for it.
    fn named(&self, sources: &Provenance) -> String {
        let classification = &self.story.progress.plan().sources;
        let named = sources.iter().map(|source| {
            let words: Vec<_> = classification.of(source).words().collect();
            if words.is_empty() { source.to_string() } else { format!("{source} ({})", words.join(", ")) }
        });
        named.collect::<Vec<_>>().join(", ")
    }

    fn labels(&self, sources: &Provenance) -> String {
        self.story.progress.plan().sources.told(sources)
    }
}
