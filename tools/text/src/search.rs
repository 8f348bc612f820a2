//! Finding and counting.

use crate::text::{Counts, Match, Matches};
use pattern::Pattern;

const DEFAULT_MAX: u32 = 1000;

pub(crate) fn grep(
    pattern: &str,
    text: &str,
    literal: Option<bool>,
    ignore_case: Option<bool>,
    invert: Option<bool>,
    max: Option<u32>,
) -> Result<Matches, String> {
    let pattern = Pattern::new(pattern, literal, ignore_case).over_text()?;
    let wanted = !invert.unwrap_or(false);
    let max = max.unwrap_or(DEFAULT_MAX);
    let mut found = Matches { matches: Vec::new(), total: 0 };
    for (line, text) in (1..).zip(text.lines()) {
        if pattern.is_match(text) == wanted {
            if found.total < max {
                found.matches.push(Match { line, text: text.to_owned() });
            }
            found.total += 1;
        }
    }
    Ok(found)
}

pub(crate) fn count(
    text: &str,
    pattern: Option<&str>,
    literal: Option<bool>,
    ignore_case: Option<bool>,
) -> Result<Counts, String> {
    let pattern = pattern.map(|pattern| Pattern::new(pattern, literal, ignore_case).over_text()).transpose()?;
    Ok(Counts {
        lines: number(text.lines().count()),
        words: number(text.split_whitespace().count()),
        chars: number(text.chars().count()),
        bytes: number(text.len()),
        matches: pattern.map(|pattern| number(pattern.find_iter(text).count())),
    })
}

/// A count of parts of a text; a guest's address space ends before `u32` does.
pub(crate) fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use crate::text::{Counts, count, grep};

    const TEXT: &str = "Alpha\nbeta.\r\n\nalphabet";

    #[track_caller]
    fn check_grep(pattern: &str, flags: [bool; 3], max: u32, expected: &[(u32, &str)], total: u32) {
        let [literal, ignore_case, invert] = flags.map(Some);
        let found = grep(pattern.into(), TEXT.into(), literal, ignore_case, invert, Some(max)).expect("a good pattern");
        let lines: Vec<_> = found.matches.iter().map(|found| (found.line, found.text.as_str())).collect();
        assert_eq!((lines.as_slice(), found.total), (expected, total));
    }

    #[test]
    fn grep_finds_lines() {
        let no = false;
        check_grep("^alpha", [no, no, no], 9, &[(4, "alphabet")], 1);
        check_grep("ALPHA", [no, true, no], 9, &[(1, "Alpha"), (4, "alphabet")], 2);
        check_grep("ta.$", [no, no, no], 9, &[(2, "beta.")], 1);
        check_grep(".", [true, no, no], 9, &[(2, "beta.")], 1);
        check_grep("a", [no, no, true], 9, &[(3, "")], 1);
        check_grep("", [no, no, no], 2, &[(1, "Alpha"), (2, "beta.")], 4);
        check_grep("a", [no, no, no], 0, &[], 3);
    }

    #[track_caller]
    fn check_count(text: &str, pattern: Option<&str>, expected: (u32, u32, u32, u32, Option<u32>)) {
        let counts = count(text.into(), pattern.map(Into::into), None, Some(true)).expect("a good pattern");
        let (lines, words, chars, bytes, matches) = expected;
        assert_eq!(counts, Counts { lines, words, chars, bytes, matches });
    }

    #[test]
    fn count_measures() {
        check_count("", None, (0, 0, 0, 0, None));
        check_count("één twee\ndrie", Some("E"), (2, 3, 13, 15, Some(3)));
        check_count("aaaa\n", Some("aa"), (1, 1, 5, 5, Some(2)));
    }

    #[test]
    fn bad_patterns_are_errors() {
        assert!(grep("[".into(), String::new(), None, None, None, None).is_err());
        assert!(count(String::new(), Some("[".into()), None, None).is_err());
        assert!(grep("[".into(), "[".into(), Some(true), None, None, None).is_ok());
    }
}
