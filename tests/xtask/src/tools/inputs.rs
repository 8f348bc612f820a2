//! What goes into a package, as one text: it is built again when that changes.

use crate::process;
use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// What every package is made with, beside its own folder.
const SHARED: [&str; 4] = ["sdk/wit", "sdk/rust/Cargo.toml", "sdk/rust/src", "sdk/rust/macros"];

/// How long a compiler takes at most to say which it is.
const PATIENCE: Duration = Duration::from_secs(30);

/// The digest of all files of a package and of what it is made with, and of the compiler.
pub(super) fn of(root: &Path, folder: &Path) -> Result<String> {
    let mut files = Vec::new();
    list(folder, &mut files)?;
    for shared in SHARED {
        list(&root.join(shared), &mut files)?;
    }
    files.sort();
    let mut hasher = Sha256::new();
    for file in &files {
        let bytes = fs::read(file).with_context(|| file.display().to_string())?;
        let name = file.strip_prefix(root).unwrap_or(file).display().to_string();
        // Lengths first: nothing that is in a file can pass for another file.
        for part in [name.as_bytes(), &bytes] {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
    }
    hasher.update(process::capture(Command::new("rustc").arg("-vV"), PATIENCE)?);
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn list(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if path.is_file() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path).with_context(|| path.display().to_string())? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if !matches!(name, "target" | "__pycache__") {
            list(&path, files)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_counts() {
        let tree = tempfile::tempdir().expect("a folder");
        let folder = tree.path().join("tools/a");
        for shared in SHARED.iter().chain(&["tools/a/src"]) {
            fs::create_dir_all(tree.path().join(shared)).expect("a folder");
        }
        let digest = || of(tree.path(), &folder).expect("a digest");
        let empty = digest();
        fs::write(folder.join("src/main.rs"), "a").expect("a file");
        let one = digest();
        fs::write(tree.path().join("sdk/wit/host.wit"), "a").expect("a file");
        let two = digest();
        fs::create_dir_all(folder.join("target")).expect("a folder");
        fs::write(folder.join("target/out"), "a").expect("a file");
        assert!(empty != one && one != two, "{empty} {one} {two}");
        assert_eq!(digest(), two, "what is built is no input");
    }
}
