//! Finds secrets in what comes back, in their own bytes and in common encodings, and masks them with `*`.
//!
//! A mask is as long as what it covers, so that lengths and offsets stay true. Encodings that nobody uses by accident (a
//! cipher, one letter a request) cannot be found by anybody; for those there is policy, which says where a secret goes.

use aho_corasick::{AhoCorasick, MatchKind};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use bytes::Bytes;
use serde_json::Value;
use std::{borrow::Cow, collections::BTreeSet, ops::Range, sync::Arc};

/// The shortest secret, in bytes: shorter ones stand in other texts by chance.
pub const MIN_SECRET: usize = 8;

const MASK: u8 = b'*';

/// Knows the secrets of a world, and how they can be written. A clone is cheap.
#[derive(Clone, Default)]
pub struct Redactor(Option<Arc<Patterns>>);

struct Patterns {
    /// Every occurrence of every pattern is found, also where they overlap.
    finder: AhoCorasick,
    longest: usize,
}

impl Redactor {
    /// Prepares for these secrets: name and bytes. The names are for nobody but the caller.
    pub fn new<'a>(secrets: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Self {
        let mut patterns = BTreeSet::new();
        for (_, secret) in secrets {
            spellings(secret, &mut patterns);
            // Files commonly end with a line break that is no part of the secret.
            spellings(secret.trim_ascii(), &mut patterns);
        }
        patterns.retain(|pattern| pattern.len() >= MIN_SECRET.min(6));
        let Some(longest) = patterns.iter().map(Vec::len).max() else { return Self(None) };
        let finder = AhoCorasick::builder().match_kind(MatchKind::Standard).build(&patterns);
        // It fails beyond 2^31 states only. A redactor that finds nothing would be worse than none.
        let finder = finder.unwrap_or_else(|error| unreachable!("the secrets of a world are few and short: {error}"));
        Self(Some(Arc::new(Patterns { finder, longest })))
    }

    /// Whether there is nothing to find.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Masks what it finds; whether there was any.
    pub fn mask(&self, bytes: &mut [u8]) -> bool {
        let Some(patterns) = &self.0 else { return false };
        let found: Vec<_> = patterns.find(bytes).collect();
        for range in &found {
            bytes[range.clone()].fill(MASK);
        }
        !found.is_empty()
    }

    /// A text without them. A mask never cuts a character in two: what it covers of one is masked as a whole.
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let Some(patterns) = &self.0 else { return text.into() };
        let mut masked: Option<Vec<u8>> = None;
        for Range { mut start, mut end } in patterns.find(text.as_bytes()) {
            while !text.is_char_boundary(start) {
                start -= 1;
            }
            while !text.is_char_boundary(end) {
                end += 1;
            }
            masked.get_or_insert_with(|| text.as_bytes().to_vec())[start..end].fill(MASK);
        }
        match masked {
            None => text.into(),
            Some(bytes) => String::from_utf8_lossy(&bytes).into_owned().into(),
        }
    }

    /// Masks them in every key and text of a value, and in numbers, which become texts; whether there were any.
    pub fn json(&self, value: &mut Value) -> bool {
        if self.is_empty() {
            return false;
        }
        match value {
            Value::Null | Value::Bool(_) => false,
            Value::Number(number) => match self.text(&number.to_string()) {
                Cow::Borrowed(_) => false,
                Cow::Owned(masked) => {
                    *value = Value::String(masked);
                    true
                }
            },
            Value::String(text) => match self.text(text) {
                Cow::Borrowed(_) => false,
                Cow::Owned(masked) => {
                    *text = masked;
                    true
                }
            },
            Value::Array(items) => items.iter_mut().fold(false, |found, item| self.json(item) | found),
            Value::Object(fields) => {
                let mut found = false;
                if fields.keys().any(|key| matches!(self.text(key), Cow::Owned(_))) {
                    found = true;
                    *fields = std::mem::take(fields)
                        .into_iter()
                        .map(|(key, value)| (self.text(&key).into_owned(), value))
                        .collect();
                }
                fields.values_mut().fold(found, |found, value| self.json(value) | found)
            }
        }
    }

    /// For bytes that come piece by piece.
    pub(crate) fn stream(&self) -> Stream {
        Stream { patterns: self.0.clone(), held: Vec::new(), masked: 0 }
    }
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count = self.0.as_ref().map_or(0, |patterns| patterns.finder.patterns_len());
        f.debug_struct("Redactor").field("patterns", &count).finish()
    }
}

