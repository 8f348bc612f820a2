//! Paths into values.

use serde_json::Value;

/// The way from a value to a part of it.
#[derive(Debug)]
pub(crate) struct Path(Vec<String>);

impl Path {
    /// Reads `a.b.0`, `.` or `/a/b/0`; `parameter` is what an error calls it.
    pub(crate) fn parse(parameter: &str, text: &str) -> Result<Self, String> {
        if let Some(pointer) = text.strip_prefix('/') {
            return Ok(Self(pointer.split('/').map(|part| part.replace("~1", "/").replace("~0", "~")).collect()));
        }
        if text == "." {
            return Ok(Self(Vec::new()));
        }
        let text = text.strip_prefix('.').unwrap_or(text);
        let parts: Vec<_> = text.split('.').map(str::to_owned).collect();
        if parts.iter().any(String::is_empty) {
            return Err(format!(
                "`{parameter}` has the path {text:?} with an empty part: write `a.b.0`, `.` for the item itself, or a JSON pointer such as `/a.b/0`"
            ));
        }
        Ok(Self(parts))
    }

    /// The part of a value; null where there is none.
    pub(crate) fn of<'a>(&self, value: &'a Value) -> &'a Value {
        const NOTHING: &Value = &Value::Null;
        self.0.iter().fold(value, |value, part| {
            let found = match value {
                Value::Object(object) => object.get(part),
                Value::Array(items) => part.parse().ok().and_then(|index: usize| items.get(index)),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
            };
            found.unwrap_or(NOTHING)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Path;
    use serde_json::{Value, json};

    #[track_caller]
    fn check(path: &str, expected: Value) {
        let value = json!({"a": {"b": [1, {"c": 2}], "x.y": 3, "s/t~": 4}, "0": 5});
        let found = Path::parse("by", path).map(|path| path.of(&value).clone());
        assert_eq!(found, Ok(expected));
    }

    #[test]
    fn paths_lead_to_parts() {
        check("a.b.0", json!(1));
        check(".a.b.1.c", json!(2));
        check("0", json!(5));
        check("/a/x.y", json!(3));
        check("/a/s~1t~0", json!(4));
        check("a.b.9", json!(null));
        check("a.b.-1", json!(null));
        check("a.z.z", json!(null));
        check("0.a", json!(null));
        let value = json!("itself");
        assert_eq!(Path::parse("by", ".").map(|path| path.of(&value).clone()), Ok(value));
    }

    #[test]
    fn empty_parts_are_refused() {
        for path in ["", "a..b", "a.", ".."] {
            assert!(Path::parse("by", path).expect_err("refused").contains("empty part"), "{path}");
        }
    }
}
