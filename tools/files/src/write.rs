//! Writing one file.

use crate::{
    error::{cannot, failed},
    files::{Edited, Mode, Replacement, Written},
    mounts, read,
};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Read, Write},
    path::{Path, PathBuf},
};

/// The largest file to edit: it, and what it becomes, are in memory at once.
const MAX_EDITED: u64 = 16 << 20;

/// How many lines an error names.
const MAX_NAMED: usize = 10;

pub(crate) fn write(path: &str, content: &[u8], mode: Option<Mode>) -> Result<Written, String> {
    let path = mounts::locate_inside(path)?;
    make_parent(&path)?;
    match mode.unwrap_or(Mode::Create) {
        Mode::Create => {
            let mut file = File::create_new(&path).map_err(|error| match error.kind() {
                ErrorKind::AlreadyExists => {
                    format!("{} exists: set `mode` to `overwrite` or `append`, or use `edit`", path.display())
                }
                _ => failed("create", &path, &error),
            })?;
            file.write_all(content).map_err(cannot("write", &path))?;
        }
        Mode::Overwrite => replace(&path, content)?,
        Mode::Append => {
            let mut file =
                OpenOptions::new().append(true).create(true).open(&path).map_err(cannot("append to", &path))?;
            file.write_all(content).map_err(cannot("append to", &path))?;
        }
    }
    let size = fs::metadata(&path).map_err(cannot("read", &path))?.len();
    Ok(Written { path: path.display().to_string(), size })
}

pub(crate) fn edit(path: &str, edits: &[Replacement]) -> Result<Edited, String> {
    if edits.is_empty() {
        return Err("`edits` is empty: give at least one replacement".to_owned());
    }
    let path = mounts::locate_inside(path)?;
    let (mut file, size) = read::open(&path)?;
    if size > MAX_EDITED {
        return Err(too_large(&path));
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(|error| match error.kind() {
        ErrorKind::InvalidData => format!("{} is not text in UTF-8, and cannot be edited as such", path.display()),
        _ => failed("read", &path, &error),
    })?;
    let mut replaced = 0;
    for (index, edit) in edits.iter().enumerate() {
        let (after, count) = apply(&text, edit).map_err(|error| {
            format!(
                "edit {} of {} did not apply to {}, and nothing was changed: {error}",
                index + 1,
                edits.len(),
                path.display()
            )
        })?;
        if after.len() as u64 > MAX_EDITED {
            return Err(too_large(&path));
        }
        text = after;
        replaced += count;
    }
    replace(&path, text.as_bytes())?;
    Ok(Edited { path: path.display().to_string(), replaced, size: text.len() as u64 })
}

fn too_large(path: &Path) -> String {
    format!("{} is, or would become, larger than {MAX_EDITED} bytes, the most that can be edited", path.display())
}

fn apply(text: &str, edit: &Replacement) -> Result<(String, u32), String> {
    let Replacement { old, new, all } = edit;
    if old.is_empty() {
        return Err("`old` is empty".to_owned());
    }
    if old == new {
        return Err("`old` and `new` are the same".to_owned());
    }
    let count = text.matches(old.as_str()).count();
    match count {
        0 if text.contains("\r\n") && text.contains(&old.replace('\n', "\r\n")) => {
            return Err("`old` does not occur; with `\\r\\n` line ends, which the file has, it does".to_owned());
        }
        0 => return Err("`old` does not occur: read the file, and copy the text exactly".to_owned()),
        1 => {}
        _ if all.unwrap_or(false) => {}
        _ => {
            return Err(format!(
                "`old` occurs {count} times, at lines {}: add lines around it to make it unique, or set `all`",
                line_numbers(text, old, count)
            ));
        }
    }
    // Sized ahead, so that growth beyond the limit is refused by the number, not by running out of memory.
    let size = text.len() as u64 - (count * old.len()) as u64 + count as u64 * new.len() as u64;
    if size > MAX_EDITED {
        return Err(format!("the file would have {size} bytes, over {MAX_EDITED}"));
    }
    Ok((text.replace(old.as_str(), new), u32::try_from(count).unwrap_or(u32::MAX)))
}

fn line_numbers(text: &str, old: &str, count: usize) -> String {
    let mut named = Vec::new();
    let (mut line, mut from) = (1, 0);
    for (at, _) in text.match_indices(old).take(MAX_NAMED) {
        line += text[from..at].matches('\n').count();
        from = at;
        named.push(line.to_string());
    }
    let more = if count > MAX_NAMED { ", …" } else { "" };
    format!("{}{more}", named.join(", "))
}

/// Puts new content in a file's place.
pub(crate) fn replace(path: &Path, mut content: &[u8]) -> Result<(), String> {
    replace_from(path, &mut content).map(|_| ())
}

/// Puts what a reader gives in a file's place, by renaming a new file over it, and tells its size.
pub(crate) fn replace_from(path: &Path, content: &mut dyn Read) -> Result<u64, String> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => {
            return Err(format!(
                "{} is a link, which would be replaced: give the path that it leads to",
                path.display()
            ));
        }
        Ok(found) if found.is_dir() => return Err(format!("{} is a directory", path.display())),
        _ => {}
    }
    let (mut file, temporary) = create_beside(path)?;
    let written = io::copy(content, &mut file).map_err(cannot("write", path));
    drop(file);
    let renamed = written.and_then(|size| {
        fs::rename(&temporary, path).map_err(cannot("replace", path))?;
        Ok(size)
    });
    renamed.inspect_err(|_| {
        // What could not be written is the error to tell; that its rest could not be removed either adds nothing.
        let _ = fs::remove_file(&temporary);
    })
}

