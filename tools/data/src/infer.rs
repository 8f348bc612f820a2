//! Fields of text as JSON values.

use serde_json::{Number, Value};

/// A field as it stands or, if asked for, as the number or truth value that it spells.
pub(crate) fn value(field: &str, infer_types: bool) -> Value {
    let inferred = if infer_types { inferred(field) } else { None };
    inferred.unwrap_or_else(|| Value::String(field.to_owned()))
}

fn inferred(field: &str) -> Option<Value> {
    match field {
        "true" => Some(Value::Bool(true)),
        "false" => Some(Value::Bool(false)),
        _ if field.starts_with(|first: char| first == '-' || first.is_ascii_digit()) => {
            let number: Number = serde_json::from_str(field).ok()?;
            // A whole number that is too large to be exact, such as an id, stays as it is written.
            let exact = !number.is_f64() || field.contains(['.', 'e', 'E']);
            exact.then_some(Value::Number(number))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::value;
    use serde_json::{Value, json};

    #[track_caller]
    fn check(field: &str, expected: Value) {
        assert_eq!(value(field, true), expected);
        assert_eq!(value(field, false), json!(field));
    }

    #[test]
    fn fields_that_look_like_json_are_taken_as_such() {
        check("12", json!(12));
        check("-1.50", json!(-1.5));
        check("1e3", json!(1000.0));
        check("true", json!(true));
        check("18446744073709551615", json!(u64::MAX));
        for text in ["", "007", "+1", "1_000", "0x10", "NaN", "1e999", "True", "null", " 1", "123456789012345678901"] {
            check(text, json!(text));
        }
    }
}
