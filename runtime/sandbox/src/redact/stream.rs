//! Masking what comes in parts: a secret that is cut in two is still one.

use super::{Automaton, Scan};
use aho_corasick::automaton::StateID;
use bytes::Bytes;
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Masks bytes that come in parts, as if they had come at once. It holds back only what may be the beginning of a
/// secret, so that what has nothing to do with one is never delayed.
pub struct Stream(Option<Open>);

struct Open {
    automaton: Arc<Automaton>,
    state: StateID,
    held: Zeroizing<Vec<u8>>,
    masked: bool,
}

/// How much is held back, and nothing of it.
impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = self.0.as_ref().map_or(0, |open| open.held.len());
        f.debug_struct("Stream").field("held", &held).finish_non_exhaustive()
    }
}

impl Stream {
    pub(super) fn new(automaton: Option<Arc<Automaton>>) -> Self {
        Self(automaton.map(|automaton| Open {
            state: automaton.start,
            automaton,
            held: Zeroizing::default(),
            masked: false,
        }))
    }

    /// Takes the next part, and gives what is settled: in the end as many bytes as were taken.
    pub fn push(&mut self, chunk: &[u8]) -> Bytes {
        let Some(open) = &mut self.0 else { return Bytes::copy_from_slice(chunk) };
        let held = open.held.len();
        let mut all = Zeroizing::new(Vec::with_capacity(held + chunk.len()));
        all.extend_from_slice(&open.held);
        all.extend_from_slice(chunk);
        let mut scan = Scan { automaton: &open.automaton, state: open.state };
        open.masked |= scan.mask(&mut all, held);
        open.state = scan.state;
        // More than there is cannot be pending: what came before it is out, and was no beginning.
        let settled = all.len().saturating_sub(scan.pending());
        open.held = Zeroizing::new(all[settled..].to_vec());
        Bytes::copy_from_slice(&all[..settled])
    }

    /// Whether anything was masked so far.
    pub fn masked(&self) -> bool {
        self.0.as_ref().is_some_and(|open| open.masked)
    }

    /// Gives what was held back: nothing comes that could make a secret of it.
    pub fn finish(self) -> Bytes {
        self.0.map_or_else(Bytes::new, |open| Bytes::copy_from_slice(&open.held))
    }
}
