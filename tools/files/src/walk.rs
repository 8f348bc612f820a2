//! Everything below a directory, in one order, without what git ignores.

use crate::{
    error::{cannot, failed},
    files::Kind,
    mounts,
};
use ignore::{
    Match,
    gitignore::{Gitignore, GitignoreBuilder},
};
use std::{
    fs::{self, FileType},
    io::{ErrorKind, Read},
    path::{Path, PathBuf},
    vec,
};

/// A tree that is deeper was made to be.
const MAX_DEPTH: usize = 200;

/// The largest tree to walk; the largest repositories have some 400,000 files.
const MAX_VISITED: usize = 1_000_000;

/// The largest `.gitignore` to obey: its rules are compiled.
const MAX_GITIGNORE: u64 = 256 << 10;

/// Something that a walk came by.
pub(crate) struct Visited {
    pub(crate) path: PathBuf,
    pub(crate) kind: Kind,
    /// How far below the root it is; the root itself is at 0.
    pub(crate) depth: usize,
}

/// A walk: a directory before what it holds, and what it holds by name.
pub(crate) struct Walk {
    root: Option<PathBuf>,
    levels: Vec<Level>,
    /// The rules from the mount's top to the level's directory; `None` where the walk does not ask.
    rules: Option<Vec<Gitignore>>,
    max_depth: usize,
    visited: usize,
}

/// A directory that the walk is in.
struct Level {
    entries: vec::IntoIter<(PathBuf, Kind)>,
    /// Whether the directory has rules of its own, which end with it.
    has_rules: bool,
}

impl Walk {
    /// Everything below a path that is inside a mount.
    pub(crate) fn new(root: &Path, ignored: Option<bool>) -> Self {
        let rules = (!ignored.unwrap_or(false)).then(|| rules_above(root));
        Self { root: Some(root.to_owned()), levels: Vec::new(), rules, max_depth: MAX_DEPTH, visited: 0 }
    }

    /// Goes no deeper than this.
    pub(crate) fn down_to(self, depth: usize) -> Self {
        Self { max_depth: depth.min(MAX_DEPTH), ..self }
    }

    fn step(&mut self) -> Result<Option<Visited>, String> {
        if let Some(path) = self.root.take() {
            let kind = kind(fs::symlink_metadata(&path).map_err(cannot("read", &path))?.file_type());
            return self.visit(path, kind).map(Some);
        }
        while let Some(level) = self.levels.last_mut() {
            let Some((path, kind)) = level.entries.next() else {
                if level.has_rules {
                    self.rules.as_mut().and_then(Vec::pop);
                }
                self.levels.pop();
                continue;
            };
            if !self.is_ignored(&path, kind) {
                return self.visit(path, kind).map(Some);
            }
        }
        Ok(None)
    }

    fn visit(&mut self, path: PathBuf, kind: Kind) -> Result<Visited, String> {
        self.visited += 1;
        if self.visited > MAX_VISITED {
            return Err(format!(
                "over {MAX_VISITED} entries, the last of them {}: choose a deeper root",
                path.display()
            ));
        }
        let depth = self.levels.len();
        if kind == Kind::Directory && depth < self.max_depth {
            self.enter(&path)?;
        } else if kind == Kind::Directory && depth == MAX_DEPTH {
            return Err(format!("{} is over {MAX_DEPTH} directories deep: choose a deeper root", path.display()));
        }
        Ok(Visited { path, kind, depth })
    }

    fn enter(&mut self, directory: &Path) -> Result<(), String> {
        let entries = entries(directory)?;
        let mut has_rules = false;
        if let Some(rules) = &mut self.rules
            && entries.iter().any(|(path, kind)| *kind == Kind::File && path.ends_with(".gitignore"))
        {
            // Those of the root were read with those above it.
            has_rules = !self.levels.is_empty();
            if has_rules {
                rules.push(rules_of(directory));
            }
        }
        self.levels.push(Level { entries: entries.into_iter(), has_rules });
        Ok(())
    }

    fn is_ignored(&self, path: &Path, kind: Kind) -> bool {
        let Some(rules) = &self.rules else { return false };
        if path.ends_with(".git") {
            return true;
        }
        // The deepest file that says something decides.
        let said = rules.iter().rev().map(|rules| rules.matched(path, kind == Kind::Directory));
        said.into_iter().find(|said| !said.is_none()).is_some_and(|said| matches!(said, Match::Ignore(_)))
    }
}

impl Iterator for Walk {
    type Item = Result<Visited, String>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step().transpose()
    }
}

/// The regular files below a path, which may be above the mounts; each with the root that its path is relative to.
pub(crate) fn files(
    path: &str,
    ignored: Option<bool>,
) -> Result<impl Iterator<Item = Result<(PathBuf, PathBuf), String>>, String> {
    let walks = mounts::roots(path)?.into_iter().flat_map(move |root| {
        Walk::new(&root, ignored).map(move |visited| visited.map(|visited| (root.clone(), visited)))
    });
    Ok(walks.filter_map(|visited| match visited {
        Ok((root, visited)) => (visited.kind == Kind::File).then_some(Ok((root, visited.path))),
        Err(error) => Some(Err(error)),
    }))
}

