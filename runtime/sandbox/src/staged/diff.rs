//! What taking the changes over would do to the directory.

use super::{
    Staged,
    layers::{Beneath as _, Kind, join, kind},
    mode::FileMode,
};
use policy::MountName;
use rustix::{
    fs::{Mode, OFlags, fstat},
    io::Errno,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::{collections::BTreeMap, fs::File, io, os::fd::OwnedFd};

/// All that would change in one mount, in the order of paths.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Diff {
    /// The mount.
    pub mount: MountName,
    /// What would change in it.
    pub changes: Vec<Change>,
}

/// One path whose content would be another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The path, from the mount's root.
    pub path: String,
    /// What the directory has there; absent for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Content>,
    /// What it would have there; absent for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Content>,
}

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Content {
    /// A file.
    File {
        /// How many bytes it has.
        size: u64,
        /// Their sha256.
        sha256: policy::Digest,
        /// Who may do what with it.
        mode: FileMode,
    },
    /// A directory.
    Directory {},
    /// A link.
    Link {
        /// Where it leads.
        target: String,
    },
    /// A pipe, a socket or a device, which only the directory can have.
    Other {},
}

impl Diff {
    /// Whether nothing would change.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// What stands for exactly these changes: two differ wherever one of them does, in what was before or in what comes.
    pub fn digest(diffs: &[Self]) -> policy::Digest {
        // Fields are in the order of their declaration, and nothing in it is a map.
        let text = serde_json::to_vec(diffs).unwrap_or_default();
        policy::Digest(Sha256::digest(text).into())
    }
}

impl Staged {
    /// What would change.
    ///
    /// # Errors
    /// The operating system's.
    pub fn diff(&self) -> io::Result<Diff> {
        let mut changes = BTreeMap::new();
        // Another process may have removed more since.
        self.read_gone().map_err(io::Error::other)?;
        self.compare("", false, &mut changes)?;
        for path in self.gone() {
            if self.files.stat(&path)?.is_none() {
                self.removed(&path, &mut changes)?;
            }
        }
        Ok(Diff { mount: self.mount().clone(), changes: changes.into_values().collect() })
    }

    /// Goes through a directory of the layer of changes; `alone` where nothing of the base shows through it.
    fn compare(&self, directory: &str, alone: bool, changes: &mut BTreeMap<String, Change>) -> Result<(), Errno> {
        let alone = alone || (!directory.is_empty() && self.is_gone(directory));
        let names = self.files.names(directory)?;
        if alone {
            for name in self.base.names(directory)?.iter().filter(|name| !names.contains(name)) {
                self.removed(&join(directory, name), changes)?;
            }
        }
        for name in &names {
            let path = join(directory, name);
            let (before, after) = (content(&self.base, &path)?, content(&self.files, &path)?);
            let both = before == Some(Content::Directory {}) && after == Some(Content::Directory {});
            if before == Some(Content::Directory {}) && !both {
                self.removed(&path, changes)?;
            }
            if after == Some(Content::Directory {}) {
                self.compare(&path, alone, changes)?;
            }
            if before != after {
                changes.insert(path.clone(), Change { path, before, after });
            }
        }
        Ok(())
    }

    /// All that the base has at a path would not be there any more.
    fn removed(&self, path: &str, changes: &mut BTreeMap<String, Change>) -> Result<(), Errno> {
        let before = content(&self.base, path)?;
        if before == Some(Content::Directory {}) {
            for name in self.base.names(path)? {
                self.removed(&join(path, &name), changes)?;
            }
        }
        if before.is_some() {
            changes.insert(path.to_owned(), Change { path: path.to_owned(), before, after: None });
        }
        Ok(())
    }

    /// A file's bytes before and after, for showing what would change in them: exactly those that the change is about.
    ///
    /// # Errors
    /// Where they are others by now, and the operating system's.
    pub fn texts(&self, change: &Change) -> io::Result<(Vec<u8>, Vec<u8>)> {
        let read = |layer: &OwnedFd, content: &Option<Content>| {
            let mut bytes = Vec::new();
            if let Some(Content::File { size, sha256, .. }) = content {
                let file = File::from(layer.open(&change.path, OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty())?);
                io::Read::read_to_end(&mut io::Read::take(file, size.saturating_add(1)), &mut bytes)?;
                if policy::Digest(Sha256::digest(&bytes).into()) != *sha256 {
                    return Err(io::Error::other("it changed while it was looked at: look again"));
                }
            }
            Ok::<_, io::Error>(bytes)
        };
        Ok((read(&self.base, &change.before)?, read(&self.files, &change.after)?))
    }
}

pub(super) fn content(layer: &OwnedFd, path: &str) -> Result<Option<Content>, Errno> {
    let Some(stat) = layer.stat(path)? else { return Ok(None) };
    Ok(Some(match kind(&stat) {
        Kind::Directory => Content::Directory {},
        Kind::Other => Content::Other {},
        Kind::Link => Content::Link { target: layer.target(path)? },
        Kind::File => content_of(layer.open(path, OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty())?)?,
    }))
}

/// What an open file holds.
pub(super) fn content_of(file: OwnedFd) -> Result<Content, Errno> {
    let mode = FileMode::of(fstat(&file)?.st_mode);
    let mut hasher = Sha256::new();
    let size = io::copy(&mut File::from(file), &mut hasher);
    let size = size.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    Ok(Content::File { size, sha256: policy::Digest(hasher.finalize().into()), mode })
}
