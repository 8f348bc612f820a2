//! The network as the doors see it: names, addresses, connections.

pub(crate) mod address;
pub(crate) mod client;
mod connect;
pub(crate) mod host;
mod resolve;
mod tls;

pub(crate) use client::Client;
pub use resolve::{Names, Resolver, Resolving};
pub use tls::TlsError;

use std::{net::IpAddr, path::PathBuf, sync::Arc};

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

/// Whether an address is one of the public network: of no machine, network or purpose of its own.
pub fn is_public(address: IpAddr) -> bool {
    address::scope(address).is_public()
}

/// What is made of a host and of an address, for the fuzz targets, which see only what is public.
#[doc(hidden)]
#[derive(Debug, PartialEq, Eq)]
pub struct Examined {
    /// The host in its one form.
    pub host: String,
    /// For an address: the one that is dialled, what it is for, and whether that is public.
    pub address: Option<(IpAddr, String, bool)>,
}

/// Reads a host, and says what it is.
///
/// # Errors
/// Why it is no host.
#[doc(hidden)]
pub fn examine(text: &str) -> Result<Examined, String> {
    let host = host::host(text).map_err(|error| error.to_string())?;
    let address = match &host {
        host::Host::Name(_) => None,
        host::Host::Address(address) => {
            let scope = address::scope(*address);
            Some((address::canonical(*address), scope.to_string(), scope.is_public()))
        }
    };
    Ok(Examined { host: host.to_string(), address })
}
