//! Counting the lines of a large file by key.

use crate::{
    error::cannot,
    files::{Condition, Group, Summary, Tallied, Test},
    lines::{Lines, shown},
    list::number,
    mounts, read,
};
use regex::bytes::{CaptureLocations, Regex};
use std::{cmp::Reverse, collections::BTreeMap};

const DEFAULT_LIMIT: u32 = 100;
const MAX_KEYS: usize = 100_000;
const MAX_KEY_BYTES: usize = 16 << 20;

pub(crate) fn tally(
    path: &str,
    pattern: &Regex,
    group_by: &[String],
    conditions: &[Condition],
    measure: Option<&str>,
    limit: Option<u32>,
) -> Result<Tallied, String> {
    let plan = Plan::new(pattern, group_by, conditions, measure)?;
    let path = mounts::locate(path)?;
    let mut lines = Lines::new(read::open(&path)?.0);
    let mut groups = Groups::default();
    let mut tally =
        Tallied { groups: Vec::new(), total_groups: 0, lines: 0, counted: 0, unmatched: 0, unmatched_sample: None };
    let mut places = pattern.capture_locations();
    while let Some((number, text)) = lines.next().map_err(cannot("read", &path))? {
        tally.lines = number;
        if pattern.captures_read(&mut places, text).is_none() {
            tally.unmatched += 1;
            tally.unmatched_sample.get_or_insert_with(|| shown(text));
            continue;
        }
        let line = Line { number, text, places: &places };
        if plan.wants(&line) {
            tally.counted += 1;
            groups.add(&plan, &line)?;
        }
    }
    tally.total_groups = number(groups.by_key.len());
    tally.groups = groups.by_key.into_values().collect();
    // By key they are already, and sorting keeps that among equals.
    tally.groups.sort_by_key(|group| Reverse(group.count));
    tally.groups.truncate(limit.unwrap_or(DEFAULT_LIMIT) as usize);
    Ok(tally)
}

/// A line that matched.
struct Line<'a> {
    number: u64,
    text: &'a [u8],
    places: &'a CaptureLocations,
}

impl<'a> Line<'a> {
    /// What a group matched; nothing where it took no part.
    fn group(&self, group: usize) -> &'a [u8] {
        self.places.get(group).map_or(&[], |(start, end)| &self.text[start..end])
    }
}

/// The caller's wishes, with groups by number instead of by name.
struct Plan<'a> {
    key: Vec<usize>,
    conditions: Vec<(usize, &'a Test)>,
    measure: Option<usize>,
}

impl<'a> Plan<'a> {
    fn new(
        pattern: &Regex,
        group_by: &[String],
        conditions: &'a [Condition],
        measure: Option<&str>,
    ) -> Result<Self, String> {
        let group = |parameter: &str, name: &str| {
            pattern.capture_names().position(|known| known == Some(name)).ok_or_else(|| {
                let known: Vec<_> = pattern.capture_names().flatten().collect();
                let known = if known.is_empty() { "none; write `(?<name>…)`".to_owned() } else { known.join(", ") };
                format!(
                    "`{parameter}` names the group {name}, which `pattern` does not have; its named groups: {known}"
                )
            })
        };
        let conditions = conditions.iter().map(|it| Ok((group("conditions", &it.group)?, &it.test)));
        Ok(Self {
            key: group_by.iter().map(|name| group("group_by", name)).collect::<Result<_, _>>()?,
            conditions: conditions.collect::<Result<_, String>>()?,
            measure: measure.map(|name| group("measure", name)).transpose()?,
        })
    }

    fn wants(&self, line: &Line<'_>) -> bool {
        self.conditions.iter().all(|(group, test)| holds(test, line.group(*group)))
    }
}

fn holds(test: &Test, text: &[u8]) -> bool {
    match test {
        Test::Is(wanted) => text == wanted.as_bytes(),
        Test::IsNot(unwanted) => text != unwanted.as_bytes(),
        Test::Contains(part) => String::from_utf8_lossy(text).contains(part.as_str()),
        Test::AtLeast(least) => as_number(text).is_some_and(|number| number >= *least),
        Test::AtMost(most) => as_number(text).is_some_and(|number| number <= *most),
    }
}

