//! The generated module: bindings, conversions between the author's types and the bindings', and the two sections.

use crate::{
    docs,
    manifest::Manifest,
    model::{Case, Field, Function, Interface, Payload, Type, TypeDef, TypeKind},
    name::Name,
    wit,
};
use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};

/// The section of a command, which has no interface of its own.
pub(crate) fn manifest(manifest: &Manifest) -> TokenStream {
    section("MANIFEST", "gloveport:manifest", manifest.to_json(&[]).as_bytes())
}

/// The hidden module that goes into the author's.
pub(crate) fn module(manifest: &Manifest, interface: &Interface) -> TokenStream {
    let text = wit::text(&manifest.package, interface);
    let world = wit::world(interface);
    let namespace = manifest.package.namespace.bound_value();
    let package = manifest.package.name.bound_value();
    let name = interface.name.bound_value();
    let functions = interface.functions.iter().map(function);
    let conversions = interface.types.iter().map(conversions);
    let manifest_section = section("MANIFEST", "gloveport:manifest", manifest.to_json(&interface.functions).as_bytes());
    let docs_section = section("DOCS", "gloveport:docs", &docs::section(interface));
    quote! {
        // The bindings' own docs hold examples, which are none of the author's doctests.
        #[cfg(not(doctest))]
        #[doc(hidden)]
        #[allow(warnings, unsafe_code, missing_docs, unreachable_pub, clippy::all, clippy::pedantic, clippy::nursery, clippy::restriction)]
        mod __gloveport {
            ::gloveport::__private::wit_bindgen::generate!({
                inline: #text,
                path: [],
                world: #world,
                runtime_path: "::gloveport::__private::wit_bindgen::rt",
            });
            use self::exports::#namespace::#package::#name as bound;
            use ::gloveport::__private::{Conv, conv};

            struct Component;
            impl bound::Guest for Component {
                #(#functions)*
            }
            #(#conversions)*

            // On other targets nothing is exported; this only keeps the module in use there.
            #[cfg(not(target_arch = "wasm32"))]
            const _: fn() = || {
                fn used<T: bound::Guest>(_: T) {}
                used(Component);
            };
            #[cfg(target_arch = "wasm32")]
            export!(Component);
            #manifest_section
            #docs_section
        }
    }
}

fn section(name: &str, section: &str, content: &[u8]) -> TokenStream {
    let name = format_ident!("{name}");
    let length = content.len();
    let content = Literal::byte_string(content);
    quote! {
        #[cfg(target_arch = "wasm32")]
        #[unsafe(link_section = #section)]
        #[used]
        static #name: [u8; #length] = *#content;
    }
}

fn function(function: &Function) -> TokenStream {
    let ident = &function.ident;
    let bound = function.name.bound_value();
    // Positions, because an author's parameter may have any name, such as that of a module used here.
    let names: Vec<_> = (0..function.params.len()).map(|at| format_ident!("argument_{at}")).collect();
    let types = function.params.iter().map(|param| bound_type(&param.ty));
    let result = function.result.as_ref().map_or_else(|| quote!(()), bound_type);
    quote! {
        fn #bound(#(#names: #types),*) -> #result {
            conv(super::#ident(#(conv(#names)),*))
        }
    }
}

/// The type in the bindings.
fn bound_type(ty: &Type) -> TokenStream {
    let unless_unit = |ty: &Option<Box<Type>>| ty.as_ref().map_or_else(|| quote!(()), |ty| bound_type(ty));
    match ty {
        Type::Plain(plain) if plain.rust == "String" => quote!(::std::string::String),
        Type::Plain(plain) => {
            let name = format_ident!("{}", plain.rust);
            quote!(::core::primitive::#name)
        }
        Type::List(item) => {
            let item = bound_type(item);
            quote!(::std::vec::Vec<#item>)
        }
        Type::Option(item) => {
            let item = bound_type(item);
            quote!(::core::option::Option<#item>)
        }
        Type::Result(ok, error) => {
            let (ok, error) = (unless_unit(ok), unless_unit(error));
            quote!(::core::result::Result<#ok, #error>)
        }
        Type::Tuple(items) => {
            let items = items.iter().map(bound_type);
            quote!((#(#items,)*))
        }
        Type::Named(name) => {
            let name = name.bound_type();
            quote!(bound::#name)
        }
    }
}

/// Both directions between a type of the author's and the bindings'.
fn conversions(ty: &TypeDef) -> TokenStream {
    let ident = &ty.ident;
    let name = ty.name.bound_type();
    let (own, bound) = (quote!(super::#ident), quote!(bound::#name));
    let (into, from): (Vec<_>, Vec<_>) = match &ty.kind {
        TypeKind::Record(fields) => {
            let Record { own: own_fields, own_values, bound: bound_fields, bound_values } = record(fields);
            (
                vec![quote!(#own { #own_fields } => #bound { #bound_values })],
                vec![quote!(#bound { #bound_fields } => #own { #own_values })],
            )
        }
        TypeKind::Enum(cases) | TypeKind::Variant(cases) => cases.iter().map(|case| arms(case, &own, &bound)).unzip(),
    };
    quote! {
        impl Conv<#bound> for #own {
            fn conv(self) -> #bound {
                match self { #(#into,)* }
            }
        }
        impl Conv<#own> for #bound {
            fn conv(self) -> #own {
                match self { #(#from,)* }
            }
        }
    }
}

/// The fields of a record: as patterns, and as values converted from the other side's pattern.
struct Record {
    own: TokenStream,
    own_values: TokenStream,
    bound: TokenStream,
    bound_values: TokenStream,
}

fn record(fields: &[Field]) -> Record {
    let own: Vec<_> = fields.iter().map(|field| &field.ident).collect();
    let bound: Vec<_> = fields.iter().map(|field| field.name.bound_value()).collect();
    let names: Vec<_> = (0..fields.len()).map(|at| format_ident!("field_{at}")).collect();
    Record {
        own: quote!(#(#own: #names),*),
        own_values: quote!(#(#own: conv(#names)),*),
        bound: quote!(#(#bound: #names),*),
        bound_values: quote!(#(#bound: conv(#names)),*),
    }
}

fn arms(case: &Case, own: &TokenStream, bound: &TokenStream) -> (TokenStream, TokenStream) {
    let ident = &case.ident;
    let name = case.name.bound_case();
    match &case.payload {
        Payload::None => (quote!(#own::#ident => #bound::#name), quote!(#bound::#name => #own::#ident)),
        Payload::Positional(items) if items.len() == 1 => (
            quote!(#own::#ident(item) => #bound::#name(conv(item))),
            quote!(#bound::#name(item) => #own::#ident(conv(item))),
        ),
        Payload::Positional(items) => {
            let items: Vec<_> = (0..items.len()).map(|at| format_ident!("item_{at}")).collect();
            (
                quote!(#own::#ident(#(#items),*) => #bound::#name((#(conv(#items)),*))),
                quote!(#bound::#name((#(#items),*)) => #own::#ident(#(conv(#items)),*)),
            )
        }
        Payload::Named(record_name, fields) => {
            let record_name = Name::bound_type(record_name);
            let Record { own: own_fields, own_values, bound: bound_fields, bound_values } = record(fields);
            (
                quote!(#own::#ident { #own_fields } => #bound::#name(bound::#record_name { #bound_values })),
                quote!(#bound::#name(bound::#record_name { #bound_fields }) => #own::#ident { #own_values }),
            )
        }
    }
}
