//! The name of a task.

use serde::{Deserialize, Serialize};
use std::{
    fmt,
    hash::{BuildHasher as _, RandomState},
    str::FromStr,
    time::{SystemTime, UNIX_EPOCH},
};

/// How long an id is.
const LENGTH: usize = 26;

/// What the random part is made of: digits and letters without those that look alike.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// The end of the year 9999: what still fits into an id.
const LAST_MS: u64 = 253_402_300_799_999;

/// The name of a task: when it began (UTC, to the millisecond) and a random part, such as
/// `20261122-153000-042-k3v9x7`. Ids sort by time, and are safe as file names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TaskId([u8; LENGTH]);

/// A text that is no task's id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a task id: expected one such as `20261122-153000-042-k3v9x7`")]
pub struct TaskIdError(String);

impl TaskId {
    /// A new id. It takes the time and its random part from the system.
    pub fn generate() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let at_ms = since.map_or(0, |time| u64::try_from(time.as_millis()).unwrap_or(LAST_MS));
        // The keys of a `RandomState` are the system's random numbers. An id has to be unique, not secret.
        Self::new(at_ms, RandomState::new().hash_one(at_ms))
    }

    /// The id for a time, in milliseconds since 1970, and the lowest 30 bits of a random number.
    pub fn new(at_ms: u64, random: u64) -> Self {
        let at_ms = at_ms.min(LAST_MS);
        let (year, month, day) = civil(at_ms / 86_400_000);
        let second = at_ms / 1000 % 86_400;
        let time = [second / 3600, second / 60 % 60, second % 60];
        let mut id = Self([b'-'; LENGTH]);
        id.digits(0..4, year);
        id.digits(4..6, month);
        id.digits(6..8, day);
        id.digits(9..11, time[0]);
        id.digits(11..13, time[1]);
        id.digits(13..15, time[2]);
        id.digits(16..19, at_ms % 1000);
        for (index, letter) in id.0[20..].iter_mut().enumerate() {
            *letter = ALPHABET[(random >> (5 * index) & 31) as usize];
        }
        id
    }

    fn digits(&mut self, place: std::ops::Range<usize>, mut value: u64) {
        for digit in self.0[place].iter_mut().rev() {
            *digit = b'0' + (value % 10) as u8;
            value /= 10;
        }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        // Every way to an id puts ASCII there.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// Year, month and day for days since 1970, counted in eras of 400 years that begin in March, so that a leap day is the
/// last day of its year.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + next, month, day)
}

impl FromStr for TaskId {
    type Err = TaskIdError;

    fn from_str(text: &str) -> Result<Self, TaskIdError> {
        let fits = |(index, byte): (usize, u8)| match index {
            8 | 15 | 19 => byte == b'-',
            20.. => ALPHABET.contains(&byte),
            _ => byte.is_ascii_digit(),
        };
        match <[u8; LENGTH]>::try_from(text.as_bytes()) {
            Ok(bytes) if bytes.into_iter().enumerate().all(fits) => Ok(Self(bytes)),
            Ok(_) | Err(_) => Err(TaskIdError(text.chars().take(100).collect())),
        }
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl TryFrom<String> for TaskId {
    type Error = TaskIdError;

    fn try_from(text: String) -> Result<Self, TaskIdError> {
        text.parse()
    }
}

impl From<TaskId> for String {
    fn from(id: TaskId) -> Self {
        id.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_say_when_they_were_made() {
        let check = |at_ms: u64, expected: &str| assert_eq!(TaskId::new(at_ms, 0).as_str(), expected);
        check(0, "19700101-000000-000-000000");
        check(951_782_399_999, "20000228-235959-999-000000");
        check(951_782_400_000, "20000229-000000-000-000000");
        check(951_868_800_000, "20000301-000000-000-000000");
        check(1_795_361_400_042, "20261122-153000-042-000000");
        check(4_107_542_399_000, "21000228-235959-000-000000");
        check(4_107_542_400_000, "21000301-000000-000-000000");
        check(LAST_MS, "99991231-235959-999-000000");
        check(u64::MAX, "99991231-235959-999-000000");
    }

    #[test]
    fn only_ids_are_read() {
        let check = |text: &str, good: bool| assert_eq!(text.parse::<TaskId>().is_ok(), good, "{text}");
        check("20261122-153000-042-k3v9x7", true);
        check(TaskId::generate().as_str(), true);
        check(TaskId::new(1, u64::MAX).as_str(), true);
        check("20261122-153000-042-k3v9x", false);
        check("20261122-153000-042-k3v9x77", false);
        check("20261122-153000-042-k3v9xi", false);
        check("20261122-153000-042-K3V9X7", false);
        check("20261122/153000-042-k3v9x7", false);
        check("2026112a-153000-042-k3v9x7", false);
        check("20261122-153000-042-k3v9é", false);
        check("../../etc/passwd", false);
        check("", false);
    }

    #[test]
    fn generated_ids_differ() {
        let ids: std::collections::HashSet<_> = (0..1000).map(|_| TaskId::generate()).collect();
        assert_eq!(ids.len(), 1000);
    }
}
