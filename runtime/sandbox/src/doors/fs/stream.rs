//! A stream into a file, with a count of what goes through it.

use crate::ledger::Ledger;
use bytes::Bytes;
use std::sync::Arc;
use wasmtime_wasi::{
    async_trait,
    p2::{DynOutputStream, OutputStream, Pollable, StreamError, StreamResult},
};

pub(crate) struct Counted {
    inner: DynOutputStream,
    ledger: Arc<Ledger>,
}

impl Counted {
    pub(crate) fn new(inner: DynOutputStream, ledger: Arc<Ledger>) -> Self {
        Self { inner, ledger }
    }

    fn count(&self, bytes: &Bytes) -> StreamResult<()> {
        self.ledger.write(bytes.len() as u64).map_err(|hit| StreamError::Trap(hit.into()))
    }
}

#[async_trait]
impl Pollable for Counted {
    async fn ready(&mut self) {
        self.inner.ready().await;
    }
}

#[async_trait]
impl OutputStream for Counted {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.count(&bytes)?;
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.inner.flush()
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.inner.check_write()
    }

    async fn blocking_write_and_flush(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.count(&bytes)?;
        self.inner.blocking_write_and_flush(bytes).await
    }

    async fn write_ready(&mut self) -> StreamResult<usize> {
        self.inner.write_ready().await
    }

    async fn cancel(&mut self) {
        self.inner.cancel().await;
    }
}
