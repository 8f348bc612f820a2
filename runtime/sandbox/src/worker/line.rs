//! The worker's side of what leads outside: it asks its host.

use super::{
    bodies::{Bodies, Giver, shape},
    wire::{Answer, Asked, Head, NotFound, NotInvoked, ToHost, Told, Use, headers, texts},
};
use crate::{
    doors::host::InvokeError,
    ledger::{Ledger, lock},
    meter::Meter,
    outside::{Later, Launch, Outside},
    stage::{NotStarted, Progress, Running},
};
use bytes::Bytes;
use http::{Request, Response};
use policy::{Limits, ToolId};
use serde_json::Value;
use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::sync::{mpsc, oneshot};
use wasmtime_wasi::{p2::bindings::sockets::network::ErrorCode, sockets::SocketAddrUse};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

/// Ids are never used again, so that nothing late is taken for something of the next call.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// The line of one call.
pub(super) struct Line {
    shared: Arc<Shared>,
    ledger: Arc<Ledger>,
    meter: Arc<Meter>,
    /// What is in the ledger of what the host did for it.
    elsewhere: Arc<Mutex<[u64; 4]>>,
}

/// What outlives the call that it is for by as much as its last bodies do.
struct Shared {
    out: mpsc::UnboundedSender<(ToHost, Bytes)>,
    waiting: Mutex<HashMap<u64, oneshot::Sender<Answer>>>,
    bodies: Arc<Bodies>,
}

impl Shared {
    fn say(&self, message: ToHost, raw: Bytes) {
        // A line that is cut ends the worker.
        let _ = self.out.send((message, raw));
    }
}

impl Line {
    pub(super) fn new(out: mpsc::UnboundedSender<(ToHost, Bytes)>, ledger: Arc<Ledger>, meter: Arc<Meter>) -> Self {
        let shared = Shared { out, waiting: Mutex::default(), bodies: Arc::default() };
        Self { shared: Arc::new(shared), ledger, meter, elsewhere: Arc::default() }
    }

    /// The host has answered.
    pub(super) fn answered(&self, id: u64, answer: Answer) {
        if let Some(waiting) = lock(&self.shared.waiting).remove(&id) {
            let _ = waiting.send(answer);
        }
    }

    pub(super) fn bodies(&self) -> &Arc<Bodies> {
        &self.shared.bodies
    }

    /// What was counted here and nowhere else.
    pub(super) fn counted(&self) -> [u64; 4] {
        let (all, elsewhere) = (self.ledger.counted(), *lock(&self.elsewhere));
        std::array::from_fn(|kind| all[kind].saturating_sub(elsewhere[kind]))
    }

    fn ask(&self, what: Asked) -> (u64, oneshot::Receiver<Answer>) {
        let id = NEXT.fetch_add(1, Relaxed);
        let (sender, answer) = oneshot::channel();
        lock(&self.shared.waiting).insert(id, sender);
        self.shared.say(ToHost::Ask { id, read: self.ledger.read(), what }, Bytes::new());
        (id, answer)
    }
}

impl Outside for Line {
    fn send(&self, request: Request<WasiBody>, options: RequestOptions) -> Later<Result<Response<WasiBody>, Error>> {
        let (parts, body) = request.into_parts();
        let millis = |time: Option<Duration>| time.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        let head = Head {
            method: parts.method.to_string(),
            uri: parts.uri.to_string(),
            headers: texts(&parts.headers),
            body: shape(&body),
            connect: millis(options.connect_timeout),
            first_byte: millis(options.first_byte_timeout),
            between_bytes: millis(options.between_bytes_timeout),
        };
        let empty = head.body.empty;
        let (id, answer) = self.ask(Asked::Request(head));
        let shared = Arc::clone(&self.shared);
        if !empty {
            let giving = Arc::clone(&shared);
            let say = move |part, raw| giving.say(ToHost::Body { id, part }, raw);
            tokio::spawn(Arc::clone(&shared.bodies).give(id, body, say));
        }
        Box::pin(async move {
            match answer.await {
                Ok(Answer::Response { status, headers: texts, body }) => {
                    let (asking, dropping) = (Arc::clone(&shared), Arc::clone(&shared));
                    let body = shared.bodies.coming(
                        id,
                        body,
                        Giver::Host,
                        move || asking.say(ToHost::More { id }, Bytes::new()),
                        move || dropping.say(ToHost::Dropped { id }, Bytes::new()),
                    );
                    let mut response = Response::new(body);
                    *response.status_mut() = status.try_into().map_err(|_| Error::HttpProtocolError)?;
                    *response.headers_mut() = headers(texts)?;
                    Ok(response)
                }
                Ok(Answer::NoResponse(error)) => Err(error.error()),
                _ => Err(Error::InternalError(None)),
            }
        })
    }

