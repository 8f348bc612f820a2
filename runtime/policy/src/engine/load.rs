//! From files to rules: parsing, ids, annotations, validation.

use super::{
    error::{Fault, Place, PolicyError, Problem},
    mentions::Mentions,
    rules::Rules,
    vocabulary::{Action, SCHEMA},
};
use cedar_policy::{ActionConstraint, Effect, PolicyId, PolicySet, ValidationMode, ValidationWarning, Validator};
use miette::Diagnostic;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    path::Path,
};

/// Where a policy stands: its file and the byte at which it starts.
struct Origin<'a> {
    name: &'a str,
    text: &'a str,
    offset: usize,
}

impl Origin<'_> {
    fn place(&self, offset: usize) -> Place {
        Place::new(self.name, self.text, offset)
    }

    fn problem(&self, fault: Fault) -> Problem {
        Problem { place: self.place(self.offset), fault }
    }
}

/// Everything that is read from policy files on the way to rules.
#[derive(Default)]
struct Loaded<'a> {
    policies: Vec<cedar_policy::Policy>,
    origins: HashMap<String, Origin<'a>>,
    approvers: BTreeMap<String, Vec<String>>,
    staged: BTreeSet<String>,
    mentions: Mentions,
    problems: Vec<Problem>,
    /// Whether the file that is read may hold no permit.
    only_forbids: bool,
}

/// Reads policy files, which count as one. After the first `free`, they can all but forbid.
pub(super) fn load(sources: &[(String, String)], free: usize) -> Result<(Rules, Mentions), PolicyError> {
    let mut loaded = Loaded::default();
    for (index, (name, text)) in sources.iter().enumerate() {
        loaded.only_forbids = index >= free;
        loaded.file(name, text);
    }
    // Ids and annotations first: what the validator says speaks of policies by their ids.
    if loaded.problems.is_empty() {
        loaded.validate();
    }
    if loaded.problems.is_empty() {
        Ok((Rules::new(loaded.policies, loaded.approvers, loaded.staged), loaded.mentions))
    } else {
        // One problem for each place: the validator repeats itself for every action that a policy could apply to.
        let mut problems: Vec<_> = loaded.problems.into_iter().map(|problem| (problem.to_string(), problem)).collect();
        problems.sort_by(|(a_text, a), (b_text, b)| (&a.place, a_text).cmp(&(&b.place, b_text)));
        problems.dedup_by(|(_, later), (_, earlier)| later.place == earlier.place);
        Err(PolicyError { problems: problems.into_iter().map(|(_, problem)| problem).collect() })
    }
}

impl<'a> Loaded<'a> {
    fn file(&mut self, name: &'a str, text: &'a str) {
        let set = match text.parse::<PolicySet>() {
            Ok(set) => set,
            Err(errors) => {
                let syntax = |what, expected| Fault::Syntax { what, expected };
                self.problems
                    .extend(errors.iter().map(|error| problem(error, &Origin { name, text, offset: 0 }, syntax)));
                return;
            }
        };
        for template in set.templates() {
            let offset = template.as_ref().loc().map_or(0, |loc| loc.start());
            self.problems.push(Origin { name, text, offset }.problem(Fault::Template));
        }
        let mut policies: Vec<_> =
            set.policies().map(|policy| (policy.as_ref().loc().map_or(0, |loc| loc.start()), policy)).collect();
        policies.sort_by_key(|(offset, _)| *offset);
        let stem = Path::new(name).file_stem().map_or(name.into(), |stem| stem.to_string_lossy());
        for (index, (offset, policy)) in policies.into_iter().enumerate() {
            self.policy(policy, format!("{stem}#{}", index + 1), Origin { name, text, offset });
        }
    }

