//! How events are chained. This is a format: it never changes, only another version can come beside it.
//!
//! Every part has a fixed length, so that no two different events have the same encoding:
//!
//! | bytes | what |
//! |---|---|
//! | 24 | `gloveport journal event1` |
//! | 26 | the task's id |
//! | 8 | `seq`, big-endian |
//! | 8 | `at_ms`, big-endian |
//! | 32 | `prev`: the digest of the event before, or the task's genesis |
//! | 32 | sha256 of the body's JSON, byte for byte as it is stored |
//!
//! The event's digest is the sha256 of that, and the genesis the sha256 of another such text and the task's id. The body
//! goes in as a hash, so that one can try cheaply where an event that does not fit came from.

use crate::TaskId;
use policy::Digest;
use sha2::{Digest as _, Sha256};

const EVENT: &[u8] = b"gloveport journal event1";
const GENESIS: &[u8] = b"gloveport journal start1";

/// What stands before a task's first event.
pub(crate) fn genesis(task: &TaskId) -> Digest {
    Digest(Sha256::new_with_prefix(GENESIS).chain_update(task.as_str()).finalize().into())
}

/// The hash of a body.
pub(crate) fn body(json: &[u8]) -> Digest {
    Digest(Sha256::digest(json).into())
}

/// One event's place in its chain.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Link {
    pub(crate) seq: u64,
    pub(crate) at_ms: u64,
    pub(crate) prev: Digest,
    /// The hash of its body.
    pub(crate) body: Digest,
}

impl Link {
    /// The digest of an event of that task.
    pub(crate) fn digest(&self, task: &TaskId) -> Digest {
        let hash = Sha256::new_with_prefix(EVENT)
            .chain_update(task.as_str())
            .chain_update(self.seq.to_be_bytes())
            .chain_update(self.at_ms.to_be_bytes())
            .chain_update(self.prev.0)
            .chain_update(self.body.0);
        Digest(hash.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed apart, by another program: a change of the format breaks every journal there is.
    #[test]
    fn the_format_stands() {
        let task = "20261122-153000-042-k3v9x7".parse().expect("an id");
        let prev = genesis(&task);
        let link = Link { seq: 0, at_ms: 1_795_361_400_042, prev, body: body(br#"{"event":"task-resumed"}"#) };
        assert_eq!(prev.to_string(), "sha256:71c636632f19db97f469e5b2c1dc10e6e07e3eb06bf05a066c8ce69d10d60076");
        assert_eq!(
            link.digest(&task).to_string(),
            "sha256:f46b59607c51be9654b8bcef1f5362efa58e782a12d9609f7d773bcbaa3a69f7"
        );
    }
}
