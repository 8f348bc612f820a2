//! The host's side of a worker's line: what it asks for is decided, counted and done here.

use super::{
    bodies::{Bodies, shape},
    line::used,
    wire::{Answer, Asked, Head, HttpError, NotFound, NotInvoked, Part, ToHost, ToWorker, headers, texts},
};
use crate::{
    doors::host::InvokeError,
    ledger::Ledger,
    meter::Meter,
    outside::{Here, Outside as _},
    stage::Progress,
};
use bytes::Bytes;
use http::{Request, Response};
use policy::{Limits, ToolId};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{sync::mpsc, task::JoinSet};
use wasmtime_wasi::p2::bindings::sockets::network::ErrorCode;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

/// What a call's worker is served with. What is under way ends with it.
pub(super) struct Serving {
    here: Arc<Here>,
    tool: ToolId,
    limits: Limits,
    meter: Arc<Meter>,
    out: Out,
    bodies: Arc<Bodies>,
    running: JoinSet<()>,
}

/// How much a call may have asked for at once, and how many messages may wait to be read by its worker. No call needs more: a
/// guest asks for one thing after the other, but for its requests, and each takes a place (limit `connections`).
const MAX_ASKED: usize = 1_024;

/// What goes to a worker, and how much of it has not gone yet.
#[derive(Debug, Clone)]
pub(super) struct Out {
    sender: mpsc::UnboundedSender<(ToWorker, Bytes)>,
    waiting: Arc<AtomicUsize>,
}

impl Out {
    pub(super) fn new() -> (Self, mpsc::UnboundedReceiver<(ToWorker, Bytes)>, Arc<AtomicUsize>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let waiting = Arc::<AtomicUsize>::default();
        (Self { sender, waiting: Arc::clone(&waiting) }, receiver, waiting)
    }

    /// The worker may be gone by then.
    pub(super) fn send(&self, message: ToWorker, raw: Bytes) {
        self.waiting.fetch_add(1, Relaxed);
        drop(self.sender.send((message, raw)));
    }
}

impl Serving {
    pub(super) fn new(here: Arc<Here>, tool: ToolId, limits: Limits, meter: Arc<Meter>, out: Out) -> Self {
        Self { here, tool, limits, meter, out, bodies: Arc::default(), running: JoinSet::new() }
    }

    fn ledger(&self) -> &Arc<Ledger> {
        self.here.ledger()
    }

    /// Takes in a message; those that end a call are not for here. `false` where no guest could have asked for so much.
    pub(super) fn take(&mut self, message: ToHost, raw: Bytes) -> bool {
        while self.running.try_join_next().is_some() {}
        if self.running.len() > MAX_ASKED || self.out.waiting.load(Relaxed) > MAX_ASKED {
            return false;
        }
        match message {
            ToHost::Ask { id, read, what } => {
                self.ledger().learn(&read);
                self.asked(id, what);
            }
            ToHost::Body { id, part } => self.bodies.came(id, part, raw),
            ToHost::More { id } => self.bodies.more(id),
            ToHost::Dropped { id } => self.bodies.unwanted(id),
            ToHost::Progress(told) => {
                // Counted here too: the worker's word is not enough.
                match self.ledger().progress(&told.message) {
                    Ok(()) => self.here.progress(Progress {
                        tool: self.tool.clone(),
                        done: told.done,
                        total: told.total,
                        message: told.message,
                    }),
                    Err(hit) => self.ledger().stop(hit),
                }
            }
            ToHost::Ready { .. } | ToHost::Failed { .. } | ToHost::Ended { .. } => {}
        }
        true
    }

