//! Which files there are, and how large.

use crate::{
    error::cannot,
    files::{Found, Measured, Order, Paths},
    filter::Filter,
    lines,
    list::number,
    walk,
};
use std::{cmp::Reverse, fs};

const DEFAULT_PATHS: u32 = 1000;
const DEFAULT_FILES: u32 = 100;

pub(crate) fn glob(pattern: &str, root: &str, ignored: Option<bool>, limit: Option<u32>) -> Result<Paths, String> {
    let filter = Filter::new("pattern", Some(pattern))?;
    let limit = limit.unwrap_or(DEFAULT_PATHS) as usize;
    let mut found = Paths { paths: Vec::new(), total: 0 };
    for file in walk::files(root, ignored)? {
        let (root, path) = file?;
        if filter.wants(&root, &path) {
            found.total += 1;
            if found.paths.len() < limit {
                found.paths.push(path.display().to_string());
            }
        }
    }
    Ok(found)
}

pub(crate) fn find(
    root: &str,
    glob: Option<&str>,
    sort: Option<Order>,
    count_lines: Option<bool>,
    ignored: Option<bool>,
    limit: Option<u32>,
) -> Result<Found, String> {
    let filter = Filter::new("glob", glob)?;
    let order = sort.unwrap_or(Order::Name);
    let count_lines = count_lines.unwrap_or(false) || order == Order::Lines;
    let mut files = Vec::new();
    for file in walk::files(root, ignored)? {
        let (root, path) = file?;
        if filter.wants(&root, &path) {
            let size = fs::symlink_metadata(&path).map_err(cannot("read", &path))?.len();
            let lines = if count_lines {
                lines::open(&path).and_then(lines::Lines::count).map_err(cannot("read", &path))?
            } else {
                None
            };
            files.push(Measured { path: path.display().to_string(), size, lines });
        }
    }
    // Sorting keeps the order of the walk where files are equal.
    match order {
        Order::Name => {}
        Order::Size => files.sort_by_key(|file| Reverse(file.size)),
        Order::Lines => files.sort_by_key(|file| Reverse(file.lines)),
    }
    let (total, total_size) = (number(files.len()), files.iter().map(|file| file.size).sum());
    files.truncate(limit.unwrap_or(DEFAULT_FILES) as usize);
    Ok(Found { files, total, total_size })
}

#[cfg(test)]
mod tests {
    use crate::files::{Order, find, glob};
    use std::fs;

    fn workspace() -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a directory");
        fs::create_dir_all(dir.path().join("src/deep")).expect("made");
        let files: [(&str, &[u8]); 6] = [
            ("a.md", b"one\ntwo\nthree"),
            ("src/b.rs", b"\n\n\n\n"),
            ("src/deep/c.rs", b"0123456789 0123456789"),
            ("src/deep/d.bin", b"\0\n\n\n\n\n\n\n\n"),
            ("x.tmp", b"ignored, and the largest of them all"),
            (".gitignore", b"*.tmp"),
        ];
        for (path, content) in files {
            fs::write(dir.path().join(path), content).expect("written");
        }
        dir
    }

    fn relative(dir: &tempfile::TempDir, path: &str) -> String {
        path.strip_prefix(&format!("{}/", dir.path().display())).expect("below").to_owned()
    }

    #[test]
    fn globs_find_files() {
        let dir = workspace();
        let check = |pattern: &str, ignored, limit, expected: &[&str], total| {
            let found = glob(pattern.into(), Some(dir.path().display().to_string()), ignored, limit).expect("found");
            let paths: Vec<_> = found.paths.iter().map(|path| relative(&dir, path)).collect();
            assert_eq!((paths, found.total), (expected.iter().map(ToString::to_string).collect(), total));
        };
        check("*.rs", None, None, &["src/b.rs", "src/deep/c.rs"], 2);
        check("src/*.rs", None, None, &["src/b.rs"], 1);
        check("*", None, Some(2), &[".gitignore", "a.md"], 5);
        check("*.tmp", None, None, &[], 0);
        check("*.tmp", Some(true), None, &["x.tmp"], 1);
        let root = || Some(dir.path().display().to_string());
        assert!(glob("[".into(), root(), None, None).expect_err("no glob").contains("`pattern` is not a glob"));
        let missing = glob("*".into(), Some(dir.path().join("zz").display().to_string()), None, None);
        assert!(missing.expect_err("missing").contains("/zz: "));
    }

    #[test]
    fn files_are_measured() {
        let dir = workspace();
        let check = |glob: Option<&str>, sort, lines, limit, expected: &[(&str, u64, Option<u64>)], totals| {
            let root = Some(dir.path().display().to_string());
            let found = find(root, glob.map(Into::into), sort, lines, None, limit).expect("found");
            let files: Vec<_> =
                found.files.iter().map(|file| (relative(&dir, &file.path), file.size, file.lines)).collect();
            let expected: Vec<_> = expected.iter().map(|&(path, size, lines)| (path.to_owned(), size, lines)).collect();
            assert_eq!((files, (found.total, found.total_size)), (expected, totals));
        };
        let rust = [("src/b.rs", 4, None), ("src/deep/c.rs", 21, None)];
        check(Some("*.rs"), None, None, None, &rust, (2, 25));
        check(None, Some(Order::Size), None, Some(2), &[("src/deep/c.rs", 21, None), ("a.md", 13, None)], (5, 52));
        let longest = [("src/b.rs", 4, Some(4)), ("a.md", 13, Some(3)), (".gitignore", 5, Some(1))];
        check(None, Some(Order::Lines), None, Some(3), &longest, (5, 52));
        check(Some("d.*"), None, Some(true), None, &[("src/deep/d.bin", 9, None)], (1, 9));
    }
}