fn as_number(text: &[u8]) -> Option<f64> {
    let number: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    // `nan` and `inf` are words in a log.
    number.is_finite().then_some(number)
}

#[derive(Default)]
struct Groups {
    by_key: BTreeMap<Vec<Vec<u8>>, Group>,
    /// What all keys take.
    bytes: usize,
    /// The key of the line at hand, kept for its memory.
    key: Vec<Vec<u8>>,
}

impl Groups {
    fn add(&mut self, plan: &Plan<'_>, line: &Line<'_>) -> Result<(), String> {
        self.key.resize_with(plan.key.len(), Vec::new);
        for (part, &group) in self.key.iter_mut().zip(&plan.key) {
            part.clear();
            part.extend_from_slice(line.group(group));
        }
        let measured = plan.measure.and_then(|group| as_number(line.group(group)));
        if let Some(group) = self.by_key.get_mut(&self.key) {
            group.count += 1;
            group.last_line = line.number;
            measure(&mut group.measured, measured);
            return Ok(());
        }
        self.bytes += self.key.iter().map(Vec::len).sum::<usize>();
        if self.by_key.len() >= MAX_KEYS || self.bytes > MAX_KEY_BYTES {
            return Err(format!(
                "over {MAX_KEYS} different keys, or {MAX_KEY_BYTES} bytes of them, by line {}: name fewer groups in `group_by`, match shorter ones, or add `conditions`",
                line.number
            ));
        }
        let mut group = Group {
            key: self.key.iter().map(|part| String::from_utf8_lossy(part).into_owned()).collect(),
            count: 1,
            first_line: line.number,
            last_line: line.number,
            sample: shown(line.text),
            measured: None,
        };
        measure(&mut group.measured, measured);
        self.by_key.insert(self.key.clone(), group);
        Ok(())
    }
}

fn measure(summary: &mut Option<Summary>, number: Option<f64>) {
    let Some(number) = number else { return };
    let summary = summary.get_or_insert(Summary { count: 0, sum: 0.0, min: number, max: number, mean: 0.0 });
    summary.count += 1;
    summary.sum += number;
    summary.min = summary.min.min(number);
    summary.max = summary.max.max(number);
    summary.mean = summary.sum / summary.count as f64;
}

#[cfg(test)]
mod tests {
    use crate::files::{Condition, Summary, Tallied, Test, tally};
    use std::fs;

    const LOG: &str = "\
10.0.0.1 GET /a 200 10
10.0.0.2 GET /b 404 -
10.0.0.1 GET /a 500 30
garbage
10.0.0.1 POST /a 503 20
10.0.0.2 GET /c 200 5
";
    const PATTERN: &str = r"^(?<ip>\S+) (?<method>\S+) (?<path>\S+) (?<status>\d+) (?:(?<bytes>\d+)|-)$";

    fn run(
        log: &str,
        pattern: &str,
        by: &[&str],
        conditions: &[(&str, Test)],
        measure: Option<&str>,
        limit: Option<u32>,
    ) -> Result<Tallied, String> {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("access.log");
        fs::write(&path, log).expect("written");
        let conditions =
            conditions.iter().map(|(group, test)| Condition { group: (*group).into(), test: test.clone() });
        let by = by.iter().map(ToString::to_string).collect();
        tally(
            path.display().to_string(),
            pattern.into(),
            by,
            Some(conditions.collect()),
            measure.map(Into::into),
            limit,
        )
    }

    /// Groups as (key, count, first line, last line).
    #[track_caller]
    fn check(
        by: &[&str],
        conditions: &[(&str, Test)],
        limit: Option<u32>,
        expected: &[(&[&str], u64, u64, u64)],
        total: u32,
    ) {
        let found = run(LOG, PATTERN, by, conditions, None, limit).expect("tallied");
        let expected: Vec<_> = expected
            .iter()
            .map(|&(key, count, first, last)| (key.iter().map(ToString::to_string).collect(), count, first, last))
            .collect();
        let groups: Vec<_> = found
            .groups
            .iter()
            .map(|group| (group.key.clone(), group.count, group.first_line, group.last_line))
            .collect();
        assert_eq!((groups, found.total_groups), (expected, total));
        assert_eq!((found.lines, found.unmatched, found.unmatched_sample.as_deref()), (6, 1, Some("garbage")));
    }

