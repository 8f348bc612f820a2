//! The host's side of a worker's line: what it asks for is decided, counted and done here.

use super::{
    bodies::{Bodies, Giver, shape},
    line::used,
    wire::{Answer, Asked, Head, HttpError, NotFound, NotInvoked, Part, Shape, ToHost, ToWorker, headers, texts},
};
use crate::{
    doors::{host::InvokeError, http::is_forbidden},
    ledger::Ledger,
    meter::Meter,
    outside::{Here, Outside as _},
    stage::Progress,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, Uri, header, uri::Authority};
use policy::{LimitKind, Limits, ToolId};
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
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
    mounts: BTreeSet<String>,
    meter: Arc<Meter>,
    out: Out,
    bodies: Arc<Bodies>,
    running: JoinSet<()>,
    /// Whether another tool is being called: a guest waits for one before it calls the next.
    invoking: Arc<AtomicBool>,
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
    pub(super) fn new(
        here: Arc<Here>,
        tool: ToolId,
        (limits, mounts): (Limits, BTreeSet<String>),
        meter: Arc<Meter>,
        out: Out,
    ) -> Self {
        let (bodies, running, invoking) = (Arc::default(), JoinSet::new(), Arc::default());
        Self { here, tool, limits, mounts, meter, out, bodies, running, invoking }
    }

    fn ledger(&self) -> &Arc<Ledger> {
        self.here.ledger()
    }

    /// Takes in a message; those that end a call are not for here. `false` where no guest could have asked for it.
    pub(super) fn take(&mut self, message: ToHost, raw: Bytes) -> bool {
        while self.running.try_join_next().is_some() {}
        if self.running.len() > MAX_ASKED || self.out.waiting.load(Relaxed) > MAX_ASKED {
            return false;
        }
        match message {
            ToHost::Ask { id, read, what } => {
                self.ledger().learn(&read, &self.mounts);
                return self.asked(id, what);
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

    fn asked(&mut self, id: u64, what: Asked) -> bool {
        let (here, out, bodies) = (Arc::clone(&self.here), self.out.clone(), Arc::clone(&self.bodies));
        let answer = move |answer| out.send(ToWorker::Answer { id, answer }, Bytes::new());
        match what {
            Asked::Request(head) => {
                let out = self.out.clone();
                let Some(request) = self.request(id, head) else { return false };
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
                if !arguments.is_object() || self.invoking.swap(true, Relaxed) {
                    return false;
                }
                let counted = self.ledger().invocation();
                let deep = self.here.asking.chain.depth() > self.limits.get(LimitKind::Depth);
                let counted = if deep { Err(self.ledger().hit(LimitKind::Depth)) } else { counted };
                if let Err(hit) = counted {
                    self.ledger().stop(hit);
                    return true;
                }
                // It knows how long it has computed, and the host how long it has run.
                let run = u64::try_from(self.meter.wall().as_millis()).unwrap_or(u64::MAX);
                let wall = self.limits.get(LimitKind::Wall).saturating_sub(run).max(1);
                let left = left.within(&self.limits).at_most(LimitKind::Wall, wall);
                let (ledger, meter) = (Arc::clone(self.ledger()), Arc::clone(&self.meter));
                let (before, computed) = (ledger.counted(), meter.cpu());
                let invoking = Arc::clone(&self.invoking);
                self.running.spawn(async move {
                    let result = here.invoke(tool, arguments, left).await;
                    let cpu = meter.cpu().saturating_sub(computed);
                    let after = ledger.counted();
                    invoking.store(false, Relaxed);
                    answer(Answer::Invoked {
                        result: result.map_err(|error| match error {
                            InvokeError::Denied(text) => (NotInvoked::Denied, text),
                            InvokeError::Invalid(text) => (NotInvoked::Invalid, text),
                            InvokeError::Failed(text) => (NotInvoked::Failed, text),
                            InvokeError::Stopped(text) => (NotInvoked::Stopped, text),
                        }),
                        cpu_us: u64::try_from(cpu.as_micros()).unwrap_or(u64::MAX),
                        counted: std::array::from_fn(|kind| after[kind].saturating_sub(before[kind])),
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
        true
    }

    /// The request as it would have come from a guest of this process; `None` where none of them could have made it.
    fn request(&self, id: u64, head: Head) -> Option<Result<(Request<WasiBody>, RequestOptions), Error>> {
        let headers = headers(head.headers).ok()?;
        let uri: Option<Uri> = head.uri.parse().ok();
        let length = framing(&headers, head.body, uri.as_ref().and_then(Uri::authority))?;
        let asking = self.out.clone();
        let body = self.bodies.coming(
            id,
            head.body,
            Giver::Worker { left: length },
            move || asking.send(ToWorker::More { id }, Bytes::new()),
            // The worker gives no more than is asked for.
            || (),
        );
        let mut request = Request::new(body);
        *request.headers_mut() = headers;
        let told = (|| {
            *request.method_mut() = head.method.parse().map_err(|_| Error::HttpRequestMethodInvalid)?;
            *request.uri_mut() = uri.ok_or(Error::HttpRequestUriInvalid)?;
            Ok(())
        })();
        let time = |millis: Option<u64>| millis.map(Duration::from_millis);
        let options = RequestOptions {
            connect_timeout: time(head.connect),
            first_byte_timeout: time(head.first_byte),
            between_bytes_timeout: time(head.between_bytes),
        };
        Some(told.map(|()| (request, options)))
    }
}

/// The length that a request's body is to have, where it is announced. The engine lets no guest say how a message is framed,
/// but for its length, and says itself which host is meant; `None` where a worker does otherwise, or says two different things.
fn framing(headers: &HeaderMap, body: Shape, authority: Option<&Authority>) -> Option<Option<u64>> {
    if headers.keys().any(|name| *name != header::HOST && is_forbidden(name)) {
        return None;
    }
    let meant =
        |host: &HeaderValue| authority.is_some_and(|authority| host.as_bytes() == authority.as_str().as_bytes());
    let mut hosts = headers.get_all(header::HOST).iter();
    if !hosts.next().is_none_or(meant) || hosts.next().is_some() {
        return None;
    }
    let mut said = headers.get_all(header::CONTENT_LENGTH).iter();
    let Some(length) = said.next() else { return Some(body.size) };
    let length = length.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    let length = length.parse().ok()?;
    (said.next().is_none() && body.size.is_none_or(|size| size == length)).then_some(Some(length))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_worker_frames_a_request() {
        let authority = "api.test:80".parse().expect("an authority");
        let check = |said: &[(&str, &str)], size: Option<u64>, expected: Option<Option<u64>>| {
            let texts = said.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let headers = headers(texts).expect("headers");
            assert_eq!(
                framing(&headers, Shape { empty: false, size }, Some(&authority)),
                expected,
                "{said:?} {size:?}"
            );
        };
        check(&[("accept", "*/*")], None, Some(None));
        check(&[("content-length", "5")], None, Some(Some(5)));
        check(&[("content-length", "5")], Some(5), Some(Some(5)));
        check(&[], Some(5), Some(Some(5)));
        check(&[("host", "api.test:80")], None, Some(None));
        check(&[("host", "api.test")], None, None);
        check(&[("host", "api.test:80"), ("host", "api.test:80")], None, None);
        check(&[("content-length", "5")], Some(6), None);
        check(&[("content-length", "5"), ("content-length", "5")], None, None);
        check(&[("content-length", "+5")], None, None);
        check(&[("content-length", "5, 6")], None, None);
        for name in [
            "transfer-encoding",
            "connection",
            "proxy-authenticate",
            "upgrade",
            "te",
            "trailer",
            "expect",
            "proxy-connection",
        ] {
            check(&[(name, "x")], None, None);
        }
    }
}
