//! Bodies, counted as they pass.

use crate::{
    ledger::{Connection, Ledger},
    redact::{Redactor, Stream},
};
use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep};
use wasmtime_wasi_http::{Error, WasiBody};

/// What a guest sends.
pub(super) struct Counted {
    body: WasiBody,
    ledger: Arc<Ledger>,
}

impl Counted {
    pub(super) fn new(body: WasiBody, ledger: Arc<Ledger>) -> Self {
        Self { body, ledger }
    }
}

impl Body for Counted {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if let Some(Ok(frame)) = &frame {
            let bytes = frame.data_ref().map_or_else(|| trailers(frame), Bytes::len);
            if let Err(hit) = self.ledger.send(bytes as u64) {
                self.ledger.stop(hit);
                return Poll::Ready(Some(Err(Error::HttpRequestBodySize(None))));
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// What a guest receives: counted before it gets it, without secrets.
pub(super) struct Received {
    body: Incoming,
    ledger: Arc<Ledger>,
    masking: Masking,
    /// Its place among what is under way at once.
    _place: Connection,
    /// How long it may be silent, where the guest says so, and until when that is now.
    silence: Option<(Duration, Pin<Box<Sleep>>)>,
}

enum Masking {
    /// There are no secrets.
    Off,
    /// What is held back until it is clear that no secret begins in it.
    On { stream: Stream, redactor: Redactor },
    /// The body is at its end; what follows it was held back too.
    Over { trailers: Option<HeaderMap> },
}

impl Received {
    pub(super) fn new(
        body: Incoming,
        ledger: Arc<Ledger>,
        place: Connection,
        redactor: &Redactor,
        silence: Option<Duration>,
    ) -> Self {
        let masking = if redactor.is_empty() {
            Masking::Off
        } else {
            Masking::On { stream: redactor.stream(), redactor: redactor.clone() }
        };
        let silence = silence.map(|time| (time, Box::pin(sleep(time))));
        Self { body, ledger, masking, _place: place, silence }
    }

    fn poll_counted(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                if let Some((_, until)) = &mut self.silence {
                    ready!(until.as_mut().poll(context));
                    return Poll::Ready(Some(Err(Error::ConnectionReadTimeout)));
                }
                return Poll::Pending;
            }
        };
        if let Some((time, until)) = &mut self.silence {
            until.as_mut().reset(Instant::now() + *time);
        }
        let Some(frame) = frame else { return Poll::Ready(None) };
        let frame = frame.map_err(Error::Hyper)?;
        let bytes = frame.data_ref().map_or_else(|| trailers(&frame), Bytes::len);
        if let Err(hit) = self.ledger.receive(bytes as u64) {
            self.ledger.stop(hit);
            return Poll::Ready(Some(Err(Error::HttpResponseBodySize(None))));
        }
        Poll::Ready(Some(Ok(frame)))
    }

    /// The rest of what was held back, before what ends the body.
    fn end(&mut self, mut trailers: Option<HeaderMap>) -> Option<Frame<Bytes>> {
        match std::mem::replace(&mut self.masking, Masking::Over { trailers: None }) {
            Masking::On { stream, redactor } => {
                if let Some(trailers) = &mut trailers {
                    super::secret::mask(trailers, &redactor);
                }
                self.masking = Masking::Over { trailers };
                let rest = stream.finish();
                if rest.is_empty() { self.end(None) } else { Some(Frame::data(rest)) }
            }
            Masking::Over { trailers } => trailers.map(Frame::trailers),
            Masking::Off => trailers.map(Frame::trailers),
        }
    }
}

impl Body for Received {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        loop {
            if let Masking::Over { .. } = self.masking {
                return Poll::Ready(self.end(None).map(Ok));
            }
            let frame = match ready!(self.poll_counted(context)) {
                Some(frame) => frame?,
                None => return Poll::Ready(self.end(None).map(Ok)),
            };
            let Masking::On { stream, .. } = &mut self.masking else {
                return Poll::Ready(Some(Ok(frame)));
            };
            match frame.into_data() {
                Ok(data) => {
                    let clear = stream.push(&data);
                    if !clear.is_empty() {
                        return Poll::Ready(Some(Ok(Frame::data(clear))));
                    }
                }
                Err(frame) => return Poll::Ready(self.end(frame.into_trailers().ok()).map(Ok)),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.masking {
            Masking::Off => self.body.is_end_stream(),
            // Something may be held back.
            Masking::On { .. } => false,
            Masking::Over { trailers } => trailers.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self.masking {
            Masking::Off => self.body.size_hint(),
            Masking::On { .. } | Masking::Over { .. } => SizeHint::default(),
        }
    }
}

fn trailers(frame: &Frame<Bytes>) -> usize {
    frame.trailers_ref().map_or(0, super::size)
}
