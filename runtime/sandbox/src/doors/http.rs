//! Requests. Each is decided by policy before a name is resolved; every address is checked before one of them is
//! dialled, and that one is; bytes are counted as they pass, both ways; secrets go in last, and are masked in what
//! comes back. Redirects are the guest's to follow, as requests of their own.

mod body;
mod secret;
mod target;

use crate::{
    ledger::{Connection, Ledger},
    net::{Client, address, client::Endpoint},
    outcome::{Action, Effect},
    outside::Outside,
    secrets::Secrets,
};
use body::{Counted, Received};
use http::{HeaderMap, HeaderName, Method, Request, Response, header};
use http_body_util::BodyExt as _;
use policy::{Provenance, Standing};
use secret::Wanted;
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use target::Target;
use tokio::time::timeout;
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpHooks,
};

/// How long a name may take to be resolved and a connection to be opened, where the guest does not say less. The call's
/// own limit `wall` goes on beside it.
const CONNECT: Duration = Duration::from_secs(30);

/// Headers that say how a message is framed, beside those that the engine refuses: what a guest could say of them and
/// what the client does must not differ.
const FRAMING: [HeaderName; 3] = [header::TE, header::TRAILER, header::EXPECT];

type Done = Box<dyn Future<Output = Result<(), Error>> + Send>;

/// The guest's side of the door.
pub(crate) struct HttpDoor {
    pub(crate) outside: Arc<dyn Outside>,
}

/// One call's way to the network.
#[derive(Clone)]
pub(crate) struct Requests {
    pub(crate) standing: Option<Arc<Standing>>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) client: Arc<Client>,
    pub(crate) secrets: Secrets,
}

impl WasiHttpHooks for HttpDoor {
    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        Arc::new(is_forbidden)
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<(Response<WasiBody>, Done), Error>> + Send> {
        // It is polled on a thread's own stack, not on the guest's.
        let response = self.outside.send(request, options.unwrap_or_default());
        Box::new(async move { Ok((response.await?, Box::new(async { Ok(()) }) as Done)) })
    }
}

/// Whether no guest can set a header of this name.
pub(crate) fn is_forbidden(name: &HeaderName) -> bool {
    DEFAULT_FORBIDDEN_HEADERS.contains(name) || FRAMING.contains(name)
}

/// A request that policy allowed, before its host is known by address.
struct Prepared {
    request: Request<WasiBody>,
    wanted: Vec<Wanted>,
    place: Connection,
    aim: Aim,
}

/// Where it goes, and in whose name.
struct Aim {
    method: Method,
    target: Target,
    standing: Arc<Standing>,
    ledger: Arc<Ledger>,
    /// What the call had read when it sent this.
    read: Provenance,
}

impl Requests {
    /// Sends one, if policy allows it.
    pub(crate) async fn send(
        &self,
        request: Request<WasiBody>,
        options: RequestOptions,
    ) -> Result<Response<WasiBody>, Error> {
        self.prepare(request)?.send(&self.client, &self.secrets, options).await
    }

    /// Everything that is decided before anything of the network is touched.
    fn prepare(&self, request: Request<WasiBody>) -> Result<Prepared, Error> {
        let target = Target::new(request.uri())?;
        let read = self.ledger.read();
        let (mut parts, body) = request.into_parts();
        let tried = format!("{} {}", parts.method, target.without_query());
        let refuse = |error| {
            self.ledger.refused(Action::Request, tried.clone());
            Err(error)
        };
        // A tunnel would carry what nobody decides; a trace would give back headers that were put in.
        if matches!(parts.method, Method::CONNECT | Method::TRACE) {
            return refuse(Error::HttpRequestMethodInvalid);
        }
        let Some(standing) = &self.standing else { return refuse(Error::HttpRequestDenied) };
        let wanted = secret::take(&mut parts.headers)?;
        let sending = target.sending(&parts.method, &read);
        if let Err(refusal) = standing.request(&sending) {
            self.ledger.denied(Action::Request, tried, &refusal);
            return Err(Error::HttpRequestDenied);
        }
        for Wanted { name, .. } in &wanted {
            let to = Some(target.authority().to_owned());
            let effect = Effect { to, ..Effect::new(Action::Inject, name.to_string()) };
            if let Err(refusal) = standing.inject(name, &sending) {
                self.ledger.denied(Action::Inject, name.to_string(), &refusal);
                return Err(Error::HttpRequestDenied);
            }
            if self.secrets.get(name).is_none() {
                let why = Some("the world holds no secret of this name".to_owned());
                self.ledger.note(false, Effect { why, ..effect });
                return Err(Error::HttpRequestDenied);
            }
            self.ledger.note(true, effect);
        }
        if size(&parts.headers) > self.ledger.limit_of_headers() {
            return Err(Error::HttpRequestHeaderSectionSize(None));
        }
        let place = self.ledger.connection().map_err(|hit| self.stop(hit))?;
        target.rewrite(&mut parts)?;
        let line = parts.method.as_str().len() + target.text().len();
        self.ledger.send((line + size(&parts.headers)) as u64).map_err(|hit| self.stop(hit))?;
        let body = Counted::new(body, Arc::clone(&self.ledger)).boxed_unsync();
        let request = Request::from_parts(parts, body);
        let (standing, ledger, method) = (Arc::clone(standing), Arc::clone(&self.ledger), request.method().clone());
        Ok(Prepared { request, wanted, place, aim: Aim { method, target, standing, ledger, read } })
    }

