//! Where packages come from: files, folders and the bundle; their digests, and the lock file that pins them.
#![allow(clippy::disallowed_methods, reason = "reads packages and keeps the lock file")]

mod lock;
mod package;
mod sources;

pub use lock::{Drift, Lock, LockError, Pin};
pub use package::{Origin, Package, PackageError, digest};
pub use sources::{NameOf, Sources, SourcesError};
