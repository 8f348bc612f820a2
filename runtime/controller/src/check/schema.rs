//! Comparing JSON Schemas, as far as that can be said for certain: tools' schemas say what a value will be, before there is
//! one. What cannot be said fits.

use serde_json::{Value, json};
use std::collections::BTreeSet;

/// How deep schemas are compared.
const MAX_DEPTH: usize = 24;

/// What is known of a value: the schema that it will have; `None` where it can be anything.
pub(crate) type Type = Option<Value>;

/// The type of a value that is there.
pub(crate) fn of(value: &Value) -> Value {
    match value {
        Value::Null => json!({ "type": "null" }),
        Value::Bool(_) => json!({ "type": "boolean" }),
        Value::Number(number) if number.is_f64() => json!({ "type": "number" }),
        Value::Number(_) => json!({ "type": "integer" }),
        Value::String(text) => json!({ "type": "string", "enum": [text] }),
        Value::Array(items) if items.is_empty() => json!({ "type": "array" }),
        Value::Array(items) => json!({ "type": "array", "prefixItems": items.iter().map(of).collect::<Vec<_>>() }),
        Value::Object(fields) => {
            let properties: serde_json::Map<_, _> =
                fields.iter().map(|(key, value)| (key.clone(), of(value))).collect();
            let required: Vec<_> = fields.keys().collect();
            json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
        }
    }
}

/// The kinds of values that a schema admits: `string`, `integer`, …; a number that can be whole is both.
pub(crate) fn kinds(schema: &Value) -> BTreeSet<&str> {
    const ALL: [&str; 7] = ["null", "boolean", "integer", "number", "string", "array", "object"];
    let mut found: BTreeSet<&str> = BTreeSet::new();
    match &schema["type"] {
        Value::String(kind) => drop(found.insert(kind)),
        Value::Array(many) => found.extend(many.iter().filter_map(Value::as_str)),
        _ => {
            for key in ["anyOf", "oneOf"] {
                found.extend(schema[key].as_array().into_iter().flatten().flat_map(kinds));
            }
            if let Some(values) = schema["enum"].as_array() {
                for value in values {
                    found.insert(kind_of(value));
                }
            }
        }
    }
    if found.is_empty() {
        found.extend(ALL);
    }
    found
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// The branches of a schema that can be told apart; itself where it has none.
fn branches(schema: &Value) -> Vec<&Value> {
    for key in ["anyOf", "oneOf"] {
        if let Some(all) = schema[key].as_array() {
            return all.iter().flat_map(branches).collect();
        }
    }
    vec![schema]
}

/// A schema in words.
pub(crate) fn words(schema: &Value) -> String {
    let word = |kind: &str| match kind {
        "null" => "nothing",
        "boolean" => "true or false",
        "integer" => "an integer",
        "number" => "a number",
        "string" => "a string",
        "array" => "a list",
        _ => "an object",
    };
    if let Some(values) = schema["enum"].as_array()
        && values.len() <= 12
    {
        let values: Vec<_> = values.iter().map(ToString::to_string).collect();
        return format!("one of {}", values.join(", "));
    }
    let kinds: Vec<_> = kinds(schema).into_iter().map(word).collect();
    kinds.join(" or ")
}

/// Whether some value of `found` can be one of `wanted`; where none can, what is wrong.
///
/// # Errors
/// What was expected and what will be there, with the place within the value.
pub(crate) fn fits(found: &Value, wanted: &Value) -> Result<(), String> {
    compare(found, wanted, "", 0)
}

fn compare(found: &Value, wanted: &Value, at: &str, depth: usize) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Ok(());
    }
    let (found, wanted) = (branches(found), branches(wanted));
    if found.len() > 1 || wanted.len() > 1 {
        // One pair that fits is enough: which it will be is not known.
        let mut first = None;
        for found in &found {
            for wanted in &wanted {
                match compare(found, wanted, at, depth + 1) {
                    Ok(()) => return Ok(()),
                    Err(problem) => drop(first.get_or_insert(problem)),
                }
            }
        }
        return first.map_or(Ok(()), Err);
    }
    let (found, wanted) = (found[0], wanted[0]);
    let refuse = || {
        let place = if at.is_empty() { String::new() } else { format!("at `{at}`: ") };
        Err(format!("{place}expected {}, got {}", words(wanted), words(found)))
    };
    let (have, want) = (kinds(found), kinds(wanted));
    let number = |kinds: &BTreeSet<&str>| kinds.contains("integer") || kinds.contains("number");
    if have.is_disjoint(&want) && !(number(&have) && number(&want)) {
        return refuse();
    }
    if let (Some(have), Some(want)) = (found["enum"].as_array(), wanted["enum"].as_array())
        && !have.iter().any(|value| want.contains(value))
    {
        return refuse();
    }
    if have.len() == 1 && have.contains("array") {
        for (index, item) in found["prefixItems"].as_array().into_iter().flatten().enumerate() {
            let wanted = wanted["prefixItems"].get(index).or(wanted.get("items"));
            if let Some(wanted) = wanted {
                compare(item, wanted, &format!("{at}[{index}]"), depth + 1)?;
            }
        }
        if let (Some(have), Some(want)) = (found.get("items"), wanted.get("items")) {
            compare(have, want, &format!("{at}[…]"), depth + 1)?;
        }
    }
    if have.len() == 1 && have.contains("object") && want.contains("object") {
        return objects(found, wanted, at, depth);
    }
    Ok(())
}

