//! Patches of crates that a package needs: `patches/CRATE-VERSION.patch` beside it, with the reason and the upstream place in its first
//! lines.

use crate::process;
use anyhow::{Context as _, Result, bail};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// How long a registry takes at most.
const PATIENCE: Duration = Duration::from_secs(300);

/// Puts the patched source of every crate for which there is a patch into `work/patched/CRATE`; the crates, and where they are.
pub(super) fn apply(folder: &Path, work: &Path) -> Result<Vec<(String, PathBuf)>> {
    let patches = folder.join("patches");
    if !patches.is_dir() {
        return Ok(Vec::new());
    }
    let mut patched = Vec::new();
    for entry in fs::read_dir(&patches).with_context(|| patches.display().to_string())? {
        let patch = entry?.path();
        patched.push(one(&patch, work).with_context(|| patch.display().to_string())?);
    }
    patched.sort();
    Ok(patched)
}

fn one(patch: &Path, work: &Path) -> Result<(String, PathBuf)> {
    let Some((name, version)) = patch.file_name().and_then(|name| name.to_str()).and_then(crate_of) else {
        bail!("expected a name such as `brush-core-0.5.0.patch`");
    };
    let (source, place) = (source(name, version, work)?, work.join("patched").join(name));
    if place.exists() {
        fs::remove_dir_all(&place).with_context(|| place.display().to_string())?;
    }
    copy(&source, &place)?;
    let mut git = Command::new("git");
    // Without a repository around it: `git apply` would look only at what that knows.
    git.args(["apply", "-p1"]).arg(patch).current_dir(&place).env("GIT_CEILING_DIRECTORIES", work.join("patched"));
    process::run(&mut git)?;
    Ok((name.to_owned(), place))
}

/// `brush-core-0.5.0.patch` → `brush-core`, `0.5.0`.
fn crate_of(file: &str) -> Option<(&str, &str)> {
    let stem = file.strip_suffix(".patch")?;
    let at = stem.match_indices('-').find(|(at, _)| stem[at + 1..].starts_with(|c: char| c.is_ascii_digit()))?.0;
    Some((&stem[..at], &stem[at + 1..]))
}

/// Where cargo has a crate's source, after it got it for a package that needs nothing else.
fn source(name: &str, version: &str, work: &Path) -> Result<PathBuf> {
    let scratch = work.join("fetch").join(name);
    fs::create_dir_all(scratch.join("src")).with_context(|| scratch.display().to_string())?;
    let manifest = scratch.join("Cargo.toml");
    let text = format!(
        "[workspace]\n[package]\nname = \"fetch\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[dependencies]\n{name} = \"={version}\"\n"
    );
    fs::write(&manifest, text).with_context(|| manifest.display().to_string())?;
    fs::write(scratch.join("src/lib.rs"), "").with_context(|| scratch.display().to_string())?;
    let mut cargo = process::cargo();
    cargo.args(["metadata", "--format-version", "1", "--manifest-path"]).arg(&manifest);
    let metadata: serde_json::Value = serde_json::from_str(&process::capture(&mut cargo, PATIENCE)?)?;
    let found = metadata["packages"].as_array().into_iter().flatten();
    let found = found.filter(|package| package["name"] == name && package["version"] == version);
    let path = found.filter_map(|package| package["manifest_path"].as_str()).next();
    let path = path.with_context(|| format!("cargo does not have {name} {version}"))?;
    Ok(Path::new(path).parent().unwrap_or(Path::new("")).to_owned())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| to.display().to_string())?;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let path = entry?.path();
        let place = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy(&path, &place)?;
        } else {
            fs::copy(&path, &place).with_context(|| path.display().to_string())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_are_named_after_crates() {
        let check = |file: &str, expected: Option<(&str, &str)>| assert_eq!(crate_of(file), expected, "{file}");
        check("brush-core-0.5.0.patch", Some(("brush-core", "0.5.0")));
        check("uucore-0.12.0.patch", Some(("uucore", "0.12.0")));
        check("x2-y-1.0.0-rc.1.patch", Some(("x2-y", "1.0.0-rc.1")));
        check("notes.md", None);
        check("brush.patch", None);
    }
}
