//! From names to addresses.

use std::{
    collections::BTreeMap,
    fmt, io,
    net::{IpAddr, ToSocketAddrs as _},
    pin::Pin,
};

/// The answer to a question for addresses, once it is there.
pub type Resolving<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;

/// Gives the addresses of names. It is asked once for each connection: the addresses that it gives are the ones that
/// are checked, and dialled.
pub trait Resolver: fmt::Debug + Send + Sync {
    /// All addresses of a name, in lower case and without a final dot.
    fn resolve<'a>(&'a self, name: &'a str) -> Resolving<'a>;
}

/// Names that the operator fixed, and the system's for all others.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// In lower case, without a final dot.
    pub fixed: BTreeMap<String, Vec<IpAddr>>,
}

impl Resolver for Names {
    fn resolve<'a>(&'a self, name: &'a str) -> Resolving<'a> {
        if let Some(addresses) = self.fixed.get(name) {
            let addresses = addresses.clone();
            return Box::pin(async { Ok(addresses) });
        }
        let name = name.to_owned();
        Box::pin(async move {
            // The system's resolver blocks. Where nobody waits for it any more, its thread still ends by itself.
            let found = tokio::task::spawn_blocking(move || (name.as_str(), 0).to_socket_addrs());
            let found = found.await.map_err(io::Error::other)??;
            let mut addresses = Vec::new();
            for address in found.map(|socket| socket.ip()) {
                if !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
            Ok(addresses)
        })
    }
}
