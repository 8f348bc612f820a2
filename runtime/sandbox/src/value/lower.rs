//! Component values to JSON.

use crate::{
    package::Counter,
    schema::MAX_SAFE,
    shape::{Case, Shape},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};
use wasmtime::component::Val;

/// The result is larger than its limit.
pub(crate) struct TooLarge;

/// What is left of the limit on a result's size.
struct Room(u64);

impl Room {
    fn take(&mut self, bytes: usize) -> Result<(), TooLarge> {
        self.0 = self.0.checked_sub(bytes as u64).ok_or(TooLarge)?;
        Ok(())
    }
}

/// The JSON form of a value of this shape.
///
/// # Errors
/// [`TooLarge`] where the JSON text would be longer than `limit` bytes.
pub(crate) fn json(shape: &Shape, value: Val, limit: u64) -> Result<Value, TooLarge> {
    // What is surely too large is not made at all; then escapes and digits count too.
    let value = lower(shape, value, &mut Room(limit))?;
    if Counter::size_of(&value) > limit { Err(TooLarge) } else { Ok(value) }
}

fn number(value: f64) -> Value {
    serde_json::Number::from_f64(value).map_or_else(
        || {
            let name = if value.is_nan() {
                "NaN"
            } else if value > 0.0 {
                "Infinity"
            } else {
                "-Infinity"
            };
            Value::String(name.into())
        },
        Value::Number,
    )
}

fn lower(shape: &Shape, value: Val, room: &mut Room) -> Result<Value, TooLarge> {
    // No more than its text takes at the very least: a digit. What an option holds stands in the option's own place.
    if !matches!(value, Val::Option(Some(_))) {
        room.take(1)?;
    }
    Ok(match (shape, value) {
        (_, Val::Bool(value)) => Value::Bool(value),
        (_, Val::S8(n)) => n.into(),
        (_, Val::U8(n)) => n.into(),
        (_, Val::S16(n)) => n.into(),
        (_, Val::U16(n)) => n.into(),
        (_, Val::S32(n)) => n.into(),
        (_, Val::U32(n)) => n.into(),
        (_, Val::S64(n)) if (-MAX_SAFE..=MAX_SAFE).contains(&n) => n.into(),
        (_, Val::S64(n)) => n.to_string().into(),
        (_, Val::U64(n)) if n <= MAX_SAFE as u64 => n.into(),
        (_, Val::U64(n)) => n.to_string().into(),
        // Through the shortest decimal form, so that 0.1 stays 0.1.
        (_, Val::Float32(n)) => n.to_string().parse().map_or_else(|_| number(n.into()), number),
        (_, Val::Float64(n)) => number(n),
        (_, Val::Char(c)) => c.to_string().into(),
        (_, Val::String(text)) => {
            room.take(text.len())?;
            text.into()
        }
        (Shape::Bytes, Val::List(items)) => {
            room.take(items.len() / 3 * 4)?;
            let bytes: Vec<u8> = items.iter().map(|item| if let Val::U8(byte) = item { *byte } else { 0 }).collect();
            STANDARD.encode(bytes).into()
        }
        (Shape::List(item), Val::List(items)) => {
            room.take(items.len().max(1))?;
            items.into_iter().map(|value| lower(item, value, room)).collect::<Result<Vec<_>, _>>()?.into()
        }
        (Shape::Tuple(shapes), Val::Tuple(items)) => {
            let items = shapes.iter().zip(items);
            items.map(|(shape, value)| lower(shape, value, room)).collect::<Result<Vec<_>, _>>()?.into()
        }
        (Shape::Option(_), Val::Option(None)) => Value::Null,
        (Shape::Option(inner), Val::Option(Some(value))) => lower(inner, *value, room)?,
        (Shape::Record(named), Val::Record(fields)) => {
            let mut map = Map::with_capacity(fields.len());
            for (field, (_, value)) in named.items.iter().zip(fields) {
                room.take(field.json.len() + 4)?;
                map.insert(field.json.clone(), lower(&field.shape, value, room)?);
            }
            map.into()
        }
        (Shape::Enum(named), Val::Enum(wit)) => json_case(&named.items, &wit).into(),
        (Shape::Flags(named), Val::Flags(on)) => {
            on.iter().map(|wit| Value::from(json_case(&named.items, wit))).collect::<Vec<_>>().into()
        }
        (Shape::Variant(named), Val::Variant(wit, payload)) => {
            let shape = named.items.iter().find(|case| case.wit == wit).and_then(|case| case.shape.as_ref());
            keyed(json_case(&named.items, &wit), shape, payload, room)?
        }
        (Shape::Result { ok, .. }, Val::Result(Ok(payload))) => keyed("ok".into(), ok.as_deref(), payload, room)?,
        (Shape::Result { err, .. }, Val::Result(Err(payload))) => keyed("err".into(), err.as_deref(), payload, room)?,
        // The engine checks values against the component's types, from which the shape was made.
        (_, _) => Value::Null,
    })
}

fn json_case(cases: &[Case], wit: &str) -> String {
    cases.iter().find(|case| case.wit == wit).map_or_else(|| wit.to_owned(), |case| case.json.clone())
}

fn keyed(key: String, shape: Option<&Shape>, payload: Option<Box<Val>>, room: &mut Room) -> Result<Value, TooLarge> {
    room.take(key.len() + 4)?;
    let value = match (shape, payload) {
        (Some(shape), Some(payload)) => lower(shape, *payload, room)?,
        _ => Value::Null,
    };
    Ok(Value::Object(Map::from_iter([(key, value)])))
}
