//! Standard input from the caller; standard output and error into the ledger, bounded while they are written.

use crate::{
    ledger::{Ledger, Output},
    process::{self, Streams},
};
use bytes::Bytes;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};
use tokio::io::{AsyncRead, AsyncWrite, empty, sink};
use wasmtime_wasi::{
    WasiCtxBuilder, async_trait,
    cli::{IsTerminal, StdinStream, StdoutStream},
    p2::{DynOutputStream, InputStream, OutputStream, Pollable, StreamError, StreamResult, pipe::MemoryInputPipe},
};

/// How much a guest may hand over at once.
pub(crate) const CHUNK: usize = 64 << 10;

/// Connects the three standard streams of one call.
pub(crate) fn open(builder: &mut WasiCtxBuilder, stdin: Option<Bytes>, ledger: &Arc<Ledger>) {
    if let Some(stdin) = stdin {
        builder.stdin(MemoryInputPipe::new(stdin));
    }
    builder
        .stdout(Captured { ledger: Arc::clone(ledger), output: Output::Stdout })
        .stderr(Captured { ledger: Arc::clone(ledger), output: Output::Stderr });
}

/// Connects those of a process, which its starter gave; nothing comes and goes where it gave none. What is written to a pipe
/// that nobody reads ends the process, and sets `broken`.
pub(crate) fn give(builder: &mut WasiCtxBuilder, streams: Streams, broken: &Arc<AtomicBool>) {
    let Streams { stdin, stdout, stderr } = streams;
    let given = |stream| GivenOutput { output: Arc::new(stream), broken: Arc::clone(broken) };
    stdin.map(|stream| builder.stdin(GivenInput(stream)));
    stdout.map(|stream| builder.stdout(given(stream)));
    stderr.map(|stream| builder.stderr(given(stream)));
}

struct GivenInput(process::Input);

impl IsTerminal for GivenInput {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdinStream for GivenInput {
    fn async_stream(&self) -> Box<dyn AsyncRead + Send + Sync> {
        // Only WASI 0.3 asks for it, which is not linked.
        Box::new(empty())
    }

    fn p2_stream(&self) -> Box<dyn InputStream> {
        self.0.stream()
    }
}

#[derive(Clone)]
struct GivenOutput {
    output: Arc<process::Output>,
    broken: Arc<AtomicBool>,
}

impl IsTerminal for GivenOutput {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for GivenOutput {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(Ending { stream: self.output.stream(), broken: Arc::clone(&self.broken) })
    }
}

/// An output whose closing ends whoever writes on, as SIGPIPE does; whoever only waits for it does not.
struct Ending {
    stream: DynOutputStream,
    broken: Arc<AtomicBool>,
}

impl Ending {
    /// What came of writing.
    fn ends(&self, written: StreamResult<()>) -> StreamResult<()> {
        written.map_err(|error| match error {
            StreamError::Closed => {
                self.broken.store(true, Relaxed);
                StreamError::trap("it wrote to a pipe that nobody reads")
            }
            error => error,
        })
    }
}

/// Where nobody reads there is room: whoever uses it ends.
fn room(ready: StreamResult<usize>) -> StreamResult<usize> {
    match ready {
        Err(StreamError::Closed) => Ok(CHUNK),
        ready => ready,
    }
}

#[async_trait]
impl Pollable for Ending {
    async fn ready(&mut self) {
        self.stream.ready().await;
    }
}

#[async_trait]
impl OutputStream for Ending {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let written = self.stream.write(bytes);
        self.ends(written)
    }

    fn flush(&mut self) -> StreamResult<()> {
        match self.stream.flush() {
            Err(StreamError::Closed) => Ok(()),
            flushed => flushed,
        }
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        room(self.stream.check_write())
    }

    async fn write_ready(&mut self) -> StreamResult<usize> {
        room(self.stream.write_ready().await)
    }

    async fn blocking_write_and_flush(&mut self, bytes: Bytes) -> StreamResult<()> {
        let written = self.stream.blocking_write_and_flush(bytes).await;
        self.ends(written)
    }

    async fn cancel(&mut self) {
        self.stream.cancel().await;
    }
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
        self.ledger.print(self.output, &bytes).map_err(|hit| {
            // A process may write here for the call whose output it is.
            self.ledger.stop(hit);
            StreamError::Trap(hit.into())
        })
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(CHUNK)
    }
}
