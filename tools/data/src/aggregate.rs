//! Groups of items, and what is computed of them.

use crate::{
    data::{Format, Measure, Operation},
    format::{items, to_json},
    order::compare,
    path::Path,
};
use serde_json::{Map, Number, Value};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

const COUNT: &str = "count";

pub(crate) fn group(
    input: &str,
    by: &[String],
    measures: &[Measure],
    format: Option<Format>,
    limit: Option<u32>,
) -> Result<String, String> {
    if by.is_empty() {
        return Err("`by` is empty: give at least one path, or use `aggregate` for all items together".to_owned());
    }
    let keys = by.iter().map(|path| Path::parse("by", path)).collect::<Result<Vec<_>, _>>()?;
    let columns = columns(measures)?;
    check_names(by.iter().map(String::as_str), &columns)?;
    let items = items(input, format)?;
    let mut groups: BTreeMap<String, Group<'_>> = BTreeMap::new();
    for item in &items {
        let key: Vec<_> = keys.iter().map(|path| path.of(item)).collect();
        let text = key.iter().map(|part| format!("{part}\n")).collect();
        groups.entry(text).or_insert_with(|| Group::new(key, &columns)).add(item, &columns);
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_by(|a, b| {
        let by_key = || a.key.iter().zip(&b.key).map(|(a, b)| compare(a, b)).find(|order| order.is_ne());
        Reverse(a.count).cmp(&Reverse(b.count)).then_with(|| by_key().unwrap_or(std::cmp::Ordering::Equal))
    });
    groups.truncate(limit.map_or(usize::MAX, |limit| limit as usize));
    let rows = groups.into_iter().map(|group| {
        let mut row: Map<_, _> = by.iter().cloned().zip(group.key.iter().map(|&part| part.clone())).collect();
        group.write(&columns, &mut row);
        Value::Object(row)
    });
    Ok(to_json(&rows.collect()))
}

pub(crate) fn aggregate(input: &str, measures: &[Measure], format: Option<Format>) -> Result<String, String> {
    let columns = columns(measures)?;
    check_names(std::iter::empty(), &columns)?;
    let items = items(input, format)?;
    let mut all = Group::new(Vec::new(), &columns);
    for item in &items {
        all.add(item, &columns);
    }
    let mut row = Map::new();
    all.write(&columns, &mut row);
    Ok(to_json(&Value::Object(row)))
}

/// A measure, ready to be taken.
struct Column {
    name: String,
    path: Path,
    operation: Operation,
}

fn columns(measures: &[Measure]) -> Result<Vec<Column>, String> {
    let column = |measure: &Measure| {
        let Measure { operation, path, name } = measure;
        let name = name.clone().unwrap_or_else(|| format!("{}_{path}", operation_name(*operation)));
        Ok(Column { name, path: Path::parse("measures", path)?, operation: *operation })
    };
    measures.iter().map(column).collect()
}

fn check_names<'a>(keys: impl Iterator<Item = &'a str>, columns: &'a [Column]) -> Result<(), String> {
    let mut seen = BTreeSet::from([COUNT]);
    match keys.chain(columns.iter().map(|column| column.name.as_str())).find(|name| !seen.insert(name)) {
        Some(name) => Err(format!("two columns of the result have the name {name:?}: give the measure another `name`")),
        None => Ok(()),
    }
}

fn operation_name(operation: Operation) -> &'static str {
    match operation {
        Operation::Count => "count",
        Operation::Sum => "sum",
        Operation::Min => "min",
        Operation::Max => "max",
        Operation::Mean => "mean",
        Operation::Distinct => "distinct",
    }
}

struct Group<'a> {
    key: Vec<&'a Value>,
    count: u64,
    states: Vec<State<'a>>,
}

/// What is known of the values so far.
enum State<'a> {
    Count(u64),
    Sum { sum: f64, numbers: u64 },
    Extreme(Option<&'a Value>),
    Distinct(BTreeSet<String>),
}

impl<'a> Group<'a> {
    fn new(key: Vec<&'a Value>, columns: &[Column]) -> Self {
        let state = |column: &Column| match column.operation {
            Operation::Count => State::Count(0),
            Operation::Sum | Operation::Mean => State::Sum { sum: 0.0, numbers: 0 },
            Operation::Min | Operation::Max => State::Extreme(None),
            Operation::Distinct => State::Distinct(BTreeSet::new()),
        };
        Self { key, count: 0, states: columns.iter().map(state).collect() }
    }

    fn add(&mut self, item: &'a Value, columns: &[Column]) {
        self.count += 1;
        for (state, column) in self.states.iter_mut().zip(columns) {
            let value = column.path.of(item);
            if value.is_null() {
                continue;
            }
            match state {
                State::Count(count) => *count += 1,
                State::Sum { sum, numbers } => {
                    if let Some(number) = value.as_f64() {
                        *sum += number;
                        *numbers += 1;
                    }
                }
                State::Extreme(extreme) => {
                    let order = extreme.map(|extreme| compare(value, extreme));
                    let wanted = if column.operation == Operation::Min {
                        order.is_none_or(|o| o.is_lt())
                    } else {
                        order.is_none_or(|o| o.is_gt())
                    };
                    if wanted {
                        *extreme = Some(value);
                    }
                }
                State::Distinct(seen) => {
                    seen.insert(value.to_string());
                }
            }
        }
    }

