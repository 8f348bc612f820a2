//! Moving, copying, making and removing.

use crate::{
    error::{cannot, failed},
    files::{Changed, Kind},
    mounts,
    walk::{self, Walk},
    write::{make_parent, replace_from},
};
use std::{
    fs::{self, File},
    io::{self, ErrorKind},
    path::Path,
};

pub(crate) fn make_dir(path: &str) -> Result<(), String> {
    let path = mounts::locate(path)?;
    if path.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(&path).map_err(cannot("make the directory", &path))
}

pub(crate) fn rename(from: &str, to: &str, overwrite: bool) -> Result<(), String> {
    let (from, to) = (mounts::locate_inside(from)?, mounts::locate_inside(to)?);
    let kind = kind_of(&from)?;
    require_apart(&from, &to)?;
    require_room(&to, overwrite)?;
    make_parent(&to)?;
    match fs::rename(&from, &to) {
        Err(error) if error.kind() == ErrorKind::CrossesDevices => {
            copy_all(&from, &to, overwrite)?;
            remove_all(&from, kind).map(|_| ())
        }
        renamed => renamed.map_err(|error| failed(&format!("move to {}", to.display()), &from, &error)),
    }
}

pub(crate) fn copy(from: &str, to: &str, overwrite: bool) -> Result<Changed, String> {
    let (from, to) = (mounts::locate(from)?, mounts::locate(to)?);
    require_apart(&from, &to)?;
    copy_all(&from, &to, overwrite)
}

pub(crate) fn remove(path: &str, recursive: bool) -> Result<Changed, String> {
    let path = mounts::locate_inside(path)?;
    let kind = kind_of(&path)?;
    if kind == Kind::Directory && !recursive && !walk::entries(&path)?.is_empty() {
        return Err(format!("{} is not empty: set `recursive` to remove all that is in it", path.display()));
    }
    remove_all(&path, kind)
}

fn copy_all(from: &Path, to: &Path, overwrite: bool) -> Result<Changed, String> {
    let mut copied = Changed { files: 0, directories: 0, bytes: 0 };
    for visited in Walk::new(from, Some(true)) {
        let visited = visited?;
        let below = visited.path.strip_prefix(from).unwrap_or(&visited.path);
        let target = if below.as_os_str().is_empty() { to.to_owned() } else { to.join(below) };
        match visited.kind {
            Kind::Directory => {
                if !target.is_dir() {
                    fs::create_dir_all(&target).map_err(cannot("make the directory", &target))?;
                }
                copied.directories += 1;
            }
            Kind::File => {
                require_room(&target, overwrite)?;
                make_parent(&target)?;
                copied.bytes += copy_file(&visited.path, &target, overwrite)?;
                copied.files += 1;
            }
            Kind::Link | Kind::Other => {
                return Err(format!(
                    "{} is neither a file nor a directory, and cannot be copied",
                    visited.path.display()
                ));
            }
        }
    }
    Ok(copied)
}

fn copy_file(from: &Path, to: &Path, overwrite: bool) -> Result<u64, String> {
    let mut source = File::open(from).map_err(cannot("read", from))?;
    if overwrite {
        return replace_from(to, &mut source);
    }
    let mut target = File::create_new(to).map_err(cannot("create", to))?;
    io::copy(&mut source, &mut target).map_err(cannot("write", to))
}

fn remove_all(path: &Path, kind: Kind) -> Result<Changed, String> {
    let mut removed = Changed { files: 0, directories: 0, bytes: 0 };
    if kind != Kind::Directory {
        return remove_file(path, &mut removed).map(|()| removed);
    }
    let mut directories = Vec::new();
    for visited in Walk::new(path, Some(true)) {
        let visited = visited?;
        match visited.kind {
            Kind::Directory => directories.push(visited.path),
            Kind::File | Kind::Link | Kind::Other => remove_file(&visited.path, &mut removed)?,
        }
    }
    // A walk names a directory before what is in it.
    for directory in directories.iter().rev() {
        fs::remove_dir(directory).map_err(cannot("remove", directory))?;
        removed.directories += 1;
    }
    Ok(removed)
}

