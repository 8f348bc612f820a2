//! The WIT text of an interface, for `wit-bindgen`.

use crate::{
    manifest::PackageName,
    model::{Field, Function, Interface, Payload, TypeDef, TypeKind},
    name::Name,
};
use std::fmt::Write;

/// The name of the world that exports the interface. A component does not keep it; it only has to differ from the interface's.
pub(crate) fn world(interface: &Interface) -> String {
    format!("{}-package", interface.name.kebab())
}

/// A package of one interface and the world that exports it.
pub(crate) fn text(package: &PackageName, interface: &Interface) -> String {
    let mut text = format!(
        "package {}:{}@{};\ninterface {} {{\n",
        package.namespace.escaped(),
        package.name.escaped(),
        package.version,
        interface.name.escaped()
    );
    for ty in &interface.types {
        push_type(&mut text, ty);
    }
    for function in &interface.functions {
        push_function(&mut text, function);
    }
    push_line(&mut text, format_args!("}}\nworld {} {{ export {}; }}", world(interface), interface.name.escaped()));
    text
}

fn push_type(text: &mut String, ty: &TypeDef) {
    let (word, cases) = match &ty.kind {
        TypeKind::Record(fields) => return push_record(text, &ty.name, fields),
        TypeKind::Enum(cases) => ("enum", cases),
        TypeKind::Variant(cases) => ("variant", cases),
    };
    let mut lines = Vec::new();
    for case in cases {
        let name = case.name.escaped();
        lines.push(match &case.payload {
            Payload::None => name,
            Payload::Positional(items) => match items.as_slice() {
                [item] => format!("{name}({item})"),
                items => {
                    format!("{name}(tuple<{}>)", items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
                }
            },
            Payload::Named(record, fields) => {
                push_record(text, record, fields);
                format!("{name}({})", record.escaped())
            }
        });
    }
    push_line(text, format_args!("{word} {} {{ {} }}", ty.name.escaped(), lines.join(", ")));
}

fn push_record(text: &mut String, name: &Name, fields: &[Field]) {
    let fields: Vec<_> = fields.iter().map(|field| format!("{}: {}", field.name.escaped(), field.ty)).collect();
    push_line(text, format_args!("record {} {{ {} }}", name.escaped(), fields.join(", ")));
}

fn push_function(text: &mut String, function: &Function) {
    let params: Vec<_> =
        function.params.iter().map(|param| format!("{}: {}", param.name.escaped(), param.ty)).collect();
    let result = function.result.as_ref().map(|ty| format!(" -> {ty}")).unwrap_or_default();
    push_line(text, format_args!("{}: func({}){result};", function.name.escaped(), params.join(", ")));
}

fn push_line(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{line}");
}
