//! What an operator says of sources: whom to trust, and what is nobody else's business.

use crate::{HostPattern, Provenance, Source, ToolId, ToolPattern};
use serde::{Deserialize, Deserializer, Serialize};
use std::{collections::BTreeMap, fmt, str::FromStr};

/// Whether what comes from a source is meant well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trust {
    /// Its owner wrote it, or stands by it.
    Trusted,
    /// Anybody may have written it.
    Untrusted,
}

/// Whose business what comes from a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sensitivity {
    /// Everybody's.
    Public,
    /// Its owner's.
    Private,
}

/// What is said of some sources. What is absent stays as it is without.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Class {
    /// Whether they are meant well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust: Option<Trust>,
    /// Whose business they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sensitivity: Option<Sensitivity>,
}

/// Which sources are meant: one, such as `mount:notes` or `plan`, or several: `mount:*`, `http:*.example.com`, `tool:files.*`,
/// `planner:*`, `secret:*`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(into = "String")]
pub struct SourcePattern(String);

/// What an operator says of sources. The pattern that says most about a source goes before others: the source itself, then
/// the longest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Classification(BTreeMap<SourcePattern, Class>);

/// What policies see of the sources of a value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Labels {
    /// Some of them are untrusted.
    pub untrusted: bool,
    /// Some of them are private.
    pub private: bool,
}

/// A text that names no sources.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` names no sources: expected `objective`, `plan`, `caller`, `mount:NAME`, `http:HOST`, `tool:ID`, `planner:NAME` or \
     `secret:NAME`, with `*` for all of a kind, `*.example.com` for hosts and `package.*` for tools"
)]
pub struct SourcePatternError(String);

impl FromStr for SourcePattern {
    type Err = SourcePatternError;

    fn from_str(text: &str) -> Result<Self, SourcePatternError> {
        let fits = match text.split_once(':') {
            Some((kind @ ("mount" | "planner" | "secret" | "http" | "tool"), name)) => match kind {
                _ if name == "*" => true,
                "http" => name.parse::<HostPattern>().is_ok(),
                "tool" => name.parse::<ToolPattern>().is_ok(),
                _ => !name.is_empty() && !name.contains('*'),
            },
            // What goes for these follows from what they are the shape of.
            Some(("shape", _)) => false,
            _ => text.parse::<Source>().is_ok(),
        };
        if fits { Ok(Self(text.to_owned())) } else { Err(SourcePatternError(text.chars().take(100).collect())) }
    }
}

impl<'de> Deserialize<'de> for SourcePattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl From<SourcePattern> for String {
    fn from(pattern: SourcePattern) -> Self {
        pattern.0
    }
}

impl fmt::Display for SourcePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl SourcePattern {
    fn covers(&self, source: &Source) -> bool {
        let Some((kind, name)) = self.0.split_once(':') else { return self.0 == source.to_string() };
        match (kind, source) {
            ("mount", Source::Mount(found))
            | ("planner", Source::Planner(found))
            | ("secret", Source::Secret(found)) => name == "*" || name == found,
            ("http", Source::Http(host)) => {
                name == "*" || name.parse::<HostPattern>().is_ok_and(|pattern| pattern.covers_host(host))
            }
            ("tool", Source::Tool(id)) => {
                let covers = |pattern: ToolPattern| id.parse::<ToolId>().is_ok_and(|id| pattern.covers(&id));
                name == "*" || name.parse::<ToolPattern>().is_ok_and(covers)
            }
            _ => false,
        }
    }
}

impl Classification {
    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What goes for one source. Where nothing is said of it, what the owner of a task, a plan, a caller, a planner or a tool
    /// says is theirs and meant well, a secret is private, what comes from the network is untrusted, and files are both:
    /// nobody has said who wrote them, nor for whom.
    pub fn of(&self, source: &Source) -> Labels {
        let mut labels = match source {
            Source::Shape(of) => return Labels { untrusted: false, ..self.of(of) },
            Source::Objective | Source::Plan | Source::Caller | Source::Tool(_) | Source::Planner(_) => {
                Labels::default()
            }
            Source::Mount(_) => Labels { untrusted: true, private: true },
            Source::Http(_) => Labels { untrusted: true, private: false },
            Source::Secret(_) => Labels { untrusted: false, private: true },
        };
        let exact = source.to_string();
        let mut covering: Vec<_> = self.0.iter().filter(|(pattern, _)| pattern.covers(source)).collect();
        covering.sort_by_key(|(pattern, _)| (pattern.0 == exact, pattern.0.len()));
        for (_, class) in covering {
            labels.untrusted = class.trust.map_or(labels.untrusted, |trust| trust == Trust::Untrusted);
            labels.private =
                class.sensitivity.map_or(labels.private, |sensitivity| sensitivity == Sensitivity::Private);
        }
        labels
    }

    /// What goes for a value of these sources.
    pub fn labels(&self, sources: &Provenance) -> Labels {
        sources.iter().map(|source| self.of(source)).fold(Labels::default(), Labels::join)
    }

    /// Which of these sources are what, in words; empty where none is anything.
    pub fn told(&self, sources: &Provenance) -> String {
        let of = |is: fn(&Labels) -> bool| {
            let found: Vec<_> = sources.iter().filter(|source| is(&self.of(source))).map(ToString::to_string).collect();
            found.join(", ")
        };
        let parts = [("untrusted", of(|labels| labels.untrusted)), ("private", of(|labels| labels.private))];
        let parts: Vec<_> = parts
            .into_iter()
            .filter(|(_, found)| !found.is_empty())
            .map(|(word, found)| format!("{word}: {found}"))
            .collect();
        parts.join("; ")
    }
}

impl FromIterator<(SourcePattern, Class)> for Classification {
    fn from_iter<I: IntoIterator<Item = (SourcePattern, Class)>>(rules: I) -> Self {
        Self(rules.into_iter().collect())
    }
}

impl Labels {
    /// What goes for two values together.
    pub fn join(self, other: Self) -> Self {
        Self { untrusted: self.untrusted || other.untrusted, private: self.private || other.private }
    }

    /// The words for them.
    pub fn words(self) -> impl Iterator<Item = &'static str> {
        let words = [("untrusted", self.untrusted), ("private", self.private)];
        words.into_iter().filter(|(_, is)| *is).map(|(word, _)| word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_most_goes_before() {
        let text = r#"{"mount:*": {"trust": "trusted"}, "mount:inbox": {"trust": "untrusted"},
            "http:*": {"sensitivity": "public"}, "http:*.corp.example": {"trust": "trusted", "sensitivity": "private"},
            "tool:acme.*": {"trust": "untrusted"}, "planner:*": {"trust": "untrusted"}}"#;
        let classification: Classification = serde_json::from_str(text).expect("valid");
        let check = |source: &str, expected: &str| {
            let labels = classification.of(&source.parse().expect("a source"));
            let words: Vec<_> = labels.words().collect();
            assert_eq!(words.join(" "), expected, "{source}");
        };
        check("mount:notes", "private");
        check("mount:inbox", "untrusted private");
        check("http:example.com", "untrusted");
        check("http:wiki.corp.example", "private");
        check("tool:acme.run", "untrusted");
        check("tool:files.read", "");
        check("planner:gpt", "untrusted");
        check("secret:key", "private");
        check("objective", "");
        for wrong in ["mount:", "mount:a*", "disk:x", "http:a b", "*", "tool:*.x"] {
            assert!(wrong.parse::<SourcePattern>().is_err(), "{wrong}");
        }
    }
}
