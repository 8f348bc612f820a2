//! The threads that guests run on when whoever calls them must not wait: a server's own threads stay free.

use std::{io, sync::OnceLock};
use tokio::{
    runtime::{Builder, Runtime},
    task::JoinHandle,
};

/// A runtime of its own for guests, started when it is first wanted. One thread more than there are cores: long calls take
/// turns on as many threads as there are cores, and the last one is always there for short calls.
#[derive(Debug, Default)]
pub(crate) struct Guests(OnceLock<Runtime>);

impl Guests {
    /// # Errors
    /// Where the threads cannot start.
    pub(crate) fn spawn<F>(&self, future: F) -> io::Result<Stopping<F::Output>>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        if self.0.get().is_none()
            && let Err(late) = self.0.set(start()?)
        {
            // Another call was first.
            late.shutdown_background();
        }
        Ok(Stopping(self.0.get().expect("set above, and never taken but on drop").spawn(future)))
    }
}

fn start() -> io::Result<Runtime> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Builder::new_multi_thread().worker_threads(cores + 1).thread_name("gloveport-guest").enable_all().build()
}

impl Drop for Guests {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // Without waiting: a guest that is still running stops at its next yield.
            runtime.shutdown_background();
        }
    }
}

/// A spawned call that is stopped when nobody waits for it any more.
pub(crate) struct Stopping<T>(JoinHandle<T>);

impl<T> Drop for Stopping<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl<T> Future for Stopping<T> {
    type Output = Result<T, tokio::task::JoinError>;

    fn poll(mut self: std::pin::Pin<&mut Self>, context: &mut std::task::Context<'_>) -> std::task::Poll<Self::Output> {
        std::pin::Pin::new(&mut self.0).poll(context)
    }
}
