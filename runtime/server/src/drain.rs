//! A transport whose input ends only when what was asked has been answered: a client that writes its requests and
//! closes its side still gets every reply.

use rmcp::{
    RoleServer,
    model::{ClientNotification, JsonRpcMessage, RequestId},
    service::{RxJsonRpcMessage, TxJsonRpcMessage},
    transport::Transport,
};
use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{sync::Notify, time::Instant};

/// How long replies are waited for after the input has ended.
pub(crate) const GRACE: Duration = Duration::from_secs(2);

pub(crate) struct Draining<T> {
    inner: T,
    open: Arc<Open>,
    /// When the input ended.
    ended: Option<Instant>,
}

/// The requests that are not answered yet.
#[derive(Default)]
struct Open {
    requests: Mutex<HashSet<RequestId>>,
    answered: Notify,
}

impl Open {
    fn change(&self, change: impl FnOnce(&mut HashSet<RequestId>)) {
        change(&mut self.requests.lock().unwrap_or_else(PoisonError::into_inner));
        self.answered.notify_waiters();
    }

    async fn none(&self) {
        loop {
            let answered = self.answered.notified();
            tokio::pin!(answered);
            answered.as_mut().enable();
            if self.requests.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
                return;
            }
            answered.await;
        }
    }
}

impl<T> Draining<T> {
    pub(crate) fn new(inner: T) -> Self {
        Self { inner, open: Arc::default(), ended: None }
    }
}

impl<T: Transport<RoleServer>> Transport<RoleServer> for Draining<T> {
    type Error = T::Error;

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        let answers = match &message {
            JsonRpcMessage::Response(response) => Some(response.id.clone()),
            JsonRpcMessage::Error(error) => error.id.clone(),
            JsonRpcMessage::Request(_) | JsonRpcMessage::Notification(_) => None,
        };
        let sent = self.inner.send(message);
        let open = Arc::clone(&self.open);
        async move {
            let result = sent.await;
            if let Some(id) = answers {
                open.change(|requests| _ = requests.remove(&id));
            }
            result
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        // May be dropped and called again at any await: what it knows is in `self`.
        if self.ended.is_none() {
            match self.inner.receive().await {
                Some(message) => {
                    match &message {
                        JsonRpcMessage::Request(request) => {
                            let id = request.id.clone();
                            self.open.change(|requests| _ = requests.insert(id));
                        }
                        // What was cancelled may stay without a reply.
                        JsonRpcMessage::Notification(notification) => {
                            if let ClientNotification::CancelledNotification(cancelled) = &notification.notification
                                && let Some(id) = &cancelled.params.request_id
                            {
                                self.open.change(|requests| _ = requests.remove(id));
                            }
                        }
                        JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_) => {}
                    }
                    return Some(message);
                }
                None => self.ended = Some(Instant::now()),
            }
        }
        let until = self.ended? + GRACE;
        // Whichever comes first, there is nothing more to receive.
        let _ = tokio::time::timeout_at(until, self.open.none()).await;
        None
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.inner.close().await
    }
}
