//! Where packages come from: files, folders of them, and what is bundled with the program; and which bytes are expected.
//!
//! Nothing here looks into a component: what its name is and what it shows, the caller says. Bytes that are no component
//! at all are refused with a word on what they are.

#![allow(clippy::disallowed_methods, reason = "packages and lock files are files")]

mod lock;
mod package;
mod sources;

pub use lock::{Changed, Drift, Lock, LockError, Pin};
pub use package::{MAX_PACKAGE_BYTES, NotWasm, Origin, Package, PackageError};
pub use sources::{Shadowed, Sources, SourcesError};

use policy::Digest;
use sha2::{Digest as _, Sha256};

/// The digest of bytes, by which a package is identified.
pub fn digest(bytes: &[u8]) -> Digest {
    Digest(Sha256::digest(bytes).into())
}
