//! What processes write, kept for the call that started them.

use crate::{
    doors::stdio::CHUNK,
    ledger::{Ledger, lock},
};
use bytes::Bytes;
use std::sync::{Arc, Mutex};
use wasmtime_wasi::{
    async_trait,
    p2::{OutputStream, Pollable, StreamError, StreamResult},
};

/// What was written since it was last asked for.
pub struct Capture(Arc<Mutex<Vec<u8>>>);

/// Where it is written.
pub(crate) struct Sink {
    bytes: Arc<Mutex<Vec<u8>>>,
    /// Of the call that captures: its limit `output` bounds what is kept.
    ledger: Arc<Ledger>,
}

pub(crate) fn capture(ledger: &Arc<Ledger>) -> (Capture, Sink) {
    let bytes = Arc::default();
    (Capture(Arc::clone(&bytes)), Sink { bytes, ledger: Arc::clone(ledger) })
}

impl Capture {
    pub(crate) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *lock(&self.0))
    }
}

#[async_trait]
impl Pollable for Sink {
    async fn ready(&mut self) {}
}

impl OutputStream for Sink {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if let Err(hit) = self.ledger.keep(bytes.len() as u64) {
            // The limit is that of the whole call, whichever of its processes wrote.
            self.ledger.stop(hit);
            return Err(StreamError::Trap(hit.into()));
        }
        lock(&self.bytes).extend_from_slice(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(CHUNK)
    }
}
