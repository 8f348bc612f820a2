//! Changes, each in the layer of changes alone. Whoever calls has the turn.

use super::{
    Staged,
    layers::{Beneath as _, Found, Kind, Layer, Spot},
};
use rustix::{
    fs::{AtFlags, Mode, OFlags, Timestamps, linkat, mkdirat, renameat, symlinkat, utimensat},
    io::Errno,
};
use std::{fs::File, os::fd::OwnedFd};

impl Staged {
    /// Opens something that is there, in the layer that it is in.
    pub(crate) fn open_found(&self, path: &str, found: &Found, flags: OFlags) -> Result<File, Errno> {
        // What was put in its place meanwhile must not keep anybody waiting; only looking at it does not.
        let waits = if flags.contains(OFlags::PATH) { OFlags::empty() } else { OFlags::NONBLOCK };
        self.layer(found.layer).open(path, flags | waits, Mode::empty()).map(File::from)
    }

    /// Makes a file where there is none.
    pub(crate) fn create_file(&self, path: &str, flags: OFlags) -> Result<File, Errno> {
        self.make_parents(path)?;
        let flags = flags | OFlags::CREATE | OFlags::EXCL;
        self.files.open(path, flags, Mode::from_raw_mode(0o666)).map(File::from)
    }

    pub(crate) fn create_directory(&self, spot: &Spot) -> Result<(), Errno> {
        let (parent, name) = self.vacant(spot, true)?;
        mkdirat(parent, name, Mode::from_raw_mode(0o777))
    }

    pub(crate) fn create_link(&self, spot: &Spot, target: &str) -> Result<(), Errno> {
        if target.starts_with('/') {
            return Err(Errno::PERM);
        }
        // As the engine has it for other mounts.
        if spot.slash && spot.found.as_ref().is_some_and(|found| found.kind != Kind::Directory) {
            return Err(Errno::NOTDIR);
        }
        let (parent, name) = self.vacant(spot, false)?;
        symlinkat(target, parent, name)
    }

    /// Gives a file a second name.
    pub(crate) fn link(&self, from: &Spot, to: &Spot) -> Result<(), Errno> {
        let directory = from.there()?.kind == Kind::Directory;
        if from.slash && !directory {
            return Err(Errno::NOTDIR);
        }
        let (to_parent, to_name) = self.vacant(to, false)?;
        if directory {
            return Err(Errno::PERM);
        }
        self.raise(&from.path, true)?;
        let (parent, name) = self.files.parent(&from.path)?;
        linkat(parent, name, to_parent, to_name, AtFlags::empty())
    }

    /// A parent to make something in, where nothing is in its way.
    fn vacant<'a>(&self, spot: &'a Spot, directory: bool) -> Result<(OwnedFd, &'a str), Errno> {
        if spot.found.is_some() {
            return Err(Errno::EXIST);
        }
        if spot.slash && !directory {
            return Err(Errno::NOENT);
        }
        self.make_parents(&spot.path)?;
        self.files.parent(&spot.path)
    }

    pub(crate) fn remove_file(&self, spot: &Spot) -> Result<(), Errno> {
        match spot.there()?.kind {
            Kind::Directory => return Err(Errno::ISDIR),
            Kind::File | Kind::Link | Kind::Other if spot.slash => return Err(Errno::NOTDIR),
            Kind::File | Kind::Link | Kind::Other => {}
        }
        self.take_away(spot, AtFlags::empty())
    }

    pub(crate) fn remove_directory(&self, spot: &Spot) -> Result<(), Errno> {
        if spot.there()?.kind != Kind::Directory {
            return Err(Errno::NOTDIR);
        }
        if spot.path.is_empty() {
            return Err(Errno::BUSY);
        }
        if !self.is_empty(&spot.path)? {
            return Err(Errno::NOTEMPTY);
        }
        self.take_away(spot, AtFlags::REMOVEDIR)
    }

    fn take_away(&self, spot: &Spot, flags: AtFlags) -> Result<(), Errno> {
        // Hidden first: a crash in between leaves the changed one, never the base's in its place.
        self.hide(&spot.path)?;
        if spot.there()?.layer == Layer::Files { self.files.remove(&spot.path, flags) } else { Ok(()) }
    }

    /// Gives something another name, in place of what has it.
    pub(crate) fn rename(&self, from: &Spot, to: &Spot) -> Result<(), Errno> {
        let moved = from.there()?;
        if from.path == to.path {
            return Ok(());
        }
        let inside = |outer: &str, inner: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'));
        if from.path.is_empty() || to.path.is_empty() || inside(&to.path, &from.path) {
            return Err(if to.path.is_empty() || from.path.is_empty() { Errno::BUSY } else { Errno::NOTEMPTY });
        }
        if inside(&from.path, &to.path) {
            return Err(Errno::INVAL);
        }
        match (moved.kind, to.found.as_ref().map(|found| found.kind)) {
            (Kind::Directory, Some(Kind::Directory)) if !self.is_empty(&to.path)? => {
                return Err(Errno::NOTEMPTY);
            }
            (Kind::Directory, Some(Kind::File | Kind::Link | Kind::Other)) => return Err(Errno::NOTDIR),
            (Kind::File | Kind::Link | Kind::Other, Some(Kind::Directory)) => return Err(Errno::ISDIR),
            _ => {}
        }
        self.raise_whole(&from.path)?;
        self.make_parents(&to.path)?;
        // What the base has in the new place must not show through a directory that takes it.
        self.hide(&to.path)?;
        let (parent, name) = self.files.parent(&from.path)?;
        let (to_parent, to_name) = self.files.parent(&to.path)?;
        renameat(parent, name, to_parent, to_name)?;
        self.hide(&from.path)
    }

    pub(crate) fn set_times(&self, path: &str, times: &Timestamps) -> Result<(), Errno> {
        if path.is_empty() {
            return utimensat(&self.files, ".", times, AtFlags::empty());
        }
        let (parent, name) = self.files.parent(path)?;
        utimensat(parent, name, times, AtFlags::SYMLINK_NOFOLLOW)
    }
}
