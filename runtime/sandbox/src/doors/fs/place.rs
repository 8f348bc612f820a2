//! Where a path really leads within a mount that has rules, and whether it may be used there.
//!
//! The kernel resolves paths here, links included, and says where they end; the rules are asked about that. One operation
//! of one mount at a time: what was looked at is still so when it is done, whatever other calls do meanwhile. What other
//! programs of this host do meanwhile shows after a file was opened: its place is looked at again before it is given out.

use super::rules::{PathPatterns, PathRules, Rule};
use cap_std::fs::Dir;
use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, fstat, openat2};
use std::{
    fs,
    os::fd::{AsFd, AsRawFd as _, OwnedFd},
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::sync::Mutex;
use wasmtime_wasi::p2::bindings::filesystem::types::{DescriptorType, ErrorCode};

/// How many entries a directory may have, at all depths, to be moved where rules are: all of them are looked at.
const MAX_MOVED: usize = 10_000;

/// A mount that has rules.
#[derive(Debug)]
pub(crate) struct Ruled {
    root: PathBuf,
    patterns: PathPatterns,
    rules: PathRules,
    /// An open directory that holds all that calls see of it; `None` where the mount is a view.
    top: Option<Arc<Dir>>,
    /// Whose turn it is.
    pub(super) turn: Arc<Mutex<()>>,
}

/// What is to be done at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aim {
    Look,
    Change,
}

/// How a path is followed to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Last {
    /// A link at its end is followed.
    Follow,
    /// A link at its end is what is meant.
    Link,
    /// The name at its end is what is meant.
    Name,
    /// Something is made at its end.
    New,
}

impl Ruled {
    /// `root` is the mount's directory, without links.
    pub(crate) fn new(root: PathBuf, patterns: PathPatterns, rules: PathRules, top: Option<Arc<Dir>>) -> Arc<Self> {
        Arc::new(Self { root, patterns, rules, top, turn: Arc::default() })
    }

    /// What another process needs to make the same of it.
    pub(crate) fn as_told(&self) -> (PathBuf, PathPatterns) {
        (self.root.clone(), self.patterns.clone())
    }

    /// Where something open is, relative to the mount's root.
    pub(super) fn of_open(&self, open: impl AsFd) -> Result<String, ErrorCode> {
        // What was removed meanwhile has a name that is in no directory.
        let path = of_handle(open).map_err(|_| ErrorCode::NoEntry)?;
        let inside = path.strip_prefix(&self.root).map_err(|_| ErrorCode::NotPermitted)?;
        inside.to_str().map(str::to_owned).ok_or(ErrorCode::NotPermitted)
    }

    /// Whether the rules let a path be used so.
    pub(super) fn allow(&self, path: &str, aim: Aim) -> Result<(), ErrorCode> {
        match (self.rules.of(path), aim) {
            (Rule::Free, _) | (Rule::ReadOnly, Aim::Look) => Ok(()),
            (Rule::ReadOnly, Aim::Change) | (Rule::Denied, _) => Err(ErrorCode::NotPermitted),
        }
    }

    /// Whether a name in a directory is one that no call sees.
    pub(super) fn hides(&self, directory: &str, name: &str) -> bool {
        self.rules.of(&join(directory, name)) == Rule::Denied
    }

    /// Where a path from an open directory leads, after the rules were asked about it; as it is written first, so that
    /// what is refused tells nothing of what is there.
    pub(super) fn admit(&self, base: impl AsFd, path: &str, last: Last, aim: Aim) -> Result<String, ErrorCode> {
        let base = base.as_fd();
        let from = self.of_open(base)?;
        self.allow(&from, Aim::Look)?;
        if let Some(written) = written(&from, path) {
            self.allow(&written, aim)?;
        }
        let real = match last {
            Last::New => self.new_entry(base, path)?,
            Last::Follow | Last::Link | Last::Name => match self.existing(base, path, last) {
                // What a link leads to, and is not there, would be made where nobody looked.
                Err(ErrorCode::NoEntry) if self.existing(base, path, Last::Link).is_ok() => {
                    return Err(ErrorCode::NoEntry);
                }
                Err(ErrorCode::NoEntry) => self.new_entry(base, path)?,
                found => found?,
            },
        };
        self.allow(&real, aim)?;
        Ok(real)
    }

    fn existing(&self, base: impl AsFd, path: &str, last: Last) -> Result<String, ErrorCode> {
        let link = if last == Last::Follow { OFlags::empty() } else { OFlags::NOFOLLOW };
        self.of_open(open(base, path, link)?)
    }

