//! Takes changes over into the directory, each file whole or not at all.

use super::{
    Staged,
    copy::copy_content,
    diff::{Change, Content, Diff, content_of},
    layers::Beneath as _,
};
use rustix::{
    fs::{AtFlags, Mode, OFlags, fchmod, fstat, fsync, mkdirat, openat, renameat, symlinkat},
    io::Errno,
};
use std::{io, os::fd::OwnedFd};

/// What a file is called until it is whole, with what tells it from others.
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
        let refuse = |change: &Change, error: Errno| CommitError::Io {
            mount: self.mount().to_string(),
            path: change.path.clone(),
            error: error.into(),
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
            self.put(change).map_err(|error| refuse(change, error))?;
        }
        for change in changes.iter().rev().filter(|change| change.after.is_none()) {
            if !first.contains(&change) {
                self.remove_from_base(change).map_err(|error| refuse(change, error))?;
            }
        }
        Ok(())
    }

    fn remove_from_base(&self, change: &Change) -> Result<(), Errno> {
        let flags = if is_directory(&change.before) { AtFlags::REMOVEDIR } else { AtFlags::empty() };
        self.base.remove(&change.path, flags)
    }

    fn put(&self, change: &Change) -> Result<(), Errno> {
        let (parent, name) = self.base.parent(&change.path)?;
        match &change.after {
            Some(Content::Directory {}) => mkdirat(parent, name, Mode::from_raw_mode(0o777)),
            Some(Content::Link { target }) => {
                let temporary = temporary(name);
                symlinkat(target, &parent, &temporary)?;
                place(&parent, &temporary, name)
            }
            Some(content @ Content::File { size, .. }) => {
                let from = self.files.open(&change.path, OFlags::RDONLY, Mode::empty())?;
                let mode = Mode::from_raw_mode(fstat(&from)?.st_mode & 0o777);
                let temporary = temporary(name);
                let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let made = openat(&parent, &temporary, flags, Mode::from_raw_mode(0o600));
                // Left over from a commit that was cut off.
                let made = match made {
                    Err(Errno::EXIST) => {
                        rustix::fs::unlinkat(&parent, &temporary, AtFlags::empty())?;
                        openat(&parent, &temporary, flags, Mode::from_raw_mode(0o600))
                    }
                    made => made,
                }?;
                let whole = copy_content(from, &made, *size).and_then(|()| {
                    // What is taken over is what was shown, whatever anybody did to it meanwhile.
                    if content_of(parent.open(&temporary, OFlags::RDONLY, Mode::empty())?)? != *content {
                        return Err(Errno::STALE);
                    }
                    fchmod(&made, mode)?;
                    fsync(&made)
                });
                match whole {
                    Ok(()) => place(&parent, &temporary, name),
                    Err(error) => {
                        let _ = rustix::fs::unlinkat(&parent, &temporary, AtFlags::empty());
                        Err(error)
                    }
                }
            }
            // Only a directory of the host has them.
            Some(Content::Other {}) | None => Ok(()),
        }
    }
}

fn is_directory(content: &Option<Content>) -> bool {
    matches!(content, Some(Content::Directory {}))
}

/// A name in the same directory that is no longer than a name may be.
fn temporary(name: &str) -> String {
    let digest = <sha2::Sha256 as sha2::Digest>::digest(name);
    format!("{TEMPORARY}{}", hex::encode(&digest[..8]))
}

/// Gives it its name, in place of what has it.
fn place(parent: &OwnedFd, temporary: &str, name: &str) -> Result<(), Errno> {
    renameat(parent, temporary, parent, name).inspect_err(|_| {
        let _ = rustix::fs::unlinkat(parent, temporary, AtFlags::empty());
    })
}
