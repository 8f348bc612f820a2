//! Masks secrets where they must not be: in what leaves towards a guest, a record or a person.
//!
//! This is the second wall. The first is that a secret's bytes go to the hosts that its grant names and nowhere else; a
//! server that was given a secret may send it back, most often by accident, in one of the usual encodings. One that
//! wants to get it past this, by reversing it say, can: it has the secret already.

mod patterns;
mod stream;
#[cfg(test)]
mod tests;

pub use stream::Stream;

use aho_corasick::Anchored;
use aho_corasick::automaton::{Automaton as _, StateID};
use aho_corasick::nfa::contiguous::NFA;
use serde_json::{Map, Number, Value};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// The shortest secret, in bytes, without white space around it: a shorter one is guessed sooner than it leaks, and
/// masking it would eat text that has nothing to do with it. Base64 of 6 bytes has 7 characters that depend on nothing
/// else, which is unmistakable enough.
pub const MIN_SECRET: usize = 6;

/// The longest secret, in bytes: keys, tokens and certificates are shorter. What is looked for takes some 3 KiB of memory
/// for each byte of a secret.
pub const MAX_SECRET: usize = 8 << 10;

/// What stands in a secret's place: as many of it as there were bytes, so that offsets and lengths stay true.
const MASK: u8 = b'*';

/// A secret that cannot be looked for. It names the secret and does not quote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSecret {
    /// Too short.
    #[error(
        "secret `{name}` has fewer than {MIN_SECRET} bytes besides white space around it: it could not be kept out of records; use a longer one"
    )]
    Short {
        /// Which.
        name: String,
    },
    /// Too long.
    #[error(
        "secret `{name}` has {len} bytes, and {MAX_SECRET} is the most: it could not be kept out of records; use a shorter one"
    )]
    Long {
        /// Which.
        name: String,
        /// Its length in bytes.
        len: usize,
    },
    /// Too many.
    #[error("there are too many secrets to be looked for at once; configure fewer")]
    Many,
}

/// Finds secrets and their usual encodings, and masks them. A clone is a pointer.
///
/// It holds the secrets, spread over an automaton's states in memory that is not wiped when it is dropped.
#[derive(Clone, Default)]
pub struct Redactor(Option<Arc<Automaton>>);

struct Automaton {
    nfa: NFA,
    start: StateID,
    /// How much of a pattern each state has seen.
    depths: HashMap<StateID, u32>,
    /// Secrets that are numbers: JSON may write those in another way.
    numbers: Vec<f64>,
    secrets: usize,
}

/// How many secrets, and nothing of them.
impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secrets = self.0.as_ref().map_or(0, |automaton| automaton.secrets);
        f.debug_struct("Redactor").field("secrets", &secrets).finish_non_exhaustive()
    }
}

