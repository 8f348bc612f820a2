//! Lines of text as rows.

use crate::{data::Parsed, infer};
use regex::RegexBuilder;
use serde_json::{Map, Value};

const DEFAULT_MAX: u32 = 10_000;

/// What one compiled pattern, and its cache, may take.
const MAX_COMPILED_BYTES: usize = 4 << 20;

/// How deep groups may nest: the parser's stack is the guest's.
const MAX_NESTING: u32 = 100;

pub(crate) fn parse(input: &str, pattern: &str, infer_types: bool, max: Option<u32>) -> Result<Parsed, String> {
    let pattern = RegexBuilder::new(pattern)
        .size_limit(MAX_COMPILED_BYTES)
        .dfa_size_limit(MAX_COMPILED_BYTES)
        .nest_limit(MAX_NESTING)
        .build()
        .map_err(|error| format!("`pattern` is not a regular expression: {error}"))?;
    let names: Vec<_> = pattern.capture_names().flatten().collect();
    if names.is_empty() {
        return Err("`pattern` has no named group: write `(?<name>…)` around what is to become a field".to_owned());
    }
    let max = max.unwrap_or(DEFAULT_MAX);
    let mut parsed = Parsed { rows: String::new(), matched: 0, unmatched: 0, unmatched_sample: None };
    let mut rows = Vec::new();
    for line in input.lines().filter(|line| !line.is_empty()) {
        let Some(found) = pattern.captures(line) else {
            parsed.unmatched += 1;
            parsed.unmatched_sample.get_or_insert_with(|| line.to_owned());
            continue;
        };
        if parsed.matched >= max {
            return Err(format!(
                "more than {max} lines match: raise `max`, or give fewer lines; `files.tally` counts lines of any number"
            ));
        }
        parsed.matched += 1;
        let field = |name: &&str| {
            let value = found.name(name).map_or(Value::Null, |field| infer::value(field.as_str(), infer_types));
            ((*name).to_owned(), value)
        };
        rows.push(Value::Object(names.iter().map(field).collect::<Map<_, _>>()));
    }
    parsed.rows = Value::Array(rows).to_string();
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    use crate::data::{Parsed, parse_lines};

    const PATTERN: &str = r"^(?<level>\w+): (?<text>.*?)(?: \((?<ms>\d+)\))?$";

    #[test]
    fn lines_become_rows() {
        let check = |infer_types, rows: &str| {
            let input = "info: a \"b\" (12)\r\n\n  at x\nwarn: c\n  at y\n";
            let found = parse_lines(input.into(), PATTERN.into(), Some(infer_types), Some(2));
            let unmatched_sample = Some("  at x".to_owned());
            assert_eq!(found, Ok(Parsed { rows: rows.into(), matched: 2, unmatched: 2, unmatched_sample }));
        };
        check(true, r#"[{"level":"info","text":"a \"b\"","ms":12},{"level":"warn","text":"c","ms":null}]"#);
        check(false, r#"[{"level":"info","text":"a \"b\"","ms":"12"},{"level":"warn","text":"c","ms":null}]"#);
        let none = Parsed { rows: "[]".into(), matched: 0, unmatched: 0, unmatched_sample: None };
        assert_eq!(parse_lines(String::new(), PATTERN.into(), None, None), Ok(none));
    }

    #[track_caller]
    fn check_refused(pattern: &str, max: Option<u32>, expected: &str) {
        let error = parse_lines("a\nb\n".into(), pattern.into(), None, max).expect_err("refused");
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn bad_arguments_are_refused() {
        check_refused("(", None, "`pattern` is not a regular expression");
        check_refused(r"(?<a>\w{1000}){1000}", None, "`pattern` is not a regular expression");
        check_refused("(a)", None, "`pattern` has no named group");
        check_refused("(?<a>.)", Some(1), "more than 1 lines match: raise `max`");
    }
}
