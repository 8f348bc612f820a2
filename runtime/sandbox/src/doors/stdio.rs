//! Standard input from the caller; standard output and error into the ledger, bounded while they are written.

use crate::ledger::{Ledger, Output};
use bytes::Bytes;
use std::sync::Arc;
use tokio::io::{AsyncWrite, sink};
use wasmtime_wasi::{
    WasiCtxBuilder, async_trait,
    cli::{IsTerminal, StdoutStream},
    p2::{OutputStream, Pollable, StreamError, StreamResult, pipe::MemoryInputPipe},
};

/// How much a guest may hand over at once.
const CHUNK: usize = 64 << 10;

/// Connects the three standard streams of one call.
pub(crate) fn open(builder: &mut WasiCtxBuilder, stdin: Option<Bytes>, ledger: &Arc<Ledger>) {
    if let Some(stdin) = stdin {
        builder.stdin(MemoryInputPipe::new(stdin));
    }
    builder
        .stdout(Captured { ledger: Arc::clone(ledger), output: Output::Stdout })
        .stderr(Captured { ledger: Arc::clone(ledger), output: Output::Stderr });
}

#[derive(Clone)]
struct Captured {
    ledger: Arc<Ledger>,
    output: Output,
}

impl IsTerminal for Captured {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Captured {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        // Only WASI 0.3 asks for it, which is not linked.
        Box::new(sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait]
impl Pollable for Captured {
    async fn ready(&mut self) {}
}

#[async_trait]
impl OutputStream for Captured {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.ledger.print(self.output, &bytes).map_err(|hit| StreamError::Trap(hit.into()))
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(CHUNK)
    }
}
