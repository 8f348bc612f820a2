//! JSON Schema (draft 2020-12) of shapes. Schemas are closed: what is not described is refused.

use crate::shape::{Case, Field, Named, Shape};
use serde_json::{Map, Value, json};

/// The largest integer that a JSON number carries exactly everywhere (RFC 8259, section 6).
pub(crate) const MAX_SAFE: i64 = (1 << 53) - 1;

/// Which way the value goes: what is accepted is narrower than what may come back.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    In,
    Out,
}

/// The schema of a tool's arguments: an object with one property a parameter.
pub(crate) fn input(params: &[Field]) -> Value {
    record(params, None, Way::In)
}

/// The schema of a tool's result.
pub(crate) fn output(shape: Option<&Shape>) -> Value {
    shape.map_or_else(|| json!({ "type": "null" }), |shape| schema(shape, Way::Out))
}

fn described(mut schema: Value, docs: Option<&String>) -> Value {
    if let (Some(docs), Value::Object(map)) = (docs, &mut schema)
        && !map.contains_key("description")
    {
        map.insert("description".into(), Value::String(docs.clone()));
    }
    schema
}

fn record(fields: &[Field], docs: Option<&String>, way: Way) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for field in fields {
        let (inner, optional) = match &field.shape {
            // What is absent on the way in may be absent or null on the way out.
            Shape::Option(inner) if way == Way::In => (nullable(schema(inner, way)), true),
            shape => (schema(shape, way), false),
        };
        properties.insert(field.json.clone(), with_docs(inner, field.docs.as_ref()));
        if !optional {
            required.push(Value::String(field.json.clone()));
        }
    }
    let object = json!({
        "type": "object", "properties": properties, "required": required, "additionalProperties": false,
    });
    described(object, docs)
}

/// A field's own documentation goes before its type's.
fn with_docs(mut schema: Value, docs: Option<&String>) -> Value {
    if let (Some(docs), Value::Object(map)) = (docs, &mut schema) {
        map.insert("description".into(), Value::String(docs.clone()));
    }
    schema
}

fn nullable(inner: Value) -> Value {
    match inner {
        Value::Object(mut map) if map.get("type").is_some_and(Value::is_string) && !map.contains_key("enum") => {
            let kind = map["type"].take();
            map.insert("type".into(), json!([kind, "null"]));
            Value::Object(map)
        }
        other => json!({ "anyOf": [other, { "type": "null" }] }),
    }
}

fn integer(min: i64, max: u64) -> Value {
    json!({ "type": "integer", "minimum": min, "maximum": max })
}

/// A 64-bit integer: a number where that is exact, else a string of digits.
fn wide(signed: bool) -> Value {
    let (min, pattern) = if signed { (-MAX_SAFE, "^-?[0-9]{1,19}$") } else { (0, "^[0-9]{1,20}$") };
    json!({ "anyOf": [integer(min, MAX_SAFE as u64), { "type": "string", "pattern": pattern }] })
}

fn one_key(key: &str, value: Value, docs: Option<&String>) -> Value {
    let object = json!({
        "type": "object", "properties": { key: value }, "required": [key], "additionalProperties": false,
    });
    described(object, docs)
}

fn listed(cases: &Named<Vec<Case>>) -> Value {
    let names: Vec<_> = cases.items.iter().map(|case| &case.json).collect();
    let mut lines: Vec<String> = cases.docs.iter().cloned().collect();
    lines.extend(cases.items.iter().filter_map(|case| Some(format!("`{}`: {}", case.json, case.docs.as_ref()?))));
    let schema = json!({ "type": "string", "enum": names });
    described(schema, (!lines.is_empty()).then(|| lines.join("\n")).as_ref())
}

fn schema(shape: &Shape, way: Way) -> Value {
    match shape {
        Shape::Bool => json!({ "type": "boolean" }),
        Shape::S8 => integer(i8::MIN.into(), i8::MAX as u64),
        Shape::U8 => integer(0, u8::MAX.into()),
        Shape::S16 => integer(i16::MIN.into(), i16::MAX as u64),
        Shape::U16 => integer(0, u16::MAX.into()),
        Shape::S32 => integer(i32::MIN.into(), i32::MAX as u64),
        Shape::U32 => integer(0, u32::MAX.into()),
        Shape::S64 => wide(true),
        Shape::U64 => wide(false),
        Shape::F32 | Shape::F64 => match way {
            Way::In => json!({ "type": "number" }),
            Way::Out => json!({ "anyOf": [{ "type": "number" }, { "enum": ["NaN", "Infinity", "-Infinity"] }] }),
        },
        Shape::Char => json!({ "type": "string", "minLength": 1, "maxLength": 1 }),
        Shape::String => json!({ "type": "string" }),
        Shape::Bytes => json!({ "type": "string", "contentEncoding": "base64" }),
        Shape::List(item) => json!({ "type": "array", "items": schema(item, way) }),
        Shape::Option(inner) => nullable(schema(inner, way)),
        Shape::Tuple(items) => {
            let items: Vec<_> = items.iter().map(|item| schema(item, way)).collect();
            json!({ "type": "array", "prefixItems": items, "minItems": items.len(), "maxItems": items.len() })
        }
        Shape::Record(named) => record(&named.items, named.docs.as_ref(), way),
        Shape::Variant(named) => {
            let case = |case: &Case| {
                let payload = case.shape.as_ref().map_or_else(|| json!({ "type": "null" }), |shape| schema(shape, way));
                one_key(&case.json, payload, case.docs.as_ref())
            };
            described(json!({ "oneOf": named.items.iter().map(case).collect::<Vec<_>>() }), named.docs.as_ref())
        }
        Shape::Enum(named) => listed(named),
        Shape::Flags(named) => {
            described(json!({ "type": "array", "items": listed(named), "uniqueItems": true }), named.docs.as_ref())
        }
        Shape::Result { ok, err } => {
            let side = |key, shape: &Option<Box<Shape>>| {
                let value = shape.as_ref().map_or_else(|| json!({ "type": "null" }), |shape| schema(shape, way));
                one_key(key, value, None)
            };
            json!({ "oneOf": [side("ok", ok), side("err", err)] })
        }
    }
}
