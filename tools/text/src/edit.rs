//! Changing and cutting.

use crate::{
    search::number,
    text::{Cut, Replaced},
};
use pattern::Pattern;

/// What a replacement may make of a text: a short pattern and a long replacement multiply.
const MAX_BYTES: usize = 64 << 20;

const DEFAULT_PIECES: u32 = 10_000;

pub(crate) fn replace(
    pattern: &str,
    replacement: &str,
    text: &str,
    literal: Option<bool>,
    ignore_case: Option<bool>,
    max: Option<u32>,
) -> Result<Replaced, String> {
    let as_it_stands = literal.unwrap_or(false);
    let pattern = Pattern::new(pattern, literal, ignore_case).over_text()?;
    let max = max.map_or(usize::MAX, |max| max as usize);
    let mut replaced = Replaced { text: String::new(), count: 0 };
    let mut end = 0;
    // Each reference to a group stands for at most the whole match.
    let references = if as_it_stands { 0 } else { replacement.matches('$').count() };
    for found in pattern.captures_iter(text).take(max) {
        let whole = found.get_match();
        replaced.text.push_str(&text[end..whole.start()]);
        let most = replacement.len().saturating_add(references.saturating_mul(whole.len()));
        if replaced.text.len().saturating_add(most) > MAX_BYTES {
            return Err(format!(
                "the result may be over {MAX_BYTES} bytes, after {} replacements: lower `max`, or shorten `replacement`",
                replaced.count
            ));
        }
        if as_it_stands {
            replaced.text.push_str(replacement);
        } else {
            found.expand(replacement, &mut replaced.text);
        }
        end = whole.end();
        replaced.count += 1;
    }
    replaced.text.push_str(&text[end..]);
    Ok(replaced)
}

pub(crate) fn split(text: &str, by: &Cut, limit: Option<u32>) -> Result<Vec<String>, String> {
    let limit = limit.unwrap_or(DEFAULT_PIECES);
    let pieces: Box<dyn Iterator<Item = &str>> = match by {
        Cut::At(separator) if separator.is_empty() => {
            return Err("`by.at` is empty: give the text to cut at, or cut by `bytes`".to_owned());
        }
        Cut::At(separator) => Box::new(text.split(separator.as_str())),
        Cut::Lines(0) => return Err("`by.lines` is 0: give at least 1".to_owned()),
        Cut::Lines(lines) => Box::new(Pieces { rest: text, end: |rest| end_of_lines(rest, *lines) }),
        Cut::Bytes(bytes) if *bytes < 4 => {
            return Err(format!("`by.bytes` is {bytes}: give at least 4, which one character can take"));
        }
        Cut::Bytes(bytes) => Box::new(Pieces { rest: text, end: |rest| end_of_bytes(rest, *bytes) }),
    };
    let mut kept = Vec::new();
    for piece in pieces {
        if number(kept.len()) >= limit {
            return Err(format!("the text has more than {limit} pieces: raise `limit`, or cut larger pieces"));
        }
        kept.push(piece.to_owned());
    }
    Ok(kept)
}

/// The pieces of a text, whose ends a function finds; it never gives 0 for a text that is not empty.
struct Pieces<'a, F> {
    rest: &'a str,
    end: F,
}

impl<'a, F: Fn(&'a str) -> usize> Iterator for Pieces<'a, F> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if self.rest.is_empty() {
            return None;
        }
        let (piece, rest) = self.rest.split_at((self.end)(self.rest));
        self.rest = rest;
        Some(piece)
    }
}

fn end_of_lines(rest: &str, lines: u32) -> usize {
    rest.split_inclusive('\n').take(lines as usize).map(str::len).sum()
}

fn end_of_bytes(rest: &str, bytes: u32) -> usize {
    let most = rest.floor_char_boundary(bytes as usize);
    if most == rest.len() {
        return most;
    }
    rest[..most].rfind('\n').map_or(most, |newline| newline + 1)
}

#[cfg(test)]
mod tests {
    use crate::text::{Cut, replace, split};

    #[track_caller]
    fn check_replace(pattern: &str, replacement: &str, literal: bool, max: Option<u32>, expected: (&str, u32)) {
        let text = "a.b a.c\nA.b";
        let replaced = replace(pattern.into(), replacement.into(), text.into(), Some(literal), None, max);
        let replaced = replaced.expect("a good pattern");
        assert_eq!((replaced.text.as_str(), replaced.count), expected);
    }

    #[test]
    fn replace_replaces() {
        check_replace(r"(\w)\.(?<last>\w)", "${last}-$1$$", false, None, ("b-a$ c-a$\nb-A$", 3));
        check_replace("a.", "$1", true, None, ("$1b $1c\nA.b", 2));
        check_replace("a.", "", false, Some(1), ("b a.c\nA.b", 1));
        check_replace("a", "x", false, Some(0), ("a.b a.c\nA.b", 0));
        check_replace("^", "> ", false, None, ("> a.b a.c\nA.b", 1));
        check_replace("(?m)^", "> ", false, None, ("> a.b a.c\n> A.b", 2));
        check_replace("z", "x", false, None, ("a.b a.c\nA.b", 0));
    }

    #[test]
    fn replace_is_bounded() {
        let check = |pattern: &str, replacement: String, expected: &str| {
            let text = "a".repeat(1000);
            let error = replace(pattern.into(), replacement, text, None, None, None).expect_err("too large");
            assert!(error.contains(expected), "{error}");
        };
        check("a", "b".repeat(1 << 20), "after 64 replacements: lower `max`");
        check("a+", "$0".repeat(1 << 20), "after 0 replacements: lower `max`");
    }

    #[track_caller]
    fn check_split(text: &str, by: Cut, expected: &[&str]) {
        assert_eq!(split(text.into(), by, None).expect("few pieces"), expected);
    }

    #[test]
    fn split_cuts() {
        check_split("a, b,", Cut::At(",".into()), &["a", " b", ""]);
        check_split("", Cut::At(",".into()), &[""]);
        check_split("1\n2\r\n3", Cut::Lines(2), &["1\n2\r\n", "3"]);
        check_split("", Cut::Lines(2), &[]);
        check_split("ab\ncdefghij", Cut::Bytes(4), &["ab\n", "cdef", "ghij"]);
        check_split("aaaéé", Cut::Bytes(4), &["aaa", "éé"]);
        check_split("🦀🦀", Cut::Bytes(4), &["🦀", "🦀"]);
    }

    #[track_caller]
    fn check_split_refused(by: Cut, limit: Option<u32>, expected: &str) {
        let error = split("a\nb\nc".into(), by, limit).expect_err("refused");
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn split_refuses() {
        check_split_refused(Cut::At(String::new()), None, "`by.at` is empty");
        check_split_refused(Cut::Lines(0), None, "`by.lines` is 0");
        check_split_refused(Cut::Bytes(3), None, "`by.bytes` is 3");
        check_split_refused(Cut::Lines(1), Some(2), "more than 2 pieces: raise `limit`");
    }
}
