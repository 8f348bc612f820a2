//! Takes changes over into the directory, each file whole or not at all.

use super::{
    Staged,
    copy::copy_content,
    diff::{Change, Content, Diff, content, content_of},
    layers::Beneath as _,
    unguessable,
};
use rustix::{
    fs::{
        AtFlags, Mode, OFlags, RenameFlags, SeekFrom, Stat, fchmod, fstat, fsync, mkdirat, openat, renameat,
        renameat_with, seek, statat, symlinkat, unlinkat,
    },
    io::Errno,
};
use std::{io, os::fd::OwnedFd};

/// What the name of a file begins with until it is whole.
const TEMPORARY: &str = ".gloveport-commit-";

/// Changes that were not taken over, or only in part.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// They are not the ones that were agreed to.
    #[error("the changes are not those of digest {expected} any more, but of {found}: look at them again")]
    Changed {
        /// What was agreed to.
        expected: policy::Digest,
        /// What they are.
        found: policy::Digest,
    },
    /// Something changed after it was looked at.
    #[error(
        "mount `{mount}`, {path}: it changed after the changes were looked at; what was taken over before it stays, \
         `gloveport diff` shows what is left"
    )]
    Moved {
        /// The mount.
        mount: String,
        /// The path in it.
        path: String,
    },
    /// The operating system said no.
    #[error(
        "mount `{mount}`, {path}: {error}; what was taken over before it stays, `gloveport diff` shows what is left"
    )]
    Io {
        /// The mount.
        mount: String,
        /// The path in it.
        path: String,
        /// What happened.
        error: io::Error,
    },
    /// The changes could not be looked at.
    #[error("mount `{mount}`: {error}")]
    Diff {
        /// The mount.
        mount: String,
        /// What happened.
        error: io::Error,
    },
}

impl Staged {
    /// Takes over the changes of several mounts if they are exactly those of a digest. What they are is looked at once
    /// more: the directories, and what is staged, may be others than when somebody agreed.
    ///
    /// # Errors
    /// Where they are others, or a path cannot be changed.
    pub fn commit(all: &[Self], expected: policy::Digest) -> Result<Vec<Diff>, CommitError> {
        let diffs = Self::diffs(all)?;
        let found = Diff::digest(&diffs);
        if found != expected {
            return Err(CommitError::Changed { expected, found });
        }
        for (staged, diff) in all.iter().zip(&diffs) {
            staged.take_over(&diff.changes)?;
        }
        Ok(diffs)
    }

    /// What would change in several mounts.
    ///
    /// # Errors
    /// The operating system's.
    pub fn diffs(all: &[Self]) -> Result<Vec<Diff>, CommitError> {
        let diff = |staged: &Self| {
            staged.diff().map_err(|error| CommitError::Diff { mount: staged.mount().to_string(), error })
        };
        all.iter().map(diff).collect()
    }

    fn take_over(&self, changes: &[Change]) -> Result<(), CommitError> {
        let mount = || self.mount().to_string();
        let refuse = |change: &Change, error: Errno| match error {
            // It is not what was looked at, or something is in it or in its place.
            Errno::STALE | Errno::EXIST | Errno::NOTEMPTY => {
                CommitError::Moved { mount: mount(), path: change.path.clone() }
            }
            error => CommitError::Io { mount: mount(), path: change.path.clone(), error: error.into() },
        };
        // Out of the way first what stands where something of another kind comes, the deepest first; then what comes, the
        // highest first; then what only goes.
        let changed_kind = |change: &Change| is_directory(&change.before) != is_directory(&change.after);
        let in_the_way = |change: &&Change| {
            change.before.is_some()
                && changes.iter().any(|other| {
                    other.after.is_some()
                        && other.before.is_some()
                        && changed_kind(other)
                        && (other.path == change.path || change.path.starts_with(&format!("{}/", other.path)))
                })
        };
        let first: Vec<_> = changes.iter().filter(in_the_way).collect();
        for change in first.iter().rev() {
            self.remove_from_base(change).map_err(|error| refuse(change, error))?;
        }
        for change in changes.iter().filter(|change| change.after.is_some()) {
            let before = if first.contains(&change) { &None } else { &change.before };
            self.put(change, before).map_err(|error| refuse(change, error))?;
        }
        for change in changes.iter().rev().filter(|change| change.after.is_none()) {
            if !first.contains(&change) {
                self.remove_from_base(change).map_err(|error| refuse(change, error))?;
            }
        }
        Ok(())
    }

    /// What is replaced or removed is what was shown, whatever anybody did to it meanwhile.
    fn is_still(&self, path: &str, before: &Option<Content>) -> Result<(), Errno> {
        if content(&self.base, path)? == *before { Ok(()) } else { Err(Errno::STALE) }
    }

    fn remove_from_base(&self, change: &Change) -> Result<(), Errno> {
        self.is_still(&change.path, &change.before)?;
        let flags = if is_directory(&change.before) { AtFlags::REMOVEDIR } else { AtFlags::empty() };
        self.base.remove(&change.path, flags)
    }

