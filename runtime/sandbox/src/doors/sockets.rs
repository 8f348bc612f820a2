//! Raw sockets: TCP connections, UDP datagrams and listening, each only where policy allows it for that host and port.
//!
//! The engine asks about addresses. A guest means names: what it looked up through this door is what an address stands
//! for when policy is asked, beside the address itself.

mod lookup;
mod streams;
mod tcp;
mod udp;

pub(crate) use lookup::link_lookup;
pub(crate) use tcp::SocketDoor;

use crate::{
    ledger::{Ledger, lock},
    net::{Client, address},
    outcome::Action,
    outside::Outside,
};
use policy::{Asked, Refusal, Sending, Standing};
use std::{
    collections::{BTreeSet, HashMap},
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
};
use wasmtime_wasi::{WasiCtxBuilder, sockets::SocketAddrUse};

/// How many addresses of looked-up names are remembered. One that is not is known by its number only.
const MAX_NAMES: usize = 1_000;

/// Decides about sockets for one call.
#[derive(Clone)]
pub(crate) struct Sockets {
    standing: Option<Arc<Standing>>,
    ledger: Arc<Ledger>,
    client: Arc<Client>,
    names: Arc<Mutex<HashMap<IpAddr, BTreeSet<String>>>>,
}

/// Opens the engine's sockets as far as the grant lets the call ask for them at all.
pub(crate) fn open(builder: &mut WasiCtxBuilder, tcp: bool, udp: bool, outside: &Arc<dyn Outside>) {
    builder.allow_tcp(tcp).allow_udp(udp).allow_ip_name_lookup(tcp || udp);
    if tcp || udp {
        let outside = Arc::clone(outside);
        builder.socket_addr_check(move |address, why| {
            // Apart from the guest's stack.
            let allowed = tokio::spawn(outside.allows(address, why));
            Box::pin(async move { allowed.await.unwrap_or(false) })
        });
    }
}

type Ask = fn(&Standing, &Sending<'_>) -> Result<Asked, Refusal>;

impl Sockets {
    pub(crate) fn new(standing: Option<Arc<Standing>>, ledger: Arc<Ledger>, client: Arc<Client>) -> Self {
        Self { standing, ledger, client, names: Arc::default() }
    }

    /// Remembers which name an address was looked up by.
    fn named(&self, name: &str, ip: IpAddr) {
        let mut names = lock(&self.names);
        if names.len() < MAX_NAMES || names.contains_key(&ip) {
            names.entry(ip).or_default().insert(name.to_owned());
        }
    }

    pub(crate) fn allows(&self, address: SocketAddr, why: SocketAddrUse) -> bool {
        let by_system = address.port() == 0 && address.ip().is_unspecified();
        match why {
            // The system chooses address and port then, and nobody can know them beforehand.
            SocketAddrUse::TcpBind | SocketAddrUse::UdpBind if by_system => true,
            SocketAddrUse::TcpBind | SocketAddrUse::TcpListen => {
                self.ask(Action::Listen, "tcp", address, Standing::listen)
            }
            SocketAddrUse::UdpBind => self.ask(Action::Listen, "udp", address, Standing::listen),
            SocketAddrUse::TcpAccept => {
                self.ledger.heard(&address::canonical(address.ip()).to_string());
                true
            }
            SocketAddrUse::TcpConnect => self.ask(Action::Connect, "tcp", address, Standing::connect),
            SocketAddrUse::UdpSend | SocketAddrUse::UdpReceive => {
                self.ask(Action::Datagram, "udp", address, Standing::datagram)
            }
        }
    }

    /// Whether policy allows it for the address, or for a name that stands for it.
    fn ask(&self, action: Action, scheme: &str, address: SocketAddr, ask: Ask) -> bool {
        let ip = address::canonical(address.ip());
        let mut hosts = lock(&self.names).get(&ip).cloned().unwrap_or_default();
        hosts.insert(ip.to_string());
        let shown = |host: &str| {
            if host.contains(':') {
                format!("[{host}]:{}", address.port())
            } else {
                format!("{host}:{}", address.port())
            }
        };
        let Some(standing) = &self.standing else {
            self.ledger.refused(action, shown(&ip.to_string()));
            return false;
        };
        let read = self.ledger.read();
        let mut refused = None;
        for host in &hosts {
            let sending = Sending { scheme, method: "", host, port: address.port(), path: "", read: &read };
            let asked = ask(standing, &sending).and_then(|asked| match address::scope(ip) {
                // What is listened on is this machine's own.
                scope if scope.is_public() || action == Action::Listen => Ok(asked),
                scope => standing.reach(ip, &scope.to_string(), &sending),
            });
            match asked {
                Ok(_) => {
                    self.ledger.done(action, shown(host));
                    if action != Action::Listen {
                        self.ledger.heard(host);
                    }
                    return true;
                }
                Err(refusal) => refused = Some((shown(host), refusal)),
            }
        }
        if let Some((host, refusal)) = refused {
            self.ledger.denied(action, host, &refusal);
        }
        false
    }
}
