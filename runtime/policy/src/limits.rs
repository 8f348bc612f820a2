//! Bounds on one call: each with its key, unit, default and maximum in one place.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::{collections::BTreeMap, fmt};

/// What a limit bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(usize)]
pub enum LimitKind {
    /// Time the guest's own code may run, without the time it waits for the host.
    Cpu,
    /// Time from the call's start to its end, whatever is waited for.
    Wall,
    /// All memories and tables of all instances of the call together.
    Memory,
    /// The arguments as JSON text.
    Arguments,
    /// The result as JSON text.
    Result,
    /// What is printed to standard output and standard error together.
    Output,
    /// What is written to files, whatever the call that writes it.
    Written,
    /// Files and directories created.
    Created,
    /// Handles open at once: files, directories, streams and pollables.
    Handles,
    /// What is sent over the network: headers and bodies of requests, and what goes through sockets.
    Sent,
    /// What is received over the network.
    Received,
    /// The headers of one request or one response.
    Headers,
    /// Requests and connections under way at once.
    Connections,
    /// Calls of other tools from within the call, by it and by those that it calls.
    Invocations,
    /// How deep calls of tools from within calls can go.
    Depth,
    /// Processes that run at once in the tree that a call is the root of, without the root.
    Processes,
    /// Processes that are started in a tree.
    Started,
    /// The memory of a call and of all processes in its tree together.
    TreeMemory,
    /// Messages that are logged.
    Logs,
    /// Messages about progress.
    Progress,
    /// Instructions of the guest, where determinism is asked for; without limit unless it is set.
    Fuel,
}

/// How a limit is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Written as `500ms`, `5s`, `2min`, or a plain number of milliseconds.
    Milliseconds,
    /// Written as `4KiB`, `64MiB`, `1GiB`, or a plain number of bytes.
    Bytes,
    /// A plain number.
    Count,
}

