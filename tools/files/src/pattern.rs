//! Regular expressions as callers give them, compiled within bounds.

use regex::bytes::{Regex, RegexBuilder};

/// What one compiled pattern, and its cache, may take. The crate's own default is 10 MiB; the largest patterns that people
/// write, such as unions of a few hundred words, stay below a tenth of this.
const MAX_COMPILED_BYTES: usize = 4 << 20;

/// How deep groups may nest: the parser's stack is the guest's.
const MAX_NESTING: u32 = 100;

/// Compiles a regular expression, or a literal. It matches bytes, since not every line is UTF-8.
pub(crate) fn compile(pattern: &str, literal: Option<bool>, ignore_case: Option<bool>) -> Result<Regex, String> {
    let escaped;
    let source = if literal.unwrap_or(false) {
        escaped = regex::escape(pattern);
        &escaped
    } else {
        pattern
    };
    let mut builder = RegexBuilder::new(source);
    builder.case_insensitive(ignore_case.unwrap_or(false));
    builder.size_limit(MAX_COMPILED_BYTES).dfa_size_limit(MAX_COMPILED_BYTES).nest_limit(MAX_NESTING);
    builder.build().map_err(|error| match error {
        regex::Error::CompiledTooBig(limit) => format!(
            "`pattern` compiles to more than {limit} bytes: use smaller repetitions, such as `\\d+` for `\\d{{1,1000}}`"
        ),
        error => format!("`pattern` is not a regular expression: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use super::compile;

    #[track_caller]
    fn check_refused(pattern: &str, expected: &str) {
        let error = compile(pattern, None, None).expect_err("refused");
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn bad_patterns_are_refused_with_a_way_out() {
        check_refused("a(", "not a regular expression");
        check_refused(r"(\w{1000}){1000}", "smaller repetitions");
        check_refused(&format!("{}a{}", "(".repeat(200), ")".repeat(200)), "not a regular expression");
    }
}