fn objects(found: &Value, wanted: &Value, at: &str, depth: usize) -> Result<(), String> {
    let (Some(have), Some(want)) = (found["properties"].as_object(), wanted["properties"].as_object()) else {
        return Ok(());
    };
    let place = |key: &str| if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") };
    let closed = |schema: &Value| schema["additionalProperties"] == Value::Bool(false);
    if closed(found) {
        for key in wanted["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !have.contains_key(key) {
                return Err(format!("`{}` is missing", place(key)));
            }
        }
    }
    if closed(wanted) {
        let required = |key: &String| found["required"].as_array().is_some_and(|keys| keys.iter().any(|it| it == key));
        if let Some(key) = have.keys().find(|key| !want.contains_key(*key) && required(key)) {
            let known: Vec<_> = want.keys().map(String::as_str).collect();
            return Err(format!("`{}` is not known; known are: {}", place(key), list(&known)));
        }
    }
    for (key, have) in have {
        if let Some(want) = want.get(key) {
            compare(have, want, &place(key), depth + 1)?;
        }
    }
    Ok(())
}

fn list(names: &[&str]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// The type of a field.
///
/// # Errors
/// Where no value of the type has it.
pub(crate) fn field(of: &Type, name: &str) -> Result<Type, String> {
    let Some(schema) = of else { return Ok(None) };
    let (mut found, mut refused, mut open) = (Vec::new(), Vec::new(), false);
    for branch in branches(schema) {
        let kinds = kinds(branch);
        if !kinds.contains("object") {
            if !kinds.contains("null") {
                refused.push(format!("{} has no field `{name}`", words(branch)));
            }
            continue;
        }
        match (branch["properties"].as_object(), &branch["additionalProperties"]) {
            (Some(fields), more) => match (fields.get(name), more) {
                (Some(field), _) => found.push(field.clone()),
                (None, Value::Bool(false)) => {
                    let known: Vec<_> = fields.keys().map(String::as_str).collect();
                    refused.push(format!("there is no field `{name}`; fields are: {}", list(&known)));
                }
                (None, _) => open = true,
            },
            (None, _) => open = true,
        }
    }
    match (found.len(), refused.pop()) {
        (0, Some(problem)) if !open => Err(problem),
        (1, _) if !open => Ok(found.pop()),
        (0, _) => Ok(None),
        (_, _) if open => Ok(None),
        _ => Ok(Some(json!({ "anyOf": found }))),
    }
}

/// The type of a list's items.
///
/// # Errors
/// Where the type is that of no list.
pub(crate) fn item(of: &Type, index: Option<usize>) -> Result<Type, String> {
    let Some(schema) = of else { return Ok(None) };
    let lists: Vec<_> = branches(schema).into_iter().filter(|branch| kinds(branch).contains("array")).collect();
    match lists.as_slice() {
        [] => Err(format!("{} is not a list", words(schema))),
        [one] => {
            let placed = index.and_then(|index| one["prefixItems"].get(index));
            Ok(placed.or_else(|| one.get("items")).cloned())
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_fit_is_named() {
        let check = |found: Value, wanted: Value, expected: &str| {
            let got = fits(&found, &wanted).map_or_else(|problem| problem, |()| "fits".to_owned());
            assert_eq!(got, expected, "{found} as {wanted}");
        };
        let text = json!({ "type": "string" });
        let maybe = json!({ "type": ["string", "null"] });
        let list = json!({ "type": "array", "items": text });
        let whole = json!({ "type": "integer" });
        let color = json!({ "type": "string", "enum": ["red", "green"] });
        let wide = json!({ "anyOf": [whole, text] });
        let point =
            json!({ "type": "object", "properties": { "x": whole }, "required": ["x"], "additionalProperties": false });
        check(text.clone(), maybe.clone(), "fits");
        check(maybe.clone(), text.clone(), "fits");
        check(list.clone(), text.clone(), "expected a string, got a list");
        check(whole.clone(), json!({ "type": "number" }), "fits");
        check(text.clone(), color.clone(), "fits");
        check(of(&json!("blue")), color, "expected one of \"red\", \"green\", got one of \"blue\"");
        check(wide.clone(), text.clone(), "fits");
        check(json!({ "type": "boolean" }), wide, "expected an integer, got true or false");
        check(of(&json!({ "x": "a" })), point.clone(), "at `x`: expected an integer, got one of \"a\"");
        check(of(&json!({})), point.clone(), "`x` is missing");
        check(of(&json!({ "x": 1, "y": 2 })), point.clone(), "`y` is not known; known are: x");
        check(
            of(&json!([{ "x": 1 }, 2])),
            json!({ "type": "array", "items": point }),
            "at `[1]`: expected an object, got an integer",
        );
        check(json!({}), list, "fits");
    }
}
