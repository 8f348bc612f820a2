//! What others see of a package: what it could reach, and its tools. And what an update changes in that.

use crate::{Digest, Reach};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

/// What others see of a package, derived from its bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Surface {
    /// What it could reach at most.
    pub reach: Reach,
    /// Its tools, by function name.
    pub tools: BTreeMap<String, Signature>,
}

/// What a caller has to know of a tool. Types are written out, without names of their own: equal texts are equal types.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// The type of each parameter; one that may be absent is an `option<…>`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, String>,
    /// The type of the result.
    pub result: String,
    /// The sha256 of all that it says of itself to people and models.
    pub docs: Digest,
}

/// What an update changes in a package's surface.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Update {
    /// What it could newly reach.
    pub added: Reach,
    /// What it cannot reach any more.
    pub removed: Reach,
    /// What changes for callers.
    pub interface: Vec<InterfaceChange>,
}

/// One thing that changes for callers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the fields are named after what they hold")]
pub enum InterfaceChange {
    /// All tools have other ids.
    PackageRenamed { from: String, to: String },
    /// A tool that was not there.
    ToolAdded { tool: String },
    /// A tool that is not there any more.
    ToolRemoved { tool: String },
    /// A parameter that was not there; it breaks callers where it is required.
    ParameterAdded { tool: String, parameter: String, r#type: String, required: bool },
    /// A parameter that is not there any more: whoever gives it is refused.
    ParameterRemoved { tool: String, parameter: String },
    /// A parameter that may be absent now, and takes what it took.
    ParameterBecameOptional { tool: String, parameter: String },
    /// A parameter that may not be absent any more, and takes what else it took.
    ParameterBecameRequired { tool: String, parameter: String },
    /// A parameter of another type.
    ParameterChanged { tool: String, parameter: String, from: String, to: String },
    /// A result of another type.
    ResultChanged { tool: String, from: String, to: String },
    /// Other words for people and models.
    DocsChanged { tool: String },
}

/// The type of what may be absent.
fn optional(of: &str) -> String {
    format!("option<{of}>")
}

fn is_optional(of: &str) -> bool {
    of.starts_with("option<")
}

impl InterfaceChange {
    /// Whether a caller that knows only the old version can fail because of it. Any other type counts, also a wider one:
    /// what comes back may be compared, stored or checked against the old schema.
    pub fn breaks(&self) -> bool {
        match self {
            Self::ToolAdded { .. } | Self::ParameterBecameOptional { .. } | Self::DocsChanged { .. } => false,
            Self::ParameterAdded { required, .. } => *required,
            Self::PackageRenamed { .. }
            | Self::ToolRemoved { .. }
            | Self::ParameterRemoved { .. }
            | Self::ParameterBecameRequired { .. }
            | Self::ParameterChanged { .. }
            | Self::ResultChanged { .. } => true,
        }
    }
}

impl Update {
    /// What is different in the new one.
    pub fn between(old: &Surface, new: &Surface) -> Self {
        let mut interface = Vec::new();
        for (tool, signature) in &old.tools {
            match new.tools.get(tool) {
                None => interface.push(InterfaceChange::ToolRemoved { tool: tool.clone() }),
                Some(now) => of_tool(tool, signature, now, &mut interface),
            }
        }
        let added = new.tools.keys().filter(|tool| !old.tools.contains_key(*tool));
        interface.extend(added.map(|tool| InterfaceChange::ToolAdded { tool: tool.clone() }));
        Self { added: new.reach.beyond(&old.reach), removed: old.reach.beyond(&new.reach), interface }
    }

    /// Whether the package could reach anything that it could not reach before.
    pub fn widens(&self) -> bool {
        !self.added.is_empty()
    }

