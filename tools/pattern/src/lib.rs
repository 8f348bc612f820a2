//! Patterns as callers of tools give them, compiled within bounds.

use regex::{Error, Regex, RegexBuilder, bytes};
use std::borrow::Cow;

/// What one compiled pattern, and its cache, may take. The crate's own default is 10 MiB; the largest patterns that people
/// write, such as unions of a few hundred words, stay below a tenth of this.
const MAX_COMPILED_BYTES: usize = 4 << 20;

/// How deep groups may nest: the parser's stack is the guest's.
const MAX_NESTING: u32 = 100;

/// A regular expression, or a literal.
#[derive(Debug)]
pub struct Pattern<'a> {
    source: Cow<'a, str>,
    ignore_case: bool,
}

impl<'a> Pattern<'a> {
    /// What the argument `pattern` means beside `literal` and `ignore-case`, which are off unless they are given.
    pub fn new(pattern: &'a str, literal: Option<bool>, ignore_case: Option<bool>) -> Self {
        let source = match literal {
            Some(true) => regex::escape(pattern).into(),
            _ => pattern.into(),
        };
        Self { source, ignore_case: ignore_case.unwrap_or(false) }
    }

    /// For texts.
    ///
    /// # Errors
    /// What is wrong with it, in words for the caller.
    pub fn over_text(&self) -> Result<Regex, String> {
        let mut builder = RegexBuilder::new(&self.source);
        builder.size_limit(MAX_COMPILED_BYTES).dfa_size_limit(MAX_COMPILED_BYTES).nest_limit(MAX_NESTING);
        builder.case_insensitive(self.ignore_case).build().map_err(refusal)
    }

    /// For files, whose lines need not be UTF-8.
    ///
    /// # Errors
    /// What is wrong with it, in words for the caller.
    pub fn over_bytes(&self) -> Result<bytes::Regex, String> {
        let mut builder = bytes::RegexBuilder::new(&self.source);
        builder.size_limit(MAX_COMPILED_BYTES).dfa_size_limit(MAX_COMPILED_BYTES).nest_limit(MAX_NESTING);
        builder.case_insensitive(self.ignore_case).build().map_err(refusal)
    }
}

fn refusal(error: Error) -> String {
    match error {
        Error::CompiledTooBig(limit) => format!(
            "`pattern` compiles to more than {limit} bytes: use smaller repetitions, such as `\\d+` for `\\d{{1,1000}}`"
        ),
        error => format!(
            "`pattern` is not a regular expression (a backslash takes a character as it stands, as in `\\(`): {error}"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[track_caller]
    fn check(pattern: &str, flags: [bool; 2], text: &str, matches: bool) {
        let pattern = Pattern::new(pattern, Some(flags[0]), Some(flags[1]));
        assert_eq!(pattern.over_text().expect("a pattern").is_match(text), matches);
        assert_eq!(pattern.over_bytes().expect("a pattern").is_match(text.as_bytes()), matches);
    }

    #[test]
    fn patterns_match_as_their_flags_say() {
        check("a.c", [false, false], "abc", true);
        check("a.c", [true, false], "abc", false);
        check("a.c", [true, true], "A.C", true);
        check("É", [false, true], "é", true);
        check("É", [false, false], "é", false);
    }

    #[track_caller]
    fn check_refused(pattern: &str, expected: &str) {
        let pattern = Pattern::new(pattern, None, None);
        let errors = [pattern.over_text().map(drop), pattern.over_bytes().map(drop)].map(|it| it.expect_err("refused"));
        assert!(errors.iter().all(|error| error.contains(expected)), "{errors:?}");
    }

    #[test]
    fn bad_patterns_are_refused_with_a_way_out() {
        check_refused("a(", "a backslash takes");
        check_refused(r"(\w{1000}){1000}", "smaller repetitions");
        check_refused(&"(".repeat(100_000), "not a regular expression");
        check_refused(&format!("{}a{}", "(".repeat(200), ")".repeat(200)), "not a regular expression");
    }
}
