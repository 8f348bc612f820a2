//! Packages and lock files as they are found on disks.

#![allow(clippy::disallowed_methods, reason = "tests write the files that are read")]

mod lock;
mod packages;

use registry::Sources;
use std::{fs, path::PathBuf};
use tempfile::TempDir;

const BUNDLED: &[u8] = b"\0asm bundled";

/// A folder with files of these contents.
fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, bytes).expect("a file");
    }
    folder
}

/// One bundled package, `files`. Bytes that end in `name=X` name themselves X.
fn bundled() -> Sources {
    let bundled = [("files", registry::digest(BUNDLED).0, BUNDLED)];
    Sources::bundled(bundled, |bytes| {
        let text = std::str::from_utf8(bytes).ok()?;
        text.split_once("name=").map(|(_, name)| name.to_owned())
    })
}

fn paths(folder: &TempDir, names: &[&str]) -> Vec<PathBuf> {
    names.iter().map(|name| folder.path().join(name)).collect()
}
