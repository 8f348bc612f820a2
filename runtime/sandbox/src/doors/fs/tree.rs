//! Which handle stands for which path.

use std::collections::HashMap;

/// A mount as the guest sees it.
#[derive(Debug)]
pub(crate) struct Root {
    /// Where the guest sees it: `/workspace`, or `/workspace/docs` where the grant narrows it.
    pub(crate) guest_path: String,
}

/// The open handles of a call and their paths, as effects name them: `workspace/docs/a.md`.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    roots: Vec<Root>,
    open: HashMap<u32, String>,
    /// How many directories are being listed.
    pub(super) listings: usize,
}

impl Tree {
    pub(crate) fn new(roots: Vec<Root>) -> Self {
        Self { roots, open: HashMap::new(), listings: 0 }
    }

    /// A handle to a mount was given out.
    pub(crate) fn open_root(&mut self, handle: u32, guest_path: &str) {
        if let Some(root) = self.roots.iter().find(|root| root.guest_path == guest_path) {
            let path = root.guest_path.trim_start_matches('/').to_owned();
            self.open.insert(handle, path);
        }
    }

    /// A handle to a path was given out.
    pub(crate) fn open(&mut self, handle: u32, path: String) {
        self.open.insert(handle, path);
    }

    pub(crate) fn close(&mut self, handle: u32) {
        self.open.remove(&handle);
    }

    /// The path that a guest means, without `.` and `..`. It is for the record: whether the path may be used at all
    /// is decided where it is resolved.
    pub(crate) fn path(&self, handle: u32, relative: &str) -> String {
        let base = self.open.get(&handle).map_or("?", String::as_str);
        if relative.is_empty() || relative == "." {
            return base.to_owned();
        }
        let mut parts: Vec<&str> = if relative.starts_with('/') { Vec::new() } else { base.split('/').collect() };
        for part in relative.split('/') {
            match part {
                "" | "." => {}
                // What leads out of the mount is shown as such.
                ".." if matches!(parts.last(), None | Some(&"..")) => parts.push(".."),
                ".." => {
                    parts.pop();
                }
                part => parts.push(part),
            }
        }
        let path = parts.join("/");
        if relative.starts_with('/') || path.is_empty() { format!("/{path}") } else { path }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_named_from_their_mount() {
        let mut tree = Tree::new(vec![Root { guest_path: "/workspace".into() }]);
        tree.open_root(3, "/workspace");
        tree.open(4, tree.path(3, "docs"));
        let check = |handle, relative: &str, expected: &str| {
            assert_eq!(tree.path(handle, relative), expected, "{handle} {relative}");
        };
        check(3, "a.md", "workspace/a.md");
        check(3, "./a//b/../c.md", "workspace/a/c.md");
        check(4, "", "workspace/docs");
        check(4, "..", "workspace");
        check(4, "../../../etc/passwd", "../etc/passwd");
        check(4, "/etc/passwd", "/etc/passwd");
        check(9, "x", "?/x");
    }
}
