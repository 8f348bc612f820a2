//! What can be said of a tool before it is called: derived from what it could be granted at most, never from what it
//! says of itself.

use crate::{Access, Needs, Time};
use serde::Serialize;
use std::fmt;

/// Four properties of every call that could be granted. What cannot be proved is answered the careful way: not read-only,
/// destructive, not idempotent, open-world. They are named as in MCP (schema 2025-06-18, `ToolAnnotations`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Annotations {
    /// There is nothing through which it could change anything outside of its own instance.
    pub read_only: bool,
    /// It could change or remove what exists already.
    pub destructive: bool,
    /// It is read-only, and sees neither real time nor real randomness: the same arguments in the same world (its files,
    /// its variables, the start of its virtual clock) give the same result, unless a limit ends the call.
    pub idempotent: bool,
    /// It could talk to the network, whose other end nobody here knows.
    pub open_world: bool,
}

/// What follows from one thing that a call could be granted.
#[derive(Clone, Copy)]
struct Means {
    /// Something outside of the instance can be changed, and removed.
    changes: bool,
    /// It leads to whom nobody here knows.
    open: bool,
    /// What it gives differs from call to call.
    varies: bool,
}

const CHANGES: Means = Means { changes: true, open: false, varies: false };
const OUTSIDE: Means = Means { changes: true, open: true, varies: true };
const VARIES: Means = Means { changes: false, open: false, varies: true };

impl Annotations {
    /// For any world and any policy: what follows from the needs alone.
    pub fn anywhere(needs: &Needs) -> Self {
        Self::of(needs, Some(Access::ReadWrite))
    }

    /// For a world that offers these mounts. What policy would allow depends on the arguments of each call, so it is
    /// not asked: it can only make the grant smaller.
    pub fn offered(needs: &Needs, mounts: impl IntoIterator<Item = Access>) -> Self {
        Self::of(needs, mounts.into_iter().max())
    }

    fn of(needs: &Needs, mounts: Option<Access>) -> Self {
        // Each by its name: a need that is new does not compile before it has a line here.
        // A secret goes where a request goes, and a tool that is called from within, or a process, is granted no more than
        // its caller.
        let Needs { fs, env: _, clock, random, http, tcp, udp, listen, secrets: _, invoke: _, exec: _ } = needs;
        // No mount is less than any.
        let mount = mounts.min(*fs);
        let could = [
            (mount.is_some_and(Access::writes), CHANGES),
            (!http.is_empty(), OUTSIDE),
            (!tcp.is_empty(), OUTSIDE),
            (!udp.is_empty(), OUTSIDE),
            (!listen.is_empty(), OUTSIDE),
            (*clock == Time::Real, VARIES),
            (*random == Time::Real, VARIES),
        ];
        let any = |what: fn(&Means) -> bool| could.iter().any(|(could, means)| *could && what(means));
        let changes = any(|means| means.changes);
        Self {
            read_only: !changes,
            // Whatever can change something can change what is there: nothing only adds.
            destructive: changes,
            idempotent: !changes && !any(|means| means.varies),
            open_world: any(|means| means.open),
        }
    }
}

/// The ones that hold, in words.
impl fmt::Display for Annotations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = [
            (self.read_only, "read-only"),
            (self.destructive, "destructive"),
            (self.idempotent, "idempotent"),
            (self.open_world, "open-world"),
        ];
        let words: Vec<_> = all.iter().filter(|(holds, _)| *holds).map(|(_, word)| *word).collect();
        f.pad(&words.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Access::{Read, ReadWrite};

    #[test]
    fn they_follow_from_needs_and_mounts() {
        let check = |needs: &str, anywhere: &str, mounts: &[Access], offered: &str| {
            let needs: Needs = serde_json::from_str(needs).expect("needs");
            assert_eq!(Annotations::anywhere(&needs).to_string(), anywhere, "{needs:?}");
            assert_eq!(
                Annotations::offered(&needs, mounts.iter().copied()).to_string(),
                offered,
                "{needs:?} {mounts:?}"
            );
        };
        let (same, reads, changes) = ("read-only, idempotent", "read-only", "destructive");
        check("{}", same, &[ReadWrite], same);
        check(r#"{"env":["LANG"]}"#, same, &[], same);
        check(r#"{"env":null}"#, same, &[], same);
        check(r#"{"fs":"read"}"#, same, &[ReadWrite], same);
        check(r#"{"fs":"read-write"}"#, changes, &[], same);
        check(r#"{"fs":"read-write"}"#, changes, &[Read], same);
        check(r#"{"fs":"read-write"}"#, changes, &[Read, ReadWrite, Read], changes);
        check(r#"{"clock":"real"}"#, reads, &[], reads);
        check(r#"{"random":"real"}"#, reads, &[ReadWrite], reads);
        for need in ["http", "tcp", "udp", "listen"] {
            check(&format!(r#"{{"{need}":["a.test"]}}"#), "destructive, open-world", &[], "destructive, open-world");
        }
        check(r#"{"secrets":["a"],"invoke":["*"]}"#, same, &[], same);
        check(r#"{"fs":"read-write","random":"real"}"#, changes, &[Read], reads);
    }
}
