//! What of a request the policies look at, read from their own trees.

use super::arguments::Path;
use serde_json::Value;
use std::collections::BTreeSet;

/// Which parts of the context any policy looks at. What is not mentioned is neither built nor part of a cache key, so
/// a mistake here may only ever mention too much.
#[derive(Debug, Default)]
pub(super) struct Mentions {
    pub(super) tool: bool,
    pub(super) provenance: bool,
    pub(super) sources: bool,
    pub(super) spent: bool,
    pub(super) chosen: bool,
    pub(super) labels: bool,
    /// Where what is sent goes, and where that came from.
    pub(super) request: bool,
    /// Whether others see what is written to a mount.
    pub(super) shared: bool,
    pub(super) arguments: Arguments,
}

/// Which arguments any policy looks at.
#[derive(Debug)]
pub(super) enum Arguments {
    /// Those of these tags, in order; often none.
    Named(Vec<(String, Path)>),
    /// All: a tag is computed, or the arguments are compared as a whole.
    All,
}

impl Default for Arguments {
    fn default() -> Self {
        Self::Named(Vec::new())
    }
}

impl Mentions {
    /// Adds what a policy in Cedar's JSON form looks at.
    ///
    /// # Errors
    /// Gives back a tag that no argument can have.
    pub(super) fn add(&mut self, policy: &Value) -> Result<(), String> {
        let mut tags = BTreeSet::new();
        self.walk(policy, &mut tags);
        for tag in tags {
            let path = Path::parse(tag).ok_or_else(|| tag.to_owned())?;
            if let Arguments::Named(named) = &mut self.arguments
                && let Err(index) = named.binary_search_by(|(known, _)| known.as_str().cmp(tag))
            {
                named.insert(index, (tag.to_owned(), path));
            }
        }
        Ok(())
    }

    /// Whether any policy looks at any argument.
    pub(super) fn arguments(&self) -> bool {
        match &self.arguments {
            Arguments::Named(tags) => !tags.is_empty(),
            Arguments::All => true,
        }
    }

    fn walk<'a>(&mut self, tree: &'a Value, tags: &mut BTreeSet<&'a str>) {
        match tree {
            Value::Object(fields) => {
                for (operator, operands) in fields {
                    self.shared |= operands["attr"] == "shared";
                    match (operator.as_str(), context_attribute(operator, operands)) {
                        ("hasTag" | "getTag", _) if named_argument(operands).is_some() => {
                            tags.extend(named_argument(operands));
                        }
                        (_, Some(attribute)) => self.mention(attribute),
                        ("Var", None) if operands == "context" => self.mention_all(),
                        // The entities that carry tags can also be named without `context`.
                        ("__entity", None) if operands["type"] == "Arguments" => self.mention("args"),
                        ("__entity", None) if operands["type"] == "Sources" => self.mention("provenance"),
                        (_, None) => self.walk(operands, tags),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.walk(item, tags)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn mention(&mut self, attribute: &str) {
        match attribute {
            "tool" => self.tool = true,
            "provenance" => self.provenance = true,
            "sources" => self.sources = true,
            "spent" => self.spent = true,
            "args" => self.arguments = Arguments::All,
            "chosen" => self.chosen = true,
            "labels" => self.labels = true,
            "request" => self.request = true,
            _ => self.mention_all(),
        }
    }

    fn mention_all(&mut self) {
        ["tool", "provenance", "sources", "spent", "chosen", "labels", "request", "args"]
            .into_iter()
            .for_each(|attribute| self.mention(attribute));
    }
}

/// The attribute in `context.attribute` and `context has attribute`.
fn context_attribute<'a>(operator: &str, operands: &'a Value) -> Option<&'a str> {
    let reads = matches!(operator, "." | "has") && operands["left"]["Var"] == "context";
    reads.then(|| operands["attr"].as_str()).flatten()
}

/// The tag in `context.args.hasTag("tag")` and `context.args.getTag("tag")`.
fn named_argument(operands: &Value) -> Option<&str> {
    let attribute = context_attribute(".", operands["left"].get(".")?)?;
    (attribute == "args").then(|| operands["right"]["Value"].as_str()).flatten()
}
