//! What a package could reach, as a set that can be compared: what an update adds to it is what it widens.

use crate::{Access, HostPattern, Needs, ProgramPattern, Time, ToolPattern};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, fmt};

/// What a package could reach at most: short texts, such as `fs write`, `env LANG` or `import wasi:sockets/tcp`. A text of
/// one word stands for everything of its kind: `env` for all variables.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Reach(BTreeSet<String>);

impl Reach {
    /// What needs reach, and imports that they do not bound; each import as `package/interface`, without its version.
    pub fn new(needs: &Needs, imports: impl IntoIterator<Item = String>) -> Self {
        let imports = imports.into_iter().map(|import| format!("import {import}"));
        Self(of_needs(needs).into_iter().chain(imports).collect())
    }

    /// What is in this one and not in the other.
    #[must_use]
    pub fn beyond(&self, other: &Self) -> Self {
        Self(self.0.iter().filter(|text| !other.covers(text)).cloned().collect())
    }

    /// Whether it is nothing at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The texts, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    fn covers(&self, text: &str) -> bool {
        // Only the whole first word counts: the rest of a text may be a guest's, and hold what it likes.
        let kind = text.split_once(' ').map_or(text, |(kind, _)| kind);
        self.0.contains(text) || self.0.contains(kind)
    }
}

fn of_needs(needs: &Needs) -> Vec<String> {
    // Each by its name: a need that is new does not compile before it has a line here.
    let Needs { fs, env, clock, random, http, tcp, udp, listen, secrets, invoke, exec } = needs;
    let mut texts = Vec::new();
    texts.extend(fs.map(|_| "fs read".to_owned()));
    texts.extend(fs.filter(|access| Access::writes(*access)).map(|_| "fs write".to_owned()));
    match env {
        None => texts.push("env".to_owned()),
        Some(names) => texts.extend(names.iter().map(|name| format!("env {name}"))),
    }
    for (kind, patterns) in [("http", http), ("tcp", tcp), ("udp", udp), ("listen", listen)] {
        let any = |pattern: &HostPattern| *pattern == HostPattern::any();
        texts.extend(patterns.iter().map(|it| if any(it) { kind.to_owned() } else { format!("{kind} {it}") }));
    }
    texts.extend(secrets.iter().map(|name| format!("secret {name}")));
    let any = |pattern: &ToolPattern| *pattern == ToolPattern::any();
    texts.extend(invoke.iter().map(|it| if any(it) { "invoke".to_owned() } else { format!("invoke {it}") }));
    let any = |pattern: &ProgramPattern| *pattern == ProgramPattern::any();
    texts.extend(exec.iter().map(|it| if any(it) { "exec".to_owned() } else { format!("exec {it}") }));
    texts.extend((*clock == Time::Real).then(|| "clock real".to_owned()));
    texts.extend((*random == Time::Real).then(|| "random real".to_owned()));
    texts
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() { f.write_str("nothing") } else { f.write_str(&self.iter().collect::<Vec<_>>().join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_update_adds_is_beyond_what_was() {
        let reach = |(needs, imports): (&str, &[&str])| {
            let needs: Needs = serde_json::from_str(needs).expect("needs");
            Reach::new(&needs, imports.iter().map(|import| (*import).to_owned()))
        };
        let check = |old, new, added: &str, removed: &str| {
            let (old, new) = (reach(old), reach(new));
            assert_eq!(new.beyond(&old).to_string(), added, "{old} to {new}");
            assert_eq!(old.beyond(&new).to_string(), removed, "{old} to {new}");
        };
        let none = ("{}", &[][..]);
        check(none, none, "nothing", "nothing");
        check(none, (r#"{"fs":"read-write"}"#, &[]), "fs read, fs write", "nothing");
        check((r#"{"fs":"read"}"#, &[]), (r#"{"fs":"read-write"}"#, &[]), "fs write", "nothing");
        check((r#"{"fs":"read-write"}"#, &[]), (r#"{"fs":"read"}"#, &[]), "nothing", "fs write");
        check((r#"{"env":["A","B"]}"#, &[]), (r#"{"env":["B","C"]}"#, &[]), "env C", "env A");
        check((r#"{"env":["A"]}"#, &[]), (r#"{"env":null}"#, &[]), "env", "nothing");
        check((r#"{"env":null}"#, &[]), (r#"{"env":["A"]}"#, &[]), "nothing", "env");
        check(none, (r#"{"clock":"real","random":"real"}"#, &[]), "clock real, random real", "nothing");
        check(none, ("{}", &["wasi:http/types"]), "import wasi:http/types", "nothing");
        // Names that try to stand for more than themselves.
        check((r#"{"env":["A"]}"#, &[]), (r#"{"env":["A","A B"]}"#, &[]), "env A B", "nothing");
        check((r#"{"env":[""]}"#, &[]), (r#"{"env":null}"#, &[]), "env", "nothing");
        check((r#"{"env":["*"]}"#, &[]), (r#"{"env":["*","X"]}"#, &[]), "env X", "nothing");
    }
}
