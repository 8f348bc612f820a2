//! What others see of a package: types written out as texts, so that they can be kept and compared.

use crate::{
    describe::{Description, Kind, ToolDescription, TypedResult},
    shape::{Case, Field, Shape},
};
use policy::{Digest, Reach, Signature, Surface};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::{collections::BTreeSet, fmt::Write as _};

/// The longest type that is written out, in bytes; a longer one is named by its digest. A hostile component's types can
/// be as long as its file, at every place of use.
const MAX_TEXT: usize = 4_096;

impl Description {
    /// What others see of the package.
    pub fn surface(&self) -> Surface {
        let tools = self.tools.iter().map(|(name, tool)| (name.clone(), tool.signature())).collect();
        Surface { reach: self.reach(), tools }
    }

    /// What it could reach at most: its needs, and each interface that it imports and that they do not bound.
    pub fn reach(&self) -> Reach {
        let unbounded = self.interfaces().into_iter().filter(|interface| !is_bounded(interface));
        Reach::new(&self.needs, unbounded.map(str::to_owned))
    }

    /// The interfaces that it imports, whichever version: what a version offers more is the host's to give.
    pub fn interfaces(&self) -> BTreeSet<&str> {
        self.imports.iter().map(|import| import.split_once('@').map_or(import.as_str(), |(name, _)| name)).collect()
    }
}

/// Interfaces through which a component reaches what its needs say, if anything: their doors give what was
/// granted, or lead nowhere outside of its instance but to the caller's own input and captured output. Every compiler's
/// standard library imports some of them, so to count them all would be to cry wolf at every update. Each one is named:
/// what is not known counts.
fn is_bounded(interface: &str) -> bool {
    matches!(
        interface,
        "wasi:cli/environment"
            | "wasi:cli/exit"
            | "wasi:cli/stdin"
            | "wasi:cli/stdout"
            | "wasi:cli/stderr"
            | "wasi:cli/terminal-input"
            | "wasi:cli/terminal-output"
            | "wasi:cli/terminal-stdin"
            | "wasi:cli/terminal-stdout"
            | "wasi:cli/terminal-stderr"
            | "wasi:clocks/monotonic-clock"
            | "wasi:clocks/wall-clock"
            | "wasi:filesystem/preopens"
            | "wasi:filesystem/types"
            | "wasi:io/error"
            | "wasi:io/poll"
            | "wasi:io/streams"
            | "wasi:random/insecure"
            | "wasi:random/insecure-seed"
            | "wasi:random/random"
            | "wasi:http/types"
            | "wasi:http/outgoing-handler"
            | "wasi:sockets/instance-network"
            | "wasi:sockets/ip-name-lookup"
            | "wasi:sockets/network"
            | "wasi:sockets/tcp"
            | "wasi:sockets/tcp-create-socket"
            | "wasi:sockets/udp"
            | "wasi:sockets/udp-create-socket"
            | "gloveport:tool/host"
    )
}

impl ToolDescription {
    fn signature(&self) -> Signature {
        let params = match &self.kind {
            Kind::Typed { params, .. } => params.iter().map(|field| (field.json.clone(), text(&field.shape))).collect(),
            Kind::Command { .. } => [("args", "option<list<string>>"), ("stdin", "option<string>")]
                .map(|(name, of)| (name.to_owned(), of.to_owned()))
                .into(),
        };
        let result = match &self.kind {
            Kind::Typed { result: TypedResult::Plain(None), .. } => "()".to_owned(),
            Kind::Typed { result: TypedResult::Plain(Some(shape)), .. } => text(shape),
            Kind::Typed { result: TypedResult::Fallible { ok, err }, .. } => {
                let mut out = String::new();
                either(&mut out, ok.as_ref(), err.as_ref());
                bounded(out)
            }
            Kind::Command { .. } => "record { exit_code: s32, stdout: string, stderr: string }".to_owned(),
        };
        Signature { params, result, docs: self.words() }
    }

    /// The digest of everything that it says of itself.
    fn words(&self) -> Digest {
        let mut hash = Sha256::new();
        let mut add = |text: &str| {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        };
        add(self.docs.as_deref().unwrap_or_default());
        each_description(&self.input, &mut add);
        each_description(&self.output, &mut add);
        Digest(hash.finalize().into())
    }
}

