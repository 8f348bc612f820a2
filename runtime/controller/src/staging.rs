//! What a person does with a task's staged changes: takes them over, or drops them.

use crate::{plan::Plan, progress::Progress, record::now_ms};
use journal::{Author, EventBody, Journal, JournalError, TaskId, TaskState};
use policy::{Digest, Provenance};
use sandbox::{CommitError, Diff, Staged, StagedError};
use serde_json::{Value, json};
use std::{path::Path, sync::Arc};

/// How many changes an event lists; its digest stands for all of them.
const MAX_LISTED: usize = 2_000;

/// Staged changes that could not be taken over or dropped.
#[derive(Debug, thiserror::Error)]
pub enum StagingError {
    /// The task failed: what it left is not what it was to do.
    #[error("the task failed, so its changes can only be looked at and discarded")]
    Failed,
    /// They could not be taken over.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// Their folder could not be removed.
    #[error(transparent)]
    Staged(#[from] StagedError),
    /// The record could not be written.
    #[error("the record could not be written: {0}")]
    Journal(#[from] JournalError),
}

/// The record of one task, and what it says so far.
#[derive(Debug)]
pub struct Staging<'a> {
    /// Where it is recorded.
    pub journal: &'a Journal,
    /// The task, whose lease the caller holds.
    pub task: TaskId,
    /// Its plan, where it has one.
    pub plan: Option<&'a Arc<Plan>>,
    /// Its events.
    pub events: &'a [EventBody],
    /// Who wants something done with its changes.
    pub by: &'a Author,
}

impl Staging<'_> {
    /// Takes changes over if they are exactly those of a digest: the intent is recorded before, the deed after. A task that
    /// waited for it is done then.
    ///
    /// # Errors
    /// Where the task failed, the changes are others, a path cannot be changed, or nothing can be recorded.
    pub async fn commit(&self, staged: Vec<Staged>, digest: Digest) -> Result<Vec<Diff>, StagingError> {
        if self.events.iter().any(|event| matches!(event, EventBody::TaskEnded { state: TaskState::Failed, .. })) {
            return Err(StagingError::Failed);
        }
        let diffs = Staged::diffs(&staged)?;
        let found = Diff::digest(&diffs);
        if found != digest {
            return Err(CommitError::Changed { expected: digest, found }.into());
        }
        self.append(EventBody::Committing { digest, changes: listed(&diffs), by: self.by.clone() }).await?;
        let diffs = Staged::commit(&staged, digest)?;
        self.append(EventBody::Committed { digest }).await?;
        remove(staged)?;
        self.end("its staged changes were taken over").await?;
        Ok(diffs)
    }

    /// Drops changes.
    ///
    /// # Errors
    /// Where they cannot be looked at or removed, or nothing can be recorded.
    pub async fn discard(&self, staged: Vec<Staged>) -> Result<Vec<Diff>, StagingError> {
        let diffs = Staged::diffs(&staged)?;
        let digest = Diff::digest(&diffs);
        // A task that has failed has its last event; what it left behind was never done.
        if !self.events.iter().any(EventBody::closes) {
            self.append(EventBody::Discarded { digest, changes: listed(&diffs), by: self.by.clone() }).await?;
            remove(staged)?;
            self.end("its staged changes were discarded").await?;
        } else {
            remove(staged)?;
        }
        Ok(diffs)
    }

    /// Drops changes that cannot be looked at, and says why they could not.
    ///
    /// # Errors
    /// Where they cannot be removed, or nothing can be recorded.
    pub async fn discard_unseen(&self, folder: &Path, why: &str) -> Result<(), StagingError> {
        let open = !self.events.iter().any(EventBody::closes);
        if open {
            let changes = json!({ "total": "unknown", "mounts": [], "why": why });
            self.append(EventBody::Discarded { digest: Diff::digest(&[]), changes, by: self.by.clone() }).await?;
        }
        Staged::discard_all(folder)?;
        if open { self.end("its staged changes were discarded").await } else { Ok(()) }
    }

    async fn append(&self, event: EventBody) -> Result<(), StagingError> {
        self.journal.append(&self.task, event, now_ms()).await?;
        Ok(())
    }

    /// A task of a plan that waited for nothing else is done.
    async fn end(&self, why: &str) -> Result<(), StagingError> {
        let Some(plan) = self.plan else { return Ok(()) };
        let mut progress = Progress::new(Arc::clone(plan));
        self.events.iter().for_each(|event| progress.apply(0, event));
        let waited = self.events.iter().any(|event| matches!(event, EventBody::TaskEnded { .. }));
        if waited && progress.steps.iter().all(|step| step.state.is_over()) {
            // What it gives back it has said when it began to wait.
            let (result, provenance) = self.events.iter().rev().find_map(given).unwrap_or_default();
            let why = Some(why.to_owned());
            self.append(EventBody::TaskEnded { state: TaskState::Done, why, result, provenance }).await?;
        }
        Ok(())
    }
}

fn given(event: &EventBody) -> Option<(Value, Provenance)> {
    match event {
        EventBody::TaskEnded { result, provenance, .. } => Some((result.clone(), provenance.clone())),
        _ => None,
    }
}

fn remove(staged: Vec<Staged>) -> Result<(), StagedError> {
    staged.into_iter().try_for_each(Staged::discard)
}

/// The first changes, and how many there are.
fn listed(diffs: &[Diff]) -> Value {
    let mut left = MAX_LISTED;
    let total: usize = diffs.iter().map(|diff| diff.changes.len()).sum();
    let mounts = diffs.iter().map(|diff| {
        let shown = &diff.changes[..diff.changes.len().min(left)];
        left -= shown.len();
        json!({ "mount": diff.mount, "changes": shown })
    });
    json!({ "total": total, "mounts": mounts.collect::<Vec<_>>() })
}