fn remove_file(path: &Path, removed: &mut Changed) -> Result<(), String> {
    let size = fs::symlink_metadata(path).map_err(cannot("remove", path))?.len();
    fs::remove_file(path).map_err(cannot("remove", path))?;
    removed.files += 1;
    removed.bytes += size;
    Ok(())
}

fn kind_of(path: &Path) -> Result<Kind, String> {
    Ok(walk::kind(fs::symlink_metadata(path).map_err(cannot("find", path))?.file_type()))
}

/// Refuses a target that is in the source, which would never end, or holds it.
fn require_apart(from: &Path, to: &Path) -> Result<(), String> {
    if from == to {
        return Err(format!("`from` and `to` are both {}", to.display()));
    }
    if to.starts_with(from) || from.starts_with(to) {
        return Err(format!("one of {} and {} is inside the other", from.display(), to.display()));
    }
    Ok(())
}

/// Refuses a target that exists, unless it is a file that may be overwritten.
fn require_room(to: &Path, overwrite: bool) -> Result<(), String> {
    match fs::symlink_metadata(to) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(()),
        Err(error) => Err(failed("find", to, &error)),
        Ok(found) if found.is_dir() => Err(format!("{} is a directory: give the full new path as `to`", to.display())),
        Ok(_) if overwrite => Ok(()),
        Ok(_) => Err(format!("{} exists: set `overwrite` to replace it", to.display())),
    }
}

#[cfg(test)]
mod tests {
    use crate::files::{Changed, copy, make_dir, r#move, remove};
    use std::{fs, path::Path};

    fn workspace() -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a directory");
        fs::create_dir_all(dir.path().join("d/empty")).expect("made");
        for (path, content) in [("a", "aaa"), ("b", "b"), ("d/x", "xx"), ("d/.gitignore", "x")] {
            fs::write(dir.path().join(path), content).expect("written");
        }
        dir
    }

    fn tree(root: &Path) -> Vec<String> {
        let mut found = Vec::new();
        let mut open = vec![root.to_owned()];
        while let Some(directory) = open.pop() {
            for entry in fs::read_dir(directory).expect("readable") {
                let path = entry.expect("readable").path();
                let name = path.strip_prefix(root).expect("below").display().to_string();
                if path.is_dir() {
                    found.push(format!("{name}/"));
                    open.push(path);
                } else {
                    found.push(format!("{name}={}", fs::read_to_string(&path).expect("text")));
                }
            }
        }
        found.sort();
        found
    }

    const BEFORE: [&str; 6] = ["a=aaa", "b=b", "d/", "d/.gitignore=x", "d/empty/", "d/x=xx"];

    /// What is there afterwards, or the error, and then that nothing changed.
    #[track_caller]
    fn check<T: std::fmt::Debug>(
        action: impl FnOnce(&dyn Fn(&str) -> String) -> Result<T, String>,
        expected: Result<&[&str], &str>,
    ) {
        let dir = workspace();
        let done = action(&|path| dir.path().join(path).display().to_string());
        match expected {
            Ok(expected) => {
                done.expect("done");
                assert_eq!(tree(dir.path()), expected);
            }
            Err(expected) => {
                let error = done.expect_err("refused");
                assert!(error.contains(expected), "{error}");
                assert_eq!(tree(dir.path()), BEFORE);
            }
        }
    }

