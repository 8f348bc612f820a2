//! JSON to component values. Everything is checked here, before anything is instantiated.

use crate::shape::{Case, Field, Shape};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use std::fmt::{self, Write as _};
use wasmtime::component::Val;

/// Arguments that do not fit the tool's parameters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("argument `{path}`: expected {expected}, got {got}")]
pub struct BadArguments {
    /// Where: `edits[0].old`.
    pub path: String,
    /// What should stand there.
    pub expected: String,
    /// What stands there, shortened.
    pub got: String,
}

/// One step of the path to the value in hand; kept on the stack, and only written out when something is wrong.
#[derive(Clone, Copy)]
enum Place<'a> {
    Root,
    Key(&'a Self, &'a str),
    Index(&'a Self, usize),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Key(Self::Root, key) => f.write_str(key),
            Self::Key(parent, key) => write!(f, "{parent}.{key}"),
            Self::Index(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

type Lifted<T> = Result<T, BadArguments>;

fn bad(place: Place<'_>, expected: impl Into<String>, got: &Value) -> BadArguments {
    BadArguments { path: path(place), expected: expected.into(), got: shown(got) }
}

fn path(place: Place<'_>) -> String {
    match place {
        Place::Root => ".".into(),
        place => place.to_string(),
    }
}

/// A value short enough for a message; cut between characters.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Array(items) => format!("an array of {}", items.len()),
        Value::Object(map) => format!("an object of {}", map.len()),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => {
            let mut out = String::from("\"");
            for c in text.chars().take(60) {
                // Escaped, so that a message can never forge a line of a terminal or a protocol.
                let _ = write!(out, "{}", c.escape_debug());
            }
            out.push_str(if text.chars().nth(60).is_some() { "…\"" } else { "\"" });
            out
        }
    }
}

/// The values of a tool's parameters, in order.
pub(crate) fn arguments(params: &[Field], args: &Value) -> Lifted<Vec<Val>> {
    fields(params, args, Place::Root).map(|fields| fields.into_iter().map(|(_, value)| value).collect())
}

fn fields(declared: &[Field], value: &Value, place: Place<'_>) -> Lifted<Vec<(String, Val)>> {
    let Value::Object(map) = value else {
        return Err(bad(place, "an object", value));
    };
    if map.len() > declared.len() || map.keys().any(|key| declared.iter().all(|field| field.json != *key)) {
        for key in map.keys() {
            if declared.iter().all(|field| field.json != *key) {
                let known: Vec<_> = declared.iter().map(|field| field.json.as_str()).collect();
                let expected = match known.as_slice() {
                    [] => "nothing: there are no keys here".to_owned(),
                    known => format!("one of the keys {}", known.join(", ")),
                };
                let key: String = key.chars().take(60).collect();
                let path = path(Place::Key(&place, &key));
                return Err(BadArguments { path, expected, got: "an unknown key".into() });
            }
        }
    }
    declared
        .iter()
        .map(|field| {
            let here = Place::Key(&place, &field.json);
            let value = match (map.get(&field.json), &field.shape) {
                (None | Some(Value::Null), Shape::Option(_)) => Val::Option(None),
                (Some(value), shape) => lift(shape, value, here)?,
                (None, shape) => {
                    let expected = noun(shape).to_owned();
                    return Err(BadArguments { path: path(here), expected, got: "nothing".into() });
                }
            };
            Ok((field.wit.clone(), value))
        })
        .collect()
}

fn noun(shape: &Shape) -> &'static str {
    match shape {
        Shape::Bool => "true or false",
        Shape::S8 => "an integer from -128 to 127",
        Shape::U8 => "an integer from 0 to 255",
        Shape::S16 => "an integer from -32768 to 32767",
        Shape::U16 => "an integer from 0 to 65535",
        Shape::S32 => "an integer of 32 bits",
        Shape::U32 => "an integer from 0 to 4294967295",
        Shape::S64 => "an integer of 64 bits, or its digits as a string",
        Shape::U64 => "an integer from 0 to 18446744073709551615, or its digits as a string",
        Shape::F32 => "a number from -3.4e38 to 3.4e38",
        Shape::F64 => "a number",
        Shape::Char => "a string of one character",
        Shape::String => "a string",
        Shape::Bytes => "a base64 string",
        Shape::List(_) | Shape::Tuple(_) => "an array",
        Shape::Option(inner) => noun(inner),
        Shape::Record(_) => "an object",
        Shape::Variant(_) | Shape::Result { .. } => "an object with one key",
        Shape::Enum(_) => "a string",
        Shape::Flags(_) => "an array of strings",
    }
}

