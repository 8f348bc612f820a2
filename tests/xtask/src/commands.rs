//! What each developer command runs, once the wasm target is there.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use crate::process;
use crate::target::TRIPLE;
use crate::tools;

/// Where the demo's task writes its report, from the root of the checkout.
const DEMO_REPORT: &str = "target/demo/findings.md";

/// The large packages that tests run.
const TESTED: [&str; 2] = ["bash", "coreutils"];

/// Packages outside `tools/` that are built for wasm.
const OTHER_GUESTS: [&str; 3] = ["asker", "guests", "sample"];

/// Runs the example task on this very checkout.
pub(crate) fn demo() -> Result<()> {
    let out = root().join(DEMO_REPORT).with_file_name("");
    fs::create_dir_all(&out).with_context(|| out.display().to_string())?;
    process::run(&mut demo_command())?;
    let report = root().join(DEMO_REPORT);
    ensure!(report.is_file(), "the demo ran but wrote no report to {}", report.display());
    println!("report: {}", report.display());
    Ok(())
}

fn demo_command() -> Command {
    let mut command = cargo(["run", "--package", "cli", "--bin", "gloveport"]);
    command.args(["--", "run", "tests/scenarios/repository/plan.toml"]);
    command.args(["--workspace", ".", "--mount", "out=target/demo:rw"]);
    command
}

/// Runs all tests, or those whose names contain one of `filters`.
pub(crate) fn test(filters: &[String]) -> Result<()> {
    tools::build(&TESTED.map(str::to_owned))?;
    // The hostile guests are programs for the sandbox: on the host they neither build nor mean anything.
    let everything = cargo(["test", "--workspace", "--exclude", "guests"]);
    // The same tests of the program once more, with calls in worker processes.
    let mut isolated = cargo(["test", "--package", "e2e"]);
    isolated.env("GLOVEPORT_ISOLATION", "process");
    for mut command in [everything, isolated] {
        if !filters.is_empty() {
            command.arg("--").args(filters);
        }
        process::run(&mut command)?;
    }
    Ok(())
}

/// Kills tasks at every event and at any moment, hundreds of times.
pub(crate) fn crash() -> Result<()> {
    let mut command = cargo(["test", "--package", "e2e", "--", "--ignored", "--nocapture"]);
    process::run(command.args(["every_event_and_any_moment", "every_scenario_survives_every_death"]))
}

/// Runs every check even when one fails, so that one run shows all there is to mend.
pub(crate) fn lint() -> Result<()> {
    let mut host = cargo(["clippy", "--workspace", "--exclude", "guests"]);
    host.args(["--all-targets", "--", "-D", "warnings"]);

    let mut guests = cargo(["clippy", "--target", TRIPLE, "--target-dir"]);
    // A directory of its own: host and guest flags would evict each other's artifacts.
    guests.arg(target_dir().join("wasm"));
    for package in guest_packages(&root())? {
        guests.args(["--package", &package]);
    }
    guests.args(["--", "-D", "warnings"]);

    let checks = [cargo(["fmt", "--all", "--check"]), host, guests];
    let total = checks.len();
    let failures: Vec<String> = checks
        .into_iter()
        .filter_map(|mut check| process::run(&mut check).err())
        .map(|error| format!("\n  {error:#}"))
        .collect();
    if !failures.is_empty() {
        bail!("{} of {total} checks failed:{}", failures.len(), failures.concat());
    }
    Ok(())
}

/// Runs the fuzz targets on a debug build, whose checks of overflows and of its own assumptions are part of the search.
pub(crate) fn fuzz(args: &[String]) -> Result<()> {
    let mut command = cargo(["run", "--quiet", "--package", "fuzz", "--"]);
    command.args(args);
    process::run(&mut command)
}

/// Runs the benchmark program on a release build.
pub(crate) fn bench(args: &[String]) -> Result<()> {
    let mut command = cargo(["run", "--release", "--package", "bench", "--"]);
    command.args(args);
    process::run(&mut command)
}

/// The packages that become components: every folder of `tools/` but the bundle, which embeds them, and those that are
/// workspaces of their own; and the tests' guests.
fn guest_packages(root: &Path) -> Result<Vec<String>> {
    let tools = root.join("tools");
    let mut packages: Vec<String> = OTHER_GUESTS.map(String::from).into();
    for entry in fs::read_dir(&tools).with_context(|| format!("cannot list {}", tools.display()))? {
        let entry = entry.with_context(|| format!("cannot list {}", tools.display()))?;
        let name = entry.file_name();
        if name != "bundle" && entry.path().join("Cargo.toml").is_file() && !entry.path().join("Cargo.lock").is_file() {
            packages.push(name.to_string_lossy().into_owned());
        }
    }
    packages.sort();
    Ok(packages)
}

/// A cargo command that runs at the root of the checkout, whatever the caller's directory.
fn cargo<const N: usize>(args: [&str; N]) -> Command {
    let mut command = process::cargo();
    command.current_dir(root()).args(args);
    command
}

/// The root of the checkout that this program was built from.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// Where cargo builds.
pub(crate) fn target_dir() -> PathBuf {
    let configured = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| OsString::from("target"));
    // `join` keeps an absolute path as it is.
    root().join(configured)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guest_packages_are_the_tools_without_the_bundle_and_the_guests() {
        let tree = tempfile::tempdir().expect("a temporary directory");
        for package in ["bundle", "files", "text"] {
            let folder = tree.path().join("tools").join(package);
            fs::create_dir_all(&folder).expect("a folder");
            fs::write(folder.join("Cargo.toml"), "").expect("a manifest");
        }
        fs::create_dir(tree.path().join("tools/notes")).expect("a folder without a manifest");
        let packages = guest_packages(tree.path()).expect("a list");
        assert_eq!(packages, ["asker", "files", "guests", "sample", "text"]);
    }

    #[test]
    fn root_is_the_workspace() {
        let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("the root manifest");
        assert!(manifest.starts_with("[workspace]"), "{manifest}");
    }
}
