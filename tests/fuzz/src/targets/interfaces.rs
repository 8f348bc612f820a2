//! Components with random interfaces: what a tool's schema admits, the tool takes.

use super::{sandboxed::load, typed::component};
use arbitrary::{Result, Unstructured};
use sandbox::Tool;
use serde_json::{Map, Value};
use wit_component::dummy_module;
use wit_parser::{LiftLowerAbi, ManglingAndAbi, Resolve};

/// How deep a value is made at most: types end by themselves, and this is deeper than any here.
const MAX_DEPTH: usize = 64;

/// Makes an interface, a component that exports it, and arguments for each of its functions.
pub fn run(data: &[u8]) {
    // Too few bytes are no input.
    let _ = made(&mut Unstructured::new(data));
}

fn made(input: &mut Unstructured<'_>) -> Result<()> {
    let text = interface(input)?;
    let mut resolve = Resolve::default();
    let package = resolve.push_str("made.wit", &text).unwrap_or_else(|error| panic!("{error:#}\n{text}"));
    let world = resolve.select_world(&[package], None).expect("one world");
    let module = dummy_module(&resolve, world, ManglingAndAbi::Legacy(LiftLowerAbi::Sync));
    let component = component(&resolve, world, module).unwrap_or_else(|error| panic!("{error:#}\n{text}"));
    let Some(package) = load(&component) else { return Ok(()) };
    for tool in package.tools.values() {
        takes_what_its_schema_admits(tool, input)?;
    }
    Ok(())
}

/// WIT with some types, each of which may use those before it, and some functions.
fn interface(input: &mut Unstructured<'_>) -> Result<String> {
    let mut text = String::from("package made:up;\nworld tool { export made; }\ninterface made {\n");
    let types = input.int_in_range(0..=6)?;
    for known in 0..types {
        let of = |input: &mut Unstructured<'_>| of(known, 3, input);
        let declared = match input.int_in_range(0..=4)? {
            0 => {
                format!("record t{known} {{ {} }}", parts(input, |name, input| Ok(format!("{name}: {}", of(input)?)))?)
            }
            1 => format!(
                "variant t{known} {{ {} }}",
                parts(input, |name, input| {
                    Ok(if input.arbitrary()? { format!("{name}({})", of(input)?) } else { name.to_owned() })
                })?
            ),
            2 => format!("enum t{known} {{ {} }}", parts(input, |name, _| Ok(name.to_owned()))?),
            3 => format!("flags t{known} {{ {} }}", parts(input, |name, _| Ok(name.to_owned()))?),
            _ => format!("type t{known} = {};", of(input)?),
        };
        text.push_str(&format!("    /// é `*/`\n    {declared}\n"));
    }
    for function in 0..input.int_in_range(1..=4)? {
        let params = parts(input, |name, input| Ok(format!("{name}: {}", of(types, 3, input)?)))?;
        let result = if input.arbitrary()? { format!(" -> {}", of(types, 3, input)?) } else { String::new() };
        text.push_str(&format!("    f{function}: func({params}){result};\n"));
    }
    text.push_str("}\n");
    Ok(text)
}

/// Names that are hard on whoever takes one for another: keywords, and what differs by `-` and `_` alone.
const NAMES: [&str; 8] = ["a", "a-b", "%type", "%result", "%list", "B", "c-D-e", "x1-y2"];

/// One to eight parts with names of their own.
fn parts(input: &mut Unstructured<'_>, part: impl Fn(&str, &mut Unstructured<'_>) -> Result<String>) -> Result<String> {
    let first = input.choose_index(NAMES.len())?;
    let names = NAMES.iter().cycle().skip(first).take(input.int_in_range(1..=NAMES.len())?);
    Ok(names.map(|name| part(name, input)).collect::<Result<Vec<_>>>()?.join(", "))
}