impl Patterns {
    fn find<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = Range<usize>> + 'a {
        self.finder.find_overlapping_iter(bytes).map(|found| found.range())
    }
}

/// Masks across the pieces of a stream. It holds back what may be the beginning of a secret.
pub(crate) struct Stream {
    patterns: Option<Arc<Patterns>>,
    held: Vec<u8>,
    /// How many bytes at the beginning of what is held belong to a secret whose beginning is gone already.
    masked: usize,
}

impl Stream {
    /// Takes a piece; gives what is certain.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Bytes {
        self.held.extend_from_slice(piece);
        let keep = self.patterns.as_ref().map_or(0, |patterns| patterns.longest - 1);
        self.release(self.held.len().saturating_sub(keep))
    }

    /// The rest.
    pub(crate) fn finish(mut self) -> Bytes {
        self.release(self.held.len())
    }

    /// Gives the first bytes. What is found in all that is held is masked in them; what reaches beyond them is
    /// remembered, and masked when its turn comes.
    fn release(&mut self, count: usize) -> Bytes {
        let mut masked = self.held.clone();
        masked[..self.masked].fill(MASK);
        let mut reach = self.masked;
        if let Some(patterns) = &self.patterns {
            for range in patterns.find(&self.held) {
                masked[range.clone()].fill(MASK);
                if range.start < count {
                    reach = reach.max(range.end);
                }
            }
        }
        masked.truncate(count);
        self.held.drain(..count);
        self.masked = reach.saturating_sub(count);
        masked.into()
    }
}

/// The ways in which a secret is commonly written.
fn spellings(secret: &[u8], patterns: &mut BTreeSet<Vec<u8>>) {
    if secret.is_empty() {
        return;
    }
    patterns.insert(secret.to_vec());
    patterns.insert(hex::encode(secret).into_bytes());
    patterns.insert(hex::encode_upper(secret).into_bytes());
    base64_inside(secret, patterns);
    for upper in [true, false] {
        for all in [true, false] {
            patterns.insert(percent(secret, upper, all));
        }
    }
    // As forms write it.
    patterns.insert(url::form_urlencoded::byte_serialize(secret).collect::<String>().into_bytes());
    if let Ok(text) = std::str::from_utf8(secret) {
        patterns.insert(json_inside(text));
        patterns.insert(json_inside(text).split(|byte| *byte == b'/').collect::<Vec<_>>().join(&b"\\/"[..]));
        patterns.insert(escaped(text, |c| format!("\\u{:04x}", u32::from(c))));
        patterns.insert(escaped(text, |c| format!("\\u{:04X}", u32::from(c))));
        let html = [('&', "&amp;"), ('<', "&lt;"), ('>', "&gt;"), ('"', "&quot;"), ('\'', "&#39;")];
        patterns.insert(replaced(text, &html));
        patterns.insert(replaced(text, &[html[0], html[1], html[2], ('"', "&#34;"), ('\'', "&#x27;")]));
    }
}

/// What of its base64 does not depend on what stands beside it, wherever it begins.
fn base64_inside(secret: &[u8], patterns: &mut BTreeSet<Vec<u8>>) {
    for before in 0..3 {
        let mut bytes = vec![0; before];
        bytes.extend_from_slice(secret);
        // Each character holds six bits: those that also hold bits of what stands before or behind are left out.
        let first = (before * 8).div_ceil(6);
        let last = bytes.len() * 8 / 6;
        for text in [STANDARD_NO_PAD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)] {
            if first < last {
                patterns.insert(text.as_bytes()[first..last].to_vec());
            }
        }
    }
}

fn percent(secret: &[u8], upper: bool, all: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(secret.len() * 3);
    for &byte in secret {
        // RFC 3986, section 2.3.
        if !all && (byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)) {
            out.push(byte);
        } else {
            let text = if upper { format!("%{byte:02X}") } else { format!("%{byte:02x}") };
            out.extend(text.into_bytes());
        }
    }
    out
}

