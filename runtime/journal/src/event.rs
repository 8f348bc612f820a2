//! One entry of a record, and its stored form.

use crate::{EventBody, JournalError, Result, TaskId};
use policy::Digest;
use serde::Serialize;
use serde_json::{
    json,
    ser::{CompactFormatter, Formatter, Serializer},
};
use std::{io, sync::Arc};

/// How deep the JSON of an event can be nested: what `serde_json` reads back.
pub const MAX_DEPTH: usize = 127;

/// How long the JSON of an event can be.
pub const MAX_BODY_BYTES: usize = 256 << 20;

/// One entry of a task's record.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its place in the task's chain, from 0.
    pub seq: u64,
    /// When it was recorded, in milliseconds since 1970, as the process that recorded it saw the time.
    pub at_ms: u64,
    /// What it says.
    pub body: EventBody,
    /// The digest of the event before it; of the task's id for the first.
    pub prev: Digest,
    /// Its own digest.
    pub digest: Digest,
}

impl Event {
    /// The form in which programs are told of it.
    pub fn as_json(&self) -> serde_json::Value {
        json!({ "seq": self.seq, "at_ms": self.at_ms, "digest": self.digest, "body": self.body })
    }
}

/// The stored form of a body.
pub(crate) fn encode(body: &EventBody) -> Result<Vec<u8>> {
    let mut depth = 0;
    let mut json = Vec::with_capacity(512);
    let measure = Measure { now: 0, deepest: &mut depth };
    let written = body.serialize(&mut Serializer::with_formatter(&mut json, measure));
    written.map_err(|error| JournalError::Encode(Arc::new(error)))?;
    if depth > MAX_DEPTH {
        return Err(JournalError::TooDeep { depth });
    }
    if json.len() > MAX_BODY_BYTES {
        return Err(JournalError::TooLarge { bytes: json.len() });
    }
    Ok(json)
}

/// Reads a stored body.
pub(crate) fn decode(task: &TaskId, seq: u64, json: &[u8]) -> Result<EventBody> {
    serde_json::from_slice(json).map_err(|error| JournalError::Unreadable { task: *task, seq, why: error.to_string() })
}

/// Writes JSON as `serde_json` does, and notes how deep it goes.
struct Measure<'a> {
    now: usize,
    deepest: &'a mut usize,
}

impl Measure<'_> {
    fn deeper(&mut self) {
        self.now += 1;
        *self.deepest = self.now.max(*self.deepest);
    }
}

impl Formatter for Measure<'_> {
    fn begin_array<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.deeper();
        CompactFormatter.begin_array(writer)
    }

    fn end_array<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.now -= 1;
        CompactFormatter.end_array(writer)
    }

    fn begin_object<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.deeper();
        CompactFormatter.begin_object(writer)
    }

    fn end_object<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.now -= 1;
        CompactFormatter.end_object(writer)
    }
}