/// A type out of the first `known` declared ones and those that have no name.
fn of(known: usize, depth: usize, input: &mut Unstructured<'_>) -> Result<String> {
    const PLAIN: [&str; 13] =
        ["bool", "s8", "u8", "s16", "u16", "s32", "u32", "s64", "u64", "f32", "f64", "char", "string"];
    let kinds = if depth == 0 { 1 } else { 8 };
    let kind = input.int_in_range(0..=kinds)?;
    let mut inner = || of(known, depth - 1, input);
    Ok(match kind {
        2 => format!("list<{}>", inner()?),
        3 => format!("option<{}>", inner()?),
        4 => format!("tuple<{}, {}>", inner()?, inner()?),
        5 => format!("result<{}, {}>", inner()?, inner()?),
        6 => format!("result<_, {}>", inner()?),
        7 => "result".to_owned(),
        0 if known > 0 => format!("t{}", input.choose_index(known)?),
        _ => (*input.choose(&PLAIN)?).to_owned(),
    })
}

fn takes_what_its_schema_admits(tool: &Tool, input: &mut Unstructured<'_>) -> Result<()> {
    let schema = &tool.description().input;
    for _ in 0..2 {
        let args = admitted(schema, 0, input)?;
        if let Err(error) = tool.arguments(&args, u64::MAX) {
            panic!("{}: {error}\n  arguments: {args}\n  schema: {schema}", tool.id);
        }
    }
    Ok(())
}

/// A value that a schema admits, of those that this program writes.
fn admitted(schema: &Value, depth: usize, input: &mut Unstructured<'_>) -> Result<Value> {
    assert!(depth < MAX_DEPTH, "{schema}");
    for choices in ["anyOf", "oneOf"] {
        if let Some(choices) = schema[choices].as_array() {
            return admitted(input.choose(choices)?, depth + 1, input);
        }
    }
    if let Some(values) = schema["enum"].as_array() {
        return input.choose(values).cloned();
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => input.choose(kinds)?,
        kind => kind,
    };
    Ok(match kind.as_str().unwrap_or_default() {
        "null" => Value::Null,
        "boolean" => input.arbitrary::<bool>()?.into(),
        "integer" => {
            let [min, max] = ["minimum", "maximum"].map(|key| schema[key].as_i64().expect("a bound"));
            let between = input.int_in_range(min..=max)?;
            (*input.choose(&[min, max, between])?).into()
        }
        "number" => f64::from(input.arbitrary::<i32>()?).into(),
        "string" => text(schema, input)?.into(),
        "array" => items(schema, depth, input)?.into(),
        "object" => object(schema, depth, input)?.into(),
        kind => panic!("no value is known for type `{kind}`: {schema}"),
    })
}

fn text(schema: &Value, input: &mut Unstructured<'_>) -> Result<String> {
    if schema.get("pattern").is_some() {
        // A number of 64 bits, which is always possible as digits.
        return Ok(input.arbitrary::<u32>()?.to_string());
    }
    if schema.get("maxLength").is_some() {
        return Ok(input.arbitrary::<char>()?.to_string());
    }
    if schema.get("contentEncoding").is_some() {
        return Ok("AAEC".repeat(input.int_in_range(0..=3)?));
    }
    input.arbitrary()
}

fn items(schema: &Value, depth: usize, input: &mut Unstructured<'_>) -> Result<Vec<Value>> {
    if let Some(items) = schema["prefixItems"].as_array() {
        return items.iter().map(|item| admitted(item, depth + 1, input)).collect();
    }
    let most = if schema["uniqueItems"] == true { 1 } else { 3 };
    (0..input.int_in_range(0..=most)?).map(|_| admitted(&schema["items"], depth + 1, input)).collect()
}

fn object(schema: &Value, depth: usize, input: &mut Unstructured<'_>) -> Result<Map<String, Value>> {
    let mut object = Map::new();
    let required = schema["required"].as_array().expect("a list");
    for (key, property) in schema["properties"].as_object().expect("an object") {
        if required.iter().any(|it| it == key) || input.arbitrary()? {
            object.insert(key.clone(), admitted(property, depth + 1, input)?);
        }
    }
    Ok(object)
}