/// A directory's entries, by name.
pub(crate) fn entries(directory: &Path) -> Result<Vec<(PathBuf, Kind)>, String> {
    let cannot = cannot("list", directory);
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).map_err(&cannot)? {
        let entry = entry.map_err(&cannot)?;
        if found.len() >= MAX_VISITED {
            return Err(format!("{} has over {MAX_VISITED} entries", directory.display()));
        }
        found.push((entry.path(), kind(entry.file_type().map_err(&cannot)?)));
    }
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(found)
}

pub(crate) fn kind(found: FileType) -> Kind {
    if found.is_file() {
        Kind::File
    } else if found.is_dir() {
        Kind::Directory
    } else if found.is_symlink() {
        Kind::Link
    } else {
        Kind::Other
    }
}

/// The rules of a directory and of those above it, as far as the mount reaches, the topmost first.
fn rules_above(directory: &Path) -> Vec<Gitignore> {
    let mut above: Vec<_> =
        directory.ancestors().take_while(|above| mounts::locate(&above.to_string_lossy()).is_ok()).collect();
    above.reverse();
    above.into_iter().map(rules_of).collect()
}

/// The rules of one directory; none where its `.gitignore` is missing or unreadable, and lines that are no rules are passed over.
fn rules_of(directory: &Path) -> Gitignore {
    let mut builder = GitignoreBuilder::new(directory);
    let mut text = String::new();
    let read = fs::File::open(directory.join(".gitignore"))
        .and_then(|file| file.take(MAX_GITIGNORE).read_to_string(&mut text));
    if read.is_ok() {
        for line in text.lines() {
            let _ = builder.add_line(None, line);
        }
    }
    builder.build().unwrap_or_else(|_| Gitignore::empty())
}

/// Fails as a listing would if a path is there but is no directory.
pub(crate) fn require_directory(path: &Path) -> Result<(), String> {
    let found = fs::symlink_metadata(path).map_err(cannot("list", path))?;
    if found.is_dir() { Ok(()) } else { Err(failed("list", path, &ErrorKind::NotADirectory.into())) }
}

#[cfg(test)]
mod tests {
    use super::{MAX_DEPTH, Walk};
    use std::{fs, path::Path};

    fn make(root: &Path, files: &[(&str, &str)]) {
        for (path, content) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().expect("inside")).expect("made");
            fs::write(path, content).expect("written");
        }
    }

    #[track_caller]
    fn check(files: &[(&str, &str)], from: &str, ignored: bool, expected: &[&str]) {
        let dir = tempfile::tempdir().expect("a directory");
        make(dir.path(), files);
        let found: Vec<_> = Walk::new(&dir.path().join(from), Some(ignored))
            .map(|visited| visited.expect("readable").path)
            .map(|path| path.strip_prefix(dir.path()).expect("below").display().to_string())
            .filter(|path| !path.ends_with(".gitignore") && !path.is_empty())
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn walks_are_in_order() {
        let files = [("b/2", ""), ("b/1", ""), ("b.c", ""), ("a/x/y", ""), ("c", "")];
        check(&files, "", false, &["a", "a/x", "a/x/y", "b", "b/1", "b/2", "b.c", "c"]);
        check(&files, "b", false, &["b", "b/1", "b/2"]);
        check(&files, "c", false, &["c"]);
    }

    #[test]
    fn walks_obey_git() {
        let files = [
            (".git/HEAD", ""),
            (".gitignore", "*.log\n/target\nnot[a-rule\n"),
            ("a.log", ""),
            ("src/.gitignore", "!keep.log\ngenerated/\n"),
            ("src/a.log", ""),
            ("src/generated/x", ""),
            ("src/keep.log", ""),
            ("src/target", ""),
            ("target/x", ""),
            ("zz/generated/keep.log", ""),
        ];
        check(&files, "", false, &["src", "src/keep.log", "src/target", "zz", "zz/generated"]);
        // Rules from above the root hold too.
        check(&files, "src", false, &["src", "src/keep.log", "src/target"]);
        check(&files, "zz", false, &["zz", "zz/generated"]);
        check(&files, "src/generated", true, &["src/generated", "src/generated/x"]);
        check(&[(".git/HEAD", ""), (".gitignore", "a"), ("a", "")], "", true, &[".git", ".git/HEAD", "a"]);
    }

    #[test]
    fn links_are_not_followed() {
        let dir = tempfile::tempdir().expect("a directory");
        std::os::unix::fs::symlink(dir.path(), dir.path().join("again")).expect("linked");
        assert_eq!(Walk::new(dir.path(), None).count(), 2);
    }

    #[test]
    fn depth_is_bounded() {
        let check = |depth: usize, expected: bool| {
            let dir = tempfile::tempdir().expect("a directory");
            fs::create_dir_all(dir.path().join("d/".repeat(depth))).expect("made");
            assert_eq!(Walk::new(dir.path(), None).all(|visited| visited.is_ok()), expected);
            assert_eq!(Walk::new(dir.path(), None).down_to(2).count(), 3);
        };
        check(MAX_DEPTH - 1, true);
        check(MAX_DEPTH, false);
    }
}