    fn invoke(&self, tool: ToolId, arguments: Value, left: Limits) -> Later<Result<String, InvokeError>> {
        let (_, answer) = self.ask(Asked::Invoke { tool, arguments, left: Box::new(left) });
        let (ledger, meter) = (Arc::clone(&self.ledger), Arc::clone(&self.meter));
        let elsewhere = Arc::clone(&self.elsewhere);
        Box::pin(async move {
            let Ok(Answer::Invoked { result, cpu_us, counted }) = answer.await else {
                return Err(InvokeError::Stopped("the host is stopping".into()));
            };
            // What another tool used counts here, as it does at the host.
            meter.add(Duration::from_micros(cpu_us));
            ledger.charge(counted);
            lock(&elsewhere).iter_mut().zip(counted).for_each(|(sum, more)| *sum = sum.saturating_add(more));
            result.map_err(|(kind, text)| match kind {
                NotInvoked::Denied => InvokeError::Denied(text),
                NotInvoked::Invalid => InvokeError::Invalid(text),
                NotInvoked::Failed => InvokeError::Failed(text),
                NotInvoked::Stopped => InvokeError::Stopped(text),
            })
        })
    }

    fn start(&self, _: Launch) -> Later<Result<Running, NotStarted>> {
        // Its streams are in this process, and a process of its own would be in another one.
        let why = "processes cannot be started from within a worker process";
        Box::pin(std::future::ready(Err(NotStarted::Denied(why.to_owned()))))
    }

    fn find(&self, _: String) -> Later<Option<String>> {
        Box::pin(std::future::ready(None))
    }

    fn programs(&self) -> Later<Vec<String>> {
        Box::pin(std::future::ready(Vec::new()))
    }

    fn progress(&self, progress: Progress) {
        self.shared.say(ToHost::Progress(Told::of(progress)), Bytes::new());
    }

    fn allows(&self, address: SocketAddr, why: SocketAddrUse) -> Later<bool> {
        let why = match why {
            SocketAddrUse::TcpBind => Use::TcpBind,
            SocketAddrUse::TcpListen => Use::TcpListen,
            SocketAddrUse::TcpAccept => Use::TcpAccept,
            SocketAddrUse::TcpConnect => Use::TcpConnect,
            SocketAddrUse::UdpBind => Use::UdpBind,
            SocketAddrUse::UdpSend => Use::UdpSend,
            SocketAddrUse::UdpReceive => Use::UdpReceive,
        };
        let (_, answer) = self.ask(Asked::Allows { address, why });
        Box::pin(async move { matches!(answer.await, Ok(Answer::Allowed(true))) })
    }

    fn look_up(&self, name: String) -> Later<Result<IpAddr, ErrorCode>> {
        let (_, answer) = self.ask(Asked::LookUp { name });
        Box::pin(async move {
            match answer.await {
                Ok(Answer::Found(Ok(address))) => Ok(address),
                Ok(Answer::Found(Err(NotFound::Denied))) => Err(ErrorCode::AccessDenied),
                Ok(Answer::Found(Err(NotFound::Invalid))) => Err(ErrorCode::InvalidArgument),
                _ => Err(ErrorCode::NameUnresolvable),
            }
        })
    }
}

/// The engine's word for it.
pub(super) fn used(why: Use) -> SocketAddrUse {
    match why {
        Use::TcpBind => SocketAddrUse::TcpBind,
        Use::TcpListen => SocketAddrUse::TcpListen,
        Use::TcpAccept => SocketAddrUse::TcpAccept,
        Use::TcpConnect => SocketAddrUse::TcpConnect,
        Use::UdpBind => SocketAddrUse::UdpBind,
        Use::UdpSend => SocketAddrUse::UdpSend,
        Use::UdpReceive => SocketAddrUse::UdpReceive,
    }
}
