//! Who may do what: needs, grants, limits, provenance and decisions as pure values, and Cedar deciding.
//!
//! This crate does no IO, reads no clock and knows neither tokio nor wasmtime. It is the only crate that can mint a
//! [`Grant`]: whoever holds one got it from [`Policy::decide`] or [`Policy::decide_approved`], so a search for that name
//! finds every door.

mod access;
mod annotations;
mod classification;
mod decision;
mod digest;
mod engine;
mod grant;
mod id;
mod limits;
mod need;
mod pattern;
mod provenance;
mod reach;
mod surface;

pub use access::Access;
pub use annotations::Annotations;
pub use classification::{Class, Classification, Labels, Sensitivity, SourcePattern, SourcePatternError, Trust};
pub use decision::{Decision, Denial, Refusal};
pub use digest::{Digest, DigestError};
pub use engine::{
    Asked, Explanation, Fault, Foreseen, Place, Policy, PolicyError, Problem, Question, Request, Sending, Spent,
    Standing, Verdict,
};
pub use grant::{Bounds, Grant, MountGrant, Narrow, NarrowMount};
pub use id::{IdError, MountName, Principal, ProgramName, SecretName, SubPath, ToolId};
pub use limits::{LIMITS, LimitError, LimitKind, LimitSpec, Limits, UNLIMITED, Unit};
pub use need::{Asks, Manifest, ManifestError, Needs, Repeat, Time};
pub use pattern::{HostPattern, PatternError, ProgramPattern, ToolPattern};
pub use provenance::{Provenance, Source};
pub use reach::Reach;
pub use surface::{InterfaceChange, Signature, Surface, Update};