fn lift(shape: &Shape, value: &Value, place: Place<'_>) -> Lifted<Val> {
    let refuse = || bad(place, noun(shape), value);
    macro_rules! integer {
        ($ty:ty, $val:ident, $read:ident) => {
            value.$read().and_then(|n| <$ty>::try_from(n).ok()).map(Val::$val).ok_or_else(refuse)
        };
    }
    match shape {
        Shape::Bool => value.as_bool().map(Val::Bool).ok_or_else(refuse),
        Shape::S8 => integer!(i8, S8, as_i64),
        Shape::U8 => integer!(u8, U8, as_u64),
        Shape::S16 => integer!(i16, S16, as_i64),
        Shape::U16 => integer!(u16, U16, as_u64),
        Shape::S32 => integer!(i32, S32, as_i64),
        Shape::U32 => integer!(u32, U32, as_u64),
        Shape::S64 => match value {
            Value::String(text) => text.parse().ok().map(Val::S64).ok_or_else(refuse),
            value => value.as_i64().map(Val::S64).ok_or_else(refuse),
        },
        Shape::U64 => match value {
            Value::String(text) => text.parse().ok().map(Val::U64).ok_or_else(refuse),
            value => value.as_u64().map(Val::U64).ok_or_else(refuse),
        },
        #[expect(clippy::cast_possible_truncation, reason = "an f32 parameter takes the nearest f32")]
        Shape::F32 => {
            // What is out of its range would silently become infinity.
            let nearest = value.as_f64().map(|n| n as f32).filter(|n| n.is_finite());
            nearest.map(Val::Float32).ok_or_else(refuse)
        }
        Shape::F64 => value.as_f64().map(Val::Float64).ok_or_else(refuse),
        Shape::Char => {
            let mut chars = value.as_str().ok_or_else(refuse)?.chars();
            match (chars.next(), chars.next()) {
                (Some(c), None) => Ok(Val::Char(c)),
                _ => Err(refuse()),
            }
        }
        Shape::String => value.as_str().map(|text| Val::String(text.to_owned())).ok_or_else(refuse),
        Shape::Bytes => {
            let bytes = STANDARD.decode(value.as_str().ok_or_else(refuse)?).map_err(|_| refuse())?;
            Ok(Val::List(bytes.into_iter().map(Val::U8).collect()))
        }
        Shape::List(item) => {
            let items = value.as_array().ok_or_else(refuse)?;
            let lifted = items.iter().enumerate().map(|(i, value)| lift(item, value, Place::Index(&place, i)));
            Ok(Val::List(lifted.collect::<Lifted<_>>()?))
        }
        Shape::Tuple(shapes) => {
            let items = value.as_array().ok_or_else(refuse)?;
            if items.len() != shapes.len() {
                return Err(bad(place, format!("an array of {}", shapes.len()), value));
            }
            let lifted = shapes.iter().zip(items).enumerate();
            let lifted = lifted.map(|(i, (shape, value))| lift(shape, value, Place::Index(&place, i)));
            Ok(Val::Tuple(lifted.collect::<Lifted<_>>()?))
        }
        Shape::Option(inner) => match value {
            Value::Null => Ok(Val::Option(None)),
            value => Ok(Val::Option(Some(Box::new(lift(inner, value, place)?)))),
        },
        Shape::Record(named) => fields(&named.items, value, place).map(Val::Record),
        Shape::Enum(named) => {
            let case = value.as_str().and_then(|text| find(&named.items, text));
            case.map(|case| Val::Enum(case.wit.clone())).ok_or_else(|| bad(place, one_of(&named.items), value))
        }
        Shape::Flags(named) => {
            let items = value.as_array().ok_or_else(refuse)?;
            let mut set = vec![false; named.items.len()];
            for (i, item) in items.iter().enumerate() {
                let place = Place::Index(&place, i);
                let index = item.as_str().and_then(|text| named.items.iter().position(|case| case.json == text));
                set[index.ok_or_else(|| bad(place, one_of(&named.items), item))?] = true;
            }
            let on = named.items.iter().zip(set).filter(|(_, on)| *on);
            Ok(Val::Flags(on.map(|(case, _)| case.wit.clone()).collect()))
        }
        Shape::Variant(named) => {
            let (key, payload) = one_key(value).ok_or_else(|| bad(place, one_of(&named.items), value))?;
            let case = find(&named.items, key).ok_or_else(|| bad(place, one_of(&named.items), value))?;
            let payload = payload_of(case.shape.as_ref(), payload, Place::Key(&place, &case.json))?;
            Ok(Val::Variant(case.wit.clone(), payload))
        }
        Shape::Result { ok, err } => match one_key(value) {
            Some(("ok", payload)) => Ok(Val::Result(Ok(payload_of(ok.as_deref(), payload, Place::Key(&place, "ok"))?))),
            Some(("err", payload)) => {
                Ok(Val::Result(Err(payload_of(err.as_deref(), payload, Place::Key(&place, "err"))?)))
            }
            _ => Err(bad(place, "an object with the key ok or err", value)),
        },
    }
}

fn find<'a>(cases: &'a [Case], json: &str) -> Option<&'a Case> {
    cases.iter().find(|case| case.json == json)
}

fn one_of(cases: &[Case]) -> String {
    let names: Vec<_> = cases.iter().map(|case| case.json.as_str()).collect();
    let object = if cases.iter().any(|case| case.shape.is_some()) { "an object with one key, " } else { "" };
    format!("{object}one of {}", names.join(", "))
}

fn one_key(value: &Value) -> Option<(&str, &Value)> {
    let map = value.as_object()?;
    let (key, value) = map.iter().next()?;
    (map.len() == 1).then_some((key, value))
}

fn payload_of(shape: Option<&Shape>, value: &Value, place: Place<'_>) -> Lifted<Option<Box<Val>>> {
    match (shape, value) {
        (Some(shape), value) => Ok(Some(Box::new(lift(shape, value, place)?))),
        (None, Value::Null) => Ok(None),
        (None, value) => Err(bad(place, "null", value)),
    }
}