fn each_description(schema: &Value, add: &mut impl FnMut(&str)) {
    match schema {
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::String(text) if key == "description" => add(text),
                    value => each_description(value, add),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| each_description(item, add)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn text(shape: &Shape) -> String {
    let mut out = String::new();
    write(&mut out, shape);
    bounded(out)
}

fn bounded(text: String) -> String {
    if text.len() <= MAX_TEXT { text } else { Digest(Sha256::digest(text).into()).to_string() }
}

/// A type as WIT would spell it if its types needed no names; what has a name has it as JSON spells it.
fn write(out: &mut String, shape: &Shape) {
    match shape {
        Shape::Bool => out.push_str("bool"),
        Shape::S8 => out.push_str("s8"),
        Shape::U8 => out.push_str("u8"),
        Shape::S16 => out.push_str("s16"),
        Shape::U16 => out.push_str("u16"),
        Shape::S32 => out.push_str("s32"),
        Shape::U32 => out.push_str("u32"),
        Shape::S64 => out.push_str("s64"),
        Shape::U64 => out.push_str("u64"),
        Shape::F32 => out.push_str("f32"),
        Shape::F64 => out.push_str("f64"),
        Shape::Char => out.push_str("char"),
        Shape::String => out.push_str("string"),
        Shape::Bytes => out.push_str("list<u8>"),
        Shape::List(item) => wrapped(out, "list", item),
        Shape::Option(item) => wrapped(out, "option", item),
        Shape::Tuple(items) => {
            out.push_str("tuple<");
            separated(out, items, write);
            out.push('>');
        }
        Shape::Record(fields) => braced(out, "record", &fields.items, |out, field: &Field| {
            let _ = write!(out, "{}: ", field.json);
            write(out, &field.shape);
        }),
        Shape::Variant(cases) => braced(out, "variant", &cases.items, case),
        Shape::Enum(cases) => braced(out, "enum", &cases.items, case),
        Shape::Flags(cases) => braced(out, "flags", &cases.items, case),
        Shape::Result { ok, err } => either(out, ok.as_deref(), err.as_deref()),
    }
}

fn wrapped(out: &mut String, kind: &str, item: &Shape) {
    let _ = write!(out, "{kind}<");
    write(out, item);
    out.push('>');
}

fn either(out: &mut String, ok: Option<&Shape>, err: Option<&Shape>) {
    out.push_str("result<");
    for (index, side) in [ok, err].into_iter().enumerate() {
        out.push_str(if index == 0 { "" } else { ", " });
        match side {
            Some(shape) => write(out, shape),
            None => out.push('_'),
        }
    }
    out.push('>');
}

fn case(out: &mut String, case: &Case) {
    out.push_str(&case.json);
    if let Some(shape) = &case.shape {
        out.push('(');
        write(out, shape);
        out.push(')');
    }
}

fn braced<T>(out: &mut String, kind: &str, items: &[T], each: impl Fn(&mut String, &T)) {
    let _ = write!(out, "{kind} {{ ");
    separated(out, items, each);
    out.push_str(" }");
}

fn separated<T>(out: &mut String, items: &[T], each: impl Fn(&mut String, &T)) {
    for (index, item) in items.iter().enumerate() {
        out.push_str(if index == 0 { "" } else { ", " });
        each(out, item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::Named;

    #[test]
    fn types_are_written_out() {
        let check = |shape: &Shape, expected: &str| assert_eq!(text(shape), expected);
        let field = |name: &str, shape| Field { wit: name.into(), json: name.replace('-', "_"), docs: None, shape };
        let case = |name: &str, shape| Case { wit: name.into(), json: name.replace('-', "_"), docs: None, shape };
        let record = |items| Shape::Record(Named { docs: Some("not part of it".into()), items });
        check(&Shape::List(Box::new(Shape::Option(Box::new(Shape::Bytes)))), "list<option<list<u8>>>");
        check(&Shape::Tuple(vec![Shape::S64, Shape::Char]), "tuple<s64, char>");
        check(
            &record(vec![field("key-name", Shape::String), field("n", Shape::F32)]),
            "record { key_name: string, n: f32 }",
        );
        let cases = || vec![case("none", None), case("one-of", Some(Shape::U8))];
        check(&Shape::Variant(Named { docs: None, items: cases() }), "variant { none, one_of(u8) }");
        check(&Shape::Enum(Named { docs: None, items: vec![case("a", None), case("b", None)] }), "enum { a, b }");
        check(&Shape::Flags(Named { docs: None, items: vec![case("a", None)] }), "flags { a }");
        check(&Shape::Result { ok: None, err: Some(Box::new(Shape::Bool)) }, "result<_, bool>");

        let long = |last| record(vec![field(&"x".repeat(MAX_TEXT), Shape::U8), field("y", last)]);
        let (one, other) = (text(&long(Shape::U8)), text(&long(Shape::S8)));
        assert!(one.starts_with("sha256:") && one.len() == 71 && one != other, "{one} {other}");
    }
}
