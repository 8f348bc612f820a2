//! What is tried, and what became of it, for the record.

use crate::{ledger::Ledger, outcome::Effect};
use std::sync::Arc;
use wasmtime_wasi::p2::{FsError, FsResult, bindings::filesystem::types::ErrorCode};

/// Whether an error means that authority was missing, and not that something was not there.
pub(super) fn is_refusal(error: &FsError) -> bool {
    matches!(error.downcast_ref(), Some(ErrorCode::NotPermitted | ErrorCode::ReadOnly | ErrorCode::Access))
}

/// Something that is being tried. A call can be stopped while the engine's threads are at it: then it is recorded as done,
/// since nobody will know any more.
pub(super) struct Attempt {
    ledger: Arc<Ledger>,
    what: Option<Effect>,
}

impl Attempt {
    pub(super) fn new(ledger: &Arc<Ledger>, what: Effect) -> Self {
        Self { ledger: Arc::clone(ledger), what: Some(what) }
    }

    /// The same, where it really was.
    pub(super) fn at(mut self, path: String) -> Self {
        if let Some(effect) = &mut self.what {
            effect.path = path;
        }
        self
    }

    /// Records what became of it.
    pub(super) fn settle<T>(mut self, result: FsResult<T>) -> FsResult<T> {
        if let Some(effect) = self.what.take() {
            match &result {
                Ok(_) => self.ledger.note(true, effect),
                Err(error) if is_refusal(error) => {
                    let Effect { action, path, to, .. } = effect;
                    self.ledger.refused(action, path);
                    if let Some(to) = to {
                        self.ledger.refused(action, to);
                    }
                }
                Err(_) => {}
            }
        }
        result
    }

    /// It came to nothing that is worth recording.
    pub(super) fn nothing<T>(mut self, result: T) -> T {
        self.what = None;
        result
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if let Some(effect) = self.what.take() {
            self.ledger.note(true, effect);
        }
    }
}