    /// Puts what comes in place of what is there by now.
    fn put(&self, change: &Change, before: &Option<Content>) -> Result<(), Errno> {
        let (parent, name) = self.base.parent(&change.path)?;
        let place = |temporary: &str| {
            self.is_still(&change.path, before)?;
            let flags = if before.is_none() { RenameFlags::NOREPLACE } else { RenameFlags::empty() };
            match renameat_with(&parent, temporary, &parent, name, flags) {
                // Not every file system knows how not to replace.
                Err(Errno::INVAL) if before.is_none() => renameat(&parent, temporary, &parent, name),
                placed => placed,
            }
        };
        // What stands by the name of what was made here is removed, and nothing else.
        let clean = |made: &OwnedFd, temporary: &str| {
            let is_ours =
                || Ok::<_, Errno>(same(&fstat(made)?, &statat(&parent, temporary, AtFlags::SYMLINK_NOFOLLOW)?));
            if is_ours().unwrap_or(false) {
                let _ = unlinkat(&parent, temporary, AtFlags::empty());
            }
        };
        match &change.after {
            Some(Content::Directory {}) => mkdirat(parent, name, Mode::from_raw_mode(0o777)),
            Some(Content::Link { target }) => {
                let temporary = unguessable(TEMPORARY)?;
                symlinkat(target, &parent, &temporary)?;
                let made = parent.open(&temporary, OFlags::PATH, Mode::empty())?;
                place(&temporary).inspect_err(|_| clean(&made, &temporary))
            }
            Some(content @ Content::File { size, .. }) => {
                let from = self.files.open(&change.path, OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty())?;
                let mode = Mode::from_raw_mode(fstat(&from)?.st_mode & 0o777);
                let temporary = unguessable(TEMPORARY)?;
                let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let made = openat(&parent, &temporary, flags, Mode::from_raw_mode(0o600))?;
                let whole = || {
                    copy_content(from, &made, *size)?;
                    fchmod(&made, mode)?;
                    fsync(&made)?;
                    let written =
                        made.try_clone().map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
                    seek(&written, SeekFrom::Start(0))?;
                    // What is taken over is what was shown, whatever anybody did to it meanwhile.
                    if content_of(written)? != *content { Err(Errno::STALE) } else { place(&temporary) }
                };
                whole().inspect_err(|_| clean(&made, &temporary))
            }
            // Only a directory of the host has them.
            Some(Content::Other {}) | None => Ok(()),
        }
    }
}

fn is_directory(content: &Option<Content>) -> bool {
    matches!(content, Some(Content::Directory {}))
}

fn same(one: &Stat, other: &Stat) -> bool {
    (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::staged::End;
    use std::{fs, path::Path};

    /// A view of a directory with `a` and `b`, in which both and `new` were written, and `gone` and `empty` removed.
    fn changed(place: &Path) -> Staged {
        let base = place.join("base");
        fs::create_dir_all(base.join("empty")).expect("a folder");
        for name in ["a", "b", "gone"] {
            fs::write(base.join(name), "before").expect("a file");
        }
        let open = fs::File::open(&base).expect("a folder");
        let name = "mount".parse().expect("a name");
        let staged = Staged::of(&name, &open, &base, &place.join("staged")).expect("a view");
        let at = |path: &str| staged.find("", "", path, End::Name).expect("a place");
        for name in ["a", "b"] {
            staged.raise(name, true).expect("a copy");
            fs::write(place.join("staged/files").join(name), "after").expect("a file");
        }
        fs::write(place.join("staged/files/new"), "after").expect("a file");
        staged.create_directory(&at("made")).expect("a folder");
        staged.remove_file(&at("gone")).expect("removed");
        staged.remove_directory(&at("empty")).expect("removed");
        staged
    }

    /// Whatever happens to the directory after the changes were looked at is not lost.
    #[test]
    fn what_changed_meanwhile_is_not_replaced() {
        let check = |meanwhile: &dyn Fn(&Path), path: &str| {
            let place = tempfile::tempdir().expect("a folder");
            let staged = changed(place.path());
            let diff = staged.diff().expect("a diff");
            let base = place.path().join("base");
            meanwhile(&base);
            let refused = staged.take_over(&diff.changes).expect_err("refused");
            assert!(matches!(&refused, CommitError::Moved { path: of, .. } if of == path), "{refused}");
            // Only what is whole has a name.
            let left = fs::read_dir(&base).expect("a folder").map(|entry| entry.expect("one").file_name());
            assert!(left.into_iter().all(|name| !name.to_string_lossy().starts_with(TEMPORARY)));
        };
        let read = |base: &Path, name: &str| fs::read_to_string(base.join(name)).expect("a file");
        check(&|base| fs::write(base.join("b"), "other").expect("a file"), "b");
        check(&|base| fs::write(base.join("new"), "other").expect("a file"), "new");
        check(&|base| fs::write(base.join("made"), "other").expect("a file"), "made");
        check(&|base| fs::write(base.join("gone"), "other").expect("a file"), "gone");
        check(&|base| fs::write(base.join("empty/new"), "other").expect("a file"), "empty");
        check(&|base| fs::remove_file(base.join("a")).expect("removed"), "a");
        let place = tempfile::tempdir().expect("a folder");
        let staged = changed(place.path());
        let diff = staged.diff().expect("a diff");
        staged.take_over(&diff.changes).expect("as it was shown");
        assert_eq!(read(&place.path().join("base"), "b"), "after");
        assert!(staged.diff().expect("a diff").is_empty());
    }

    /// What is staged is looked at once more, too.
    #[test]
    fn what_is_staged_meanwhile_is_not_taken_over() {
        let place = tempfile::tempdir().expect("a folder");
        let staged = changed(place.path());
        let diff = staged.diff().expect("a diff");
        fs::write(place.path().join("staged/files/a"), "other").expect("a file");
        staged.take_over(&diff.changes).expect_err("refused");
        assert_eq!(fs::read_to_string(place.path().join("base/a")).expect("a file"), "before");
        let texts = staged.texts(&diff.changes[0]).expect_err("other bytes than those of the digest");
        assert!(texts.to_string().contains("look again"), "{texts}");
    }
}
