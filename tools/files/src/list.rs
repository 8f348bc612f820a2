//! What is there.

use crate::{
    error::cannot,
    files::{Entry, Info, Kind, Listing},
    mounts, walk,
};
use std::{fs, time::UNIX_EPOCH};

const DEFAULT_LIMIT: u32 = 1000;

pub(crate) fn list(path: &str, limit: Option<u32>) -> Result<Listing, String> {
    let limit = limit.unwrap_or(DEFAULT_LIMIT) as usize;
    if let Some(names) = mounts::names_above(path)? {
        let total = number(names.len());
        let entries = names.into_iter().take(limit).map(|name| Entry { name, kind: Kind::Directory, size: None });
        return Ok(Listing { entries: entries.collect(), total });
    }
    let path = mounts::locate(path)?;
    let found = walk::entries(&path)?;
    let total = number(found.len());
    let mut entries = Vec::new();
    for (path, kind) in found.into_iter().take(limit) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let size = match kind {
            Kind::File => Some(fs::symlink_metadata(&path).map_err(cannot("read", &path))?.len()),
            Kind::Directory | Kind::Link | Kind::Other => None,
        };
        entries.push(Entry { name, kind, size });
    }
    Ok(Listing { entries, total })
}

pub(crate) fn stat(path: &str) -> Result<Info, String> {
    let path = mounts::locate(path)?;
    let found = fs::symlink_metadata(&path).map_err(cannot("read", &path))?;
    let kind = walk::kind(found.file_type());
    let modified = found.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    Ok(Info {
        path: path.display().to_string(),
        kind,
        size: (kind == Kind::File).then_some(found.len()),
        modified: modified.map(|since| since.as_secs()),
    })
}

/// A count of entries, which walks keep far below what `u32` holds.
pub(crate) fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use crate::files::{Kind, list, stat};
    use std::{fs, path::Path};

    fn make(root: &Path) {
        fs::write(root.join("b"), "four").expect("written");
        fs::create_dir(root.join("a")).expect("made");
        fs::write(root.join("a/x"), "").expect("written");
        std::os::unix::fs::symlink("b", root.join("c")).expect("linked");
    }

    #[test]
    fn directories_are_listed() {
        let dir = tempfile::tempdir().expect("a directory");
        make(dir.path());
        let check = |limit, expected: &[(&str, Kind, Option<u64>)]| {
            let found = list(Some(dir.path().display().to_string()), limit).expect("listed");
            let entries: Vec<_> =
                found.entries.iter().map(|entry| (entry.name.as_str(), entry.kind, entry.size)).collect();
            assert_eq!((entries.as_slice(), found.total), (expected, 3));
        };
        let all = [("a", Kind::Directory, None), ("b", Kind::File, Some(4)), ("c", Kind::Link, None)];
        check(None, &all);
        check(Some(2), &all[..2]);
        check(Some(0), &[]);
    }

    #[test]
    fn paths_are_described() {
        let dir = tempfile::tempdir().expect("a directory");
        make(dir.path());
        let check = |name: &str, kind: Kind, size: Option<u64>| {
            let path = dir.path().join(name).display().to_string();
            let found = stat(path.trim_start_matches('/').to_owned()).expect("there");
            assert_eq!((found.path, found.kind, found.size), (path, kind, size));
            // Not before this was written, in 2025.
            assert!(found.modified > Some(1_735_689_600));
        };
        check("a", Kind::Directory, None);
        check("b", Kind::File, Some(4));
        check("c", Kind::Link, None);
    }

    #[test]
    fn what_is_missing_is_named() {
        let dir = tempfile::tempdir().expect("a directory");
        make(dir.path());
        let path = dir.path().join("zz").display().to_string();
        for error in [stat(path.clone()).expect_err("missing"), list(Some(path.clone()), None).expect_err("missing")] {
            assert!(error.contains(&path) && error.contains("`list` and `glob` tell what is there"), "{error}");
        }
        let file = dir.path().join("b").display().to_string();
        let error = list(Some(file.clone()), None).expect_err("a file");
        assert!(error.contains(&format!("cannot list {file}")) && error.contains("is not a directory"), "{error}");
    }
}