    fn asked(&mut self, id: u64, what: Asked) {
        let (here, out, bodies) = (Arc::clone(&self.here), self.out.clone(), Arc::clone(&self.bodies));
        let answer = move |answer| out.send(ToWorker::Answer { id, answer }, Bytes::new());
        match what {
            Asked::Request(head) => {
                let out = self.out.clone();
                let request = self.request(id, head);
                self.running.spawn(async move {
                    let response = match request {
                        Ok((request, options)) => here.send(request, options).await,
                        Err(error) => Err(error),
                    };
                    match response {
                        Ok(response) => give(id, response, bodies, out).await,
                        Err(error) => answer(Answer::NoResponse(HttpError::of(&error))),
                    }
                });
            }
            Asked::Invoke { tool, arguments, left } => {
                if let Err(hit) = self.ledger().invocation() {
                    self.ledger().stop(hit);
                    return;
                }
                let left = left.within(&self.limits);
                let (ledger, meter) = (Arc::clone(self.ledger()), Arc::clone(&self.meter));
                let before = (ledger.written(), ledger.created(), meter.cpu());
                self.running.spawn(async move {
                    let result = here.invoke(tool, arguments, left).await;
                    let cpu = meter.cpu().saturating_sub(before.2);
                    answer(Answer::Invoked {
                        result: result.map_err(|error| match error {
                            InvokeError::Denied(text) => (NotInvoked::Denied, text),
                            InvokeError::Invalid(text) => (NotInvoked::Invalid, text),
                            InvokeError::Failed(text) => (NotInvoked::Failed, text),
                            InvokeError::Stopped(text) => (NotInvoked::Stopped, text),
                        }),
                        cpu_us: u64::try_from(cpu.as_micros()).unwrap_or(u64::MAX),
                        written: ledger.written().saturating_sub(before.0),
                        created: ledger.created().saturating_sub(before.1),
                    });
                });
            }
            Asked::Allows { address, why } => {
                self.running.spawn(async move { answer(Answer::Allowed(here.allows(address, used(why)).await)) });
            }
            Asked::LookUp { name } => {
                self.running.spawn(async move {
                    let found = here.look_up(name).await.map_err(|code| match code {
                        ErrorCode::AccessDenied => NotFound::Denied,
                        ErrorCode::InvalidArgument => NotFound::Invalid,
                        _ => NotFound::Unresolvable,
                    });
                    answer(Answer::Found(found));
                });
            }
        }
    }

    /// The request as it would have come from a guest of this process.
    fn request(&self, id: u64, head: Head) -> Result<(Request<WasiBody>, RequestOptions), Error> {
        let asking = self.out.clone();
        let body = self.bodies.coming(
            id,
            head.body,
            move || asking.send(ToWorker::More { id }, Bytes::new()),
            // The worker gives no more than is asked for.
            || (),
        );
        let mut request = Request::new(body);
        *request.method_mut() = head.method.parse().map_err(|_| Error::HttpRequestMethodInvalid)?;
        *request.uri_mut() = head.uri.parse().map_err(|_| Error::HttpRequestUriInvalid)?;
        *request.headers_mut() = headers(head.headers)?;
        let time = |millis: Option<u64>| millis.map(Duration::from_millis);
        let options = RequestOptions {
            connect_timeout: time(head.connect),
            first_byte_timeout: time(head.first_byte),
            between_bytes_timeout: time(head.between_bytes),
        };
        Ok((request, options))
    }
}

async fn give(id: u64, response: Response<WasiBody>, bodies: Arc<Bodies>, out: Out) {
    let (parts, body) = response.into_parts();
    let known = shape(&body);
    let answer = Answer::Response { status: parts.status.as_u16(), headers: texts(&parts.headers), body: known };
    let giving = out.clone();
    // The answer goes first, but the worker can ask for the body's first piece as soon as it is there.
    let gives = bodies.give(id, body, move |part: Part, raw| giving.send(ToWorker::Body { id, part }, raw));
    let mut gives = Box::pin(gives);
    // Once polled, it hears what is asked of it.
    let begun = poll_once(&mut gives).await;
    out.send(ToWorker::Answer { id, answer }, Bytes::new());
    if !begun && !known.empty {
        gives.await;
    }
}

/// Polls a future once; whether it is done.
async fn poll_once(future: &mut (impl Future<Output = ()> + Unpin)) -> bool {
    std::future::poll_fn(|context| std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(context).is_ready()))
        .await
}
