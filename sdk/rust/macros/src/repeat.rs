//! `#[tool(…)]` on a function: whether it can run again with the same arguments.

use crate::{
    errors::Errors,
    model::{Param, Plain, Repeat, Type},
};
use syn::{Attribute, LitStr};

const EXPECTED: &str = "expected `#[tool(pure)]`, `#[tool(idempotent)]` or `#[tool(key = \"parameter\")]`; what a package needs stands \
     in `#[gloveport::tools(needs(…))]`";

/// Whether it is `#[tool]`.
pub(crate) fn is_tool_setting(attribute: &Attribute) -> bool {
    attribute.path().is_ident("tool")
}

/// Reads the setting among a function's attributes.
pub(crate) fn read(attributes: &[Attribute], params: &[Param], errors: &mut Errors) -> Option<Repeat> {
    let mut found = None;
    for attribute in attributes.iter().filter(|attribute| is_tool_setting(attribute)) {
        let mut repeat = None;
        let parsed = attribute.parse_nested_meta(|meta| {
            let this = if meta.path.is_ident("pure") {
                Repeat::Pure
            } else if meta.path.is_ident("idempotent") {
                Repeat::Idempotent
            } else if meta.path.is_ident("key") {
                keyed(&meta.value()?.parse()?, params)?
            } else {
                return Err(meta.error(EXPECTED));
            };
            match repeat.replace(this) {
                None => Ok(()),
                Some(_) => Err(meta.error("it is one of these, not several")),
            }
        });
        match (parsed, repeat) {
            (Err(error), _) => errors.add(error),
            (Ok(()), None) => errors.at(attribute, EXPECTED),
            (Ok(()), Some(_)) if found.is_some() => errors.at(attribute, "`#[tool(…)]` is given twice; keep one"),
            (Ok(()), repeat) => found = repeat,
        }
    }
    found
}

fn keyed(name: &LitStr, params: &[Param]) -> syn::Result<Repeat> {
    let value = name.value();
    match params.iter().find(|param| param.name.json() == value) {
        Some(param) if is_optional_text(&param.ty) => Ok(Repeat::Keyed(param.name.clone())),
        Some(_) => Err(syn::Error::new(name.span(), format!("`{value}` holds the key, so it is an `Option<String>`"))),
        None => Err(syn::Error::new(name.span(), format!("there is no parameter `{value}`"))),
    }
}

fn is_optional_text(ty: &Type) -> bool {
    matches!(ty, Type::Option(inner) if matches!(&**inner, Type::Plain(Plain { wit: "string", .. })))
}
