//! The house: which crate may know which, from `cargo metadata`.

use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

/// What each crate may depend on within the house. `cli → server → controller → {sandbox, registry, journal} → policy`;
/// tools depend on the SDK; tests see all, nothing sees tests.
const EDGES: [(&str, &[&str]); 17] = [
    ("policy", &[]),
    ("sandbox", &["policy"]),
    ("registry", &["policy"]),
    ("journal", &["policy"]),
    ("controller", &["policy", "sandbox", "registry", "journal"]),
    ("model", &["controller"]),
    ("server", &["journal", "policy", "sandbox", "controller"]),
    ("cli", &["policy", "sandbox", "registry", "journal", "controller", "model", "server", "bundle"]),
    ("gloveport", &["gloveport-macros"]),
    ("gloveport-macros", &[]),
    ("gloveport-build", &[]),
    ("bundle", &["gloveport-build"]),
    ("pattern", &[]),
    ("data", &["gloveport"]),
    ("fetch", &["gloveport"]),
    ("files", &["gloveport", "pattern"]),
    ("text", &["gloveport", "pattern"]),
];

/// Crates from outside that only one crate of the house may know.
const ONLY: [(&str, &str); 8] = [
    ("wasmtime", "sandbox"),
    ("wasmtime-wasi", "sandbox"),
    ("cedar-policy", "policy"),
    ("rusqlite", "journal"),
    ("axum", "server"),
    ("rmcp", "server"),
    ("reqwest", "model"),
    ("clap", "cli"),
];

fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml"))
        .output()
        .expect("cargo starts");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata");
    let packages = metadata["packages"].as_array().expect("packages").iter();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    packages
        .map(|package| {
            let all = package["dependencies"].as_array().expect("a list").iter();
            // What only tests of the crate use does not shape the house.
            let used = all.filter(|dependency| dependency["kind"] != "dev");
            (text(&package["name"]), used.map(|dependency| text(&dependency["name"])).collect())
        })
        .collect()
}

#[test]
fn dependencies_point_one_way() {
    let all = dependencies();
    let house: BTreeSet<_> = all.keys().cloned().collect();
    for (name, allowed) in EDGES {
        let allowed: BTreeSet<_> = allowed.iter().map(|it| (*it).to_owned()).collect();
        let found: BTreeSet<_> = all[name].intersection(&house).cloned().collect();
        let wrong: Vec<_> = found.difference(&allowed).collect();
        assert!(wrong.is_empty(), "{name} must not know {wrong:?}");
    }
    for test in ["bench", "e2e", "fuzz", "guests", "xtask"] {
        for (name, dependencies) in &all {
            assert!(!dependencies.contains(test), "{name} must not know {test}");
        }
    }
}

#[test]
fn one_crate_knows_each_engine() {
    for (outside, only) in ONLY {
        for (name, dependencies) in dependencies() {
            let is_test = ["bench", "e2e", "fuzz", "xtask"].contains(&name.as_str());
            assert!(
                name == only || is_test || !dependencies.contains(outside),
                "only {only} may know {outside}, not {name}"
            );
        }
    }
}

#[test]
fn only_policy_mints_grants() {
    // Outside of its crate, a grant cannot be made: the constructor is private, there is no `Default`, no `Clone` and
    // no `Deserialize`. What the compiler says of that is in `policy`'s own documentation tests.
    let source = include_str!("../../../runtime/policy/src/grant.rs");
    let before = source.split_once("pub struct Grant(").expect("the type").0;
    let attributes = before.rsplit_once("///").expect("its documentation").1;
    assert!(attributes.contains("#[derive(Debug, PartialEq, Eq, Serialize)]"), "{attributes}");
    assert!(source.contains("pub(crate) fn mint("));
}
