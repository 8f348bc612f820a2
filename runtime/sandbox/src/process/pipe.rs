//! Pipes between instances: bounded, so that whoever writes faster than its reader waits for it.

use crate::ledger::lock;
use bytes::{Bytes, BytesMut};
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;
use wasmtime_wasi::{
    async_trait,
    p2::{InputStream, OutputStream, Pollable, StreamError, StreamResult},
};

/// What a pipe holds, as on Linux (`pipe(7)`).
const CAPACITY: usize = 64 << 10;

#[derive(Default)]
struct Pipe {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    bytes: BytesMut,
    /// What writing ends have been told that they may write next.
    promised: usize,
    readers: usize,
    writers: usize,
}

impl State {
    fn free(&self) -> usize {
        CAPACITY.saturating_sub(self.bytes.len()).saturating_sub(self.promised)
    }
}

impl Pipe {
    /// Waits until something of the state holds.
    async fn wait(&self, until: impl Fn(&State) -> bool) {
        let mut changed = Box::pin(self.changed.notified());
        loop {
            // From here on no change is missed.
            changed.as_mut().enable();
            if until(&lock(&self.state)) {
                return;
            }
            changed.as_mut().await;
            changed.set(self.changed.notified());
        }
    }
}

/// An end to read from.
pub struct ReadEnd(Arc<Pipe>);

/// An end to write to.
pub struct WriteEnd {
    pipe: Arc<Pipe>,
    /// What this end may write next.
    permit: usize,
}

/// Both ends of a new pipe.
pub(crate) fn pipe() -> (ReadEnd, WriteEnd) {
    let pipe = Arc::<Pipe>::default();
    (ReadEnd::of(&pipe), WriteEnd::of(&pipe))
}

impl ReadEnd {
    fn of(pipe: &Arc<Pipe>) -> Self {
        lock(&pipe.state).readers += 1;
        Self(Arc::clone(pipe))
    }

    pub(crate) fn duplicate(&self) -> Self {
        Self::of(&self.0)
    }
}

impl Drop for ReadEnd {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        state.readers -= 1;
        if state.readers == 0 {
            state.bytes = BytesMut::new();
        }
        drop(state);
        self.0.changed.notify_waiters();
    }
}

#[async_trait]
impl Pollable for ReadEnd {
    async fn ready(&mut self) {
        self.0.wait(|state| !state.bytes.is_empty() || state.writers == 0).await;
    }
}

#[async_trait]
impl InputStream for ReadEnd {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        let mut state = lock(&self.0.state);
        if state.bytes.is_empty() && state.writers == 0 {
            return Err(StreamError::Closed);
        }
        let size = size.min(state.bytes.len());
        let bytes = state.bytes.split_to(size).freeze();
        drop(state);
        if !bytes.is_empty() {
            self.0.changed.notify_waiters();
        }
        Ok(bytes)
    }

    /// The engine's own tries a few times only, and others may read from the same pipe.
    async fn blocking_read(&mut self, size: usize) -> StreamResult<Bytes> {
        loop {
            self.ready().await;
            let bytes = self.read(size)?;
            if size == 0 || !bytes.is_empty() {
                return Ok(bytes);
            }
        }
    }
}

impl WriteEnd {
    fn of(pipe: &Arc<Pipe>) -> Self {
        lock(&pipe.state).writers += 1;
        Self { pipe: Arc::clone(pipe), permit: 0 }
    }

    pub(crate) fn duplicate(&self) -> Self {
        Self::of(&self.pipe)
    }

    /// Gives back what it may write and does not.
    fn release(&mut self, state: &mut State) {
        state.promised -= std::mem::take(&mut self.permit);
    }
}

impl Drop for WriteEnd {
    fn drop(&mut self) {
        let pipe = Arc::clone(&self.pipe);
        let mut state = lock(&pipe.state);
        self.release(&mut state);
        state.writers -= 1;
        drop(state);
        pipe.changed.notify_waiters();
    }
}

#[async_trait]
impl Pollable for WriteEnd {
    async fn ready(&mut self) {
        let own = self.permit;
        self.pipe.wait(|state| state.free() + own > 0 || state.readers == 0).await;
    }
}

