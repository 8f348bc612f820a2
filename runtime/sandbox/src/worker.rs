//! Calls in processes of their own: what a guest that broke out of the engine would find itself in.
//!
//! A worker is this program once more. Before it loads anything of a package it takes from itself whatever a call does not
//! need ([`walls`]). It holds the mounts of its calls as open directories, the package's compiled code, and one end of a
//! line to its host. Whatever leads outside — requests, other tools, names — it asks for over that line, and the host
//! decides, counts and does it, with the secrets that no worker ever has. One worker runs one call at a time, always of the
//! same package with the same mounts; each call is still a fresh instance.

mod bodies;
mod child;
mod claims;
mod hello;
mod host;
mod line;
mod root;
mod seccomp;
mod serve;
mod trials;
mod walls;
mod wire;

pub use child::serve_as_worker;
pub(crate) use host::Workers;
pub use host::{Probed, WorkerError};
pub use walls::{Standing as WallStanding, Wall, Walls};

/// The first argument of a worker; nobody types it.
const COMMAND: &str = "worker";
/// The second: whether it keeps the host's network, for calls that may use sockets.
const WITH_NETWORK: &str = "with-network";
/// In its place: the process that does the work, with the namespaces that it is in.
const INNER: &str = "inner";
