//! Bodies, both ways.

use super::{code, own_fault};
use crate::http::{
    Error,
    request::{Body, Head},
};
use std::io::{self, Read};
use wasip2::{
    http::types::{FutureIncomingResponse, IncomingBody, OutgoingBody, http_error_code},
    io::{
        poll::poll,
        streams::{InputStream, OutputStream, StreamError},
    },
};

/// The most that is read or written at once, in bytes.
const CHUNK: usize = 64 << 10;

/// Sends a body. A server may answer before it has read all of it; the body is then given back, and must live until its
/// response is read, since dropping it ends the exchange.
pub(super) fn send(
    head: &Head,
    body: &mut Body,
    outgoing: OutgoingBody,
    waiting: &FutureIncomingResponse,
) -> Result<Option<OutgoingBody>, Error> {
    let stream = outgoing.write().map_err(|()| own_fault(head, "the body"))?;
    let whole = body.carry(|reader| copy(head, reader, &stream, waiting)).unwrap_or(Ok(true))?;
    drop(stream);
    if !whole {
        return Ok(Some(outgoing));
    }
    OutgoingBody::finish(outgoing, None).map_err(|code| code::error(head, code))?;
    Ok(None)
}

/// Whether all of it was written, rather than answered before.
fn copy(
    head: &Head,
    reader: &mut dyn Read,
    stream: &OutputStream,
    waiting: &FutureIncomingResponse,
) -> Result<bool, Error> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let read = match reader.read(&mut buffer) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Error::Failed(format!("{}: the body to send: {error}", head.aim()))),
        };
        if read == 0 {
            return Ok(stream.flush().is_ok() && room(stream, waiting).is_some());
        }
        let mut rest = &buffer[..read];
        while !rest.is_empty() {
            let Some(room) = room(stream, waiting) else { return Ok(false) };
            let (now, later) = rest.split_at(room.min(rest.len()));
            if stream.write(now).is_err() {
                return Ok(false);
            }
            rest = later;
        }
    }
}

/// Waits until something can be written, and says how many bytes; `None` where the response, or the end, comes first.
fn room(stream: &OutputStream, waiting: &FutureIncomingResponse) -> Option<usize> {
    let (writable, answered) = (stream.subscribe(), waiting.subscribe());
    loop {
        match stream.check_write() {
            Ok(0) if answered.ready() => return None,
            Ok(0) => drop(poll(&[&writable, &answered])),
            Ok(bytes) => return Some(usize::try_from(bytes).unwrap_or(CHUNK)),
            Err(_) => return None,
        }
    }
}

/// The body of a response. The order of the fields is the one in which they may be dropped.
pub(super) struct Incoming {
    stream: InputStream,
    _body: IncomingBody,
    _unfinished: Option<OutgoingBody>,
    aim: Head,
}

impl Incoming {
    pub(super) fn new(
        head: &Head,
        body: Result<IncomingBody, ()>,
        unfinished: Option<OutgoingBody>,
    ) -> Result<Self, Error> {
        let lost = |()| Error::Failed(format!("{}: the response has no body to read", head.aim()));
        let body = body.map_err(lost)?;
        Ok(Self { stream: body.stream().map_err(lost)?, _body: body, _unfinished: unfinished, aim: head.clone() })
    }
}

impl Read for Incoming {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            match self.stream.blocking_read(buffer.len().min(CHUNK) as u64) {
                // Nothing yet, which to `Read` would be the end.
                Ok(chunk) if chunk.is_empty() => {}
                Ok(chunk) => {
                    buffer[..chunk.len()].copy_from_slice(&chunk);
                    return Ok(chunk.len());
                }
                Err(StreamError::Closed) => return Ok(0),
                Err(StreamError::LastOperationFailed(error)) => {
                    return Err(match http_error_code(&error) {
                        Some(code) => code::error(&self.aim, code),
                        None => Error::Failed(format!("{}: {}", self.aim.aim(), error.to_debug_string())),
                    }
                    .into());
                }
            }
        }
    }
}
