//! What goes through a connection, counted.

use crate::ledger::Ledger;
use bytes::Bytes;
use std::sync::Arc;
use wasmtime_wasi::{
    async_trait,
    p2::{DynInputStream, DynOutputStream, InputStream, OutputStream, Pollable, StreamError, StreamResult},
};

pub(super) struct Received {
    pub(super) inner: DynInputStream,
    pub(super) ledger: Arc<Ledger>,
}

pub(super) struct Sent {
    pub(super) inner: DynOutputStream,
    pub(super) ledger: Arc<Ledger>,
}

#[async_trait]
impl Pollable for Received {
    async fn ready(&mut self) {
        self.inner.ready().await;
    }
}

#[async_trait]
impl InputStream for Received {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        let bytes = self.inner.read(size)?;
        self.ledger.receive(bytes.len() as u64).map_err(|hit| StreamError::Trap(hit.into()))?;
        Ok(bytes)
    }

    async fn cancel(&mut self) {
        self.inner.cancel().await;
    }
}

#[async_trait]
impl Pollable for Sent {
    async fn ready(&mut self) {
        self.inner.ready().await;
    }
}

#[async_trait]
impl OutputStream for Sent {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.ledger.send(bytes.len() as u64).map_err(|hit| StreamError::Trap(hit.into()))?;
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.inner.flush()
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.inner.check_write()
    }

    async fn cancel(&mut self) {
        self.inner.cancel().await;
    }
}