#[async_trait]
impl OutputStream for WriteEnd {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let pipe = Arc::clone(&self.pipe);
        let mut state = lock(&pipe.state);
        if state.readers == 0 {
            self.release(&mut state);
            return Err(StreamError::Closed);
        }
        if bytes.len() > self.permit {
            return Err(StreamError::trap("more was written to a pipe than it had room for"));
        }
        self.release(&mut state);
        state.bytes.extend_from_slice(&bytes);
        drop(state);
        pipe.changed.notify_waiters();
        Ok(())
    }

    /// What was written is in the pipe.
    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        let pipe = Arc::clone(&self.pipe);
        let mut state = lock(&pipe.state);
        self.release(&mut state);
        if state.readers == 0 {
            return Err(StreamError::Closed);
        }
        self.permit = state.free();
        state.promised += self.permit;
        Ok(self.permit)
    }

    async fn write_ready(&mut self) -> StreamResult<usize> {
        loop {
            self.ready().await;
            match self.check_write()? {
                0 => {}
                free => return Ok(free),
            }
        }
    }

    /// What it takes is in the pipe: the engine's own waits then until there is room for more.
    async fn blocking_write_and_flush(&mut self, mut bytes: Bytes) -> StreamResult<()> {
        while !bytes.is_empty() {
            let room = self.write_ready().await?;
            self.write(bytes.split_to(room.min(bytes.len())))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        pin::pin,
        task::{Context, Poll, Waker},
    };

    fn poll<T>(future: impl Future<Output = T>) -> Poll<T> {
        pin!(future).poll(&mut Context::from_waker(Waker::noop()))
    }

    fn closed<T>(result: StreamResult<T>) -> bool {
        matches!(result, Err(StreamError::Closed))
    }

    #[test]
    fn it_holds_so_much_and_no_more() {
        let (mut reader, mut writer) = pipe();
        assert!(poll(reader.ready()).is_pending());
        assert!(poll(writer.blocking_write_and_flush(vec![1; CAPACITY].into())).is_ready());
        assert_eq!(writer.check_write().ok(), Some(0));
        assert!(poll(writer.ready()).is_pending());
        assert!(matches!(writer.write(vec![1].into()), Err(StreamError::Trap(_))), "it was not told that it may");
        assert_eq!(reader.read(10).ok().map(|bytes| bytes.len()), Some(10));
        assert!(poll(writer.ready()).is_ready());
        assert_eq!(writer.check_write().ok(), Some(10));
    }

    #[test]
    fn what_one_writer_is_promised_no_other_takes() {
        let (_reader, mut one) = pipe();
        let mut other = one.duplicate();
        assert_eq!(one.check_write().ok(), Some(CAPACITY));
        assert_eq!(other.check_write().ok(), Some(0));
        assert!(one.write(vec![1; 10].into()).is_ok());
        assert_eq!(other.check_write().ok(), Some(CAPACITY - 10), "what it did not use is free again");
        drop(other);
        assert_eq!(one.check_write().ok(), Some(CAPACITY - 10));
    }

    #[test]
    fn it_ends_with_its_last_holder() {
        let (mut reader, mut writer) = pipe();
        let second = writer.duplicate();
        assert!(poll(writer.blocking_write_and_flush(b"ab".as_slice().into())).is_ready());
        drop(writer);
        assert_eq!(reader.read(1).ok().as_deref(), Some(b"a".as_slice()));
        let mut other = reader.duplicate();
        drop(second);
        assert_eq!(other.read(5).ok().as_deref(), Some(b"b".as_slice()), "what was written comes before the end");
        assert!(closed(reader.read(1)));
        assert!(matches!(poll(reader.blocking_read(1)), Poll::Ready(Err(StreamError::Closed))));

        let (reader, mut writer) = pipe();
        let other = reader.duplicate();
        drop(reader);
        assert_eq!(writer.check_write().ok(), Some(CAPACITY));
        drop(other);
        assert!(closed(writer.check_write()));
        assert!(matches!(poll(writer.write_ready()), Poll::Ready(Err(StreamError::Closed))));
    }
}
