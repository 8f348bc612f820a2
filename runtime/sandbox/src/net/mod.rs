//! What the network's addresses and names mean, before anything is dialled. No sockets here: pure text and numbers.

pub(crate) mod address;
pub(crate) mod host;

use std::net::IpAddr;

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