    #[test]
    fn files_and_directories_move() {
        let moved = ["b=b", "d/", "d/.gitignore=x", "d/empty/", "d/x=xx", "n/", "n/m/", "n/m/a=aaa"];
        check(|at| r#move(at("a"), at("n/m/a"), None), Ok(&moved));
        let renamed = ["a=aaa", "b=b", "e/", "e/.gitignore=x", "e/empty/", "e/x=xx"];
        check(|at| r#move(at("d"), at("e"), None), Ok(&renamed));
        let replaced = ["b=aaa", "d/", "d/.gitignore=x", "d/empty/", "d/x=xx"];
        check(|at| r#move(at("a"), at("b"), Some(true)), Ok(&replaced));
        check(|at| r#move(at("a"), at("b"), None), Err("/b exists: set `overwrite`"));
        check(|at| r#move(at("a"), at("d"), Some(true)), Err("/d is a directory: give the full new path"));
        check(|at| r#move(at("d"), at("d/empty/d"), None), Err("is inside the other"));
        check(|at| r#move(at("a"), at("a"), Some(true)), Err("are both"));
        check(|at| r#move(at("z"), at("y/y"), None), Err("/z: "));
        check(|_| r#move("/".into(), "/x".into(), None), Err("/ is a mount"));
    }

    #[test]
    fn files_and_directories_are_copied() {
        let done = |files, directories, bytes| Changed { files, directories, bytes };
        let copied = ["a=aaa", "b=b", "d/", "d/.gitignore=x", "d/empty/", "d/x=xx", "n/", "n/a=aaa"];
        check(|at| copy(at("a"), at("n/a"), None).map(|found| assert_eq!(found, done(1, 0, 3))), Ok(&copied));
        let whole = [&BEFORE[..], &["e/", "e/.gitignore=x", "e/empty/", "e/x=xx"]].concat();
        check(|at| copy(at("d"), at("e"), None).map(|found| assert_eq!(found, done(2, 2, 3))), Ok(&whole));
        let replaced = ["a=aaa", "b=aaa", "d/", "d/.gitignore=x", "d/empty/", "d/x=xx"];
        check(|at| copy(at("a"), at("b"), Some(true)), Ok(&replaced));
        check(|at| copy(at("a"), at("b"), None), Err("/b exists"));
        check(|at| copy(at("d"), at("d/e"), None), Err("is inside the other"));
        check(|at| copy(at("z"), at("y"), None), Err("/z: "));
    }

    #[test]
    fn links_are_not_copied() {
        let dir = workspace();
        std::os::unix::fs::symlink("a", dir.path().join("d/link")).expect("linked");
        let at = |path: &str| dir.path().join(path).display().to_string();
        let error = copy(at("d"), at("e"), None).expect_err("refused");
        assert!(error.contains("d/link is neither a file nor a directory"), "{error}");
        // Removing one leaves what it leads to.
        remove(at("d"), Some(true)).expect("removed");
        assert_eq!(tree(dir.path())[..2], ["a=aaa", "b=b"]);
    }

    #[test]
    fn removal_of_more_than_one_is_asked_for() {
        let done = |files, directories, bytes| Changed { files, directories, bytes };
        check(|at| remove(at("a"), None).map(|found| assert_eq!(found, done(1, 0, 3))), Ok(&BEFORE[1..]));
        let without_empty = ["a=aaa", "b=b", "d/", "d/.gitignore=x", "d/x=xx"];
        check(|at| remove(at("d/empty"), None).map(|found| assert_eq!(found, done(0, 1, 0))), Ok(&without_empty));
        check(|at| remove(at("d"), Some(true)).map(|found| assert_eq!(found, done(2, 2, 3))), Ok(&BEFORE[..2]));
        check(|at| remove(at("d"), None), Err("/d is not empty: set `recursive`"));
        check(|at| remove(at("z"), Some(true)), Err("/z: "));
        check(|_| remove("/".into(), Some(true)), Err("/ is a mount"));
    }

    #[test]
    fn directories_are_made() {
        let made = [&BEFORE[..], &["m/", "m/n/"]].concat();
        check(|at| make_dir(at("m/n")), Ok(&made));
        check(|at| make_dir(at("d")), Ok(&BEFORE));
        check(|at| make_dir(at("a")), Err("cannot make the directory"));
        check(|at| make_dir(at("a/b")), Err("cannot make the directory"));
    }
}
