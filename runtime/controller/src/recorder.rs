//! Writes a task's events, and keeps what they say: its own, and those that others recorded meanwhile.

use crate::{
    gate::{Gate, GateError},
    plan::Plan,
    progress::Progress,
    record,
};
use journal::{EventBody, Follow, JournalError, TaskId, Until};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Called with every event after it is recorded, of the task and of those within it.
pub type Watch = Arc<dyn Fn(&TaskId, &EventBody, &Progress) + Send + Sync>;

pub(crate) struct Recorder {
    gate: Arc<Gate>,
    task: TaskId,
    plan: Arc<Plan>,
    state: Mutex<State>,
    watch: Watch,
}

/// What is known of a task, up to an event.
pub(crate) struct State {
    progress: Progress,
    /// The event that is to be taken in next.
    next: u64,
    /// What others record.
    follow: Follow,
}

impl Recorder {
    /// The recorder of a task of which everything is known before event `next`.
    pub(crate) fn new(
        gate: Arc<Gate>,
        task: TaskId,
        progress: Progress,
        next: u64,
        watch: Watch,
    ) -> Result<Self, JournalError> {
        let follow = gate.journal().reader()?.follow(&task, next, Until::Closed);
        let plan = Arc::clone(progress.plan());
        Ok(Self { gate, task, plan, state: Mutex::new(State { progress, next, follow }), watch })
    }

    pub(crate) fn watch(&self) -> Watch {
        Arc::clone(&self.watch)
    }

    pub(crate) fn task(&self) -> &TaskId {
        &self.task
    }

    pub(crate) fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Returns when the event is in the journal, and taken in with all that are before it.
    pub(crate) async fn append(&self, event: EventBody) -> Result<(), GateError> {
        let at_ms = record::now_ms();
        let appended = self.gate.journal().append(&self.task, event.clone(), at_ms).await?;
        self.take(appended.seq, at_ms, &event)
    }

    /// The same for two events, one after the other, which are committed together.
    pub(crate) async fn append_both(&self, first: EventBody, second: EventBody) -> Result<(), GateError> {
        let (at_ms, journal) = (record::now_ms(), self.gate.journal());
        let (one, two) = tokio::join!(
            biased;
            journal.append(&self.task, first.clone(), at_ms),
            journal.append(&self.task, second.clone(), at_ms)
        );
        self.take(one?.seq, at_ms, &first)?;
        self.take(two?.seq, at_ms, &second)
    }

    fn take(&self, seq: u64, at_ms: u64, event: &EventBody) -> Result<(), GateError> {
        let mut state = self.state();
        // Somebody else's may stand before it, and so may one of ours that is not back yet.
        while state.next < seq && state.take_next(&self.task, &self.watch)? {}
        if state.next == seq {
            state.take(&self.task, seq, at_ms, event, &self.watch);
        }
        Ok(())
    }

    /// Takes in what others have recorded.
    pub(crate) fn catch_up(&self) -> Result<(), GateError> {
        let mut state = self.state();
        while state.take_next(&self.task, &self.watch)? {}
        Ok(())
    }

    pub(crate) fn progress(&self) -> impl std::ops::DerefMut<Target = Progress> {
        Known(self.state())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes in the next event of the journal, where there is one.
    fn take_next(&mut self, task: &TaskId, watch: &Watch) -> Result<bool, JournalError> {
        let Some(event) = self.follow.ready()? else { return Ok(false) };
        if event.seq >= self.next {
            self.take(task, event.seq, event.at_ms, &event.body, watch);
        }
        Ok(true)
    }

    fn take(&mut self, task: &TaskId, seq: u64, at_ms: u64, event: &EventBody, watch: &Watch) {
        self.progress.apply(at_ms, event);
        self.next = seq + 1;
        self.follow.skip_to(self.next);
        watch(task, event, &self.progress);
    }
}

/// The progress in a locked state.
struct Known<'a>(MutexGuard<'a, State>);

impl std::ops::Deref for Known<'_> {
    type Target = Progress;

    fn deref(&self) -> &Progress {
        &self.0.progress
    }
}

impl std::ops::DerefMut for Known<'_> {
    fn deref_mut(&mut self) -> &mut Progress {
        &mut self.0.progress
    }
}
