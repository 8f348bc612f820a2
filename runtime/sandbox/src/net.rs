//! The network as the doors see it: names, addresses, connections.

pub(crate) mod address;
pub(crate) mod client;
mod connect;
mod resolve;
mod tls;

pub(crate) use client::Client;
pub use resolve::{Names, Resolver, Resolving};
pub use tls::TlsError;

use std::{path::PathBuf, sync::Arc};

/// How requests leave.
#[derive(Debug, Clone)]
pub struct Network {
    /// Where addresses of names come from.
    pub resolver: Arc<dyn Resolver>,
    /// Files of certificates (PEM) that are trusted beside the public ones.
    pub certificates: Vec<PathBuf>,
}

impl Default for Network {
    /// The system's names, and public certificates.
    fn default() -> Self {
        Self { resolver: Arc::new(Names::default()), certificates: Vec::new() }
    }
}
