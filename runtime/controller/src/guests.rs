//! The threads that guests run on when whoever calls them must not wait: a server's own threads stay free.

use tokio::{
    runtime::{Builder, Runtime},
    task::JoinHandle,
};

/// A runtime of its own for guests. One thread more than there are cores: long calls take turns on as many threads as
/// there are cores, and the last one is always there for short calls.
#[derive(Debug)]
pub(crate) struct Guests(Option<Runtime>);

impl Guests {
    pub(crate) fn start() -> std::io::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let runtime = Builder::new_multi_thread()
            .worker_threads(cores + 1)
            .thread_name("gloveport-guest")
            .enable_all()
            .build()?;
        Ok(Self(Some(runtime)))
    }

    pub(crate) fn spawn<F>(&self, future: F) -> Stopping<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        // The runtime is taken only when this is dropped.
        let runtime = self.0.as_ref().expect("lives as long as its owner");
        Stopping(runtime.spawn(future))
    }
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
