//! Looking up names for sockets, by the resolver that requests use too.

use super::Sockets;
use crate::{
    net::{
        address,
        host::{self, Host},
    },
    outcome::Action,
    state::State,
};
use std::net::IpAddr;
use wasmtime::{
    StoreContextMut,
    component::{Linker, Resource},
};
use wasmtime_wasi::{
    p2::bindings::sockets::{
        ip_name_lookup,
        network::{self, ErrorCode, Network},
    },
    runtime::spawn,
};

type Looking = Resource<ip_name_lookup::ResolveAddressStream>;

/// Puts this lookup in place of the engine's, which asks the system about every name.
pub(crate) fn link_lookup(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let mut instance = linker.instance("wasi:sockets/ip-name-lookup@0.2.12")?;
    instance.func_wrap_async("resolve-addresses", |store, (network, name): (Resource<Network>, String)| {
        Box::new(async move { Ok((resolve(store, network, name).await?,)) })
    })
}

async fn resolve(
    mut store: StoreContextMut<'_, State>,
    network: Resource<Network>,
    name: String,
) -> wasmtime::Result<Result<Looking, ErrorCode>> {
    let looking = store.data().http.outside.look_up(name);
    let ip = match spawn(looking).await {
        Ok(ip) => ip,
        Err(code) => return Ok(Err(code)),
    };
    // The engine makes the stream of answers: for an address it is that address, without asking anybody.
    let mut door = store.data_mut().sockets();
    match ip_name_lookup::Host::resolve_addresses(&mut door.inner, network, ip.to_string()) {
        Ok(looking) => Ok(Ok(looking)),
        Err(error) => network::Host::convert_error_code(&mut door.inner, error).map(Err),
    }
}

impl Sockets {
    /// One address of a name: the first, and one of IPv4 before those of IPv6, which fewer networks carry.
    pub(crate) async fn look_up(&self, name: &str) -> Result<IpAddr, ErrorCode> {
        // An IPv6 address stands without brackets here.
        let host =
            name.parse().map(Host::Address).or_else(|_| host::host(name).map_err(|_| ErrorCode::InvalidArgument));
        let name = match host? {
            // It is asked about when it is connected to.
            Host::Address(ip) => return Ok(ip),
            Host::Name(name) => name,
        };
        let Some(standing) = &self.standing else { return Err(ErrorCode::AccessDenied) };
        if let Err(refusal) = standing.resolve(&name, &self.ledger.read()) {
            self.ledger.denied(Action::Resolve, name, &refusal);
            return Err(ErrorCode::AccessDenied);
        }
        self.ledger.done(Action::Resolve, name.clone());
        let found = self.client.network().resolver.resolve(&name).await;
        let found = found.map_err(|_| ErrorCode::NameUnresolvable)?;
        let found: Vec<_> = found.into_iter().map(address::canonical).collect();
        let chosen = found.iter().find(|ip| ip.is_ipv4()).or(found.first()).copied();
        let chosen = chosen.ok_or(ErrorCode::NameUnresolvable)?;
        self.named(&name, chosen);
        Ok(chosen)
    }
}