impl Redactor {
    /// Looks for these secrets, each with its name.
    ///
    /// # Errors
    /// Where a secret is shorter than [`MIN_SECRET`] or longer than [`MAX_SECRET`], or there are too many.
    pub fn new<'a, N: Into<String>>(secrets: impl IntoIterator<Item = (N, &'a [u8])>) -> Result<Self, BadSecret> {
        let mut all = patterns::Patterns::default();
        let mut numbers = Vec::new();
        let mut count = 0;
        for (name, secret) in secrets {
            let trimmed = secret.trim_ascii();
            if trimmed.len() < MIN_SECRET {
                return Err(BadSecret::Short { name: name.into() });
            }
            if secret.len() > MAX_SECRET {
                return Err(BadSecret::Long { name: name.into(), len: secret.len() });
            }
            all.add(secret);
            numbers.extend(std::str::from_utf8(trimmed).ok().and_then(|text| text.parse::<f64>().ok()));
            count += 1;
        }
        if count == 0 {
            return Ok(Self(None));
        }
        let nfa = NFA::builder().ascii_case_insensitive(true).build(all.iter()).map_err(|_| BadSecret::Many)?;
        let start = nfa.start_state(Anchored::No).map_err(|_| BadSecret::Many)?;
        let depths = depths(&nfa, start, all.iter());
        Ok(Self(Some(Arc::new(Automaton { nfa, start, depths, numbers, secrets: count }))))
    }

    /// Whether there is nothing to look for.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Masks in place, and says whether there was anything to mask.
    pub fn mask(&self, bytes: &mut [u8]) -> bool {
        let Some(automaton) = &self.0 else { return false };
        Scan::new(automaton).mask(bytes, 0)
    }

    /// The text with every secret masked. Of a character that a secret is only a part of, all is masked.
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut masked = text.as_bytes().to_vec();
        if !self.mask(&mut masked) {
            return Cow::Borrowed(text);
        }
        let mut out = String::with_capacity(text.len());
        for (at, character) in text.char_indices() {
            let bytes = at..at + character.len_utf8();
            if masked[bytes.clone()] == text.as_bytes()[bytes] {
                out.push(character);
            } else {
                (0..character.len_utf8()).for_each(|_| out.push(char::from(MASK)));
            }
        }
        Cow::Owned(out)
    }

    /// Masks every key, string and number of a value, and says whether there was anything to mask. A number that holds a
    /// secret becomes a text.
    pub fn json(&self, value: &mut Value) -> bool {
        match value {
            Value::Null | Value::Bool(_) => false,
            Value::Number(number) => {
                let Some(masked) = self.number(number) else { return false };
                *value = Value::String(masked);
                true
            }
            Value::String(text) => {
                let Cow::Owned(masked) = self.text(text) else { return false };
                *text = masked;
                true
            }
            Value::Array(values) => values.iter_mut().fold(false, |any, value| self.json(value) | any),
            Value::Object(object) => {
                let any = object.values_mut().fold(false, |any, value| self.json(value) | any);
                self.keys(object) | any
            }
        }
    }

    fn number(&self, number: &Number) -> Option<String> {
        let automaton = self.0.as_ref()?;
        let text = number.to_string();
        // A short number says little, and equals many that are no secret.
        if text.len() >= MIN_SECRET && number.as_f64().is_some_and(|number| automaton.numbers.contains(&number)) {
            return Some(char::from(MASK).to_string().repeat(text.len()));
        }
        match self.text(&text) {
            Cow::Owned(masked) => Some(masked),
            Cow::Borrowed(_) => None,
        }
    }

    fn keys(&self, object: &mut Map<String, Value>) -> bool {
        if !object.keys().any(|key| matches!(self.text(key), Cow::Owned(_))) {
            return false;
        }
        for (key, value) in std::mem::take(object) {
            let mut key = self.text(&key).into_owned();
            // Two keys may be alike once they are masked, and neither's value may be lost.
            while object.contains_key(&key) {
                key.push(char::from(MASK));
            }
            object.insert(key, value);
        }
        true
    }

    /// Masks what comes in parts.
    pub fn stream(&self) -> Stream {
        Stream::new(self.0.clone())
    }
}

/// How deep in the patterns each state is: so much of what was read may be the beginning of a secret.
fn depths<'p>(nfa: &NFA, start: StateID, patterns: impl Iterator<Item = &'p [u8]>) -> HashMap<StateID, u32> {
    let mut depths = HashMap::new();
    for pattern in patterns {
        let mut state = start;
        for (byte, depth) in pattern.iter().zip(1..) {
            state = nfa.next_state(Anchored::No, state, *byte);
            depths.insert(state, depth);
        }
    }
    depths
}

/// A walk of the automaton over bytes. Every match counts, whatever it overlaps.
struct Scan<'a> {
    automaton: &'a Automaton,
    state: StateID,
}

impl<'a> Scan<'a> {
    fn new(automaton: &'a Automaton) -> Self {
        Self { automaton, state: automaton.start }
    }

    /// Reads the bytes from `from` on, and masks all matches that end there: these may begin before it.
    fn mask(&mut self, bytes: &mut [u8], from: usize) -> bool {
        let mut any = false;
        // What the last matches covered together, so that those in a long row are not written again and again.
        let (mut first, mut end) = (0, 0);
        for at in from..bytes.len() {
            let len = self.step(bytes[at]);
            if len == 0 {
                continue;
            }
            any = true;
            let (start, stop) = ((at + 1).saturating_sub(len), at + 1);
            if start < first || start > end || end == 0 {
                first = start;
                bytes[start..stop].fill(MASK);
            } else {
                bytes[end..stop].fill(MASK);
            }
            end = stop;
        }
        any
    }

    /// Reads one byte, and gives the length of the longest match that ends with it, or 0.
    fn step(&mut self, byte: u8) -> usize {
        let nfa = &self.automaton.nfa;
        self.state = nfa.next_state(Anchored::No, self.state, byte);
        if !nfa.is_match(self.state) {
            return 0;
        }
        let lens = (0..nfa.match_len(self.state)).map(|index| nfa.pattern_len(nfa.match_pattern(self.state, index)));
        lens.max().unwrap_or(0)
    }

    /// How many of the bytes read last may be the beginning of a match.
    fn pending(&self) -> usize {
        self.automaton.depths.get(&self.state).map_or(0, |depth| *depth as usize)
    }
}