    /// Whether a caller that knows only the old version can fail because of it.
    pub fn breaks(&self) -> bool {
        self.interface.iter().any(InterfaceChange::breaks)
    }
}

fn of_tool(tool: &str, old: &Signature, new: &Signature, changes: &mut Vec<InterfaceChange>) {
    let tool = || tool.to_owned();
    for (name, from) in &old.params {
        let parameter = || name.clone();
        match new.params.get(name) {
            Some(to) if to == from => {}
            None => changes.push(InterfaceChange::ParameterRemoved { tool: tool(), parameter: parameter() }),
            Some(to) if *to == optional(from) => {
                changes.push(InterfaceChange::ParameterBecameOptional { tool: tool(), parameter: parameter() });
            }
            Some(to) if *from == optional(to) => {
                changes.push(InterfaceChange::ParameterBecameRequired { tool: tool(), parameter: parameter() });
            }
            Some(to) => changes.push(InterfaceChange::ParameterChanged {
                tool: tool(),
                parameter: parameter(),
                from: from.clone(),
                to: to.clone(),
            }),
        }
    }
    for (name, r#type) in new.params.iter().filter(|(name, _)| !old.params.contains_key(*name)) {
        let (parameter, required) = (name.clone(), !is_optional(r#type));
        changes.push(InterfaceChange::ParameterAdded { tool: tool(), parameter, r#type: r#type.clone(), required });
    }
    if old.result != new.result {
        let (from, to) = (old.result.clone(), new.result.clone());
        changes.push(InterfaceChange::ResultChanged { tool: tool(), from, to });
    }
    if old.docs != new.docs {
        changes.push(InterfaceChange::DocsChanged { tool: tool() });
    }
}

impl fmt::Display for InterfaceChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PackageRenamed { from, to } => write!(f, "package {from} is now {to}, and so are its tools' ids"),
            Self::ToolAdded { tool } => write!(f, "{tool}: new tool"),
            Self::ToolRemoved { tool } => write!(f, "{tool}: removed"),
            Self::ParameterAdded { tool, parameter, r#type, required } => {
                let kind = if *required { "required" } else { "optional" };
                write!(f, "{tool}: new {kind} parameter {parameter}: {type}")
            }
            Self::ParameterRemoved { tool, parameter } => write!(f, "{tool}: parameter {parameter} removed"),
            Self::ParameterBecameOptional { tool, parameter } => {
                write!(f, "{tool}: parameter {parameter} may be absent now")
            }
            Self::ParameterBecameRequired { tool, parameter } => {
                write!(f, "{tool}: parameter {parameter} is required now")
            }
            Self::ParameterChanged { tool, parameter, from, to } => {
                write!(f, "{tool}: parameter {parameter}: {from} → {to}")
            }
            Self::ResultChanged { tool, from, to } => write!(f, "{tool}: result: {from} → {to}"),
            Self::DocsChanged { tool } => write!(f, "{tool}: its documentation changed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tool's name, parameters and result.
    type Tool<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);

    fn surface(tools: &[Tool<'_>]) -> Surface {
        let tool = |(name, params, result): &Tool<'_>| {
            let params = params.iter().map(|(name, of)| ((*name).to_owned(), (*of).to_owned())).collect();
            ((*name).to_owned(), Signature { params, result: (*result).to_owned(), docs: Digest([0; 32]) })
        };
        Surface { reach: Reach::default(), tools: tools.iter().map(tool).collect() }
    }

    #[test]
    fn each_change_says_whether_it_breaks_callers() {
        let old = surface(&[("read", &[("path", "string"), ("max", "option<u32>")], "string")]);
        let check = |new: &[Tool<'_>], breaks: bool, expected: &[&str]| {
            let update = Update::between(&old, &surface(new));
            let got: Vec<_> = update.interface.iter().map(ToString::to_string).collect();
            assert_eq!(
                (update.breaks(), got.as_slice()),
                (breaks, &expected.iter().map(ToString::to_string).collect::<Vec<_>>()[..])
            );
        };
        let (path, max) = (("path", "string"), ("max", "option<u32>"));
        check(&[("read", &[path, max], "string")], false, &[]);
        check(&[], true, &["read: removed"]);
        check(&[("read", &[path, max], "string"), ("stat", &[], "u32")], false, &["stat: new tool"]);
        check(&[("read", &[path], "string")], true, &["read: parameter max removed"]);
        check(
            &[("read", &[path, max, ("mode", "option<string>")], "string")],
            false,
            &["read: new optional parameter mode: option<string>"],
        );
        check(
            &[("read", &[path, max, ("mode", "string")], "string")],
            true,
            &["read: new required parameter mode: string"],
        );
        check(
            &[("read", &[("path", "option<string>"), max], "string")],
            false,
            &["read: parameter path may be absent now"],
        );
        check(&[("read", &[path, ("max", "u32")], "string")], true, &["read: parameter max is required now"]);
        check(
            &[("read", &[path, ("max", "option<u64>")], "string")],
            true,
            &["read: parameter max: option<u32> → option<u64>"],
        );
        check(&[("read", &[path, max], "list<u8>")], true, &["read: result: string → list<u8>"]);
    }
}
