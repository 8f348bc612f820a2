//! Which handle stands for which path.

use super::{
    place::Ruled,
    view::{At, View},
};
use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};
use wasmtime_wasi::p2::bindings::filesystem::types::DirectoryEntry;

/// A mount as the guest sees it.
#[derive(Debug)]
pub(crate) struct Root {
    /// Where the guest sees it: `/workspace`, or `/workspace/docs` where the grant narrows it.
    pub(crate) guest_path: String,
    /// The rules for its paths, where it has any.
    pub(crate) ruled: Option<Arc<Ruled>>,
    /// What is seen of it, where it is staged.
    pub(crate) view: Option<Arc<View>>,
}

/// An open handle: its path for the record, and the rules that hold in its mount.
#[derive(Debug)]
struct Open {
    path: String,
    ruled: Option<Arc<Ruled>>,
    at: Option<At>,
}

/// The open handles of a call and their paths, as effects name them: `workspace/docs/a.md`.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    roots: Vec<Root>,
    open: HashMap<u32, Open>,
    /// Directories that are being listed where rules are: their places.
    listed: HashMap<u32, (String, Arc<Ruled>)>,
    /// What is left of listings of staged directories.
    staged: HashMap<u32, VecDeque<DirectoryEntry>>,
    /// How many directories are being listed.
    pub(super) listings: usize,
}

impl Tree {
    pub(crate) fn new(roots: Vec<Root>) -> Self {
        Self { roots, ..Self::default() }
    }

    /// A handle to a mount was given out.
    pub(crate) fn open_root(&mut self, handle: u32, guest_path: &str) {
        if let Some(root) = self.roots.iter().find(|root| root.guest_path == guest_path) {
            let path = root.guest_path.trim_start_matches('/').to_owned();
            let at = root.view.as_ref().map(|view| At { view: Arc::clone(view), path: view.floor.clone() });
            self.open.insert(handle, Open { path, ruled: root.ruled.clone(), at });
        }
    }

    /// A handle to a path was given out.
    pub(crate) fn open(&mut self, handle: u32, path: String, ruled: Option<Arc<Ruled>>) {
        self.open.insert(handle, Open { path, ruled, at: None });
    }

    /// A handle to a path in a staged mount was given out.
    pub(super) fn open_in(&mut self, handle: u32, path: String, at: At) {
        self.open.insert(handle, Open { path, ruled: None, at: Some(at) });
    }

    /// A handle's place in a staged mount, where it is in one.
    pub(super) fn at(&self, handle: u32) -> Option<At> {
        self.open.get(&handle)?.at.clone()
    }

    /// Handles follow what they stand for to its new name.
    pub(super) fn moved(&mut self, view: &Arc<View>, from: &str, to: &str) {
        for at in self.open.values_mut().filter_map(|open| open.at.as_mut()).filter(|at| Arc::ptr_eq(&at.view, view)) {
            if let Some(rest) = at.path.strip_prefix(from)
                && (rest.is_empty() || rest.starts_with('/'))
            {
                at.path = format!("{to}{rest}");
            }
        }
    }

    /// A staged directory is being listed.
    pub(super) fn list_staged(&mut self, handle: u32, entries: Vec<DirectoryEntry>) {
        self.staged.insert(handle, entries.into());
    }

    /// The next entry of a staged directory that is being listed; `None` where the listing is of another one.
    pub(super) fn next_staged(&mut self, handle: u32) -> Option<Option<DirectoryEntry>> {
        self.staged.get_mut(&handle).map(VecDeque::pop_front)
    }

    /// The rules that hold in a handle's mount.
    pub(super) fn ruled(&self, handle: u32) -> Option<Arc<Ruled>> {
        self.open.get(&handle)?.ruled.clone()
    }

    /// A directory in a mount with rules is being listed.
    pub(super) fn list(&mut self, handle: u32, place: String, ruled: Arc<Ruled>) {
        self.listed.insert(handle, (place, ruled));
    }

    /// Whether an entry of a directory that is being listed is one that no call sees.
    pub(super) fn hides(&self, handle: u32, name: &str) -> bool {
        self.listed.get(&handle).is_some_and(|(place, ruled)| ruled.hides(place, name))
    }

    pub(super) fn listed(&mut self, handle: u32) {
        self.listed.remove(&handle);
        self.staged.remove(&handle);
    }

    pub(crate) fn close(&mut self, handle: u32) {
        self.open.remove(&handle);
    }

    /// A path got another name: what is open below it is recorded by where it is now.
    pub(super) fn renamed(&mut self, from: &str, to: &str) {
        for open in self.open.values_mut() {
            match open.path.strip_prefix(from) {
                Some(rest) if rest.is_empty() || rest.starts_with('/') => open.path = format!("{to}{rest}"),
                _ => {}
            }
        }
    }

    /// The path that a guest means, without `.` and `..`. It is for the record: whether the path may be used at all
    /// is decided where it is resolved.
    pub(crate) fn path(&self, handle: u32, relative: &str) -> String {
        let base = self.open.get(&handle).map_or("?", |open| open.path.as_str());
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
        let mut tree = Tree::new(vec![Root { guest_path: "/workspace".into(), ruled: None, view: None }]);
        tree.open_root(3, "/workspace");
        tree.open(4, tree.path(3, "docs"), None);
        let check = |tree: &Tree, handle, relative: &str, expected: &str| {
            assert_eq!(tree.path(handle, relative), expected, "{handle} {relative}");
        };
        check(&tree, 3, "a.md", "workspace/a.md");
        check(&tree, 3, "./a//b/../c.md", "workspace/a/c.md");
        check(&tree, 4, "", "workspace/docs");
        check(&tree, 4, "..", "workspace");
        check(&tree, 4, "../../../etc/passwd", "../etc/passwd");
        check(&tree, 4, "/etc/passwd", "/etc/passwd");
        check(&tree, 9, "x", "?/x");

        tree.open(5, tree.path(3, "docs2"), None);
        tree.renamed("workspace/docs", "workspace/moved/docs");
        check(&tree, 4, "a.md", "workspace/moved/docs/a.md");
        check(&tree, 5, "a.md", "workspace/docs2/a.md");
    }
}