    fn stop(&self, hit: crate::outcome::LimitHit) -> Error {
        self.ledger.stop(hit);
        Error::ConnectionLimitReached
    }
}

impl Prepared {
    async fn send(
        mut self,
        client: &Client,
        secrets: &Secrets,
        options: RequestOptions,
    ) -> Result<Response<WasiBody>, Error> {
        let time = options.connect_timeout.map_or(CONNECT, |asked| asked.min(CONNECT));
        let resolved = timeout(time, self.aim.addresses(client)).await.unwrap_or(Err(Error::DnsTimeout))?;
        // What is secret crosses no network in the clear.
        if !self.wanted.is_empty() && !self.aim.target.is_https() && !resolved.iter().all(IpAddr::is_loopback) {
            let why = Some("secrets are sent over https only; over http to this machine alone".to_owned());
            let effect = Effect { why, ..Effect::new(Action::Inject, self.aim.target.without_query()) };
            self.aim.ledger.note(false, effect);
            return Err(Error::HttpRequestDenied);
        }
        for wanted in &self.wanted {
            if let Some(value) = secrets.get(&wanted.name) {
                wanted
                    .put(value, &mut self.request)
                    .map_err(|_| Error::HttpRequestHeaderSize { field_name: None, field_size: None })?;
            }
        }
        let Self { request, place, aim: Aim { target, ledger, .. }, .. } = self;
        // From here on it may have an effect, whatever becomes of the call.
        ledger.done(Action::Request, format!("{} {}", request.method(), target.without_query()));
        let response = send_to(client, &target, &resolved, request, time);
        let response = match options.first_byte_timeout {
            Some(time) => timeout(time, response).await.unwrap_or(Err(Error::HttpResponseTimeout)),
            None => response.await,
        }?;
        ledger.heard(target.host());
        let (mut parts, body) = response.into_parts();
        let received = size(&parts.headers);
        if received > ledger.limit_of_headers() {
            return Err(Error::HttpResponseHeaderSectionSize(u32::try_from(received).ok()));
        }
        ledger.receive(received as u64).map_err(|hit| {
            ledger.stop(hit);
            Error::HttpResponseBodySize(None)
        })?;
        secret::mask(&mut parts.headers, secrets.redactor());
        let body = Received::new(body, ledger, place, secrets.redactor(), options.between_bytes_timeout);
        Ok(Response::from_parts(parts, body.boxed_unsync()))
    }
}

impl Aim {
    /// The addresses of the host, all of which may be reached.
    async fn addresses(&self, client: &Client) -> Result<Vec<IpAddr>, Error> {
        let found = match self.target.address() {
            Some(address) => vec![address],
            None => {
                let found = client.network().resolver.resolve(self.target.host()).await;
                found.map_err(|_| Error::DnsError { rcode: None, info_code: None })?
            }
        };
        let found: Vec<_> = found.into_iter().map(address::canonical).collect();
        if found.is_empty() {
            return Err(Error::DnsError { rcode: None, info_code: None });
        }
        let sending = self.target.sending(&self.method, &self.read);
        for address in &found {
            let scope = address::scope(*address);
            if scope.is_public() {
                continue;
            }
            if let Err(refusal) = self.standing.reach(*address, &scope.to_string(), &sending) {
                self.ledger.denied(
                    Action::Request,
                    format!("{} {}", sending.method, self.target.without_query()),
                    &refusal,
                );
                return Err(Error::DestinationIpProhibited);
            }
        }
        Ok(found)
    }
}

/// Tries one address after the other, as long as nothing of the request was sent.
async fn send_to(
    client: &Client,
    target: &Target,
    addresses: &[IpAddr],
    request: Request<WasiBody>,
    time: Duration,
) -> Result<Response<hyper::body::Incoming>, Error> {
    let endpoint = |address| Endpoint {
        scheme: target.scheme(),
        host: target.host().to_owned(),
        address: SocketAddr::new(address, target.port()),
    };
    let endpoints: Vec<_> = addresses.iter().copied().map(endpoint).collect();
    client.send(&endpoints, request, time).await
}

/// What headers take on the wire of HTTP/1.1.
fn size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len()).sum()
}
