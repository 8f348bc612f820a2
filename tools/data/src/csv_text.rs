//! Tables of text as values.

use crate::{
    format::{Table, expected_array},
    infer,
};
use csv::{ReaderBuilder, StringRecord, WriterBuilder};
use serde_json::{Map, Value};
use std::collections::HashSet;

/// How many cells to write: objects that have no name in common make as many columns as rows.
const MAX_CELLS: usize = 10_000_000;

pub(crate) fn read(input: &str, delimiter: u8, table: &Table) -> Result<Value, String> {
    let mut reader = ReaderBuilder::new().delimiter(delimiter).has_headers(table.header).from_reader(input.as_bytes());
    let not_rows = |error: csv::Error| format!("the input is not rows of fields: {error}");
    let names = if table.header { Some(columns(reader.headers().map_err(not_rows)?)?) } else { None };
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(not_rows)?;
        let fields = record.iter().map(|field| infer::value(field, table.infer_types));
        rows.push(match &names {
            Some(names) => Value::Object(names.iter().cloned().zip(fields).collect()),
            None => Value::Array(fields.collect()),
        });
    }
    Ok(Value::Array(rows))
}

fn columns(header: &StringRecord) -> Result<Vec<String>, String> {
    let mut seen = HashSet::new();
    match header.iter().find(|name| !seen.insert(*name)) {
        Some(twice) => {
            Err(format!("two columns have the name {twice:?}: set `header` to false to read rows as arrays"))
        }
        None => Ok(header.iter().map(str::to_owned).collect()),
    }
}

pub(crate) fn write(value: &Value, delimiter: u8, table: &Table) -> Result<String, String> {
    let Value::Array(rows) = value else { return Err(format!("for a table, {}", expected_array(value))) };
    let mut writer = WriterBuilder::new().delimiter(delimiter).flexible(true).from_writer(Vec::new());
    let names = names(rows);
    if names.len().saturating_mul(rows.len()) > MAX_CELLS {
        return Err(format!("{} rows of {} columns are over {MAX_CELLS} cells", rows.len(), names.len()));
    }
    let failed = |error: csv::Error| format!("the table could not be written: {error}");
    if table.header && !names.is_empty() {
        writer.write_record(&names).map_err(failed)?;
    }
    for (index, row) in rows.iter().enumerate() {
        let cells: Vec<_> = match row {
            Value::Object(object) => names.iter().map(|&name| object.get(name).map(cell).unwrap_or_default()).collect(),
            Value::Array(items) => items.iter().map(cell).collect(),
            other => return Err(format!("item {index} is {other}: rows of a table are objects or arrays")),
        };
        writer.write_record(cells).map_err(failed)?;
    }
    let bytes = writer.into_inner().map_err(|error| format!("the table could not be written: {error}"))?;
    String::from_utf8(bytes).map_err(|error| format!("the table could not be written: {error}"))
}

/// The names in all objects, in the order in which they first occur.
fn names(rows: &[Value]) -> Vec<&String> {
    let mut seen = HashSet::new();
    let objects = rows.iter().filter_map(Value::as_object);
    objects.flat_map(Map::keys).filter(|name| seen.insert(*name)).collect()
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use crate::data::{Format, convert};

    struct Options {
        header: bool,
        infer_types: bool,
        delimiter: char,
    }

    const USUAL: Options = Options { header: true, infer_types: true, delimiter: ',' };

    #[track_caller]
    fn check(from: Format, input: &str, to: Format, options: &Options, expected: Result<&str, &str>) {
        let Options { header, infer_types, delimiter } = *options;
        let found = convert(input.into(), from, to, Some(header), Some(infer_types), Some(delimiter), None);
        match (found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected),
            (Err(error), Err(expected)) => assert!(error.contains(expected), "{error}"),
            (found, _) => panic!("{found:?}"),
        }
    }

    #[test]
    fn tables_are_read() {
        let csv = "n,\"a b\"\r\n1,\"x, \"\"y\"\"\nz\"\r\n,true\r\n";
        check(Format::Csv, csv, Format::Json, &USUAL, Ok(r#"[{"n":1,"a b":"x, \"y\"\nz"},{"n":"","a b":true}]"#));
        let texts = Options { infer_types: false, ..USUAL };
        check(Format::Csv, "n\n1\n", Format::Json, &texts, Ok(r#"[{"n":"1"}]"#));
        check(Format::Csv, "n\n1\n", Format::Json, &Options { header: false, ..USUAL }, Ok(r#"[["n"],[1]]"#));
        check(Format::Csv, "n;m\n1;2\n", Format::Json, &Options { delimiter: ';', ..USUAL }, Ok(r#"[{"n":1,"m":2}]"#));
        check(Format::Tsv, "n\tm\n1,5\t2\n", Format::Json, &USUAL, Ok(r#"[{"n":"1,5","m":2}]"#));
        check(Format::Csv, "", Format::Json, &USUAL, Ok("[]"));
        check(Format::Csv, "a,b\n1\n", Format::Json, &USUAL, Err("record 1 (line: 2, byte: 4)"));
        check(Format::Csv, "a,a\n1,2\n", Format::Json, &USUAL, Err("two columns have the name \"a\""));
        check(Format::Csv, "a", Format::Json, &Options { delimiter: 'é', ..USUAL }, Err("`delimiter` is 'é'"));
    }

    #[test]
    fn tables_are_written() {
        let json = r#"[{"b":1,"a":"x,y"},{"a":null,"c":[1,{"d":2}]}]"#;
        check(Format::Json, json, Format::Csv, &USUAL, Ok("b,a,c\n1,\"x,y\",\n,,\"[1,{\"\"d\"\":2}]\"\n"));
        check(
            Format::Json,
            json,
            Format::Tsv,
            &Options { header: false, ..USUAL },
            Ok("1\tx,y\t\n\t\t\"[1,{\"\"d\"\":2}]\"\n"),
        );
        check(Format::Json, "[[1,\"a\"],[true]]", Format::Csv, &USUAL, Ok("1,a\ntrue\n"));
        check(Format::Json, "[]", Format::Csv, &USUAL, Ok(""));
        check(Format::Json, "[[1],2]", Format::Csv, &USUAL, Err("item 1 is 2: rows of a table are objects or arrays"));
        check(Format::Json, "{}", Format::Csv, &USUAL, Err("for a table, an array is expected"));
        let apart: Vec<_> = (0..4000).map(|n| format!("{{\"{n}\":1}}")).collect();
        check(Format::Json, &format!("[{}]", apart.join(",")), Format::Csv, &USUAL, Err("4000 rows of 4000 columns"));
    }
}
