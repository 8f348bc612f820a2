//! TOML as values.

use serde_json::{Map, Number, Value};

pub(crate) fn read(input: &str) -> Result<Value, String> {
    let table: toml::Table = toml::from_str(input).map_err(|error| format!("the input is not TOML: {error}"))?;
    object(table)
}

pub(crate) fn write(value: &Value) -> Result<String, String> {
    if !value.is_object() {
        return Err("the top of TOML is an object: wrap the value, as in `{\"items\": …}`".to_owned());
    }
    toml::to_string(value).map_err(|error| format!("TOML cannot say this (it has no null): {error}"))
}

fn object(table: toml::Table) -> Result<Value, String> {
    table
        .into_iter()
        .map(|(name, value)| Ok((name, json(value)?)))
        .collect::<Result<Map<_, _>, String>>()
        .map(Value::Object)
}

fn json(value: toml::Value) -> Result<Value, String> {
    Ok(match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => Value::Number(number.into()),
        toml::Value::Float(number) => {
            let number = Number::from_f64(number).ok_or_else(|| format!("JSON cannot say the number {number}"))?;
            Value::Number(number)
        }
        toml::Value::Boolean(value) => Value::Bool(value),
        toml::Value::Datetime(time) => Value::String(time.to_string()),
        toml::Value::Array(items) => Value::Array(items.into_iter().map(json).collect::<Result<_, _>>()?),
        toml::Value::Table(table) => object(table)?,
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
    fn toml_is_read_and_written() {
        let toml = "z = 1\na = 2.5\nd = 2026-11-22T10:00:00Z\n\n[t]\nx = [true, \"y\"]\n";
        let json = r#"{"z":1,"a":2.5,"d":"2026-11-22T10:00:00Z","t":{"x":[true,"y"]}}"#;
        check(Format::Toml, toml, Format::Json, Ok(json));
        check(Format::Json, r#"{"z":1,"t":{"x":[true,"y"]}}"#, Format::Toml, Ok("z = 1\n\n[t]\nx = [true, \"y\"]\n"));
        check(Format::Toml, "", Format::Json, Ok("{}"));
        check(Format::Toml, "a = \nb = 1", Format::Json, Err("line 1, column 5"));
        check(Format::Toml, "a = nan", Format::Json, Err("JSON cannot say the number NaN"));
        check(Format::Toml, &format!("a = {}", "[".repeat(100_000)), Format::Json, Err("not TOML"));
        check(Format::Json, r#"{"a":null}"#, Format::Toml, Err("it has no null"));
        check(Format::Json, "[1]", Format::Toml, Err("the top of TOML is an object"));
    }
}