    /// A name in a directory that is there.
    fn new_entry(&self, base: impl AsFd, path: &str) -> Result<String, ErrorCode> {
        let trimmed = path.trim_end_matches('/');
        let (directory, name) = trimmed.rsplit_once('/').unwrap_or((".", trimmed));
        if matches!(name, "" | "." | "..") {
            return Err(ErrorCode::NotPermitted);
        }
        let directory = if directory.is_empty() { return Err(ErrorCode::NotPermitted) } else { directory };
        let parent = open(base, directory, OFlags::DIRECTORY)?;
        Ok(join(&self.of_open(parent)?, name))
    }

    /// Whether all that is in a directory may be moved: nothing in it, and nothing at the place where it would be, may be
    /// under a rule.
    pub(super) fn allow_move(&self, from: &str, to: &str) -> Result<(), ErrorCode> {
        let top = self.top.as_ref().ok_or(ErrorCode::NotPermitted)?;
        let above = self.of_open(&**top)?;
        let mut left = MAX_MOVED;
        let mut waiting = vec![String::new()];
        while let Some(inside) = waiting.pop() {
            let path = join(from, &inside);
            self.allow(&path, Aim::Change)?;
            self.allow(&join(to, &inside), Aim::Change)?;
            let seen = path.strip_prefix(&above).ok_or(ErrorCode::NotPermitted)?.trim_start_matches('/');
            if !top.symlink_metadata(seen).is_ok_and(|metadata| metadata.is_dir()) {
                continue;
            }
            for entry in top.read_dir(seen).map_err(|_| ErrorCode::Access)? {
                left = left.checked_sub(1).ok_or(ErrorCode::NotPermitted)?;
                let name = entry.map_err(|_| ErrorCode::Access)?.file_name();
                let name = name.to_str().ok_or(ErrorCode::NotPermitted)?;
                waiting.push(join(&inside, name));
            }
        }
        Ok(())
    }
}

/// The path of something open, as the kernel knows it.
pub(super) fn of_handle(open: impl AsFd) -> std::io::Result<PathBuf> {
    fs::read_link(format!("/proc/self/fd/{}", open.as_fd().as_raw_fd()))
}

/// Where something is below a directory, links followed.
pub(super) fn at(base: impl AsFd, path: &str) -> Result<PathBuf, ErrorCode> {
    of_handle(open(base, path, OFlags::empty())?).map_err(|_| ErrorCode::NoEntry)
}

/// What stands at a path: `Some(None)` for nothing, `None` where the kernel refuses to say.
pub(super) fn stands(base: impl AsFd, path: &str, follow: bool) -> Option<Option<DescriptorType>> {
    let flags = if follow { OFlags::empty() } else { OFlags::NOFOLLOW };
    let found = match open(base, path, flags) {
        Ok(found) => found,
        Err(ErrorCode::NoEntry) => return Some(None),
        Err(_) => return None,
    };
    Some(Some(match FileType::from_raw_mode(fstat(found).ok()?.st_mode) {
        FileType::RegularFile => DescriptorType::RegularFile,
        FileType::Directory => DescriptorType::Directory,
        FileType::Symlink => DescriptorType::SymbolicLink,
        FileType::Fifo => DescriptorType::Fifo,
        FileType::Socket => DescriptorType::Socket,
        FileType::CharacterDevice => DescriptorType::CharacterDevice,
        FileType::BlockDevice => DescriptorType::BlockDevice,
        _ => DescriptorType::Unknown,
    }))
}

/// The kernel follows the path, and no further than the directory that it starts from.
fn open(base: impl AsFd, path: &str, flags: OFlags) -> Result<OwnedFd, ErrorCode> {
    let flags = flags | OFlags::PATH | OFlags::CLOEXEC;
    openat2(base, Path::new(path), flags, Mode::empty(), ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS).map_err(
        |error| match error {
            rustix::io::Errno::NOENT => ErrorCode::NoEntry,
            rustix::io::Errno::NOTDIR => ErrorCode::NotDirectory,
            rustix::io::Errno::LOOP => ErrorCode::Loop,
            rustix::io::Errno::NAMETOOLONG => ErrorCode::NameTooLong,
            rustix::io::Errno::ACCESS => ErrorCode::Access,
            _ => ErrorCode::NotPermitted,
        },
    )
}

fn join(directory: &str, name: &str) -> String {
    match (directory, name) {
        ("", name) => name.to_owned(),
        (directory, "") => directory.to_owned(),
        (directory, name) => format!("{directory}/{name}"),
    }
}

/// The path as it is written, without `.` and `..`; `None` where it leads out.
pub(super) fn written(from: &str, path: &str) -> Option<String> {
    if path.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = from.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}
