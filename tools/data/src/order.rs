//! The order of values, and sorting by it.

use crate::{
    data::{Format, SortKey},
    format::{items, to_json},
    path::Path,
};
use serde_json::Value;
use std::cmp::Ordering;

pub(crate) fn sort(input: &str, by: &[SortKey], format: Option<Format>, limit: Option<u32>) -> Result<String, String> {
    if by.is_empty() {
        return Err(
            "`by` is empty: give at least one key, such as `{\"path\": \".\"}` for the items themselves".to_owned()
        );
    }
    let keys = by.iter().map(|key| Ok((Path::parse("by", &key.path)?, key.descending.unwrap_or(false))));
    let keys: Vec<_> = keys.collect::<Result<_, String>>()?;
    let mut items = items(input, format)?;
    items.sort_by(|a, b| {
        let compare = |(path, descending): &(Path, bool)| {
            let order = compare(path.of(a), path.of(b));
            if *descending { order.reverse() } else { order }
        };
        keys.iter().map(compare).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    });
    items.truncate(limit.map_or(usize::MAX, |limit| limit as usize));
    Ok(to_json(&Value::Array(items)))
}

/// jq's order: by kind, and then within the kind. Objects go by their sorted names, and then by their values.
pub(crate) fn compare(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => match (a.as_i64(), b.as_i64()) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => a.as_f64().partial_cmp(&b.as_f64()).unwrap_or(Ordering::Equal),
        },
        (Value::String(a), Value::String(b)) => a.cmp(b),
        (Value::Array(a), Value::Array(b)) => all(a.iter(), b.iter(), compare),
        (Value::Object(a), Value::Object(b)) => {
            let (a_names, b_names) = (names(a), names(b));
            let by_value = |name: &&String, other: &&String| compare(&a[*name], &b[*other]);
            a_names.cmp(&b_names).then_with(|| all(a_names.iter(), b_names.iter(), by_value))
        }
        (a, b) => rank(a).cmp(&rank(b)),
    }
}

fn all<T>(a: impl Iterator<Item = T>, b: impl Iterator<Item = T>, compare: impl Fn(T, T) -> Ordering) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        match (a.next(), b.next()) {
            (Some(a), Some(b)) => match compare(a, b) {
                Ordering::Equal => {}
                order => return order,
            },
            (a, b) => return a.is_some().cmp(&b.is_some()),
        }
    }
}

fn names(object: &serde_json::Map<String, Value>) -> Vec<&String> {
    let mut names: Vec<_> = object.keys().collect();
    names.sort();
    names
}

fn rank(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(false) => 1,
        Value::Bool(true) => 2,
        Value::Number(_) => 3,
        Value::String(_) => 4,
        Value::Array(_) => 5,
        Value::Object(_) => 6,
    }
}

#[cfg(test)]
mod tests {
    use super::compare;
    use crate::data::{Format, SortKey, sort};
    use serde_json::json;
    use std::cmp::Ordering;

    #[test]
    fn values_have_an_order() {
        let ordered = [
            json!(null),
            json!(false),
            json!(true),
            json!(-2),
            json!(-1.5),
            json!(1),
            json!(9_007_199_254_740_993_i64),
            json!(u64::MAX),
            json!("A"),
            json!("a"),
            json!([]),
            json!([1]),
            json!([1, 2]),
            json!([2]),
            json!({}),
            json!({"b": 1, "a": 2}),
            json!({"a": 3, "b": 0}),
            json!({"b": 0}),
        ];
        for (i, a) in ordered.iter().enumerate() {
            for (j, b) in ordered.iter().enumerate() {
                assert_eq!(compare(a, b), i.cmp(&j), "{a} {b}");
            }
        }
        assert_eq!(compare(&json!({"a": 1, "b": 2}), &json!({"b": 2, "a": 1})), Ordering::Equal);
    }

    #[track_caller]
    fn check(
        input: &str,
        by: &[(&str, bool)],
        format: Option<Format>,
        limit: Option<u32>,
        expected: Result<&str, &str>,
    ) {
        let by = by.iter().map(|&(path, descending)| SortKey { path: path.into(), descending: Some(descending) });
        match (sort(input.into(), by.collect(), format, limit), expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected),
            (Err(error), Err(expected)) => assert!(error.contains(expected), "{error}"),
            (found, _) => panic!("{found:?}"),
        }
    }

    #[test]
    fn arrays_are_sorted() {
        check("[3,1,2]", &[(".", false)], None, None, Ok("[1,2,3]"));
        check("[3,1,2]", &[(".", true)], None, Some(2), Ok("[3,2]"));
        let items = r#"[{"n":"b","x":{"y":1}},{"n":"a","x":{"y":1}},{"n":"c"},{"n":"d","x":{"y":0}}]"#;
        let sorted = r#"[{"n":"b","x":{"y":1}},{"n":"a","x":{"y":1}},{"n":"d","x":{"y":0}},{"n":"c"}]"#;
        check(items, &[("x.y", true)], None, None, Ok(sorted));
        let sorted = r#"[{"n":"a","x":{"y":1}},{"n":"b","x":{"y":1}},{"n":"d","x":{"y":0}},{"n":"c"}]"#;
        check(items, &[("x.y", true), ("n", false)], None, None, Ok(sorted));
        check("a\n10\n9\n", &[("a", false)], Some(Format::Csv), None, Ok(r#"[{"a":9},{"a":10}]"#));
        check("[]", &[(".", false)], None, None, Ok("[]"));
        check("{}", &[(".", false)], None, None, Err("an array is expected, not an object"));
        check("[1,", &[(".", false)], None, None, Err("not JSON"));
        check("[]", &[], None, None, Err("`by` is empty"));
        check("[]", &[("a..b", false)], None, None, Err("empty part"));
    }
}
