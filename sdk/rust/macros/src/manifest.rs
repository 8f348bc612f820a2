//! What a package says of itself: put together from the attribute, `Cargo.toml` and what cargo tells of the crate.

use crate::{
    lists::LISTS,
    model::{Function, Repeat},
    name::Name,
};
use semver::Version;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// The version of the manifest's format.
const FORMAT: u32 = 1;

/// `acme:text@0.1.0`.
pub(crate) struct PackageName {
    pub(crate) namespace: Name,
    pub(crate) name: Name,
    pub(crate) version: Version,
}

/// The content of the section `gloveport:manifest`.
pub(crate) struct Manifest {
    pub(crate) package: PackageName,
    pub(crate) summary: Option<String>,
    pub(crate) licence: Option<String>,
    pub(crate) needs: Needs,
    /// What a command goes by; the crate exports `wasi:cli/run` itself.
    pub(crate) programs: Vec<String>,
}

/// The capabilities a package asks for; none of it is granted by asking.
#[derive(Default)]
pub(crate) struct Needs {
    pub(crate) fs: Option<String>,
    pub(crate) clock: Option<String>,
    pub(crate) random: Option<String>,
    /// By the key in the manifest.
    pub(crate) lists: HashMap<&'static str, Vec<String>>,
}

impl Manifest {
    /// The section's text.
    pub(crate) fn to_json(&self, functions: &[Function]) -> String {
        let mut needs = Map::new();
        let Needs { fs, clock, random, lists } = &self.needs;
        insert(&mut needs, "fs", fs.clone());
        insert(&mut needs, "clock", clock.clone());
        insert(&mut needs, "random", random.clone());
        for list in &LISTS {
            insert(&mut needs, list.name(), lists.get(list.name()).cloned());
        }
        let mut manifest = Map::new();
        insert(&mut manifest, "manifest", Some(FORMAT));
        insert(&mut manifest, "namespace", Some(self.package.namespace.kebab()));
        insert(&mut manifest, "name", Some(self.package.name.kebab()));
        insert(&mut manifest, "version", Some(self.package.version.to_string()));
        insert(&mut manifest, "summary", self.summary.clone());
        insert(&mut manifest, "licence", self.licence.clone());
        insert(&mut manifest, "needs", Some(needs));
        let said =
            functions.iter().filter_map(|function| Some((function.name.json(), function.repeat.as_ref()?.json())));
        let repeat: Map<_, _> = said.collect();
        insert(&mut manifest, "repeat", (!repeat.is_empty()).then_some(repeat));
        insert(&mut manifest, "programs", (!self.programs.is_empty()).then(|| self.programs.clone()));
        json!(manifest).to_string()
    }
}

impl Repeat {
    fn json(&self) -> Value {
        match self {
            Self::Pure => "pure".into(),
            Self::Idempotent => "idempotent".into(),
            Self::Keyed(parameter) => json!({ "keyed": parameter.json() }),
        }
    }
}

fn insert(map: &mut Map<String, Value>, key: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        map.insert(key.to_owned(), value.into());
    }
}
