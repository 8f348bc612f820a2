//! Makes inputs out of others.

use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _};

/// The longest input.
const MAX_LEN: usize = 16 << 10;
/// The longest that is made of nothing.
const MAX_FRESH: usize = 1 << 10;

/// What readers of texts and numbers stumble over.
const TOKENS: [&[u8]; 24] = [
    b"",
    b"\0",
    b"\xff",
    b"\xff\xff\xff\xff",
    b"\xef\xbb\xbf",
    b"\xed\xa0\x80",
    b"\"",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"{",
    b"}",
    b"[[[[[[[[[[[[[[[[",
    b"((((((((((((((((",
    b"\n",
    b"\r\n",
    b"-",
    b"0",
    b"-1",
    b"1e999",
    b"18446744073709551616",
    b"null",
    b"${",
    b"%00",
];

/// An input: mostly a known one with a few changes, sometimes of nothing.
pub(crate) fn mutated(known: &[Vec<u8>], rng: &mut StdRng) -> Vec<u8> {
    if known.is_empty() || rng.random_ratio(1, 8) {
        let mut fresh = vec![0; rng.random_range(0..=MAX_FRESH)];
        rng.fill_bytes(&mut fresh);
        return fresh;
    }
    let mut input = pick(known, rng).clone();
    for _ in 0..rng.random_range(1..=6) {
        change(&mut input, known, rng);
    }
    input.truncate(MAX_LEN);
    input
}

fn pick<'a, T>(from: &'a [T], rng: &mut StdRng) -> &'a T {
    &from[rng.random_range(0..from.len())]
}

fn change(input: &mut Vec<u8>, known: &[Vec<u8>], rng: &mut StdRng) {
    let part = part(input.len(), rng);
    match rng.random_range(0..7) {
        0 if !input.is_empty() => {
            let at = rng.random_range(0..input.len());
            input[at] ^= 1 << rng.random_range(0..8);
        }
        1 if !input.is_empty() => {
            let at = rng.random_range(0..input.len());
            input[at] = rng.random();
        }
        2 => drop(input.drain(part)),
        // Over and over, what is nested or counted grows.
        3 => {
            let again = input[part.clone()].repeat(rng.random_range(1..=8));
            input.splice(part.end..part.end, again);
        }
        4 => drop(input.splice(part.start..part.start, pick(&TOKENS, rng).iter().copied())),
        5 => drop(input.splice(part, pick(&TOKENS, rng).iter().copied())),
        _ => {
            let other = pick(known, rng);
            let theirs = self::part(other.len(), rng);
            input.splice(part, other[theirs].iter().copied());
        }
    }
}

/// A part of so many bytes: short ones are likelier.
fn part(len: usize, rng: &mut StdRng) -> std::ops::Range<usize> {
    let start = rng.random_range(0..=len);
    let most = if rng.random_ratio(1, 4) { len - start } else { (len - start).min(16) };
    start..start + rng.random_range(0..=most)
}