    fn policy(&mut self, policy: &cedar_policy::Policy, unnamed: String, origin: Origin<'a>) {
        let id = policy.annotation("id").map_or(unnamed, str::to_owned);
        if self.only_forbids && policy.effect() == Effect::Permit {
            self.problems.push(origin.problem(Fault::Widens));
        }
        for (key, annotation) in policy.as_ref().annotations() {
            let fault = match (AsRef::<str>::as_ref(key), annotation.val.as_str()) {
                ("id", "") => Fault::NoId,
                ("id", _) => continue,
                ("approval", _) if policy.effect() == Effect::Forbid => Fault::ApprovalOfForbid,
                ("approval", names) => {
                    let approvers: Vec<_> = names.split(',').map(|name| name.trim().to_owned()).collect();
                    if !approvers.iter().any(String::is_empty) {
                        self.approvers.insert(id.clone(), approvers);
                        continue;
                    }
                    Fault::NoApprovers
                }
                ("staged", _) if !stages(policy) => Fault::StagedNothing,
                ("staged", "") => {
                    self.staged.insert(id.clone());
                    continue;
                }
                ("staged", value) => Fault::StagedValue(value.to_owned()),
                (unknown, _) => Fault::Annotation(unknown.to_owned()),
            };
            let offset = annotation.loc.as_ref().map_or(origin.offset, |loc| loc.start());
            self.problems.push(Problem { place: origin.place(offset), fault });
        }
        match policy.to_json().map(|tree| self.mentions.add(&tree)) {
            Ok(Ok(())) => {}
            Ok(Err(tag)) => self.problems.push(origin.problem(Fault::ArgumentTag(tag))),
            Err(error) => {
                let fault = Fault::Syntax { what: error.to_string(), expected: Vec::new() };
                self.problems.push(origin.problem(fault));
            }
        }
        if let Some(first) = self.origins.get(&id) {
            let Place { file, line, .. } = first.place(first.offset);
            self.problems.push(origin.problem(Fault::DuplicateId { id, first: format!("{file}:{line}") }));
            return;
        }
        self.policies.push(policy.new_id(PolicyId::new(&id)));
        self.origins.insert(id, origin);
    }

    fn validate(&mut self) {
        let set = match PolicySet::from_policies(self.policies.iter().cloned()) {
            Ok(set) => set,
            // Ids were compared before and templates refused, which is all that a set can refuse.
            Err(error) => unreachable!("{error}"),
        };
        let result = Validator::new(SCHEMA.clone()).validate(&set, ValidationMode::Strict);
        let mut add = |id: &PolicyId, error: &dyn Diagnostic| {
            let schema = |what, expected| Fault::Schema { what, expected };
            let id: &str = id.as_ref();
            self.problems.push(problem(error, &self.origins[id], schema));
        };
        let mut faulty = HashSet::new();
        for error in result.validation_errors() {
            faulty.insert(error.policy_id());
            add(error.policy_id(), error);
        }
        for warning in result.validation_warnings() {
            use ValidationWarning::{ConfusableIdentifier, MixedScriptIdentifier, MixedScriptString};
            // Names are written in every script. What is left is policy that can never apply or that hides its meaning;
            // that a faulty policy never applies is no news.
            let harmless = matches!(warning, ConfusableIdentifier(_) | MixedScriptIdentifier(_) | MixedScriptString(_));
            if !harmless && faulty.insert(warning.policy_id()) {
                add(warning.policy_id(), warning);
            }
        }
    }
}

/// What Cedar says of a file, at the place where it says it.
fn problem(error: &dyn Diagnostic, origin: &Origin<'_>, fault: impl Fn(String, Vec<String>) -> Fault) -> Problem {
    let label = error.labels().and_then(|mut labels| labels.next());
    let expected = label.as_ref().and_then(|label| label.label().map(str::to_owned));
    let help = error.help().map(|help| help.to_string());
    Problem {
        place: origin.place(label.map_or(origin.offset, |label| label.offset())),
        fault: fault(error.to_string(), expected.into_iter().chain(help).collect()),
    }
}

/// Whether a policy can allow something that leads to changes in a mount.
fn stages(policy: &cedar_policy::Policy) -> bool {
    let write = Action::Write.uid();
    policy.effect() == Effect::Permit
        && match policy.action_constraint() {
            ActionConstraint::Any => true,
            ActionConstraint::Eq(action) => action == write,
            ActionConstraint::In(actions) => actions.contains(&write),
        }
}
