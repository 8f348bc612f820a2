//! Bodies over the line: a piece goes when the other end asks for it, so that neither end holds more than one.

use super::wire::{HttpError, MAX_PIECE, Part, Shape, headers, texts};
use crate::{doors::http::is_forbidden, ledger::lock};
use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, ready},
};
use tokio::sync::mpsc;
use wasmtime_wasi_http::{Error, WasiBody};

/// The bodies of one end that are under way, by the id of their request.
#[derive(Debug, Default)]
pub(super) struct Bodies {
    /// Those that come from the other end.
    coming: Mutex<HashMap<u64, mpsc::Sender<(Part, Bytes)>>>,
    /// Those that the other end asks for.
    going: Mutex<HashMap<u64, mpsc::Sender<()>>>,
}

impl Bodies {
    /// A body that comes from the other end, given by whoever it is. `ask` is called for every piece, `dropped` when nobody wants any more.
    pub(super) fn coming(
        self: &Arc<Self>,
        id: u64,
        shape: Shape,
        giver: Giver,
        ask: impl Fn() + Send + 'static,
        dropped: impl Fn() + Send + 'static,
    ) -> WasiBody {
        // One piece at a time is asked for.
        let (sender, pieces) = mpsc::channel(1);
        lock(&self.coming).insert(id, sender);
        let over = shape.empty;
        let coming = Coming {
            pieces,
            ask: Box::new(ask),
            dropped: Box::new(dropped),
            asked: false,
            over,
            shape,
            giver,
            id,
            of: Arc::clone(self),
        };
        coming.boxed_unsync()
    }

    /// A piece has come. One that nobody asked for is dropped.
    pub(super) fn came(&self, id: u64, part: Part, raw: Bytes) {
        if let Some(sender) = lock(&self.coming).get(&id) {
            let _ = sender.try_send((part, raw));
        }
    }

    /// The other end wants the next piece.
    pub(super) fn more(&self, id: u64) {
        if let Some(sender) = lock(&self.going).get(&id) {
            let _ = sender.try_send(());
        }
    }

    /// The other end wants no more.
    pub(super) fn unwanted(&self, id: u64) {
        lock(&self.going).remove(&id);
    }

    /// Gives a body away piece by piece, until it is over or nobody wants it.
    pub(super) async fn give(self: Arc<Self>, id: u64, mut body: WasiBody, send: impl Fn(Part, Bytes) + Send) {
        let (sender, mut wanted) = mpsc::channel(1);
        lock(&self.going).insert(id, sender);
        let mut rest = Bytes::new();
        while wanted.recv().await.is_some() {
            if !rest.is_empty() {
                send(Part::Data, rest.split_to(rest.len().min(MAX_PIECE)));
                continue;
            }
            let (part, raw) = match body.frame().await {
                None => (Part::End, Bytes::new()),
                Some(Err(error)) => (Part::Failed(HttpError::of(&error)), Bytes::new()),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        rest = data;
                        (Part::Data, rest.split_to(rest.len().min(MAX_PIECE)))
                    }
                    Err(frame) => {
                        let trailers = frame.into_trailers().unwrap_or_default();
                        (Part::Trailers(texts(&trailers)), Bytes::new())
                    }
                },
            };
            let over = matches!(part, Part::End | Part::Failed(_));
            send(part, raw);
            if over {
                break;
            }
        }
        lock(&self.going).remove(&id);
    }
}

/// Who gives a body, and what may be in it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Giver {
    /// The host has it from the engine's own client.
    Host,
    /// A worker says whatever it likes: no more and no less than it announced passes, where it announced a length, and no
    /// trailers that a guest could not send.
    Worker { left: Option<u64> },
}

impl Giver {
    fn data(&mut self, bytes: &Bytes) -> Result<(), Error> {
        if let Self::Worker { left: Some(left) } = self {
            *left = left.checked_sub(bytes.len() as u64).ok_or(Error::HttpRequestBodySize(None))?;
        }
        Ok(())
    }

    fn trailers(&self, trailers: HeaderMap) -> Result<HeaderMap, Error> {
        let refused = matches!(self, Self::Worker { .. }) && trailers.keys().any(is_forbidden);
        if refused { Err(Error::HttpProtocolError) } else { Ok(trailers) }
    }

    fn end(&self) -> Option<Error> {
        matches!(self, Self::Worker { left: Some(1..) }).then_some(Error::HttpRequestBodySize(None))
    }
}

/// What is known of a body beforehand.
pub(super) fn shape(body: &WasiBody) -> Shape {
    Shape { empty: body.is_end_stream(), size: body.size_hint().exact() }
}

struct Coming {
    pieces: mpsc::Receiver<(Part, Bytes)>,
    ask: Box<dyn Fn() + Send>,
    dropped: Box<dyn Fn() + Send>,
    asked: bool,
    over: bool,
    shape: Shape,
    giver: Giver,
    id: u64,
    of: Arc<Bodies>,
}

impl Body for Coming {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if self.over {
            return Poll::Ready(None);
        }
        if !self.asked {
            self.asked = true;
            (self.ask)();
        }
        let piece = ready!(self.pieces.poll_recv(context));
        self.asked = false;
        Poll::Ready(match piece {
            Some((Part::Data, bytes)) => {
                let data = self.giver.data(&bytes);
                self.over = data.is_err();
                Some(data.map(|()| Frame::data(bytes)))
            }
            Some((Part::Trailers(texts), _)) => {
                let trailers = headers(texts).and_then(|trailers| self.giver.trailers(trailers));
                self.over = trailers.is_err();
                Some(trailers.map(Frame::trailers))
            }
            Some((Part::End, _)) => {
                self.over = true;
                self.giver.end().map(Err)
            }
            Some((Part::Failed(error), _)) => {
                self.over = true;
                Some(Err(error.error()))
            }
            None => {
                self.over = true;
                Some(Err(Error::ConnectionTerminated))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.over
    }

    fn size_hint(&self) -> SizeHint {
        self.shape.size.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Drop for Coming {
    fn drop(&mut self) {
        lock(&self.of.coming).remove(&self.id);
        if !self.over {
            (self.dropped)();
        }
    }
}