/// A limit's key, unit, default and maximum, and the reason for the numbers.
#[derive(Debug, Clone, Copy)]
pub struct LimitSpec {
    /// Which limit it is.
    pub kind: LimitKind,
    /// Its name in plans, configuration, `--limit` and outcomes.
    pub key: &'static str,
    /// How it is counted.
    pub unit: Unit,
    /// What applies when nobody says otherwise.
    pub default: u64,
    /// What nobody can exceed.
    pub max: u64,
    /// What it bounds, in a line, with the reason for the numbers.
    pub summary: &'static str,
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const MINUTE: u64 = 60_000;

const fn spec(
    kind: LimitKind,
    key: &'static str,
    unit: Unit,
    default: u64,
    max: u64,
    summary: &'static str,
) -> LimitSpec {
    LimitSpec { kind, key, unit, default, max, summary }
}

/// Every limit there is, in the order of [`LimitKind`].
pub const LIMITS: [LimitSpec; 21] = [
    spec(
        LimitKind::Cpu,
        "cpu",
        Unit::Milliseconds,
        10_000,
        60 * MINUTE,
        "time the guest computes; checked every millisecond",
    ),
    spec(
        LimitKind::Wall,
        "wall",
        Unit::Milliseconds,
        30_000,
        24 * 60 * MINUTE,
        "time from start to end, waiting included",
    ),
    spec(
        LimitKind::Memory,
        "memory",
        Unit::Bytes,
        128 * MIB,
        256 * MIB,
        "all memories and tables together; the maximum is a pool slot's size",
    ),
    spec(LimitKind::Arguments, "arguments", Unit::Bytes, 8 * MIB, 64 * MIB, "the arguments as JSON text"),
    spec(LimitKind::Result, "result", Unit::Bytes, 8 * MIB, 64 * MIB, "the result as JSON text"),
    spec(LimitKind::Output, "output", Unit::Bytes, MIB, 64 * MIB, "standard output and standard error together"),
    spec(LimitKind::Written, "written", Unit::Bytes, 64 * MIB, 16 * 1024 * MIB, "bytes written to files by any means"),
    spec(LimitKind::Created, "created", Unit::Count, 1_000, 1_000_000, "files, directories and links created"),
    spec(LimitKind::Handles, "handles", Unit::Count, 256, 4 * KIB, "handles open at once"),
    spec(LimitKind::Sent, "sent", Unit::Bytes, 16 * MIB, 16 * 1024 * MIB, "bytes sent over the network"),
    spec(LimitKind::Received, "received", Unit::Bytes, 64 * MIB, 16 * 1024 * MIB, "bytes received from the network"),
    spec(
        LimitKind::Headers,
        "headers",
        Unit::Bytes,
        64 * KIB,
        256 * KIB,
        "headers of one request or response; the maximum is what the client reads at all",
    ),
    spec(LimitKind::Connections, "connections", Unit::Count, 16, 256, "requests and connections under way at once"),
    spec(LimitKind::Invocations, "invocations", Unit::Count, 100, 10_000, "calls of other tools from within the call"),
    spec(LimitKind::Depth, "depth", Unit::Count, 8, 32, "calls within calls within calls; each holds an instance"),
    spec(
        LimitKind::Processes,
        "processes",
        Unit::Count,
        32,
        256,
        "processes of a call at once; each holds an instance",
    ),
    spec(LimitKind::Started, "started", Unit::Count, 10_000, 1_000_000, "processes of a call in all"),
    spec(
        LimitKind::TreeMemory,
        "tree-memory",
        Unit::Bytes,
        512 * MIB,
        64 * 1024 * MIB,
        "all memories of a call and of its processes together",
    ),
    spec(LimitKind::Logs, "logs", Unit::Count, 1_000, 100_000, "messages logged; their bytes count as `output`"),
    spec(LimitKind::Progress, "progress", Unit::Count, 1_000, 100_000, "messages about progress"),
    spec(
        LimitKind::Fuel,
        "fuel",
        Unit::Count,
        UNLIMITED,
        UNLIMITED,
        "instructions; counted only where it is set, since counting costs 4 to 26 %",
    ),
];

/// The value of a limit that is not in force.
pub const UNLIMITED: u64 = u64::MAX;

/// Bounds on one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Limits([u64; LIMITS.len()]);

/// A limit that cannot be set so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// There is no limit of that name.
    #[error("there is no limit `{key}`; limits are: {}", keys())]
    UnknownKey {
        /// What was asked for.
        key: String,
    },
    /// The value does not fit the limit's unit.
    #[error("limit `{key}`: `{value}` is not {}", .unit.expected())]
    Value {
        /// The limit.
        key: &'static str,
        /// What was given.
        value: String,
        /// How the limit is counted.
        unit: Unit,
    },
    /// The value is out of bounds.
    #[error("limit `{key}`: {value} is outside 1 to {max}")]
    Range {
        /// The limit.
        key: &'static str,
        /// What was given, in the limit's unit.
        value: String,
        /// The highest value that can be set.
        max: String,
    },
}

fn keys() -> String {
    LIMITS.map(|limit| limit.key).join(", ")
}

impl Unit {
    /// What a value of this unit looks like, for error messages.
    pub fn expected(self) -> &'static str {
        match self {
            Self::Milliseconds => "a time such as `500ms`, `5s`, `2min`, `1h`, `7d`, or a number of milliseconds",
            Self::Bytes => "a size such as `4KiB`, `64MiB`, `1GiB`, or a number of bytes",
            Self::Count => "a number",
        }
    }

    /// The number that a text stands for, in this unit.
    pub fn parse(self, text: &str) -> Option<u64> {
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, suffix) = text.split_at(digits);
        let factor = match (self, suffix) {
            (_, "") | (Self::Milliseconds, "ms") | (Self::Bytes, "B") => 1,
            (Self::Milliseconds, "s") => 1000,
            (Self::Milliseconds, "min") => MINUTE,
            (Self::Milliseconds, "h") => 60 * MINUTE,
            (Self::Milliseconds, "d") => 24 * 60 * MINUTE,
            (Self::Bytes, "KiB") => KIB,
            (Self::Bytes, "MiB") => MIB,
            (Self::Bytes, "GiB") => 1024 * MIB,
            _ => return None,
        };
        number.parse::<u64>().ok()?.checked_mul(factor)
    }

    /// A value in this unit for people, such as `64MiB`.
    pub fn show(self, value: u64) -> String {
        let scaled = |suffixes: &[(u64, &str)], least: &str| {
            suffixes
                .iter()
                .find(|(size, _)| value >= *size && value.is_multiple_of(*size))
                .map_or_else(|| format!("{value}{least}"), |(size, suffix)| format!("{}{suffix}", value / size))
        };
        match self {
            Self::Milliseconds => scaled(&[(MINUTE, "min"), (1000, "s")], "ms"),
            Self::Bytes => scaled(&[(1024 * MIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")], "B"),
            Self::Count => value.to_string(),
        }
    }
}

impl LimitKind {
    /// Key, unit, default, maximum.
    pub fn spec(self) -> &'static LimitSpec {
        &LIMITS[self as usize]
    }

    /// A value of this limit for people, such as `64MiB`.
    pub fn show(self, value: u64) -> String {
        if value == UNLIMITED { "none".to_owned() } else { self.spec().unit.show(value) }
    }
}

impl fmt::Display for LimitKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.spec().key)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self(LIMITS.map(|limit| limit.default))
    }
}

