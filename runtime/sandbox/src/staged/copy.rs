//! Copies from the base, made when something is about to change.

use super::{
    Staged,
    layers::{Beneath as _, Kind, Layer, join},
    unguessable,
};
use rustix::{
    fs::{
        AtFlags, Mode, OFlags, Stat, Timespec, Timestamps, fchmod, futimens, ioctl_ficlone, mkdirat, openat, renameat,
        symlinkat, unlinkat,
    },
    io::Errno,
};
use std::{
    fs::File,
    io::{self, Read as _},
    os::fd::OwnedFd,
};

/// What the name begins with under which a copy is made.
const COPY: &str = "copy-";

/// What copies take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Cost {
    pub(crate) bytes: u64,
    /// Files, directories and links.
    pub(crate) entries: u64,
}

impl Staged {
    /// What is copied before something can be changed, or all that is in it where `whole`. Nobody looks further than what
    /// is more than so many entries.
    pub(crate) fn cost(&self, path: &str, whole: bool, most: u64) -> Result<Cost, Errno> {
        let mut cost = Cost::default();
        let mut waiting = vec![path.to_owned()];
        while let Some(path) = waiting.pop() {
            let Some(found) = self.lookup(&path)? else { continue };
            if found.layer == Layer::Base {
                let bytes = if found.kind == Kind::File { size(&found.stat) } else { 0 };
                cost.bytes = cost.bytes.saturating_add(bytes);
                cost.entries = cost.entries.saturating_add(1);
            }
            if cost.entries > most {
                break;
            }
            if whole && found.kind == Kind::Directory {
                waiting.extend(self.list(&path)?.into_iter().map(|(name, _)| join(&path, &name)));
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
        let mut waiting = vec![path.to_owned()];
        self.raise(path, true)?;
        while let Some(directory) = waiting.pop() {
            for (name, kind) in self.list(&directory)? {
                let path = join(&directory, &name);
                self.raise(&path, true)?;
                if kind == Kind::Directory {
                    waiting.push(path);
                }
            }
        }
        Ok(())
    }

    /// It gets its name when it is whole: a crash leaves the base's file, or a copy of it.
    fn raise_file(&self, path: &str, stat: &Stat, keep: bool, to: (&OwnedFd, &str)) -> Result<(), Errno> {
        let name = unguessable(COPY)?;
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let copy = openat(&self.new, &name, flags, Mode::from_raw_mode(0o600))?;
        let fill = || {
            if keep {
                let base = self.base.open(path, OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty())?;
                copy_content(base, &copy, size(stat))?;
            }
            fchmod(&copy, Mode::from_raw_mode(stat.st_mode & 0o777))?;
            futimens(&copy, &times(stat))?;
            renameat(&self.new, &name, to.0, to.1)
        };
        fill().inspect_err(|_| {
            let _ = unlinkat(&self.new, &name, AtFlags::empty());
        })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::staged::End;
    use std::fs;

    /// Whoever can write in the folders of changes has no name at which a file is written that is there already: not that of the
    /// next copy, which they do not know, and not that of what is removed next, which they do.
    #[test]
    fn copies_have_names_that_nobody_knows() {
        let place = tempfile::tempdir().expect("a folder");
        let (base, folder) = (place.path().join("base"), place.path().join("staged"));
        fs::create_dir(&base).expect("a folder");
        fs::write(base.join("a"), "a").expect("a file");
        fs::write(place.path().join("victim"), "victim").expect("a file");
        let name = "mount".parse().expect("a name");
        let staged = Staged::of(&name, File::open(&base).expect("a folder"), &base, &folder).expect("a view");
        for taken in ["copy", COPY] {
            fs::hard_link(place.path().join("victim"), folder.join("new").join(taken)).expect("a second name");
        }
        let removed = hex::encode(<sha2::Sha256 as sha2::Digest>::digest("b"));
        fs::write(base.join("b"), "b").expect("a file");
        fs::hard_link(place.path().join("victim"), folder.join("gone").join(removed)).expect("a second name");
        let b = staged.find("", "", "b", End::Name).expect("a place");
        staged.remove_file(&b).expect("removed");
        assert!(staged.lookup("b").expect("a look").is_none());
        staged.raise("a", true).expect("a copy");
        assert_eq!(fs::read_to_string(folder.join("files/a")).expect("a copy"), "a");
        assert_eq!(fs::read_to_string(place.path().join("victim")).expect("a file"), "victim");
        assert_eq!(fs::read_dir(folder.join("new")).expect("a folder").count(), 2, "no copy is left behind");
    }
}
