//! The path: the packages whose programs can be started as processes.

use anyhow::{Result, bail};
use registry::Sources;
use std::path::Path;

/// Whether an entry of the command line's path is a file, and no name of a package.
pub(crate) fn is_file(entry: &str) -> bool {
    entry.ends_with(".wasm") || entry.contains('/')
}

/// Adds the files that entries of the command line name, and gives the names of all.
///
/// # Errors
/// Names the entry that is none.
pub(crate) fn add(entries: &[String], sources: &mut Sources) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in entries {
        if is_file(entry) {
            names.push(sources.add_file(Path::new(entry))?.name.clone());
        } else {
            names.push(entry.clone());
        }
    }
    check("--path", &names, sources)?;
    Ok(names)
}

/// The names that entries stand for whose files were added before.
pub(crate) fn names<'a>(entries: &'a [String], sources: &'a Sources) -> impl Iterator<Item = &'a str> {
    entries.iter().filter_map(|entry| if is_file(entry) { sources.name_of_file(Path::new(entry)) } else { Some(entry) })
}

/// Refuses names that no package has: a program that is not found says less.
pub(crate) fn check(place: &str, names: &[String], sources: &Sources) -> Result<()> {
    if let Some(unknown) = names.iter().find(|name| sources.get(name).is_none()) {
        let known: Vec<_> = sources.packages().map(|package| package.name.as_str()).collect();
        bail!("{place}: there is no package `{unknown}`; packages are: {}", known.join(", "));
    }
    Ok(())
}
