//! Compiles the standard library from its sources.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::TRIPLE;
use super::sources::Sources;
use crate::process;

/// Half a minute on two idle cores; the rest is for slow or busy machines.
const LIMIT: Duration = Duration::from_secs(20 * 60);

/// The flags of a released standard library: its crates are unstable by nature and are marked as the compiler's own, and
/// they carry bitcode so that programs can be optimized across them.
const RUSTFLAGS: &str = "-Zforce-unstable-if-unmarked -Cembed-bitcode=yes";

/// What the developer may have set for other builds; each would change the library or stop its build.
const FOREIGN_SETTINGS: [&str; 5] =
    ["RUSTC", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS"];

/// Gives the library's rlibs, built under `work`.
pub(super) fn build(sources: &Sources, work: &Path) -> Result<Vec<PathBuf>> {
    // Distributions vendor what the library itself needs but not what its tests need, and without those nothing
    // resolves: let cargo take all of it from the registry.
    let vendor = sources.library.join("vendor");
    if vendor.exists() {
        fs::remove_dir_all(&vendor).with_context(|| format!("cannot remove {}", vendor.display()))?;
    }
    let target = work.join("target");
    let mut cargo = process::cargo();
    for name in FOREIGN_SETTINGS {
        cargo.env_remove(name);
    }
    cargo
        .current_dir(&sources.library)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("__CARGO_DEFAULT_LIB_METADATA", "stablestd")
        .env("RUSTFLAGS", RUSTFLAGS)
        .args(["build", "--quiet", "--release", "--target", TRIPLE])
        .args(["--manifest-path", "sysroot/Cargo.toml", "--features", "compiler-builtins-mem"])
        .arg("--target-dir")
        .arg(&target);
    process::capture(&mut cargo, LIMIT)?;
    rlibs_in(&target.join(TRIPLE).join("release/deps"))
}

fn rlibs_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let listing = || format!("cannot list {}", folder.display());
    let mut rlibs = Vec::new();
    for entry in fs::read_dir(folder).with_context(listing)? {
        let path = entry.with_context(listing)?.path();
        if path.extension().is_some_and(|extension| extension == "rlib") {
            rlibs.push(path);
        }
    }
    ensure!(!rlibs.is_empty(), "the build left no library in {}", folder.display());
    Ok(rlibs)
}
