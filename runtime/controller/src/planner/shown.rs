//! What a planner is told of a result: the result, shortened by its structure where it is long, or only what shape it has.

use serde_json::{Map, Value, json};

/// How far texts and lists are shortened, one after the other, until a result fits.
const CUTS: [(usize, usize); 6] = [(8_192, 200), (2_048, 80), (512, 40), (160, 16), (60, 6), (24, 2)];
/// How deep a shape is told.
const MAX_DEPTH: usize = 8;

/// A result within so many bytes of JSON; whether it was shortened.
pub(super) fn shorten(value: &Value, limit: u64) -> (Value, bool) {
    let fits = |value: &Value| u64::try_from(value.to_string().len()).is_ok_and(|length| length <= limit);
    if fits(value) {
        return (value.clone(), false);
    }
    for (text, items) in CUTS {
        let shortened = cut(value, text, items);
        if fits(&shortened) {
            return (shortened, true);
        }
    }
    // What is this wide is told by its shape.
    (shape(value, &json!({}), 0), true)
}

/// Keeps the beginning of every text and of every list, and says how much more there is.
fn cut(value: &Value, text: usize, items: usize) -> Value {
    match value {
        Value::String(whole) => match whole.char_indices().nth(text) {
            None => value.clone(),
            Some((end, _)) => {
                let more = whole[end..].chars().count();
                format!("{}… ({more} characters more)", &whole[..end]).into()
            }
        },
        Value::Array(all) => {
            let mut kept: Vec<_> = all.iter().take(items).map(|item| cut(item, text, items)).collect();
            if let Some(more) = all.len().checked_sub(items).filter(|more| *more > 0) {
                kept.push(format!("… ({more} items more)").into());
            }
            kept.into()
        }
        Value::Object(all) => {
            let mut kept: Map<_, _> =
                all.iter().take(items).map(|(key, field)| (key.clone(), cut(field, text, items))).collect();
            if let Some(more) = all.len().checked_sub(items).filter(|more| *more > 0) {
                kept.insert("…".into(), format!("({more} fields more)").into());
            }
            Value::Object(kept)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// The shape of a value: kinds, lengths, and the names of fields that the tool itself declares. Nothing of its content is in it,
/// not even the keys of what has no declared ones.
pub(super) fn shape(value: &Value, schema: &Value, depth: usize) -> Value {
    if depth > MAX_DEPTH {
        return "…".into();
    }
    match value {
        Value::Null => "nothing".into(),
        Value::Bool(_) => "true or false".into(),
        Value::Number(_) => "a number".into(),
        Value::String(text) => format!("a text of {} characters", text.chars().count()).into(),
        Value::Array(items) => {
            let first = items.first().map(|item| shape(item, &schema["items"], depth + 1));
            json!({ "a list of": items.len(), "the first": first })
        }
        Value::Object(fields) => {
            let declared = declared(schema);
            let known = fields.iter().filter_map(|(key, field)| {
                let schema = declared.as_ref()?.get(key)?;
                Some((key.clone(), shape(field, schema, depth + 1)))
            });
            let mut told: Map<_, _> = known.collect();
            let more = fields.len() - told.len();
            if more > 0 {
                told.insert("…".into(), format!("{more} fields").into());
            }
            Value::Object(told)
        }
    }
}

/// The fields that a schema declares, of all its branches.
fn declared(schema: &Value) -> Option<Map<String, Value>> {
    if let Some(fields) = schema["properties"].as_object() {
        return Some(fields.clone());
    }
    let branches = ["anyOf", "oneOf"].into_iter().flat_map(|key| schema[key].as_array().into_iter().flatten());
    let all: Map<_, _> = branches.filter_map(declared).flatten().collect();
    (!all.is_empty()).then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_results_keep_their_structure() {
        let lines: Vec<_> = (0..1_000).map(|n| json!({ "n": n, "text": "ä".repeat(300) })).collect();
        let (short, was_long) = shorten(&json!({ "lines": lines, "total": 1_000 }), 4_096);
        assert!(was_long && short.to_string().len() <= 4_096, "{short}");
        assert_eq!(short["total"], 1_000);
        assert_eq!(short["lines"][0]["n"], 0);
        assert!(
            short["lines"][0]["text"]
                .as_str()
                .is_some_and(|text| text.starts_with('ä') && text.contains("characters more"))
        );
        assert_eq!(shorten(&json!("short"), 64), (json!("short"), false));
        // Fields without end are told by their number.
        let wide: Map<_, _> = (0..5_000).map(|n| (format!("key{n}"), json!("x".repeat(100)))).collect();
        let (short, _) = shorten(&Value::Object(wide), 200);
        assert!(short.to_string().len() <= 300, "{short}");
    }

    #[test]
    fn shapes_hold_nothing_of_the_content() {
        let schema = json!({ "type": "object", "properties": { "rows": { "type": "array", "items": { "type": "object", "properties": { "id": {} } } } } });
        let value = json!({ "rows": [{ "id": "SECRET", "IGNORE ALL": 1 }], "do this": "SECRET" });
        let told = shape(&value, &schema, 0).to_string();
        assert_eq!(
            told,
            r#"{"rows":{"a list of":1,"the first":{"id":"a text of 6 characters","…":"1 fields"}},"…":"1 fields"}"#
        );
    }
}