impl Limits {
    /// The value of one limit, in its unit.
    pub fn get(&self, kind: LimitKind) -> u64 {
        self.0[kind as usize]
    }

    /// These limits with one set from text, as in `--limit KEY=VALUE`.
    pub fn with(mut self, key: &str, value: &str) -> Result<Self, LimitError> {
        let spec = LIMITS
            .iter()
            .find(|limit| limit.key == key)
            .ok_or_else(|| LimitError::UnknownKey { key: key.chars().take(100).collect() })?;
        let parsed = spec.unit.parse(value).ok_or_else(|| LimitError::Value {
            key: spec.key,
            value: value.chars().take(100).collect(),
            unit: spec.unit,
        })?;
        if parsed == 0 || parsed > spec.max {
            let show = |value| spec.kind.show(value);
            return Err(LimitError::Range { key: spec.key, value: show(parsed), max: show(spec.max) });
        }
        self.0[spec.kind as usize] = parsed;
        Ok(self)
    }

    /// The smaller of each two limits.
    pub fn within(self, outer: &Self) -> Self {
        LIMITS.iter().fold(self, |limits, limit| limits.at_most(limit.kind, outer.get(limit.kind)))
    }

    /// These limits, with one of them no higher than `value`.
    pub fn at_most(mut self, kind: LimitKind, value: u64) -> Self {
        self.0[kind as usize] = self.get(kind).min(value);
        self
    }
}

impl Serialize for Limits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(LIMITS.iter().map(|limit| (limit.key, self.get(limit.kind))))
    }
}

impl<'de> Deserialize<'de> for Limits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a number or a text such as `5s` or `64MiB`")]
        enum Value {
            Number(u64),
            Text(String),
        }
        let given = BTreeMap::<String, Value>::deserialize(deserializer)?;
        given.into_iter().try_fold(Self::default(), |limits, (key, value)| {
            let text = match value {
                Value::Number(number) => number.to_string(),
                Value::Text(text) => text,
            };
            limits.with(&key, &text).map_err(D::Error::custom)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_stands_in_the_order_of_the_kinds() {
        for (index, limit) in LIMITS.iter().enumerate() {
            assert_eq!(limit.kind as usize, index, "{}", limit.key);
            assert!(limit.default <= limit.max, "{}", limit.key);
        }
    }

    #[test]
    fn values_are_read_in_their_unit() {
        let check = |key: &str, value: &str, expected: &str| {
            let got = match Limits::default().with(key, value) {
                Ok(limits) => {
                    let kind = LIMITS.iter().find(|limit| limit.key == key).expect("known").kind;
                    kind.show(limits.get(kind))
                }
                Err(error) => error.to_string(),
            };
            assert_eq!(got, expected, "{key}={value}");
        };
        check("cpu", "5s", "5s");
        check("cpu", "1500", "1500ms");
        check("memory", "1048576", "1MiB");
        check("handles", "16", "16");
        check("memory", "1GiB", "limit `memory`: 1GiB is outside 1 to 256MiB");
        check("wall", "0", "limit `wall`: 0ms is outside 1 to 1440min");
        check(
            "wall",
            "5 s",
            "limit `wall`: `5 s` is not a time such as `500ms`, `5s`, `2min`, `1h`, `7d`, or a number of milliseconds",
        );
        check(
            "memory",
            "99999999999999GiB",
            "limit `memory`: `99999999999999GiB` is not a size such as `4KiB`, `64MiB`, `1GiB`, or a number of bytes",
        );
        check(
            "heap",
            "1",
            "there is no limit `heap`; limits are: cpu, wall, memory, arguments, result, output, written, created, handles, sent, received, headers, connections, invocations, depth, processes, started, tree-memory, logs, progress, fuel",
        );
    }
}
