//! The append-only record of tasks: what happened, in which order, in a chain of hashes that shows later changes.
//!
//! One SQLite database in a state directory holds many tasks, each a chain of its own. A process that works on tasks has a
//! [`Journal`]; whoever looks on, in the same process or another, has a [`Reader`]. An event is there once
//! [`Journal::append`] returns: it survives the death of the process, and with [`Durability::Power`] the loss of power.
//!
//! The chain shows that an event was changed, moved, removed or put in between. It cannot show that its end was cut off:
//! for that, note the head elsewhere and give it to [`Reader::verify`].

#![allow(clippy::disallowed_methods, reason = "the database and the locks beside it are files")]

mod body;
mod chain;
mod error;
mod event;
mod follow;
mod journal;
mod lease;
mod list;
mod outside;
mod people;
mod reader;
mod started;
mod store;
mod task_id;
mod verify;
mod writer;

pub use body::{Again, By, Check, EventBody, Interrupted, PlannerFault, TaskState, Verdict};
pub use error::{JournalError, Result};
pub use event::{Event, MAX_BODY_BYTES, MAX_DEPTH};
pub use follow::{Follow, Until};
pub use journal::{Appended, Journal};
pub use lease::Lease;
pub use list::{Standing, TaskSummary};
pub use outside::{NetworkSettings, SecretPlace, Secrets};
pub use people::{About, Answer, Ask, Author, Steering};
pub use reader::{Events, Reader};
pub use started::{MountRecord, Origin, PackageRecord, TaskStarted};
pub use store::Durability;
pub use task_id::{TaskId, TaskIdError};
pub use verify::{Broken, Fault, Verified, VerifyError};
