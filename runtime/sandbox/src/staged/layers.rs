//! What stands at a path of the view, and in which layer.

use super::{Staged, StagedError};
use crate::ledger::lock;
use rustix::{
    fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, Stat, openat, openat2, readlinkat, unlinkat},
    io::Errno,
};
use sha2::{Digest as _, Sha256};
use std::{
    collections::VecDeque,
    fs::File,
    io::{Read as _, Write as _},
    os::fd::OwnedFd,
};

/// How many links one path may lead through: Linux's own limit.
const MAX_LINKS: usize = 40;

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

    fn names(&self, path: &str) -> Result<Vec<String>, Errno> {
        let open = match self.open(path, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()) {
            Ok(open) => open,
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for entry in Dir::new(open)? {
            let entry = entry?;
            let name = entry.file_name().to_str().map_err(|_| Errno::ILSEQ)?;
            if !matches!(name, "." | "..") {
                names.push(name.to_owned());
            }
        }
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
    match FileType::from_raw_mode(stat.st_mode) {
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

impl Staged {
    /// Whether the base's entry of this path was removed, or is in a directory that was.
    pub(super) fn is_gone(&self, path: &str) -> bool {
        let gone = lock(&self.gone);
        with_parents(path).any(|path| gone.contains(path))
    }

    /// All that was removed.
    pub(super) fn gone(&self) -> Vec<String> {
        lock(&self.gone).iter().cloned().collect()
    }

    /// Hides the base's entry of a path, where there is one to hide.
    pub(super) fn hide(&self, path: &str) -> Result<(), Errno> {
        if self.is_gone(path) || self.base.stat(path)?.is_none() {
            return Ok(());
        }
        let name = hex::encode(Sha256::digest(path));
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC;
        let made = openat(&self.gone_folder, name, flags, Mode::from_raw_mode(0o600))?;
        File::from(made).write_all(path.as_bytes()).map_err(|_| Errno::IO)?;
        lock(&self.gone).insert(path.to_owned());
        Ok(())
    }

    pub(super) fn read_gone(&self) -> Result<(), StagedError> {
        let read = || {
            let mut gone = lock(&self.gone);
            gone.clear();
            for name in self.gone_folder.names("")? {
                let mut path = String::new();
                File::from(self.gone_folder.open(&name, OFlags::RDONLY, Mode::empty())?).read_to_string(&mut path)?;
                // One that a crash left empty hides nothing yet: what it was for was not acknowledged.
                if !path.is_empty() {
                    gone.insert(path);
                }
            }
            Ok::<_, std::io::Error>(())
        };
        read().map_err(StagedError::at(&self.folder.join("gone")))
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
        let (mut links, mut slash) = (0, false);
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
        let mut names = self.files.names(path)?;
        if !self.is_gone(path) {
            names.extend(self.base.names(path)?);
        }
        names.sort();
        names.dedup();
        let mut listed = Vec::with_capacity(names.len());
        for name in names {
            if let Some(found) = self.lookup(&join(path, &name))? {
                listed.push((name, found.kind));
            }
        }
        Ok(listed)
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