    #[test]
    fn lines_are_counted_by_key() {
        check(&["ip"], &[], None, &[(&["10.0.0.1"], 3, 1, 5), (&["10.0.0.2"], 2, 2, 6)], 2);
        check(&["status"], &[], Some(2), &[(&["200"], 2, 1, 6), (&["404"], 1, 2, 2)], 4);
        check(&["path", "method"], &[], Some(1), &[(&["/a", "GET"], 2, 1, 3)], 4);
        check(&[], &[], None, &[(&[], 5, 1, 6)], 1);
        check(&["bytes"], &[], Some(2), &[(&[""], 1, 2, 2), (&["10"], 1, 1, 1)], 5);
    }

    #[test]
    fn conditions_choose_lines() {
        let by = ["ip"];
        check(&by, &[("status", Test::AtLeast(500.0))], None, &[(&["10.0.0.1"], 2, 3, 5)], 1);
        check(
            &by,
            &[("status", Test::AtLeast(400.0)), ("method", Test::Is("POST".into()))],
            None,
            &[(&["10.0.0.1"], 1, 5, 5)],
            1,
        );
        check(&by, &[("bytes", Test::AtMost(9.0))], None, &[(&["10.0.0.2"], 1, 6, 6)], 1);
        check(&by, &[("path", Test::IsNot("/a".into()))], None, &[(&["10.0.0.2"], 2, 2, 6)], 1);
        check(&by, &[("path", Test::Contains("b".into()))], None, &[(&["10.0.0.2"], 1, 2, 2)], 1);
        check(&by, &[("path", Test::Is("/z".into()))], None, &[], 0);
    }

    #[test]
    fn numbers_are_added_up() {
        let found = run(LOG, PATTERN, &["ip"], &[], Some("bytes"), None).expect("tallied");
        let summary = |count, sum, min, max, mean| Some(Summary { count, sum, min, max, mean });
        assert_eq!(found.groups[0].measured, summary(3, 60.0, 10.0, 30.0, 20.0));
        assert_eq!(found.groups[1].measured, summary(1, 5.0, 5.0, 5.0, 5.0));
        assert_eq!(found.groups[0].sample, "10.0.0.1 GET /a 200 10");
        let words = run("nan\ninf\n-1e2\n", "(?<n>.+)", &[], &[], Some("n"), None).expect("tallied");
        assert_eq!(words.groups[0].measured, summary(1, -100.0, -100.0, -100.0, -100.0));
    }

    #[test]
    fn keys_that_join_alike_stay_apart() {
        let found = run("ab,c\na,bc\n", "(?<x>.*),(?<y>.*)", &["x", "y"], &[], None, None).expect("tallied");
        assert_eq!(found.total_groups, 2);
    }

    #[test]
    fn bad_arguments_are_refused() {
        let check = |pattern: &str, by: &[&str], conditions: &[(&str, Test)], measure, expected: &str| {
            let error = run(LOG, pattern, by, conditions, measure, None).expect_err("refused");
            assert!(error.contains(expected), "{error}");
        };
        check("(", &[], &[], None, "`pattern` is not a regular expression");
        check(
            "(?<a>x)(?<b>y)",
            &["c"],
            &[],
            None,
            "`group_by` names the group c, which `pattern` does not have; its named groups: a, b",
        );
        check("x", &[], &[("c", Test::AtMost(1.0))], None, "`conditions` names the group c");
        check("x", &[], &[], Some("c"), "its named groups: none; write `(?<name>…)`");
    }

    #[test]
    fn keys_are_bounded() {
        let log = |lines: u32| (0..lines).map(|line| format!("{line}\n")).collect::<String>();
        assert_eq!(
            run(&log(100_000), "(?<n>.+)", &["n"], &[], None, Some(1)).map(|found| found.total_groups),
            Ok(100_000)
        );
        let error = run(&log(100_001), "(?<n>.+)", &["n"], &[], None, None).expect_err("too many");
        assert!(error.contains("by line 100001: name fewer groups in `group_by`"), "{error}");
        let wide: String = (0..300).map(|line| format!("{line:060000}\n")).collect();
        let error = run(&wide, "(?<n>.+)", &["n"], &[], None, None).expect_err("too large");
        assert!(error.contains("by line 280:"), "{error}");
    }
}
