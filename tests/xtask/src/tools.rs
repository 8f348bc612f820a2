//! `cargo xtask tools`: the packages that are too large to be a part of the program. Each is a folder of `tools/` that is a cargo
//! workspace of its own, so that nothing else resolves what it needs, or that has a build script `build.py`. What is built lies in
//! `target/tools`, and is built again only when something that goes into it has changed.

mod inputs;
mod patches;

use crate::{
    commands::{root, target_dir},
    process,
};
use anyhow::{Context as _, Result, bail};
use sha2::{Digest as _, Sha256};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The target of all tools.
const TARGET: &str = "wasm32-wasip2";

/// How a package is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Cargo,
    Script,
}

/// Builds the packages of these names, or all.
pub(crate) fn build(names: &[String]) -> Result<()> {
    let known = known(&root())?;
    if let Some(unknown) = names.iter().find(|name| !known.iter().any(|(known, _)| known == *name)) {
        let known: Vec<_> = known.iter().map(|(name, _)| name.as_str()).collect();
        bail!("there is no package `{unknown}` to build; there are: {}", known.join(", "));
    }
    let wanted = known.iter().filter(|(name, _)| names.is_empty() || names.contains(name));
    for (name, kind) in wanted {
        one(name, *kind).with_context(|| format!("package `{name}`"))?;
    }
    Ok(())
}

/// The folders of `tools/` that are built here, and how.
fn known(root: &Path) -> Result<Vec<(String, Kind)>> {
    let tools = root.join("tools");
    let mut known = Vec::new();
    for entry in fs::read_dir(&tools).with_context(|| tools.display().to_string())? {
        let path = entry?.path();
        let kind = match (path.join("build.py").is_file(), path.join("Cargo.lock").is_file()) {
            (true, _) => Kind::Script,
            (false, true) => Kind::Cargo,
            (false, false) => continue,
        };
        known.extend(path.file_name().and_then(|name| name.to_str()).map(|name| (name.to_owned(), kind)));
    }
    known.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(known)
}

fn one(name: &str, kind: Kind) -> Result<()> {
    let (root, out) = (root(), target_dir().join("tools"));
    let (folder, component) = (root.join("tools").join(name), out.join(format!("{name}.wasm")));
    let stamp = out.join(format!("{name}.inputs"));
    let inputs = inputs::of(&root, &folder)?;
    let is_built = component.is_file() && fs::read_to_string(&stamp).is_ok_and(|built| built == inputs);
    if !is_built {
        fs::create_dir_all(&out).with_context(|| out.display().to_string())?;
        // Whatever happens meanwhile, what lies there is not what these inputs give.
        let _ = fs::remove_file(&stamp);
        let work = out.join(name);
        match kind {
            Kind::Cargo => by_cargo(name, &folder, &work, &component)?,
            Kind::Script => by_script(&folder, &work, &component)?,
        }
        fs::write(&stamp, &inputs).with_context(|| stamp.display().to_string())?;
    }
    let bytes = fs::read(&component).with_context(|| component.display().to_string())?;
    let digest: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    println!("{name:<12} {:>6.1} MB  sha256:{digest}  {}", bytes.len() as f64 / 1e6, component.display());
    Ok(())
}

fn by_cargo(name: &str, folder: &Path, work: &Path, component: &Path) -> Result<()> {
    let patched = patches::apply(folder, work)?;
    let build = work.join("build");
    let mut cargo = process::cargo();
    cargo.args(["build", "--release", "--locked", "--target", TARGET, "--manifest-path"]);
    cargo.arg(folder.join("Cargo.toml")).arg("--target-dir").arg(&build);
    for (name, path) in patched {
        cargo.arg("--config").arg(format!("patch.crates-io.{name}.path={:?}", path.display().to_string()));
    }
    // Where the checkout and cargo's folders lie is not to be in the component.
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")));
    let mut flags = vec![format!("--remap-path-prefix={}=/gloveport", root().display())];
    flags.extend(home.map(|home| format!("--remap-path-prefix={}=/cargo", home.display())));
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}")).env_remove("RUSTFLAGS");
    process::run(&mut cargo)?;
    let built = build.join(TARGET).join("release").join(format!("{}.wasm", name.replace('-', "_")));
    let built = if built.is_file() { built } else { build.join(TARGET).join("release").join(format!("{name}.wasm")) };
    fs::copy(&built, component).with_context(|| built.display().to_string())?;
    Ok(())
}

fn by_script(folder: &Path, work: &Path, component: &Path) -> Result<()> {
    fs::create_dir_all(work).with_context(|| work.display().to_string())?;
    let mut script = Command::new("python3");
    script.arg(folder.join("build.py")).arg("--out").arg(component).arg("--work").arg(work);
    process::run(&mut script)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_known_by_their_folders() {
        let tree = tempfile::tempdir().expect("a folder");
        let tools = tree.path().join("tools");
        for (folder, file) in [("b", "Cargo.lock"), ("a", "build.py"), ("bundle", "Cargo.toml")] {
            fs::create_dir_all(tools.join(folder)).expect("a folder");
            fs::write(tools.join(folder).join(file), "").expect("a file");
        }
        let known = known(tree.path()).expect("a list");
        assert_eq!(known, [("a".to_owned(), Kind::Script), ("b".to_owned(), Kind::Cargo)]);
    }
}
