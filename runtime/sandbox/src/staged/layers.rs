//! What stands at a path of the view, and in which layer.

use super::{Staged, StagedError, unguessable};
use crate::ledger::lock;
use rustix::{
    fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, Stat, openat, openat2, readlinkat, renameat, unlinkat},
    io::Errno,
};
use sha2::{Digest as _, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet, HashSet, VecDeque},
    fs::File,
    io::{Read as _, Write as _},
    os::fd::OwnedFd,
};

/// How many links one path may lead through: Linux's own limit.
const MAX_LINKS: usize = 40;
/// How many names are looked up for one path, with those that links on its way lead through: a look costs the more the
/// deeper it is, and nobody else's call goes on meanwhile.
const MAX_LOOKUPS: usize = 1_024;
/// How many entries a directory may have that is listed: all of them are kept until it is.
const MAX_LISTED: usize = 1 << 20;
/// How much of a file in the folder of what was removed is read: a path, and one byte more than it may have.
const MAX_GONE: u64 = 4_096 + 1;
/// How many bytes of paths are kept that were removed: about a million of them.
const MAX_ALL_GONE: usize = 128 << 20;
/// What the name begins with under which the name of a removed path is written.
const HIDING: &str = "gone-";

/// Where something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layer {
    /// In the mount's directory.
    Base,
    /// Among what was changed.
    Files,
}

/// What a link at the end of a path means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It is followed.
    Follow,
    /// It is meant itself, unless a slash follows.
    Link,
    /// It is a name that something is done to.
    Name,
}

/// What stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Directory,
    Link,
    /// A pipe, a socket, a device: nothing that a call can open.
    Other,
}

/// Something that is there.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) layer: Layer,
    pub(crate) kind: Kind,
    pub(crate) stat: Stat,
}

/// A place in the view: a path from its root, without links, and what stands there.
#[derive(Debug, Clone)]
pub(crate) struct Spot {
    pub(crate) path: String,
    pub(crate) found: Option<Found>,
    /// Whether only a directory is meant: a slash follows the name.
    pub(crate) slash: bool,
}

impl Spot {
    /// What is there, or the error for what is not.
    pub(crate) fn there(&self) -> Result<&Found, Errno> {
        self.found.as_ref().ok_or(Errno::NOENT)
    }
}

/// Operations below an open directory by a path without links; the empty path is the directory itself.
pub(super) trait Beneath {
    fn open(&self, path: &str, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno>;
    fn stat(&self, path: &str) -> Result<Option<Stat>, Errno>;
    fn parent<'a>(&self, path: &'a str) -> Result<(OwnedFd, &'a str), Errno>;
    fn entries(&self, path: &str, most: usize) -> Result<Vec<(String, Option<Kind>)>, Errno>;
    fn names(&self, path: &str) -> Result<Vec<String>, Errno>;
    fn target(&self, path: &str) -> Result<String, Errno>;
    fn remove(&self, path: &str, flags: AtFlags) -> Result<(), Errno>;
}

impl Beneath for OwnedFd {
    fn open(&self, path: &str, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
        let path = if path.is_empty() { "." } else { path };
        let how = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        openat2(self, path, flags | OFlags::CLOEXEC | OFlags::NOFOLLOW, mode, how)
    }

