//! What a package says of itself, and what it asks for.

use crate::{Access, HostPattern, ProgramName, ProgramPattern, SecretName, ToolPattern};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The clock or the random numbers that a call sees.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Time {
    /// Reproducible: the same for every run of the same call.
    #[default]
    Virtual,
    /// The machine's own.
    Real,
}

/// What a package asks for: the upper bound of what any grant to it can hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Needs {
    /// Mounts: none, to read, or to read and write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fs: Option<Access>,
    /// Environment variables by name; `None` where a component without a manifest could read any.
    #[serde(default = "no_variables", skip_serializing_if = "is_no_variables")]
    pub env: Option<BTreeSet<String>>,
    /// The clock.
    #[serde(default, skip_serializing_if = "is_virtual")]
    pub clock: Time,
    /// Random numbers.
    #[serde(default, skip_serializing_if = "is_virtual")]
    pub random: Time,
    /// Hosts that it sends HTTP requests to.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub http: BTreeSet<HostPattern>,
    /// Hosts that it opens TCP connections to.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tcp: BTreeSet<HostPattern>,
    /// Hosts that it exchanges UDP datagrams with.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub udp: BTreeSet<HostPattern>,
    /// Addresses of this machine on which it waits for TCP connections.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub listen: BTreeSet<HostPattern>,
    /// Secrets that it has put into requests.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub secrets: BTreeSet<SecretName>,
    /// Other tools that it calls.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub invoke: BTreeSet<ToolPattern>,
    /// Programs that it starts as processes.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub exec: BTreeSet<ProgramPattern>,
}

impl Needs {
    /// What is left of them for a function that changes nothing.
    pub fn to_read(&self) -> Self {
        Self {
            fs: self.fs.map(|_| Access::Read),
            env: self.env.clone(),
            clock: self.clock,
            random: self.random,
            ..Self { env: no_variables(), ..Self::default() }
        }
    }

    /// Whether anything of them is of the network.
    pub fn is_open_world(&self) -> bool {
        [&self.http, &self.tcp, &self.udp, &self.listen].into_iter().any(|hosts| !hosts.is_empty())
    }

    /// What it asks policy for while it runs.
    pub fn asks(&self) -> Asks {
        Asks {
            http: self.http.clone(),
            tcp: self.tcp.clone(),
            udp: self.udp.clone(),
            listen: self.listen.clone(),
            secrets: self.secrets.clone(),
            invoke: self.invoke.clone(),
            exec: self.exec.clone(),
        }
    }
}

/// The most that a call can ask policy for while it runs, each time anew. The fields are those of [`Needs`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize)]
#[allow(missing_docs, reason = "said at `Needs`")]
pub struct Asks {
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub http: BTreeSet<HostPattern>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub tcp: BTreeSet<HostPattern>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub udp: BTreeSet<HostPattern>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub listen: BTreeSet<HostPattern>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub secrets: BTreeSet<SecretName>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub invoke: BTreeSet<ToolPattern>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub exec: BTreeSet<ProgramPattern>,
}

impl Asks {
    /// Whether it asks for nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn no_variables() -> Option<BTreeSet<String>> {
    Some(BTreeSet::new())
}

fn is_no_variables(env: &Option<BTreeSet<String>>) -> bool {
    env.as_ref().is_some_and(BTreeSet::is_empty)
}

fn is_virtual(time: &Time) -> bool {
    *time == Time::Virtual
}

/// Whether a function can run again with the same arguments, as its package says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Repeat {
    /// It changes nothing. That is no promise: its calls are granted nothing through which they could.
    Pure,
    /// Twice is as good as once.
    Idempotent,
    /// Twice is as good as once where the argument of this name, a text, is the same.
    Keyed(String),
    /// Twice may be once too often.
    #[default]
    Unsafe,
}

/// The content of the section `gloveport:manifest`: what a package says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of this format: 1.
    pub manifest: u32,
    /// The publisher's name, the part before `:` in `acme:text`.
    pub namespace: String,
    /// The package's name, and the first part of its tools' ids.
    pub name: String,
    /// The package's version.
    pub version: String,
    /// One line for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// An SPDX expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// What its calls ask for.
    #[serde(default)]
    pub needs: Needs,
    /// Which of its functions can run again, by what stands after the dot in their ids. What is absent cannot.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub repeat: BTreeMap<String, Repeat>,
    /// The programs that a command goes by, each a tool of its own, as which it finds itself called.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub programs: BTreeSet<ProgramName>,
}

/// A manifest that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Not JSON of the expected form.
    #[error("section `gloveport:manifest`: {0}")]
    Form(#[from] serde_json::Error),
    /// Made for another version of the format.
    #[error("section `gloveport:manifest`: format {0} is not known here; expected 1")]
    Version(u32),
    /// A name that cannot stand in a tool's id.
    #[error(
        "section `gloveport:manifest`: `{key}` is `{value}`; expected letters, digits and `-`, starting with a letter"
    )]
    Name {
        /// Which key.
        key: &'static str,
        /// What stands there.
        value: String,
    },
}

impl Manifest {
    /// Reads the section's bytes.
    ///
    /// # Errors
    /// Names the key that is unknown, missing or malformed.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        let manifest: Self = serde_json::from_slice(bytes)?;
        if manifest.manifest != 1 {
            return Err(ManifestError::Version(manifest.manifest));
        }
        for (key, value) in [("namespace", &manifest.namespace), ("name", &manifest.name)] {
            let word = value.len() <= 64
                && value.starts_with(|c: char| c.is_ascii_alphabetic())
                && value.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
            if !word {
                return Err(ManifestError::Name { key, value: value.chars().take(100).collect() });
            }
        }
        Ok(manifest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_are_read_or_refused_by_key() {
        let check = |text: &str, expected: &str| {
            let got = match Manifest::parse(text.as_bytes()) {
                Ok(manifest) => serde_json::to_string(&manifest.needs).expect("plain data"),
                Err(error) => error.to_string(),
            };
            assert!(got.contains(expected), "{text}\n got: {got}\nwant: {expected}");
        };
        let with = |needs: &str| {
            format!(r#"{{"manifest":1,"namespace":"acme","name":"text","version":"0.1.0","needs":{needs}}}"#)
        };
        check(&with("{}"), "{}");
        check(
            &with(r#"{"fs":"read-write","env":["LANG"],"clock":"real"}"#),
            r#"{"fs":"read-write","env":["LANG"],"clock":"real"}"#,
        );
        check(&with(r#"{"gpu":true}"#), "unknown field `gpu`, expected one of `fs`, `env`, `clock`, `random`, `http`");
        check(&with(r#"{"fs":"all"}"#), "unknown variant `all`");
        check(&with("{}").replace("\"manifest\":1", "\"manifest\":2"), "format 2 is not known here");
        check(&with("{}").replace("\"text\"", "\"a.b\""), "`name` is `a.b`");
        check("\u{1}", "section `gloveport:manifest`: expected value");
    }
}
