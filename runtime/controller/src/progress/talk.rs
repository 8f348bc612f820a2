//! What was said between a task and its planner.

use crate::planner::{CallResult, FunctionCall, Message, Turn};
use journal::PlannerFault;
use policy::{Digest, Provenance, Source};

/// A conversation, as events tell it.
#[derive(Debug, Clone, Default)]
pub struct Talk {
    messages: Vec<Message>,
    /// Calls of the last turn.
    calls: Vec<Call>,
    /// What people said since; it comes after the results.
    words: Vec<String>,
    /// Where everything that was said came from.
    seen: Provenance,
    turns: u32,
    /// How many times in a row there was no turn.
    failures: u32,
    failed: Option<(PlannerFault, String)>,
    finished: Option<String>,
}

/// A call of the last turn.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) call: FunctionCall,
    /// The steps that it added.
    pub(crate) steps: Option<Vec<String>>,
    /// What it asked of a person.
    pub(crate) question: Option<Digest>,
    /// What was told of it.
    result: Option<CallResult>,
}

impl Talk {
    /// The messages so far; the first is not among them, which is the objective.
    pub(crate) fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// Calls that have no result yet, with their places in the turn.
    pub(crate) fn open(&self) -> impl Iterator<Item = (usize, &Call)> {
        self.calls.iter().enumerate().filter(|(_, call)| call.result.is_none())
    }

    /// Where everything that the planner was told and said came from.
    pub fn seen(&self) -> &Provenance {
        &self.seen
    }

    /// How often it has spoken.
    pub fn turns(&self) -> u32 {
        self.turns
    }

    /// How many times in a row it could not, since somebody last took the task up.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    /// Why it said nothing the last time, where it did not.
    pub fn failed(&self) -> Option<(PlannerFault, &str)> {
        self.failed.as_ref().map(|(fault, why)| (*fault, why.as_str()))
    }

    /// What it said when it considered the objective reached.
    pub fn finished(&self) -> Option<&str> {
        self.finished.as_deref()
    }

    pub(super) fn turn(&mut self, turn: Turn, provenance: &Provenance) {
        self.settle();
        let call = |call: &FunctionCall| Call { call: call.clone(), steps: None, question: None, result: None };
        self.calls = turn.calls.iter().map(call).collect();
        self.messages.push(Message::Turn(turn));
        self.seen.join(provenance);
        self.turns += 1;
        self.try_again();
    }

    pub(super) fn fail(&mut self, fault: PlannerFault, why: &str) {
        self.failures += 1;
        self.failed = Some((fault, why.to_owned()));
    }

    /// What it could not say before, it may by now.
    pub(super) fn try_again(&mut self) {
        self.failures = 0;
        self.failed = None;
    }

    pub(super) fn propose(&mut self, call: &str, steps: Vec<String>) {
        if let Some(call) = self.find(call) {
            call.steps = Some(steps);
        }
    }

    pub(super) fn ask(&mut self, call: &str, digest: Digest) {
        if let Some(call) = self.find(call) {
            call.question = Some(digest);
        }
    }

    pub(super) fn show(&mut self, id: &str, content: &str, failed: bool, provenance: &Provenance) {
        self.seen.join(provenance);
        if let Some(call) = self.find(id) {
            call.result = Some(CallResult { id: id.to_owned(), content: content.to_owned(), failed });
        }
        if self.calls.iter().all(|call| call.result.is_some()) {
            self.settle();
        }
    }

    pub(super) fn say(&mut self, words: String) {
        self.seen.insert(Source::Objective);
        self.words.push(words);
        if self.calls.is_empty() {
            self.settle();
        }
        // Somebody wants more of it.
        self.finished = None;
        self.try_again();
    }

    /// What it is told from the beginning came from these.
    pub(super) fn hear(&mut self, sources: &Provenance) {
        self.seen.join(sources);
    }

    pub(super) fn finish(&mut self, summary: &str) {
        self.finished = Some(summary.to_owned());
    }

    fn find(&mut self, id: &str) -> Option<&mut Call> {
        self.calls.iter_mut().find(|call| call.call.id == id && call.result.is_none())
    }

    /// Takes what was said since the last turn among the messages.
    fn settle(&mut self) {
        let results: Vec<_> = self.calls.drain(..).filter_map(|call| call.result).collect();
        if !results.is_empty() {
            self.messages.push(Message::Results(results));
        }
        self.messages.extend(self.words.drain(..).map(Message::Person));
    }
}