/// A new file in the same directory, since a rename does not cross mounts.
fn create_beside(path: &Path) -> Result<(File, PathBuf), String> {
    const TRIES: u32 = 100;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    for number in 0..TRIES {
        let temporary = path.with_file_name(format!(".{name}.{number}.tmp"));
        match File::create_new(&temporary) {
            Ok(file) => return Ok((file, temporary)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed("write", path, &error)),
        }
    }
    Err(format!("{} has {TRIES} unfinished versions beside it: remove .{name}.*.tmp", path.display()))
}

/// Makes the directories that are missing on the way to a path.
pub(crate) fn make_parent(path: &Path) -> Result<(), String> {
    match path.parent() {
        // Looked for first: where a mount cannot be written, a directory that is there is no reason to fail.
        Some(parent) if !parent.is_dir() => fs::create_dir_all(parent).map_err(cannot("make the directory", parent)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use crate::files::{Mode, Replacement, edit, write, write_bytes};
    use std::fs;

    /// What the file holds afterwards, and that nothing else is beside it.
    #[track_caller]
    fn check(before: Option<&str>, mode: Option<Mode>, expected: Result<&str, &str>) {
        let dir = tempfile::tempdir().expect("a directory");
        let folder = dir.path().join("new/folder");
        let path = folder.join("a");
        if let Some(before) = before {
            fs::create_dir_all(&folder).expect("made");
            fs::write(&path, before).expect("written");
        }
        let written = write(path.display().to_string(), "new".into(), mode);
        let names: Vec<_> =
            fs::read_dir(&folder).expect("made").map(|entry| entry.expect("read").file_name()).collect();
        assert_eq!(names, ["a"]);
        let content = fs::read_to_string(&path).expect("there");
        match expected {
            Ok(expected) => {
                assert_eq!(content, expected);
                assert_eq!(written.map(|written| written.size), Ok(expected.len() as u64));
            }
            Err(expected) => {
                assert_eq!(Some(content.as_str()), before);
                let error = written.expect_err("refused");
                assert!(error.contains(expected), "{error}");
            }
        }
    }

    #[test]
    fn the_mode_decides() {
        check(None, None, Ok("new"));
        check(None, Some(Mode::Overwrite), Ok("new"));
        check(None, Some(Mode::Append), Ok("new"));
        check(Some("old"), None, Err("/a exists: set `mode` to `overwrite` or `append`"));
        check(Some("old"), Some(Mode::Overwrite), Ok("new"));
        check(Some("old"), Some(Mode::Append), Ok("oldnew"));
    }

    #[test]
    fn what_is_no_file_is_not_replaced() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("target"), "old").expect("written");
        fs::create_dir(dir.path().join("folder")).expect("made");
        std::os::unix::fs::symlink("target", dir.path().join("link")).expect("linked");
        let check = |name: &str, expected: &str| {
            let path = dir.path().join(name).display().to_string();
            let error = write_bytes(path, vec![0], Some(Mode::Overwrite)).expect_err("refused");
            assert!(error.contains(expected), "{error}");
        };
        check("link", "/link is a link");
        check("folder", "/folder is a directory");
        check("target/a", "make the directory");
        check("../../../../../../..", "leaves the mounts");
        let error = write("/".into(), String::new(), None).expect_err("refused");
        assert_eq!(error, "/ is a mount: give a path inside it");
        assert_eq!(fs::read_to_string(dir.path().join("target")).expect("there"), "old");
    }

    #[track_caller]
    fn check_edit(before: &str, edits: &[(&str, &str, bool)], expected: Result<(&str, u32), &str>) {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("a");
        fs::write(&path, before).expect("written");
        let edits =
            edits.iter().map(|&(old, new, all)| Replacement { old: old.into(), new: new.into(), all: Some(all) });
        let edited = edit(path.display().to_string(), edits.collect());
        let content = fs::read_to_string(&path).expect("there");
        match expected {
            Ok((expected, replaced)) => {
                assert_eq!(content, expected);
                let edited = edited.expect("edited");
                assert_eq!((edited.replaced, edited.size), (replaced, expected.len() as u64));
            }
            Err(expected) => {
                assert_eq!(content, before, "nothing changes");
                let error = edited.expect_err("refused");
                assert!(error.contains(expected), "{error}");
            }
        }
    }

    #[test]
    fn edits_are_exact_and_all_or_none() {
        check_edit("a b\na c\n", &[("a c", "d", false)], Ok(("a b\nd\n", 1)));
        check_edit("a b\na c\n", &[("a", "xx", true)], Ok(("xx b\nxx c\n", 2)));
        check_edit("a b", &[("a", "c", false), ("c b", "", false)], Ok(("", 2)));
        check_edit("a\na a\n", &[("a", "b", false)], Err("`old` occurs 3 times, at lines 1, 2, 2: add lines"));
        check_edit(&"a\n".repeat(11), &[("a", "b", false)], Err("at lines 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, …"));
        check_edit("a b", &[("a", "c", false), ("x", "", false)], Err("edit 2 of 2 did not apply"));
        check_edit("a b", &[("x", "", true)], Err("`old` does not occur: read the file"));
        check_edit("a\r\nb\r\n", &[("a\nb", "", false)], Err("with `\\r\\n` line ends"));
        check_edit("a b", &[("", "x", true)], Err("`old` is empty"));
        check_edit("a b", &[("a", "a", false)], Err("are the same"));
        check_edit("a b", &[], Err("`edits` is empty"));
        check_edit(&"a".repeat(1000), &[("a", &"b".repeat(17_000), true)], Err("would have 17000000 bytes"));
    }
}
