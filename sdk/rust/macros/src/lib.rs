//! The macros of the gloveport SDK; use them as `gloveport::tools` and `gloveport::command`.
#![allow(clippy::disallowed_methods, reason = "cargo speaks to a macro through the environment and Cargo.toml")]

mod attribute;
mod cargo_toml;
mod checks;
mod docs;
mod errors;
mod glue;
mod items;
mod lists;
mod manifest;
mod model;
mod name;
mod repeat;
mod settings;
mod types;
mod wit;

use attribute::Arguments;
use errors::Errors;
use model::Interface;
use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use std::{io::ErrorKind, path::PathBuf};
use syn::{FnArg, Ident, Item, ItemMod};

/// Makes a module a package of tools; see the documentation of `gloveport`.
#[proc_macro_attribute]
pub fn tools(arguments: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expand(arguments.into(), item.into()).into()
}

/// Makes a crate with a `main` a package; see the documentation of `gloveport`.
#[proc_macro]
pub fn command(arguments: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expand_command(arguments.into()).into()
}

fn expand_command(arguments: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let (entries, cargo_toml) = entries(arguments, &mut errors);
    let of = settings::Crate::current();
    let name = Ident::new(&of.name.replace('-', "_"), Span::call_site());
    match settings::resolve(entries, &name, &of, &mut errors) {
        Some(manifest) if errors.is_empty() => {
            let tracked = cargo_toml.map(|_| track_cargo_toml());
            let manifest = glue::manifest(&manifest);
            quote! {
                #[allow(unsafe_code)]
                const _: () = { #manifest #tracked };
            }
        }
        _ => errors.into_compile_errors(),
    }
}

/// What is set where the macro is used, and in `Cargo.toml`, with its text.
fn entries(arguments: TokenStream, errors: &mut Errors) -> (Vec<settings::Entry>, Option<String>) {
    let mut entries = match syn::parse2(arguments) {
        Ok(Arguments(entries)) => entries,
        Err(error) => {
            errors.add(error);
            Vec::new()
        }
    };
    let cargo_toml = read_cargo_toml(errors);
    if let Some(text) = &cargo_toml {
        entries.extend(cargo_toml::entries(text, Span::call_site(), errors));
    }
    (entries, cargo_toml)
}

fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let mut module: ItemMod = match syn::parse2(item.clone()) {
        Ok(module) => module,
        Err(_) => {
            errors.at_span(
                Span::call_site(),
                "`#[gloveport::tools]` stands on a module: write `mod name { … }` below it",
            );
            return with_errors(item, errors);
        }
    };
    let Some((_, items)) = &mut module.content else {
        errors.at(&module, "`#[gloveport::tools]` needs the module's content in the same file: write `mod name { … }`");
        return with_errors(TokenStream::new(), errors);
    };

    let (entries, cargo_toml) = entries(arguments, &mut errors);
    let manifest = settings::resolve(entries, &module.ident, &settings::Crate::current(), &mut errors);
    let interface = items::read(&module.ident, &module.attrs, items, &mut errors);
    if let Some(interface) = &interface {
        checks::check(interface, &mut errors);
    }
    move_parameter_docs(items, interface.as_ref());
    match (manifest, interface) {
        (Some(manifest), Some(interface)) if errors.is_empty() => {
            items.push(Item::Verbatim(glue::module(&manifest, &interface)));
            let tracked = cargo_toml.map(|_| track_cargo_toml());
            quote! {
                // `pub` marks the tools of a module, which need not be reachable from elsewhere.
                #[allow(unreachable_pub)]
                #module
                #tracked

                #[doc(hidden)]
                #[macro_export]
                macro_rules! __gloveport_has_one_tools_module_per_crate { () => {} }
            }
        }
        _ => with_errors(module.into_token_stream(), errors),
    }
}

/// The author's code beside the errors, so that rustc does not complain of what is missing as well.
fn with_errors(code: TokenStream, errors: Errors) -> TokenStream {
    let errors = errors.into_compile_errors();
    let quiet = (!code.is_empty()).then(|| quote!(#[allow(unused, unreachable_pub)]));
    quote!(#quiet #code #errors)
}

/// The text of the author's `Cargo.toml`; `None` where rustc runs without cargo.
fn read_cargo_toml(errors: &mut Errors) -> Option<String> {
    let file = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR")?).join("Cargo.toml");
    match std::fs::read_to_string(&file) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => {
            errors.at_span(Span::call_site(), format!("{}: {error}", file.display()));
            None
        }
    }
}

/// Makes cargo build the crate again when `Cargo.toml` changes.
fn track_cargo_toml() -> TokenStream {
    quote!(
        const _: &[u8] = ::core::include_bytes!(::core::concat!(::core::env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
    )
}

/// Takes off what rustc refuses, which is documentation of parameters, and adds that to the function's.
fn move_parameter_docs(items: &mut [Item], interface: Option<&Interface>) {
    for item in items {
        let Item::Fn(function) = item else { continue };
        if !items::is_public(&function.vis) {
            continue;
        }
        // It is read, and nobody else knows it.
        function.attrs.retain(|attribute| !repeat::is_tool_setting(attribute));
        for input in &mut function.sig.inputs {
            if let FnArg::Typed(input) = input {
                input.attrs.retain(|attribute| !docs::is_doc(attribute));
            }
        }
        let known =
            interface.and_then(|interface| interface.functions.iter().find(|known| known.ident == function.sig.ident));
        if let Some(list) = known.and_then(docs::parameters) {
            let list = format!("\n{list}");
            function.attrs.push(syn::parse_quote!(#[doc = #list]));
        }
    }
}
