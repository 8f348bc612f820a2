//! Streams that several hold: duplicates share what is read, and where the next byte goes.

use super::pipe::{ReadEnd, WriteEnd};
use bytes::Bytes;
use std::sync::Arc;
use tokio::sync::Mutex;
use wasmtime_wasi::{
    async_trait,
    p2::{DynInputStream, DynOutputStream, InputStream, OutputStream, Pollable, StreamResult},
};

/// Something to read from that several can hold.
pub enum Input {
    Pipe(ReadEnd),
    Shared(SharedInput),
}

/// Something to write to that several can hold.
pub enum Output {
    Pipe(WriteEnd),
    Shared(SharedOutput),
}

impl Input {
    pub(crate) fn new(stream: DynInputStream) -> Self {
        Self::Shared(SharedInput(Arc::new(Mutex::new(stream))))
    }

    /// The same once more.
    pub(crate) fn duplicate(&self) -> Self {
        match self {
            Self::Pipe(end) => Self::Pipe(end.duplicate()),
            Self::Shared(shared) => Self::Shared(shared.clone()),
        }
    }

    /// The same once more, as the engine wants it.
    pub(crate) fn stream(&self) -> DynInputStream {
        match self {
            Self::Pipe(end) => Box::new(end.duplicate()),
            Self::Shared(shared) => Box::new(shared.clone()),
        }
    }
}

impl Output {
    pub(crate) fn new(stream: DynOutputStream) -> Self {
        Self::Shared(SharedOutput { stream: Arc::new(Mutex::new(stream)), late: Bytes::new() })
    }

    /// The same once more.
    pub(crate) fn duplicate(&self) -> Self {
        match self {
            Self::Pipe(end) => Self::Pipe(end.duplicate()),
            Self::Shared(shared) => Self::Shared(shared.clone()),
        }
    }

    /// The same once more, as the engine wants it.
    pub(crate) fn stream(&self) -> DynOutputStream {
        match self {
            Self::Pipe(end) => Box::new(end.duplicate()),
            Self::Shared(shared) => Box::new(shared.clone()),
        }
    }
}

/// One holder of an input.
#[derive(Clone)]
pub struct SharedInput(Arc<Mutex<DynInputStream>>);

#[async_trait]
impl Pollable for SharedInput {
    async fn ready(&mut self) {
        self.0.lock().await.ready().await;
    }
}

#[async_trait]
impl InputStream for SharedInput {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        // Whoever waits for it now gets what comes first.
        self.0.try_lock().map_or(Ok(Bytes::new()), |mut stream| stream.read(size))
    }

    async fn blocking_read(&mut self, size: usize) -> StreamResult<Bytes> {
        self.0.lock().await.blocking_read(size).await
    }

    async fn cancel(&mut self) {
        if let Ok(mut stream) = self.0.try_lock() {
            stream.cancel().await;
        }
    }
}

/// One holder of an output.
pub struct SharedOutput {
    stream: Arc<Mutex<DynOutputStream>>,
    /// What it was promised room for, and another holder took the room meanwhile.
    late: Bytes,
}

impl SharedOutput {
    /// Writes what is late.
    async fn settle(&mut self) -> StreamResult<()> {
        while !self.late.is_empty() {
            let mut stream = self.stream.lock().await;
            let room = stream.write_ready().await?;
            let part = self.late.split_to(room.min(self.late.len()));
            stream.write(part)?;
        }
        Ok(())
    }
}

impl Clone for SharedOutput {
    fn clone(&self) -> Self {
        Self { stream: Arc::clone(&self.stream), late: Bytes::new() }
    }
}

impl Drop for SharedOutput {
    fn drop(&mut self) {
        if self.late.is_empty() {
            return;
        }
        // It was told that this is written.
        let mut last = Self { stream: Arc::clone(&self.stream), late: std::mem::take(&mut self.late) };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                // Where it fails there is nobody any more to hear of it.
                let _ = last.settle().await;
                last.late.clear();
            });
        }
    }
}

#[async_trait]
impl Pollable for SharedOutput {
    async fn ready(&mut self) {
        // An error shows when it is asked next.
        if self.settle().await.is_ok() {
            self.stream.lock().await.ready().await;
        }
    }
}

#[async_trait]
impl OutputStream for SharedOutput {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if let Ok(mut stream) = self.stream.try_lock()
            && self.late.is_empty()
            && stream.check_write()? >= bytes.len()
        {
            return stream.write(bytes);
        }
        self.late = if self.late.is_empty() { bytes } else { [&self.late[..], &bytes].concat().into() };
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.stream.try_lock().map_or(Ok(()), |mut stream| stream.flush())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        if !self.late.is_empty() {
            return Ok(0);
        }
        self.stream.try_lock().map_or(Ok(0), |mut stream| stream.check_write())
    }

    async fn write_ready(&mut self) -> StreamResult<usize> {
        self.settle().await?;
        self.stream.lock().await.write_ready().await
    }

    async fn blocking_write_and_flush(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.settle().await?;
        self.stream.lock().await.blocking_write_and_flush(bytes).await
    }

    async fn cancel(&mut self) {
        if let Ok(mut stream) = self.stream.try_lock() {
            stream.cancel().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ledger::Ledger, process::capture};
    use policy::Limits;

    /// Room for few bytes at a time, as a slow file has it.
    struct Narrow(DynOutputStream);

    #[async_trait]
    impl Pollable for Narrow {
        async fn ready(&mut self) {}
    }

    impl OutputStream for Narrow {
        fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
            assert!(bytes.len() <= 3, "{} bytes", bytes.len());
            self.0.write(bytes)
        }

        fn flush(&mut self) -> StreamResult<()> {
            Ok(())
        }

        fn check_write(&mut self) -> StreamResult<usize> {
            Ok(3)
        }
    }

    #[tokio::test]
    async fn holders_write_one_after_the_other() {
        let ledger = Arc::new(Ledger::new(Limits::default(), None));
        let (capture, sink) = capture(&ledger);
        let output = Output::new(Box::new(Narrow(Box::new(sink))));
        let (mut one, mut other) = (output.stream(), output.duplicate().stream());
        assert!(one.check_write().is_ok_and(|room| room == 3));
        other.blocking_write_and_flush("abcdefgh".into()).await.expect("written");
        one.write("ij".into()).expect("it may");
        one.flush().expect("flushed");
        assert_eq!(capture.take(), b"abcdefghij");
    }

    /// Whoever was told that there is room, and finds another one writing, loses nothing.
    #[tokio::test]
    async fn what_is_late_is_written() {
        let ledger = Arc::new(Ledger::new(Limits::default(), None));
        let (capture, sink) = capture(&ledger);
        let shared = SharedOutput { stream: Arc::new(Mutex::new(Box::new(sink))), late: Bytes::new() };
        let mut one = shared.clone();
        assert!(one.check_write().is_ok_and(|room| room > 0));
        let held = shared.stream.lock().await;
        one.write("late".into()).expect("it was told so");
        assert!(one.check_write().is_ok_and(|room| room == 0));
        drop(held);
        one.ready().await;
        assert_eq!(capture.take(), b"late");

        let held = shared.stream.lock().await;
        one.write("last".into()).expect("written later");
        drop(one);
        drop(held);
        let mut other = shared.clone();
        tokio::task::yield_now().await;
        other.ready().await;
        assert_eq!(capture.take(), b"last");
    }
}
