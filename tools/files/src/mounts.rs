//! Where paths lead: into a mount, or nowhere.

use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
};

/// The absolute path of something inside a mount, or of a mount.
pub(crate) fn locate(path: &str) -> Result<PathBuf, String> {
    locate_in(path, mounts())
}

/// As [`locate`], and refuses a mount itself: it can be neither moved, written nor removed.
pub(crate) fn locate_inside(path: &str) -> Result<PathBuf, String> {
    let mounts = mounts();
    let found = locate_in(path, mounts)?;
    if mounts.contains(&found) {
        return Err(format!("{} is a mount: give a path inside it", found.display()));
    }
    Ok(found)
}

/// Where a walk from a path starts: there, or at the mounts below it.
pub(crate) fn roots(path: &str) -> Result<Vec<PathBuf>, String> {
    roots_in(path, mounts())
}

/// What the directories above the mounts hold: the next part of each mount's path; `None` inside a mount.
pub(crate) fn names_above(path: &str) -> Result<Option<Vec<String>>, String> {
    names_above_in(path, mounts())
}

fn locate_in(path: &str, mounts: &[PathBuf]) -> Result<PathBuf, String> {
    let found = absolute(path)?;
    if mounts.iter().any(|mount| found.starts_with(mount)) {
        return Ok(found);
    }
    if mounts.iter().any(|mount| mount.starts_with(&found)) {
        return Err(format!("{} is above the mounts; {}", found.display(), named(mounts)));
    }
    let first = found.iter().nth(1).unwrap_or_default();
    if mounts.iter().any(|mount| mount.iter().nth(1) == Some(first)) {
        return Err(format!("{} is outside of the mounts; {}", found.display(), named(mounts)));
    }
    Err(format!("{}: no mount named {}; {}", found.display(), first.display(), named(mounts)))
}

fn roots_in(path: &str, mounts: &[PathBuf]) -> Result<Vec<PathBuf>, String> {
    let start = absolute(path)?;
    let below: Vec<_> = mounts.iter().filter(|mount| mount.starts_with(&start)).cloned().collect();
    // A mount may lie inside another, which then is where the walk starts.
    if below.is_empty() || mounts.contains(&start) { Ok(vec![locate_in(path, mounts)?]) } else { Ok(below) }
}

fn names_above_in(path: &str, mounts: &[PathBuf]) -> Result<Option<Vec<String>>, String> {
    let start = absolute(path)?;
    if mounts.iter().any(|mount| start.starts_with(mount)) {
        return Ok(None);
    }
    let below = mounts.iter().filter_map(|mount| mount.strip_prefix(&start).ok());
    let mut names: Vec<_> = below.filter_map(|rest| Some(rest.iter().next()?.to_string_lossy().into_owned())).collect();
    names.sort();
    names.dedup();
    if names.is_empty() && start != Path::new("/") {
        locate_in(path, mounts)?;
    }
    Ok(Some(names))
}

/// A path from `/`, without `.` and `..`. What `..` takes back is the part before it, be that a link or not.
fn absolute(path: &str) -> Result<PathBuf, String> {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.pop().is_none() => return Err(format!("{path} leaves the mounts: take away a `..`")),
            ".." => {}
            part if part.contains('\0') => return Err("the path holds a NUL character".to_owned()),
            part => parts.push(part),
        }
    }
    Ok(PathBuf::from(format!("/{}", parts.join("/"))))
}

fn named(mounts: &[PathBuf]) -> String {
    if mounts.is_empty() {
        return "this call was granted no mounts".to_owned();
    }
    let names: Vec<_> = mounts.iter().map(|mount| mount.display().to_string()).collect();
    format!("mounts: {}", names.join(", "))
}

/// The mounts, sorted; they stay the same for a whole call.
fn mounts() -> &'static [PathBuf] {
    static MOUNTS: OnceLock<Vec<PathBuf>> = OnceLock::new();
    MOUNTS.get_or_init(opened)
}

/// In a guest, the mounts are the directories that the host opened beforehand.
#[cfg(target_os = "wasi")]
fn opened() -> Vec<PathBuf> {
    let opened = wasip2::filesystem::preopens::get_directories();
    let mut mounts: Vec<_> = opened.into_iter().filter_map(|(_, path)| absolute(&path).ok()).collect();
    mounts.sort();
    mounts
}

/// Elsewhere, which is in unit tests, everything is one mount.
#[cfg(not(target_os = "wasi"))]
fn opened() -> Vec<PathBuf> {
    vec![PathBuf::from("/")]
}

#[cfg(test)]
mod tests {
    use super::{locate_in, names_above_in, roots_in};
    use std::path::PathBuf;

    fn mounts() -> Vec<PathBuf> {
        ["/out", "/workspace/docs", "/workspace/src"].map(PathBuf::from).to_vec()
    }

    #[track_caller]
    fn check(path: &str, expected: Result<&str, &str>) {
        let found = locate_in(path, &mounts());
        let found = found.as_ref().map(|path| path.to_str().expect("UTF-8")).map_err(String::as_str);
        assert_eq!(found, expected);
    }

    #[test]
    fn paths_lead_into_mounts() {
        const NAMES: &str = "mounts: /out, /workspace/docs, /workspace/src";
        check("out/a", Ok("/out/a"));
        check("/out//./a/../b/", Ok("/out/b"));
        check("out", Ok("/out"));
        check("workspace/src/main.rs", Ok("/workspace/src/main.rs"));
        check("workspace", Err(&format!("/workspace is above the mounts; {NAMES}")));
        check("", Err(&format!("/ is above the mounts; {NAMES}")));
        check("workspace/srcs", Err(&format!("/workspace/srcs is outside of the mounts; {NAMES}")));
        check("outer/a", Err(&format!("/outer/a: no mount named outer; {NAMES}")));
        check("out/../etc/passwd", Err(&format!("/etc/passwd: no mount named etc; {NAMES}")));
        check("out/../../etc", Err("out/../../etc leaves the mounts: take away a `..`"));
        check("out/a\0b", Err("the path holds a NUL character"));
        let none = locate_in("a", &[]).expect_err("no mounts");
        assert_eq!(none, "/a: no mount named a; this call was granted no mounts");
    }

    #[track_caller]
    fn check_walk(path: &str, roots: &[&str], names: Option<&[&str]>) {
        let found = roots_in(path, &mounts()).expect("reachable");
        assert_eq!(found, roots.iter().map(PathBuf::from).collect::<Vec<_>>());
        let found = names_above_in(path, &mounts()).expect("reachable");
        assert_eq!(found, names.map(|names| names.iter().map(|&name| name.to_owned()).collect()));
    }

    #[test]
    fn walks_from_above_start_at_every_mount() {
        check_walk("/", &["/out", "/workspace/docs", "/workspace/src"], Some(&["out", "workspace"]));
        check_walk("workspace", &["/workspace/docs", "/workspace/src"], Some(&["docs", "src"]));
        check_walk("out", &["/out"], None);
        check_walk("out/a", &["/out/a"], None);
        assert!(roots_in("etc", &mounts()).is_err());
        assert!(names_above_in("etc", &mounts()).is_err());
        assert_eq!(roots_in("/", &[]).map_err(|_| ()), Err(()));
        assert_eq!(names_above_in("/", &[]), Ok(Some(Vec::new())));
    }
}
