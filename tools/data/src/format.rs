//! Formats of data, as texts and as values.

use crate::{csv_text, data::Format, toml_text};
use serde_json::Value;

/// How deep values may nest, which readers and writers follow by recursion; that of `serde_json`.
pub(crate) const MAX_DEPTH: usize = 128;

/// How tables of text are read and written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table {
    pub(crate) header: bool,
    pub(crate) infer_types: bool,
    delimiter: u8,
}

impl Default for Table {
    fn default() -> Self {
        Self { header: true, infer_types: true, delimiter: b',' }
    }
}

impl Table {
    pub(crate) fn new(
        header: Option<bool>,
        infer_types: Option<bool>,
        delimiter: Option<char>,
    ) -> Result<Self, String> {
        let default = Self::default();
        let delimiter = match delimiter {
            None => default.delimiter,
            Some(c) if c.is_ascii() && !matches!(c, '"' | '\n' | '\r') => c as u8,
            Some(c) => {
                return Err(format!("`delimiter` is {c:?}: give one ASCII character that is no quote and no line end"));
            }
        };
        Ok(Self {
            header: header.unwrap_or(default.header),
            infer_types: infer_types.unwrap_or(default.infer_types),
            delimiter,
        })
    }

    /// What separates the fields of a format.
    fn separator(&self, format: Format) -> u8 {
        if format == Format::Tsv { b'\t' } else { self.delimiter }
    }
}

pub(crate) fn read(input: &str, format: Format, table: &Table) -> Result<Value, String> {
    match format {
        Format::Json => serde_json::from_str(input).map_err(|error| format!("the input is not JSON: {error}")),
        Format::Ndjson => {
            let lines = (1..).zip(input.lines()).filter(|(_, line)| !line.trim().is_empty());
            let values = lines.map(|(number, line)| {
                serde_json::from_str(line).map_err(|error| format!("line {number} of the input is not JSON: {error}"))
            });
            values.collect::<Result<_, _>>().map(Value::Array)
        }
        Format::Yaml => read_yaml(input),
        Format::Toml => toml_text::read(input),
        Format::Csv | Format::Tsv => csv_text::read(input, table.separator(format), table),
    }
}

pub(crate) fn write(value: &Value, format: Format, table: &Table, pretty: bool) -> Result<String, String> {
    match format {
        Format::Json if pretty => Ok(format!("{value:#}")),
        Format::Json => Ok(to_json(value)),
        Format::Ndjson => {
            let Value::Array(items) = value else { return Err(format!("for `ndjson`, {}", expected_array(value))) };
            Ok(items.iter().map(|item| format!("{item}\n")).collect())
        }
        Format::Yaml => serde_saphyr::to_string(value).map_err(|error| format!("YAML cannot say this: {error}")),
        Format::Toml => toml_text::write(value),
        Format::Csv | Format::Tsv => csv_text::write(value, table.separator(format), table),
    }
}

pub(crate) fn to_json(value: &Value) -> String {
    value.to_string()
}

/// The items of an array in any format.
pub(crate) fn items(input: &str, format: Option<Format>) -> Result<Vec<Value>, String> {
    match read(input, format.unwrap_or(Format::Json), &Table::default())? {
        Value::Array(items) => Ok(items),
        other => Err(format!("{}; `query` can take one out of it", expected_array(&other))),
    }
}

pub(crate) fn expected_array(found: &Value) -> String {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    };
    format!("an array is expected, not {found}")
}

fn read_yaml(input: &str) -> Result<Value, String> {
    // The defaults bound aliases, anchors, nodes and bytes; the depth alone is our own.
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: MAX_DEPTH, flow_nesting_limit: MAX_DEPTH },
    };
    let documents: Vec<Value> = serde_saphyr::from_multiple_with_options(input, options)
        .map_err(|error| format!("the input is not YAML that JSON can say: {error}"))?;
    let mut documents = documents.into_iter();
    Ok(match (documents.next(), documents.len()) {
        (None, _) => Value::Null,
        (Some(only), 0) => only,
        (Some(first), _) => Value::Array(std::iter::once(first).chain(documents).collect()),
    })
}

#[cfg(test)]
mod tests {
    use crate::data::{Format, convert};

    #[track_caller]
    fn check(from: Format, input: &str, to: Format, expected: Result<&str, &str>) {
        match (convert(input.into(), from, to, None, None, None, None), expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected),
            (Err(error), Err(expected)) => assert!(error.contains(expected), "{error}"),
            (found, _) => panic!("{found:?}"),
        }
    }

    #[test]
    fn json_is_kept() {
        let all = r#"{"z":[1,-2.5,"a",true,null],"a":{"b":{}},"n":9007199254740993}"#;
        check(Format::Json, all, Format::Json, Ok(all));
        let pretty = convert("[1,{}]".into(), Format::Json, Format::Json, None, None, None, Some(true));
        assert_eq!(pretty.as_deref(), Ok("[\n  1,\n  {}\n]"));
        check(Format::Json, "", Format::Json, Err("not JSON: EOF"));
        check(Format::Json, "[1,\n x]", Format::Json, Err("at line 2 column 2"));
        check(Format::Json, &"[".repeat(100_000), Format::Json, Err("recursion limit"));
    }

    #[test]
    fn lines_of_json_are_an_array() {
        check(Format::Ndjson, "1\n\n{\"a\": 2}\r\n", Format::Json, Ok(r#"[1,{"a":2}]"#));
        check(Format::Ndjson, "", Format::Json, Ok("[]"));
        check(Format::Ndjson, "1\n[", Format::Json, Err("line 2 of the input is not JSON"));
        check(Format::Json, r#"[1,{"a":2}]"#, Format::Ndjson, Ok("1\n{\"a\":2}\n"));
        check(Format::Json, "{}", Format::Ndjson, Err("for `ndjson`, an array is expected, not an object"));
    }

    #[test]
    fn yaml_is_read_and_written() {
        let yaml = "z: 1\na: &x\n  - true\n  - 'no'\n  - 1.5\nb: *x\nt: |\n  two\n  lines\n";
        check(
            Format::Yaml,
            yaml,
            Format::Json,
            Ok(r#"{"z":1,"a":[true,"no",1.5],"b":[true,"no",1.5],"t":"two\nlines\n"}"#),
        );
        check(Format::Yaml, "a: 1\n---\n- 2\n", Format::Json, Ok(r#"[{"a":1},[2]]"#));
        check(Format::Yaml, "", Format::Json, Ok("null"));
        check(Format::Yaml, "a: [", Format::Json, Err("not YAML that JSON can say"));
        check(Format::Yaml, "a: 1\na: 2\n", Format::Json, Err("not YAML that JSON can say"));
        check(Format::Yaml, "a: .inf\n", Format::Json, Err("not YAML that JSON can say"));
        check(Format::Yaml, &"[".repeat(10_000), Format::Json, Err("not YAML that JSON can say"));
        let json = r#"{"z":1,"a":["no","1",null,{"x":"two\nlines"}],"e":[]}"#;
        let there = convert(json.into(), Format::Json, Format::Yaml, None, None, None, None).expect("YAML");
        check(Format::Yaml, &there, Format::Json, Ok(json));
    }

    #[test]
    fn yaml_bombs_are_refused() {
        let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
        for level in 1..12 {
            let item = format!("*a{}", level - 1);
            bomb += &format!("a{level}: &a{level} [{}]\n", [item.as_str(); 10].join(","));
        }
        check(Format::Yaml, &bomb, Format::Json, Err("not YAML that JSON can say"));
    }
}
