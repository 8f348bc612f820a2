//! The targets, each with where its first inputs come from.

pub mod arguments;
pub mod components;
pub mod events;
pub mod hosts;
pub mod interfaces;
pub mod manifests;
pub mod modules;
pub mod plans;
pub mod policies;
pub mod redaction;
mod sandboxed;
mod typed;

use std::path::Path;
use std::time::Duration;

/// Something that reads hostile bytes.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, and that of its folder of inputs.
    pub name: &'static str,
    /// Panics when something does not hold.
    pub run: fn(&[u8]),
    /// Inputs that are good, to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// How many inputs a test tries, beside the seeds and the folder.
    pub tried_in_tests: u64,
    /// How long one input may take in a debug build on a busy machine.
    pub patience: Duration,
}

const fn target(name: &'static str, run: fn(&[u8]), seeds: fn() -> Vec<Vec<u8>>, tried_in_tests: u64) -> Target {
    Target { name, run, seeds, tried_in_tests, patience: Duration::from_secs(20) }
}

/// All of them.
pub const TARGETS: [Target; 10] = [
    target("arguments", arguments::run, arguments::seeds, 400),
    target("components", components::run, components::seeds, 60),
    target("events", events::run, events::seeds, 3000),
    target("hosts", hosts::run, hosts::seeds, 3000),
    target("interfaces", interfaces::run, Vec::new, 60),
    target("manifests", manifests::run, manifests::seeds, 3000),
    target("modules", modules::run, Vec::new, 30),
    target("plans", plans::run, plans::seeds, 300),
    target("policies", policies::run, policies::seeds, 100),
    target("redaction", redaction::run, redaction::seeds, 300),
];

/// Every file below a folder of the checkout whose name ends so.
fn files(folder: &str, ending: &str) -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), ending, &mut files);
    assert!(!files.is_empty(), "no file in {folder} ends in {ending}");
    files
}

fn collect(folder: &Path, ending: &str, files: &mut Vec<Vec<u8>>) {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    // The order of a folder is not the same everywhere, and a seed must mean the same inputs.
    paths.sort();
    for path in paths {
        if path.is_dir() {
            collect(&path, ending, files);
        } else if path.to_string_lossy().ends_with(ending) {
            files.push(std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())));
        }
    }
}