    fn write(self, columns: &[Column], row: &mut Map<String, Value>) {
        row.insert(COUNT.to_owned(), self.count.into());
        for (state, column) in self.states.into_iter().zip(columns) {
            let value = match state {
                State::Count(count) => count.into(),
                State::Sum { numbers: 0, .. } if column.operation == Operation::Mean => Value::Null,
                State::Sum { sum, numbers } if column.operation == Operation::Mean => number(sum / numbers as f64),
                State::Sum { sum, .. } => number(sum),
                State::Extreme(extreme) => extreme.cloned().unwrap_or_default(),
                State::Distinct(seen) => seen.len().into(),
            };
            row.insert(column.name.clone(), value);
        }
    }
}

/// A number, without `.0` where it is whole and exact; null for what JSON cannot say.
fn number(number: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= EXACT {
        return Value::from(number as i64);
    }
    Number::from_f64(number).map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests {
    use crate::data::{Format, Measure, Operation, aggregate, group};

    const ITEMS: &str = r#"[
        {"status": 200, "user": {"id": "b"}, "bytes": 10},
        {"status": 500, "user": {"id": "a"}, "bytes": 1.5},
        {"status": 200, "user": {"id": "b"}, "bytes": 30},
        {"status": 404, "bytes": "none"},
        {"user": {"id": "a"}, "bytes": null}
    ]"#;

    fn measure(operation: Operation, path: &str) -> Measure {
        Measure { operation, path: path.into(), name: None }
    }

    #[track_caller]
    fn check(found: Result<String, String>, expected: Result<&str, &str>) {
        match (found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected),
            (Err(error), Err(expected)) => assert!(error.contains(expected), "{error}"),
            (found, _) => panic!("{found:?}"),
        }
    }

    #[track_caller]
    fn check_group(by: &[&str], measures: &[Measure], limit: Option<u32>, expected: Result<&str, &str>) {
        let by = by.iter().map(ToString::to_string).collect();
        check(group(ITEMS.into(), by, Some(measures.to_vec()), None, limit), expected);
    }

    #[test]
    fn items_are_grouped() {
        let counts =
            r#"[{"status":200,"count":2},{"status":null,"count":1},{"status":404,"count":1},{"status":500,"count":1}]"#;
        check_group(&["status"], &[], None, Ok(counts));
        let sums = r#"[{"user.id":"a","count":2,"sum_bytes":1.5},{"user.id":"b","count":2,"sum_bytes":40}]"#;
        check_group(&["user.id"], &[measure(Operation::Sum, "bytes")], Some(2), Ok(sums));
        let two = r#"[{"status":200,"user.id":"b","count":2}]"#;
        check_group(&["status", "user.id"], &[], Some(1), Ok(two));
        check_group(&[], &[], None, Err("`by` is empty"));
        check_group(&["count"], &[], None, Err("two columns of the result have the name \"count\""));
        check_group(&["sum_a"], &[measure(Operation::Sum, "a")], None, Err("have the name \"sum_a\""));
        check_group(&["a."], &[], None, Err("`by` has the path"));
        check(group("7".into(), vec!["a".into()], None, None, None), Err("an array is expected, not a number"));
        let csv = group("a\nx\nx\n".into(), vec!["a".into()], None, Some(Format::Csv), None);
        check(csv, Ok(r#"[{"a":"x","count":2}]"#));
    }

    #[track_caller]
    fn check_measure(operation: Operation, path: &str, expected: &str) {
        let measure = Measure { operation, path: path.into(), name: Some("it".into()) };
        check(aggregate(ITEMS.into(), vec![measure], None), Ok(&format!("{{\"count\":5,\"it\":{expected}}}")));
    }

    #[test]
    fn measures_are_computed() {
        check_measure(Operation::Count, "bytes", "4");
        check_measure(Operation::Sum, "bytes", "41.5");
        check_measure(Operation::Sum, "status", "1304");
        check_measure(Operation::Sum, "none", "0");
        check_measure(Operation::Mean, "status", "326");
        check_measure(Operation::Mean, "none", "null");
        check_measure(Operation::Min, "bytes", "1.5");
        check_measure(Operation::Max, "bytes", "\"none\"");
        check_measure(Operation::Max, "user.id", "\"b\"");
        check_measure(Operation::Min, "none", "null");
        check_measure(Operation::Distinct, "status", "3");
        check(aggregate("[]".into(), vec![], None), Ok(r#"{"count":0}"#));
        check(
            aggregate("[1e308,1e308]".into(), vec![measure(Operation::Sum, ".")], None),
            Ok(r#"{"count":2,"sum_.":null}"#),
        );
        check(aggregate("[]".into(), vec![measure(Operation::Sum, "a.")], None), Err("`measures` has the path"));
    }
}
