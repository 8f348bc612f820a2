//! What WIT asks of an interface as a whole: distinct names, and types of finite size.

use crate::{
    errors::Errors,
    model::{Case, Field, Interface, Payload, Type, TypeDef, TypeKind},
    name::Name,
};
use proc_macro2::Ident;
use std::collections::HashMap;

/// Reports every name that is taken twice and every type that contains itself.
pub(crate) fn check(interface: &Interface, errors: &mut Errors) {
    distinct_items(interface, errors);
    for ty in &interface.types {
        match &ty.kind {
            TypeKind::Record(fields) => distinct_fields(fields, errors),
            TypeKind::Enum(cases) | TypeKind::Variant(cases) => distinct_cases(cases, errors),
        }
    }
    for function in &interface.functions {
        let mut taken = HashMap::new();
        for param in &function.params {
            let what = format!("a parameter of `{}`", function.ident);
            claim(&mut taken, &param.name, &function.ident, &what, errors);
        }
    }
    for ty in &interface.types {
        if let Some(path) = circle(interface, ty) {
            errors.at(
                &ty.ident,
                format!("`{}` contains itself ({path}), and WIT types are finite: use a `Vec` of nodes that name each other by index", ty.ident),
            );
        }
    }
}

/// Functions and types share one namespace.
fn distinct_items(interface: &Interface, errors: &mut Errors) {
    let mut taken = HashMap::new();
    for ty in &interface.types {
        claim(&mut taken, &ty.name, &ty.ident, &format!("the type `{}`", ty.ident), errors);
        if let TypeKind::Variant(cases) = &ty.kind {
            for case in cases {
                if let Payload::Named(record, _) = &case.payload {
                    claim(&mut taken, record, &case.ident, &format!("the record of the case `{}`", case.ident), errors);
                }
            }
        }
    }
    for function in &interface.functions {
        claim(&mut taken, &function.name, &function.ident, &format!("the function `{}`", function.ident), errors);
    }
}

fn distinct_fields(fields: &[Field], errors: &mut Errors) {
    let mut taken = HashMap::new();
    for field in fields {
        claim(&mut taken, &field.name, &field.ident, &format!("the field `{}`", field.ident), errors);
    }
}

fn distinct_cases(cases: &[Case], errors: &mut Errors) {
    let mut taken = HashMap::new();
    for case in cases {
        claim(&mut taken, &case.name, &case.ident, &format!("the case `{}`", case.ident), errors);
        if let Payload::Named(_, fields) = &case.payload {
            distinct_fields(fields, errors);
        }
    }
}

fn claim(taken: &mut HashMap<Name, String>, name: &Name, at: &Ident, what: &str, errors: &mut Errors) {
    match taken.get(name) {
        Some(other) => {
            errors.at(at, format!("{other} and {what} are both `{}` in WIT: rename one of them", name.kebab()))
        }
        None => {
            taken.insert(name.clone(), what.to_owned());
        }
    }
}

/// The path by which a type contains itself.
fn circle(interface: &Interface, start: &TypeDef) -> Option<String> {
    let mut seen: Vec<&Name> = Vec::new();
    let mut open = vec![(start, start.ident.to_string())];
    while let Some((ty, path)) = open.pop() {
        for name in names(ty) {
            let Some(inner) = interface.types.iter().find(|inner| inner.name == *name) else {
                continue;
            };
            let path = format!("{path} → {}", inner.ident);
            if inner.name == start.name {
                return Some(path);
            }
            if !seen.contains(&name) {
                seen.push(name);
                open.push((inner, path));
            }
        }
    }
    None
}

/// The types of the author's that a definition holds.
fn names(ty: &TypeDef) -> Vec<&Name> {
    let mut found = Vec::new();
    match &ty.kind {
        TypeKind::Record(fields) => fields.iter().for_each(|field| collect(&field.ty, &mut found)),
        TypeKind::Enum(cases) | TypeKind::Variant(cases) => {
            for case in cases {
                match &case.payload {
                    Payload::None => {}
                    Payload::Positional(items) => items.iter().for_each(|item| collect(item, &mut found)),
                    Payload::Named(_, fields) => fields.iter().for_each(|field| collect(&field.ty, &mut found)),
                }
            }
        }
    }
    found
}

fn collect<'a>(ty: &'a Type, found: &mut Vec<&'a Name>) {
    match ty {
        Type::Plain(_) => {}
        Type::List(item) | Type::Option(item) => collect(item, found),
        Type::Result(ok, error) => ok.iter().chain(error).for_each(|ty| collect(ty, found)),
        Type::Tuple(items) => items.iter().for_each(|item| collect(item, found)),
        Type::Named(name) => found.push(name),
    }
}