/// As JSON writes it, without the quotes.
fn json_inside(text: &str) -> Vec<u8> {
    let quoted = Value::String(text.to_owned()).to_string();
    quoted.as_bytes()[1..quoted.len() - 1].to_vec()
}

fn escaped(text: &str, escape: impl Fn(char) -> String) -> Vec<u8> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == ' ';
    text.chars().map(|c| if plain(c) { c.to_string() } else { escape(c) }).collect::<String>().into_bytes()
}

fn replaced(text: &str, table: &[(char, &str)]) -> Vec<u8> {
    let one =
        |c: char| table.iter().find(|(from, _)| *from == c).map_or_else(|| c.to_string(), |(_, to)| (*to).to_owned());
    text.chars().map(one).collect::<String>().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};
    use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
    use serde_json::json;

    fn redactor(secrets: &[&str]) -> Redactor {
        Redactor::new(secrets.iter().map(|secret| ("name", secret.as_bytes())))
    }

    #[test]
    fn every_spelling_is_masked() {
        let secret = "s3cr&t/\"Tök en\\+~";
        let redactor = redactor(&[secret]);
        let check = |text: String| {
            let masked = redactor.text(&text);
            assert!(masked.contains("******") && masked.len() == text.len(), "{text}: {masked}");
        };
        check(format!("before {secret} behind"));
        check(hex::encode(secret));
        check(hex::encode_upper(secret));
        for before in ["", "u:", "ü:", "user:"] {
            check(STANDARD.encode(format!("{before}{secret}")));
            check(URL_SAFE.encode(format!("{before}{secret}{before}")));
        }
        check(secret.bytes().map(|byte| format!("%{byte:02x}")).collect());
        check(url::form_urlencoded::byte_serialize(secret.as_bytes()).collect());
        check(json!({ "key": secret }).to_string());
        check(json!(secret).to_string().replace('/', "\\/"));
        check(secret.replace('&', "&amp;").replace('"', "&quot;"));
        assert_eq!(redactor.text("nothing of it: s3cr"), "nothing of it: s3cr");
        assert!(Redactor::new([]).is_empty());
        assert_eq!(format!("{redactor:?}").find("s3cr"), None);
    }

    #[test]
    fn values_are_masked_wherever_they_stand() {
        let redactor = redactor(&["1234567890", "topsecret"]);
        let mut value = json!({ "a": ["xtopsecretx", 1234567890u64, 12], "topsecret": { "b": null } });
        assert!(redactor.json(&mut value));
        assert_eq!(value, json!({ "a": ["x*********x", "**********", 12], "*********": { "b": null } }));
        assert!(!redactor.json(&mut json!(["harmless", 1.5, true])));
    }

    #[test]
    fn overlapping_secrets_leave_nothing() {
        let redactor = redactor(&["abcdefgh12", "gh12345678", "cdefgh12"]);
        assert_eq!(redactor.text("-abcdefgh12345678-"), format!("-{}-", "*".repeat(16)));
    }

    /// However a stream is cut, it is masked as the whole is.
    #[test]
    fn streams_are_masked_as_the_whole() {
        let redactor = redactor(&["abababab", "ababab-c", "topsecret"]);
        let mut random = StdRng::seed_from_u64(7);
        let pieces = ["ab", "abababab", "topsecret", "top", "secret", "-c", "x", "c"];
        for _ in 0..2_000 {
            let text: String =
                (0..random.random_range(0..12)).map(|_| pieces[random.random_range(0..pieces.len())]).collect();
            let mut whole = text.clone().into_bytes();
            redactor.mask(&mut whole);
            let (mut stream, mut got, mut rest) = (redactor.stream(), Vec::new(), text.as_bytes());
            while !rest.is_empty() {
                let (piece, more) = rest.split_at(random.random_range(1..=rest.len()));
                got.extend(stream.push(piece));
                rest = more;
            }
            got.extend(stream.finish());
            assert_eq!(String::from_utf8_lossy(&got), String::from_utf8_lossy(&whole), "{text}");
        }
    }
}
