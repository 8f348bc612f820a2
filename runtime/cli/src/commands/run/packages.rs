//! The packages of a plan: those that a new task may use, and those that a recorded one began with.

use super::absolute;
use crate::setup;
use anyhow::{Result, bail};
use controller::{Catalogue, KnownTool, Plan};
use journal::{PackageRecord, TaskStarted};
use registry::Sources;
use std::path::{Path, PathBuf};

/// Adds the packages that the plan names by file, and gives the names of all that it may use: those of the command line's path too.
pub(super) fn names(plan: &Plan, file: &Path, typed: &[String], sources: &mut Sources) -> Result<Vec<String>> {
    let folder = file.parent().unwrap_or(Path::new(""));
    let mut names = typed.to_vec();
    for tool in &plan.tools {
        if tool.ends_with(".wasm") {
            names.push(sources.add_file(&folder.join(tool))?.name.clone());
        } else if sources.get(tool).is_some() {
            names.push(tool.clone());
        } else {
            let known: Vec<_> = sources.packages().map(|package| package.name.as_str()).collect();
            bail!("plan {}, tools: there is no package `{tool}`; packages are: {}", file.display(), known.join(", "));
        }
    }
    // What the operator names on the command line need not be named again.
    names.extend(
        sources
            .packages()
            .filter(|package| package.origin != registry::Origin::Bundled)
            .map(|package| package.name.clone()),
    );
    names.sort();
    names.dedup();
    for (step, tool) in plan.tools_called() {
        if !names.iter().any(|name| name == tool.package()) {
            bail!(
                "plan {}, step `{step}`: its package `{}` is not among the plan's `tools` ({})",
                file.display(),
                tool.package(),
                names.join(", ")
            );
        }
    }
    Ok(names)
}

/// The packages on the plan's path: those of the command line go before those of the plan.
pub(super) fn path(plan: &Plan, file: &Path, names: &[String], typed: &[String]) -> Result<Vec<String>> {
    if let Some(unknown) = plan.path.iter().find(|name| !names.contains(name)) {
        bail!(
            "plan {}, path: package `{unknown}` is not among the plan's `tools` ({})",
            file.display(),
            names.join(", ")
        );
    }
    Ok(typed.iter().chain(&plan.path).cloned().collect())
}

/// What packages say of themselves.
pub(crate) fn described<'a>(
    names: impl Iterator<Item = &'a str>,
    sources: &Sources,
) -> Result<Vec<sandbox::Description>> {
    names.filter_map(|name| sources.get(name)).map(setup::describe).collect()
}

/// The tools of these packages.
pub(crate) fn catalogue(described: &[sandbox::Description]) -> Result<Catalogue<'_>> {
    let mut tools = Catalogue::new();
    for package in described {
        for (function, tool) in &package.tools {
            let known = KnownTool { input: &tool.input, output: &tool.output, repeat: package.repeat_of(function) };
            tools.insert(format!("{}.{function}", package.name).parse()?, known);
        }
    }
    Ok(tools)
}

/// Whether the steps fit the tools and each other: before anything is made or recorded.
pub(super) fn check_types(plan: &Plan, file: &Path, names: &[String], sources: &Sources) -> Result<()> {
    let described = described(names.iter().map(String::as_str), sources)?;
    controller::check_plan(plan, &catalogue(&described)?).map_err(|unfit| {
        let lines: Vec<_> =
            unfit.problems.iter().map(|problem| format!("plan {}: {problem}", file.display())).collect();
        anyhow::anyhow!(lines.join("\n"))
    })
}

/// The packages that a task began with, and no others of their names.
pub(crate) fn recorded(started: &TaskStarted) -> Result<Sources> {
    let files: Vec<PathBuf> =
        started.packages.iter().filter_map(|package| package.file.clone()).map(Into::into).collect();
    let sources = setup::sources(files.iter())?;
    for package in &started.packages {
        match sources.get(&package.name) {
            Some(found) if found.digest == package.digest => {}
            Some(found) => bail!(
                "package `{}` is {}, but the task began with {}; it can only go on with what it began with",
                package.name,
                found.digest,
                package.digest
            ),
            None => bail!("package `{}`, with which the task began, is not there any more", package.name),
        }
    }
    Ok(sources)
}

/// What is recorded of a package.
pub(super) fn record(package: &registry::Package) -> Result<PackageRecord> {
    let file = match &package.origin {
        registry::Origin::File(path) | registry::Origin::Folder(path) => Some(absolute(path)?),
        registry::Origin::Bundled => None,
    };
    Ok(PackageRecord { name: package.name.clone(), digest: package.digest, file })
}
