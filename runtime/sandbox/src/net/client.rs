//! Requests over connections that are kept. A connection is kept under the address that was checked when it was opened,
//! so a request that was decided for another address never takes it.

use super::{Network, TlsError, connect, tls};
use crate::ledger::lock;
use http::{Request, Response, Uri, Version, uri::Scheme};
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
};
use rustls::ClientConfig;
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, OnceLock},
    time::{Duration, Instant},
};
use wasmtime_wasi_http::{Error, WasiBody};

/// How long a connection waits for the next request. Servers commonly close after 60 s or more; one that closes earlier
/// costs another try.
const IDLE: Duration = Duration::from_secs(30);
/// How many wait for one endpoint, and for all together.
const MAX_IDLE: usize = 8;
const MAX_IDLE_TOTAL: usize = 128;

/// Where a connection leads.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Endpoint {
    pub(crate) scheme: Scheme,
    /// The name or address that a certificate has to be for.
    pub(crate) host: String,
    /// The address that was checked.
    pub(crate) address: SocketAddr,
}

/// The sending half of a connection.
pub(super) enum Sender {
    Http1(http1::SendRequest<WasiBody>),
    Http2(http2::SendRequest<WasiBody>),
}

/// Connections, and what opens them.
#[derive(Debug)]
pub(crate) struct Client {
    network: Network,
    tls: OnceLock<Arc<ClientConfig>>,
    pool: Arc<Pool>,
}

#[derive(Debug, Default)]
struct Pool(Mutex<HashMap<Endpoint, Vec<Idle>>>);

struct Idle {
    sender: Sender,
    since: Instant,
}

impl std::fmt::Debug for Idle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Idle").field("since", &self.since).finish_non_exhaustive()
    }
}

impl Client {
    /// Certificates are read at once where there are any, so that a wrong file is known before anything runs.
    pub(crate) fn new(network: Network) -> Result<Self, TlsError> {
        let client = Self { network, tls: OnceLock::new(), pool: Arc::default() };
        if !client.network.certificates.is_empty() {
            client.tls()?;
        }
        Ok(client)
    }

    pub(crate) fn network(&self) -> &Network {
        &self.network
    }

    fn tls(&self) -> Result<Arc<ClientConfig>, TlsError> {
        if let Some(config) = self.tls.get() {
            return Ok(Arc::clone(config));
        }
        let config = tls::config(&self.network.certificates)?;
        Ok(Arc::clone(self.tls.get_or_init(|| config)))
    }

    /// Sends a request, whose URI is absolute, over a connection to one of the endpoints: one that is kept, else the first
    /// that can be opened. `time` bounds opening one.
    pub(crate) async fn send(
        &self,
        endpoints: &[Endpoint],
        mut request: Request<WasiBody>,
        time: Duration,
    ) -> Result<Response<Incoming>, Error> {
        for endpoint in endpoints {
            while let Some(sender) = self.pool.take(endpoint) {
                match self.send_over(sender, endpoint, request).await {
                    Ok(response) => return Ok(response),
                    // It was closed while it waited, and nothing of the request was sent.
                    Err((_, Some(unsent))) => request = *unsent,
                    Err((error, None)) => return Err(error),
                }
            }
        }
        let until = Instant::now() + time;
        let mut failed = Error::DestinationUnavailable;
        for endpoint in endpoints {
            let tls = if endpoint.scheme == Scheme::HTTPS {
                Some(self.tls().map_err(|_| Error::ConfigurationError)?)
            } else {
                None
            };
            match connect::connect(endpoint, tls, until.saturating_duration_since(Instant::now())).await {
                Ok(sender) => {
                    return self.send_over(sender, endpoint, request).await.map_err(|(error, _)| error);
                }
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    async fn send_over(
        &self,
        sender: Sender,
        endpoint: &Endpoint,
        request: Request<WasiBody>,
    ) -> Result<Response<Incoming>, (Error, Option<Box<Request<WasiBody>>>)> {
        match sender {
            Sender::Http1(mut sender) => {
                let absolute = request.uri().clone();
                let sent = sender.try_send_request(for_http1(request)).await;
                let response = sent.map_err(|mut error| {
                    let unsent = error.take_message().map(|mut request| {
                        *request.uri_mut() = absolute;
                        Box::new(request)
                    });
                    (Error::Hyper(error.into_error()), unsent)
                })?;
                let (pool, endpoint) = (Arc::clone(&self.pool), endpoint.clone());
                tokio::spawn(async move {
                    // It is ready again when the response was read to its end; else it closes.
                    if sender.ready().await.is_ok() {
                        pool.put(endpoint, Sender::Http1(sender));
                    }
                });
                Ok(response)
            }
            Sender::Http2(mut sender) => {
                self.pool.put(endpoint.clone(), Sender::Http2(sender.clone()));
                let sent = sender.try_send_request(for_http2(request)).await;
                sent.map_err(|mut error| (error.take_message().map(Box::new), error.into_error()))
                    .map_err(|(unsent, error)| (Error::Hyper(error), unsent))
            }
        }
    }
}

/// HTTP/1.1 names the host in a header, and in the first line the path only.
fn for_http1(mut request: Request<WasiBody>) -> Request<WasiBody> {
    let path = request.uri().path_and_query().cloned().unwrap_or(http::uri::PathAndQuery::from_static("/"));
    *request.uri_mut() = Uri::from(path);
    *request.version_mut() = Version::HTTP_11;
    request
}

/// HTTP/2 names the host in the pseudo-header `:authority`.
fn for_http2(mut request: Request<WasiBody>) -> Request<WasiBody> {
    request.headers_mut().remove(http::header::HOST);
    *request.version_mut() = Version::HTTP_2;
    request
}

impl Pool {
    fn take(&self, endpoint: &Endpoint) -> Option<Sender> {
        let mut pool = lock(&self.0);
        let waiting = pool.get_mut(endpoint)?;
        while let Some(Idle { sender, since }) = waiting.pop() {
            let open = match &sender {
                Sender::Http1(sender) => sender.is_ready(),
                Sender::Http2(sender) => !sender.is_closed(),
            };
            if open && since.elapsed() < IDLE {
                return Some(sender);
            }
        }
        pool.remove(endpoint);
        None
    }

    fn put(&self, endpoint: Endpoint, sender: Sender) {
        let mut pool = lock(&self.0);
        pool.retain(|_, waiting| {
            waiting.retain(|idle| idle.since.elapsed() < IDLE);
            !waiting.is_empty()
        });
        let total: usize = pool.values().map(Vec::len).sum();
        let waiting = pool.entry(endpoint).or_default();
        // Many requests share one connection of HTTP/2.
        let max = if matches!(sender, Sender::Http2(_)) { 1 } else { MAX_IDLE };
        if waiting.len() < max && total < MAX_IDLE_TOTAL {
            waiting.push(Idle { sender, since: Instant::now() });
        }
    }
}
