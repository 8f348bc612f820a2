//! JSON ↔ component values, over a component that takes everything and gives it back.

use super::{
    sandboxed::{load, sandbox},
    typed,
};
use arbitrary::{Result, Unstructured};
use policy::{Decision, Limits, Narrow, Policy, Principal, Request, Spent};
use sandbox::{End, Package, Setting, World};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;
use tokio::runtime::Runtime;

/// Enough for every input here, so that no limit is what ends a call.
const MAX_BYTES: u64 = 1 << 20;

struct Fixture {
    package: Package,
    output: jsonschema::Validator,
    policy: Policy,
    runtime: Runtime,
    world: World,
}

/// Arguments fit or are refused by their path; what the tool gives back fits again, and comes back as it is.
pub fn run(data: &[u8]) {
    let Some(args) = value(data) else { return };
    let Some(first) = echo(&args) else { return };
    let second = echo(&json!({ "it": first }));
    assert_eq!(second.as_ref(), Some(&first), "what came back does not fit again: {args}");
}

/// The input as JSON, or as choices of what to change in arguments that fit.
fn value(data: &[u8]) -> Option<Value> {
    if data.starts_with(b"{") {
        return serde_json::from_slice(data).ok();
    }
    changed(&mut Unstructured::new(data)).ok()
}

fn fixture() -> &'static Fixture {
    static FIXTURE: OnceLock<Fixture> = OnceLock::new();
    FIXTURE.get_or_init(|| {
        let package = load(&typed::echo()).expect("a package");
        Fixture {
            output: jsonschema::draft202012::new(&package.tools["echo"].description().output).expect("a schema"),
            package,
            policy: Policy::parse(&[("all.cedar", "@id(\"all\") permit (principal, action, resource);")])
                .expect("a policy"),
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime"),
            world: World::default(),
        }
    })
}

/// What the tool gives back; nothing where the arguments do not fit.
fn echo(args: &Value) -> Option<Value> {
    let Fixture { package, output, policy, runtime, world } = fixture();
    let tool = &package.tools["echo"];
    let arguments = match tool.arguments(args, MAX_BYTES) {
        Ok(arguments) => arguments,
        Err(error) => {
            assert!(error.to_string().len() < 4096, "the message grows with the input: {error}");
            return None;
        }
    };
    let principal: Principal = "fuzz".parse().expect("a principal");
    let request = Request {
        tenant: "default",
        roles: &[],
        principal: &principal,
        tool: &tool.id,
        digest: &tool.digest_text,
        needs: tool.needs(),
        mounts: &[],
        env: &BTreeSet::new(),
        narrow: &Narrow::default(),
        within: None,
        limits: Limits::default(),
        args,
        provenance: &BTreeMap::new(),
        chosen: &policy::Provenance::new(),
        classification: &std::sync::Arc::default(),
        shared: &BTreeSet::new(),
        spent: Spent::default(),
    };
    let grant = match policy.decide(&request) {
        Decision::Allow { grant } => grant,
        other => panic!("a policy that permits everything says {other:?}"),
    };
    let setting = Setting { world, seed: 0, stage: None, within: None, process: None };
    let call = sandbox().call(tool, arguments, grant, setting, std::future::pending());
    match runtime.block_on(call).expect("an instance").end {
        End::Result(value) => {
            assert!(output.is_valid(&value), "a result that the tool's schema does not admit: {value}");
            Some(value)
        }
        other => panic!("an echo ends with {other:?} for {args}"),
    }
}

/// Arguments that fit, with some places changed.
fn changed(input: &mut Unstructured<'_>) -> Result<Value> {
    let mut args = good();
    for _ in 0..input.int_in_range(1..=4)? {
        let count = places(&mut args, &mut 0, &mut |_| Ok(()))?;
        let chosen = input.choose_index(count)?;
        let mut at = 0;
        places(&mut args, &mut 0, &mut |place| {
            at += 1;
            if at == chosen + 1 { change(place, input) } else { Ok(()) }
        })?;
    }
    Ok(args)
}

/// Visits every value, those that hold others last, and counts them.
fn places(value: &mut Value, count: &mut usize, visit: &mut dyn FnMut(&mut Value) -> Result<()>) -> Result<usize> {
    match value {
        Value::Array(items) => items.iter_mut().try_for_each(|item| places(item, count, visit).map(drop))?,
        Value::Object(map) => map.values_mut().try_for_each(|item| places(item, count, visit).map(drop))?,
        _ => {}
    }
    visit(value)?;
    *count += 1;
    Ok(*count)
}

fn change(value: &mut Value, input: &mut Unstructured<'_>) -> Result<()> {
    match (value, input.int_in_range(0..=3)?) {
        (Value::Array(items), 0) => items.extend(items.last().cloned()),
        (Value::Array(items), 1) => drop(items.pop()),
        (Value::Object(map), 0) => drop(map.insert(input.arbitrary()?, Value::Null)),
        (Value::Object(map), 1) if !map.is_empty() => {
            let key = map.keys().nth(input.choose_index(map.len())?).cloned().unwrap_or_default();
            map.remove(&key);
        }
        (Value::String(text), 0) => text.push_str(input.arbitrary()?),
        (value, _) => *value = other(input)?,
    }
    Ok(())
}

/// A value that may or may not fit: the ends of ranges above all.
fn other(input: &mut Unstructured<'_>) -> Result<Value> {
    Ok(match input.int_in_range(0..=9)? {
        0 => Value::Null,
        1 => input.arbitrary::<bool>()?.into(),
        2 => input.arbitrary::<f64>()?.into(),
        3 => input.arbitrary::<i64>()?.into(),
        4 => {
            let power = 1_i128 << input.int_in_range(0..=64_u32)?;
            let near = (if input.arbitrary()? { power } else { -power }) + i128::from(input.int_in_range(-1..=1_i8)?);
            let whole = i64::try_from(near).map(Value::from).or_else(|_| u64::try_from(near).map(Value::from));
            whole.unwrap_or_else(|_| near.to_string().into())
        }
        5 => input.arbitrary::<i64>()?.to_string().into(),
        6 => input.arbitrary::<char>()?.to_string().into(),
        7 => input.arbitrary::<String>()?.into(),
        8 => Value::Array(vec![Value::Null; input.int_in_range(0..=4)?]),
        _ => Value::Object(Map::from_iter([(input.arbitrary::<String>()?, Value::Null)])),
    })
}

/// Arguments that fit, with something in every place.
fn good() -> Value {
    let inner = json!({ "key_name": "k\u{1F9E4}\u{0}", "maybe": -1 });
    json!({ "it": {
        "flag": true, "s8": -128, "u8": 255, "s16": -32768, "u16": 65535, "s32": i32::MIN, "u32": u32::MAX,
        "s64": "-9223372036854775808", "u64": "18446744073709551615", "f32": 0.1, "f64": -1e308, "letter": "é", "text": "text",
        "raw": "AAECAw==", "maybe": inner, "pair": ["a", 1], "items": [inner, inner], "nested": [[1, 2], [], [3]],
        "shape": { "named": inner }, "colour": "deep_red", "rights": ["read", "list_all"], "outcome": { "err": "x" },
    } })
}

/// Arguments that fit, as a text and as nothing but choices, and some that do not.
pub fn seeds() -> Vec<Vec<u8>> {
    let good = good();
    let fit = fixture().package.tools["echo"].arguments(&good, MAX_BYTES);
    assert!(fit.is_ok(), "the arguments to begin with do not fit: {fit:?}");
    vec![good.to_string().into_bytes(), br#"{"it":{}}"#.to_vec(), vec![0; 64], (0..=255).rev().collect()]
}
