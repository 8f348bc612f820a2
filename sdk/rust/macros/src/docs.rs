//! Documentation: off the author's attributes, and into the section `gloveport:docs`.

use crate::model::{Case, Field, Function, Interface, Payload, TypeKind};
use serde_json::{Map, Value, json};
use syn::{Attribute, Expr, ExprLit, Lit, Meta};

/// The version of the section's format, its first byte.
const FORMAT: u8 = 1;

/// The text of the doc comments among `attributes`.
pub(crate) fn text(attributes: &[Attribute]) -> Option<String> {
    let mut lines = Vec::new();
    for attribute in attributes {
        if let Meta::NameValue(meta) = &attribute.meta
            && meta.path.is_ident("doc")
            && let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = &meta.value
        {
            lines.extend(of_comment(&text.value()));
        }
    }
    let text = lines.join("\n");
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// The lines of one doc comment, without the indent and the column of stars that a block comment may have.
fn of_comment(text: &str) -> Vec<String> {
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let first = first.strip_prefix(' ').unwrap_or(first).trim_end().to_owned();
    let rest: Vec<_> = lines.map(str::trim_end).collect();
    let filled = || rest.iter().filter(|line| !line.is_empty());
    let rest: Vec<_> = if filled().all(|line| line.trim_start().starts_with('*')) {
        rest.iter().map(|line| line.trim_start().trim_start_matches('*')).collect()
    } else {
        rest
    };
    let indent = |line: &&str| line.len() - line.trim_start().len();
    let common = rest.iter().filter(|line| !line.is_empty()).map(indent).min().unwrap_or(0);
    let rest = rest.iter().map(|line| line.get(common..).unwrap_or_default().to_owned());
    std::iter::once(first).chain(rest).collect()
}

/// Whether an attribute is a doc comment.
pub(crate) fn is_doc(attribute: &Attribute) -> bool {
    attribute.path().is_ident("doc")
}

/// The content of the section `gloveport:docs`: what `wit-parser` would read from `package-docs`, a name that makes it refuse a
/// component, as opposed to an encoded WIT package.
pub(crate) fn section(interface: &Interface) -> Vec<u8> {
    let mut functions = Map::new();
    for function in &interface.functions {
        if let Some(docs) = of_function(function) {
            functions.insert(function.name.kebab().into(), json!({ "docs": docs }));
        }
    }
    let mut types = Map::new();
    for ty in &interface.types {
        let items = match &ty.kind {
            TypeKind::Record(fields) => of_fields(fields),
            TypeKind::Enum(cases) | TypeKind::Variant(cases) => of_cases(cases),
        };
        insert_type(&mut types, ty.name.kebab(), ty.docs.as_ref(), items);
        if let TypeKind::Variant(cases) = &ty.kind {
            for case in cases {
                if let Payload::Named(name, fields) = &case.payload {
                    insert_type(&mut types, name.kebab(), case.docs.as_ref(), of_fields(fields));
                }
            }
        }
    }
    let mut content = Map::new();
    if let Some(docs) = &interface.docs {
        content.insert("docs".into(), docs.as_str().into());
    }
    if !functions.is_empty() {
        content.insert("funcs".into(), functions.into());
    }
    if !types.is_empty() {
        content.insert("types".into(), types.into());
    }
    let mut interfaces = Map::new();
    if !content.is_empty() {
        interfaces.insert(interface.name.kebab().into(), content.into());
    }
    let mut section = vec![FORMAT];
    section.extend(json!({ "interfaces": interfaces }).to_string().into_bytes());
    section
}

/// The list of documented parameters, which WIT has no place for, as the end of the function's docs.
pub(crate) fn parameters(function: &Function) -> Option<String> {
    let lines: Vec<_> = function
        .params
        .iter()
        .filter_map(|param| Some(format!("- `{}`: {}", param.name.json(), fold(param.docs.as_deref()?))))
        .collect();
    (!lines.is_empty()).then(|| format!("# Parameters\n\n{}", lines.join("\n")))
}

fn of_function(function: &Function) -> Option<String> {
    let parts: Vec<_> = function.docs.clone().into_iter().chain(parameters(function)).collect();
    (!parts.is_empty()).then(|| parts.join("\n\n"))
}

fn fold(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn of_fields(fields: &[Field]) -> Map<String, Value> {
    let documented =
        fields.iter().filter_map(|field| Some((field.name.kebab().to_owned(), field.docs.clone()?.into())));
    documented.collect()
}

fn of_cases(cases: &[Case]) -> Map<String, Value> {
    let documented = cases.iter().filter_map(|case| Some((case.name.kebab().to_owned(), case.docs.clone()?.into())));
    documented.collect()
}

fn insert_type(types: &mut Map<String, Value>, name: &str, docs: Option<&String>, items: Map<String, Value>) {
    let mut content = Map::new();
    if let Some(docs) = docs {
        content.insert("docs".into(), docs.as_str().into());
    }
    if !items.is_empty() {
        content.insert("items".into(), items.into());
    }
    if !content.is_empty() {
        types.insert(name.to_owned(), content.into());
    }
}
