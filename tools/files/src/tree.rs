//! A directory, drawn.

use crate::{
    files::{Drawing, Kind},
    mounts,
    walk::{self, Walk},
};
use std::fmt::Write as _;

const DEFAULT_DEPTH: u32 = 3;
const DEFAULT_LIMIT: u32 = 500;

pub(crate) fn tree(
    path: &str,
    depth: Option<u32>,
    ignored: Option<bool>,
    limit: Option<u32>,
) -> Result<Drawing, String> {
    let depth = depth.unwrap_or(DEFAULT_DEPTH) as usize;
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    let mut tree = Drawing { text: String::new(), files: 0, directories: 0, truncated: false };
    for root in mounts::roots(path)? {
        walk::require_directory(&root)?;
        for visited in Walk::new(&root, ignored).down_to(depth) {
            let visited = visited?;
            let root = visited.depth == 0;
            if !root && tree.files + tree.directories >= limit {
                tree.truncated = true;
                return Ok(tree);
            }
            let name = if root {
                visited.path.to_string_lossy()
            } else {
                visited.path.file_name().unwrap_or_default().to_string_lossy()
            };
            let (end, count) = match visited.kind {
                Kind::Directory => ("/", &mut tree.directories),
                Kind::Link => ("@", &mut tree.files),
                Kind::File | Kind::Other => ("", &mut tree.files),
            };
            *count += u32::from(!root);
            // Writing to a string does not fail.
            let _ = writeln!(tree.text, "{:indent$}{name}{end}", "", indent = visited.depth * 2);
        }
    }
    Ok(tree)
}

#[cfg(test)]
mod tests {
    use crate::files::tree;
    use std::fs;

    #[test]
    fn trees_are_drawn() {
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path().display().to_string();
        fs::create_dir_all(dir.path().join("a/b/c/d")).expect("made");
        for path in ["a/b/c/d/deep", "a/x", "z", ".gitignore", "secret"] {
            fs::write(dir.path().join(path), "secret").expect("written");
        }
        std::os::unix::fs::symlink("z", dir.path().join("link")).expect("linked");
        let check = |depth, ignored, limit, expected: &str, counts: (u32, u32, bool)| {
            let found = tree(Some(root.clone()), depth, ignored, limit).expect("drawn");
            assert_eq!(found.text, format!("{root}/\n{expected}"));
            assert_eq!((found.files, found.directories, found.truncated), counts);
        };
        let all = "  .gitignore\n  a/\n    b/\n      c/\n    x\n  link@\n  z\n";
        check(None, None, None, all, (4, 3, false));
        check(Some(1), None, None, "  .gitignore\n  a/\n  link@\n  z\n", (3, 1, false));
        check(Some(1), Some(true), None, "  .gitignore\n  a/\n  link@\n  secret\n  z\n", (4, 1, false));
        check(Some(0), None, None, "", (0, 0, false));
        check(None, None, Some(2), "  .gitignore\n  a/\n", (1, 1, true));
        check(None, None, Some(7), all, (4, 3, false));
        let error = tree(Some(format!("{root}/z")), None, None, None).expect_err("a file");
        assert!(error.contains("not a directory"), "{error}");
    }
}
