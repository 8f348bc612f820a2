//! Copies from the base, made when something is about to change.

use super::{
    Staged,
    layers::{Beneath as _, Kind, Layer, join},
};
use rustix::{
    fs::{
        Mode, OFlags, Stat, Timespec, Timestamps, fchmod, futimens, ioctl_ficlone, mkdirat, openat, renameat, symlinkat,
    },
    io::Errno,
};
use std::{
    fs::File,
    io::{self, Read as _},
    os::fd::OwnedFd,
};

/// The name under which a copy is made.
const COPY: &str = "copy";

/// What copies take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Cost {
    pub(crate) bytes: u64,
    /// Files, directories and links.
    pub(crate) entries: u64,
}

impl Staged {
    /// What is copied before something can be changed, or all that is in it where `whole`.
    pub(crate) fn cost(&self, path: &str, whole: bool) -> Result<Cost, Errno> {
        let Some(found) = self.lookup(path)? else { return Ok(Cost::default()) };
        let copied = found.layer == Layer::Base;
        let bytes = if copied && found.kind == Kind::File { size(&found.stat) } else { 0 };
        let mut cost = Cost { bytes, entries: u64::from(copied) };
        if whole && found.kind == Kind::Directory {
            for (name, _) in self.list(path)? {
                let inside = self.cost(&join(path, &name), true)?;
                cost.bytes = cost.bytes.saturating_add(inside.bytes);
                cost.entries = cost.entries.saturating_add(inside.entries);
            }
        }
        Ok(cost)
    }

    /// Brings something into the layer of changes, so that it can be changed there; a file without its content where
    /// that is not to be kept, and a directory without what is in it.
    pub(crate) fn raise(&self, path: &str, keep: bool) -> Result<(), Errno> {
        let found = self.lookup(path)?.ok_or(Errno::NOENT)?;
        if found.layer == Layer::Files {
            return Ok(());
        }
        self.make_parents(path)?;
        let (parent, name) = self.files.parent(path)?;
        match found.kind {
            Kind::Directory => mkdirat(parent, name, Mode::from_raw_mode(0o777)),
            Kind::Link => symlinkat(self.base.target(path)?, parent, name),
            Kind::File => self.raise_file(path, &found.stat, keep, (&parent, name)),
            Kind::Other => Err(Errno::PERM),
        }
    }

    /// The same with all that is in it.
    pub(crate) fn raise_whole(&self, path: &str) -> Result<(), Errno> {
        self.raise(path, true)?;
        for (name, kind) in self.list(path)? {
            let path = join(path, &name);
            if kind == Kind::Directory { self.raise_whole(&path) } else { self.raise(&path, true) }?;
        }
        Ok(())
    }

    /// It gets its name when it is whole: a crash leaves the base's file, or a copy of it.
    fn raise_file(&self, path: &str, stat: &Stat, keep: bool, to: (&OwnedFd, &str)) -> Result<(), Errno> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let copy = openat(&self.new, COPY, flags, Mode::from_raw_mode(0o600))?;
        if keep {
            let base = self.base.open(path, OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty())?;
            copy_content(base, &copy, size(stat))?;
        }
        fchmod(&copy, Mode::from_raw_mode(stat.st_mode & 0o777))?;
        futimens(&copy, &times(stat))?;
        renameat(&self.new, COPY, to.0, to.1)
    }
}

fn size(stat: &Stat) -> u64 {
    u64::try_from(stat.st_size).unwrap_or(0)
}

fn times(stat: &Stat) -> Timestamps {
    let at = |seconds: i64, nanos: u64| Timespec { tv_sec: seconds, tv_nsec: i64::try_from(nanos).unwrap_or(0) };
    Timestamps {
        last_access: at(stat.st_atime, stat.st_atime_nsec),
        last_modification: at(stat.st_mtime, stat.st_mtime_nsec),
    }
}

/// Shares the blocks where the file system can; no more than was charged, however the file grows meanwhile.
pub(super) fn copy_content(from: OwnedFd, to: &OwnedFd, most: u64) -> Result<(), Errno> {
    if ioctl_ficlone(to, &from).is_ok() {
        return Ok(());
    }
    let copied = (|| io::copy(&mut File::from(from).take(most), &mut File::from(to.try_clone()?)))();
    copied.map(drop).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
}