    fn stat(&self, path: &str) -> Result<Option<Stat>, Errno> {
        match self.open(path, OFlags::PATH, Mode::empty()) {
            Ok(open) => rustix::fs::fstat(open).map(Some),
            // A link on the way: there is nothing at the path that leads through none.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn parent<'a>(&self, path: &'a str) -> Result<(OwnedFd, &'a str), Errno> {
        let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
        if name.is_empty() {
            // The root has no name in any directory of the view.
            return Err(Errno::BUSY);
        }
        Ok((self.open(directory, OFlags::PATH | OFlags::DIRECTORY, Mode::empty())?, name))
    }

    /// No more than so many entries of a directory, with what each is where the directory says it; none of what is not one.
    fn entries(&self, path: &str, most: usize) -> Result<Vec<(String, Option<Kind>)>, Errno> {
        let open = match self.open(path, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()) {
            Ok(open) => open,
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut entries = Vec::new();
        for entry in Dir::new(open)? {
            let entry = entry?;
            let name = entry.file_name().to_str().map_err(|_| Errno::ILSEQ)?;
            if matches!(name, "." | "..") {
                continue;
            }
            if entries.len() == most {
                break;
            }
            let kind = (entry.file_type() != FileType::Unknown).then(|| kind_of(entry.file_type()));
            entries.push((name.to_owned(), kind));
        }
        Ok(entries)
    }

    /// All of them, in order.
    fn names(&self, path: &str) -> Result<Vec<String>, Errno> {
        let entries = self.entries(path, MAX_LISTED + 1)?;
        if entries.len() > MAX_LISTED {
            return Err(Errno::OVERFLOW);
        }
        let mut names: Vec<_> = entries.into_iter().map(|(name, _)| name).collect();
        names.sort();
        Ok(names)
    }

    fn target(&self, path: &str) -> Result<String, Errno> {
        let (parent, name) = self.parent(path)?;
        readlinkat(parent, name, Vec::new())?.into_string().map_err(|_| Errno::ILSEQ)
    }

    fn remove(&self, path: &str, flags: AtFlags) -> Result<(), Errno> {
        let (parent, name) = self.parent(path)?;
        unlinkat(parent, name, flags)
    }
}

pub(super) fn kind(stat: &Stat) -> Kind {
    kind_of(FileType::from_raw_mode(stat.st_mode))
}

fn kind_of(file: FileType) -> Kind {
    match file {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        FileType::Symlink => Kind::Link,
        _ => Kind::Other,
    }
}

pub(crate) fn join(directory: &str, name: &str) -> String {
    if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") }
}

/// The path itself and every directory that it is in, but for the root.
fn with_parents(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/')
        .map(|(at, _)| at)
        .chain([path.len()])
        .map(|end| &path[..end])
        .filter(|path| !path.is_empty())
}

/// What was removed.
#[derive(Debug, Default)]
pub(super) struct Gone {
    paths: BTreeSet<String>,
    /// The files that name it and were read; they do not change.
    read: HashSet<String>,
    bytes: usize,
}

impl Gone {
    fn add(&mut self, path: &str, name: String) -> Result<(), Errno> {
        self.bytes = self.bytes.saturating_add(path.len() + name.len());
        if self.bytes > MAX_ALL_GONE {
            return Err(Errno::NOSPC);
        }
        self.paths.insert(path.to_owned());
        self.read.insert(name);
        Ok(())
    }
}

/// The name of the file that says that a path was removed.
fn name_of(path: &str) -> String {
    hex::encode(Sha256::digest(path))
}

impl Staged {
    /// Whether the base's entry of this path was removed, or is in a directory that was.
    pub(super) fn is_gone(&self, path: &str) -> bool {
        let gone = lock(&self.gone);
        with_parents(path).any(|path| gone.paths.contains(path))
    }

    /// All that was removed.
    pub(super) fn gone(&self) -> Vec<String> {
        lock(&self.gone).paths.iter().cloned().collect()
    }

    /// Hides the base's entry of a path, where there is one to hide.
    pub(super) fn hide(&self, path: &str) -> Result<(), Errno> {
        if self.is_gone(path) || self.base.stat(path)?.is_none() {
            return Ok(());
        }
        let (name, new) = (name_of(path), unguessable(HIDING)?);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let made = openat(&self.new, &new, flags, Mode::from_raw_mode(0o600))?;
        let written = File::from(made).write_all(path.as_bytes()).map_err(|_| Errno::IO);
        // Whatever has its name by now is replaced, and not written to.
        let named = written.and_then(|()| renameat(&self.new, &new, &self.gone_folder, &name));
        named.inspect_err(|_| {
            let _ = unlinkat(&self.new, &new, AtFlags::empty());
        })?;
        lock(&self.gone).add(path, name)
    }

    /// Reads what was removed since it was last read. Whatever else stands in the folder hides nothing: what a crash left
    /// before it was whole was not acknowledged, and what others put there is no path that has this name.
    pub(crate) fn read_gone(&self) -> Result<(), StagedError> {
        let read = || {
            for name in self.gone_folder.names("")? {
                if lock(&self.gone).read.contains(&name) {
                    continue;
                }
                let Some(path) = self.path_gone(&name)? else { continue };
                lock(&self.gone).add(&path, name)?;
            }
            Ok::<_, std::io::Error>(())
        };
        read().map_err(StagedError::at(&self.folder.join("gone")))
    }

    /// The path that a file in the folder of what was removed stands for, where it stands for one.
    fn path_gone(&self, name: &str) -> std::io::Result<Option<String>> {
        let file = match self.gone_folder.open(name, OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::LOOP | Errno::NXIO) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if !file.metadata()?.is_file() {
            return Ok(None);
        }
        let mut path = Vec::new();
        file.take(MAX_GONE).read_to_end(&mut path)?;
        let path = String::from_utf8(path).ok();
        Ok(path.filter(|path| !path.is_empty() && name_of(path) == name))
    }

    /// What the view has at a path that leads through no links.
    pub(crate) fn lookup(&self, path: &str) -> Result<Option<Found>, Errno> {
        let found = |layer, stat: Stat| Found { layer, kind: kind(&stat), stat };
        if let Some(stat) = self.files.stat(path)? {
            // A directory that was not changed itself is the base's, whatever was changed in it.
            return Ok(Some(found(Layer::Files, stat)));
        }
        if self.is_gone(path) {
            return Ok(None);
        }
        Ok(self.base.stat(path)?.map(|stat| found(Layer::Base, stat)))
    }

    /// Follows a path from a directory, through links of both layers, and no further up than `floor`.
    pub(crate) fn find(&self, floor: &str, from: &str, path: &str, end: End) -> Result<Spot, Errno> {
        if path.is_empty() {
            return Err(Errno::NOENT);
        }
        let mut at = from.to_owned();
        let mut left: VecDeque<String> = parts(path)?.collect();
        let (mut links, mut lookups, mut slash) = (0, 0, false);
        loop {
            let Some(part) = left.pop_front() else {
                let found = self.lookup(&at)?;
                return Ok(Spot { path: at, found, slash });
            };
            match part.as_str() {
                "" | "." => continue,
                ".." if at == floor => return Err(Errno::PERM),
                ".." => {
                    at.truncate(at.rfind('/').unwrap_or(0));
                    continue;
                }
                _ => {}
            }
            lookups += 1;
            if lookups > MAX_LOOKUPS {
                return Err(Errno::NAMETOOLONG);
            }
            let next = join(&at, &part);
            let is_last = left.iter().all(String::is_empty);
            let Some(found) = self.lookup(&next)? else {
                // Only a name that nothing follows can be one that is yet to be made.
                return if is_last {
                    Ok(Spot { path: next, found: None, slash: !left.is_empty() })
                } else {
                    Err(Errno::NOENT)
                };
            };
            match found.kind {
                // A slash after a name makes a look at it follow a link; what acts on names takes the link for what it is.
                Kind::Link if end == End::Follow || !(left.is_empty() || (end == End::Name && is_last)) => {
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(Errno::LOOP);
                    }
                    let target = self.layer(found.layer).target(&next)?;
                    for part in parts(&target)?.rev() {
                        left.push_front(part);
                    }
                }
                Kind::Directory => {
                    slash = !left.is_empty();
                    at = next;
                }
                // Whoever does something to a name says what a slash after it means, after what else is wrong.
                Kind::File | Kind::Link | Kind::Other if left.is_empty() || (end == End::Name && is_last) => {
                    return Ok(Spot { path: next, found: Some(found), slash: !left.is_empty() });
                }
                Kind::File | Kind::Link | Kind::Other => return Err(Errno::NOTDIR),
            }
        }
    }

    /// The names in a directory, and what they stand for.
    pub(crate) fn list(&self, path: &str) -> Result<Vec<(String, Kind)>, Errno> {
        let mut listed: BTreeMap<_, _> = self.files.entries(path, MAX_LISTED + 1)?.into_iter().collect();
        for (name, kind) in self.shown(path, MAX_LISTED + 1)? {
            listed.entry(name).or_insert(kind);
        }
        if listed.len() > MAX_LISTED {
            return Err(Errno::OVERFLOW);
        }
        let mut kinds = Vec::with_capacity(listed.len());
        for (name, kind) in listed {
            let kind = match kind {
                Some(kind) => Some(kind),
                // Not every file system says it in the directory.
                None => self.lookup(&join(path, &name))?.map(|found| found.kind),
            };
            kinds.extend(kind.map(|kind| (name, kind)));
        }
        Ok(kinds)
    }

    /// Whether a directory has nothing in it.
    pub(super) fn is_empty(&self, path: &str) -> Result<bool, Errno> {
        Ok(self.files.entries(path, 1)?.is_empty() && self.shown(path, 1)?.is_empty())
    }

    /// What shows of the base in a directory: what was not removed of it. No more than so many of them, but for those that
    /// were changed, which are the other layer's.
    fn shown(&self, path: &str, most: usize) -> Result<Vec<(String, Option<Kind>)>, Errno> {
        if self.is_gone(path) {
            return Ok(Vec::new());
        }
        let removed: HashSet<String> = {
            let gone = lock(&self.gone);
            let below = if path.is_empty() { String::new() } else { format!("{path}/") };
            let inside = gone.paths.range(below.clone()..).take_while(|gone| gone.starts_with(&below));
            inside.map(|gone| gone[below.len()..].to_owned()).filter(|name| !name.contains('/')).collect()
        };
        let mut entries = self.base.entries(path, most.saturating_add(removed.len()))?;
        entries.retain(|(name, _)| !removed.contains(name));
        Ok(entries)
    }

    /// Where a link leads, as it is written.
    pub(crate) fn target(&self, spot: &Spot) -> Result<String, Errno> {
        let found = spot.there()?;
        if found.kind != Kind::Link {
            return Err(Errno::INVAL);
        }
        self.layer(found.layer).target(&spot.path)
    }
}

fn parts(path: &str) -> Result<impl DoubleEndedIterator<Item = String>, Errno> {
    if path.starts_with('/') {
        return Err(Errno::PERM);
    }
    if path.contains('\0') {
        return Err(Errno::INVAL);
    }
    Ok(path.split('/').map(str::to_owned))
}
