//! The items of the author's module: which of them are tools, which types those reach, and what each says of itself.

use crate::{
    docs,
    errors::Errors,
    model::{Case, Field, Function, Interface, Param, Payload, TypeDef, TypeKind},
    name::Name,
    repeat,
    types::{Declaration, Types, declarations},
};
use quote::ToTokens;
use syn::{Attribute, Fields, FnArg, Generics, Ident, Item, ItemEnum, ItemFn, ItemStruct, Pat, Variant, Visibility};

/// Names that a type cannot have, because the bindings use them for the standard types.
const STANDARD: [&str; 4] = ["Option", "Result", "String", "Vec"];

/// Reads the module `ident`, which holds `items`. What it gives is whole only if no error was reported.
pub(crate) fn read(ident: &Ident, attributes: &[Attribute], items: &[Item], errors: &mut Errors) -> Option<Interface> {
    let name = Name::read(ident, errors);
    let declarations = declarations(items);
    let mut types = Types::new(&declarations, errors);
    let tools = items.iter().filter_map(|item| match item {
        Item::Fn(function) if is_public(&function.vis) => Some(function),
        _ => None,
    });
    let count = tools.clone().count();
    let functions: Vec<_> = tools.filter_map(|function| read_function(function, &mut types)).collect();
    let mut definitions = Vec::new();
    let mut at = 0;
    while let Some(declaration) = types.used(at) {
        definitions.extend(read_type(declaration, &mut types));
        at += 1;
    }
    if count == 0 {
        types.errors.at(ident, "this module has no `pub fn`, so it holds no tool");
    }
    Some(Interface { name: name?, docs: docs::text(attributes), types: definitions, functions })
}

/// Whether it is plain `pub`.
pub(crate) fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

fn read_function(function: &ItemFn, types: &mut Types<'_>) -> Option<Function> {
    let signature = &function.sig;
    refuse_conditions(&function.attrs, types.errors);
    if let Some(token) = &signature.asyncness {
        types.errors.at(token, "a tool cannot be `async`: a call runs alone in its instance, so write a plain `fn`");
    }
    if let Some(token) = &signature.unsafety {
        types.errors.at(token, "a tool cannot be `unsafe`: its caller sends plain values");
    }
    if let Some(abi) = &signature.abi {
        types.errors.at(abi, "a tool has no ABI of its own: write a plain `fn`");
    }
    if let Some(variadic) = &signature.variadic {
        types.errors.at(variadic, "a tool has a fixed number of parameters: use a `Vec`");
    }
    refuse_generics(&signature.generics, "a tool", types.errors);
    let name = Name::read(&signature.ident, types.errors);
    let params: Vec<_> = signature.inputs.iter().map(|input| read_param(input, types)).collect();
    let result = types.output(&signature.output);
    let params: Vec<_> = params.into_iter().collect::<Option<_>>()?;
    let repeat = repeat::read(&function.attrs, &params, types.errors);
    Some(Function {
        ident: signature.ident.clone(),
        name: name?,
        docs: docs::text(&function.attrs),
        params,
        result: result?,
        repeat,
    })
}

fn read_param(input: &FnArg, types: &mut Types<'_>) -> Option<Param> {
    let input = match input {
        FnArg::Typed(input) => input,
        FnArg::Receiver(receiver) => {
            types
                .errors
                .at(receiver, "a tool takes no `self`: every call gets a fresh instance, so there is nothing to keep");
            return None;
        }
    };
    refuse_conditions(&input.attrs, types.errors);
    let name = match &*input.pat {
        Pat::Ident(pattern) => Name::read(&pattern.ident, types.errors),
        other => {
            types.errors.at(other, "a parameter of a tool needs a name: write `name: Type`");
            None
        }
    };
    let ty = types.value(&input.ty);
    Some(Param { name: name?, docs: docs::text(&input.attrs), ty: ty? })
}

fn read_type(declaration: &Declaration<'_>, types: &mut Types<'_>) -> Option<TypeDef> {
    match declaration {
        Declaration::Struct(item) => read_struct(item, types),
        Declaration::Enum(item) => read_enum(item, types),
        Declaration::Union(item) => {
            types.errors.at(&item.ident, "a union has no WIT counterpart: use an enum");
            None
        }
        // Aliases are replaced by what they stand for.
        Declaration::Alias(_) => None,
    }
}

fn read_struct(item: &ItemStruct, types: &mut Types<'_>) -> Option<TypeDef> {
    let name = read_head(&item.ident, &item.vis, &item.attrs, &item.generics, types.errors);
    let fields = match &item.fields {
        Fields::Named(fields) if fields.named.is_empty() => {
            types.errors.at(item, "a struct without fields has no WIT counterpart: give it a field, or leave it out");
            return None;
        }
        Fields::Named(fields) => {
            for field in &fields.named {
                if !is_public(&field.vis) {
                    types.errors.at(field, "a field of a tool's type crosses the boundary: make it `pub`");
                }
            }
            read_fields(&fields.named, types)
        }
        Fields::Unnamed(fields) => {
            types.errors.at(fields, "a tuple struct has no WIT counterpart: name its fields, or use a tuple");
            return None;
        }
        Fields::Unit => {
            types.errors.at(&item.ident, "a unit struct has no WIT counterpart: give it a field, or leave it out");
            return None;
        }
    };
    Some(TypeDef {
        ident: item.ident.clone(),
        name: name?,
        docs: docs::text(&item.attrs),
        kind: TypeKind::Record(fields?),
    })
}

fn read_enum(item: &ItemEnum, types: &mut Types<'_>) -> Option<TypeDef> {
    let name = read_head(&item.ident, &item.vis, &item.attrs, &item.generics, types.errors);
    if item.variants.is_empty() {
        types.errors.at(&item.ident, "an enum without cases has no WIT counterpart: give it a case");
    }
    let cases: Vec<_> = item.variants.iter().map(|variant| read_case(variant, name.as_ref(), types)).collect();
    let cases: Vec<_> = cases.into_iter().collect::<Option<_>>()?;
    let plain = cases.iter().all(|case| matches!(case.payload, Payload::None));
    let kind = if plain { TypeKind::Enum(cases) } else { TypeKind::Variant(cases) };
    Some(TypeDef { ident: item.ident.clone(), name: name?, docs: docs::text(&item.attrs), kind })
}

fn read_case(variant: &Variant, owner: Option<&Name>, types: &mut Types<'_>) -> Option<Case> {
    refuse_conditions(&variant.attrs, types.errors);
    let name = Name::read(&variant.ident, types.errors);
    let payload = match &variant.fields {
        Fields::Unit => Some(Payload::None),
        fields if fields.is_empty() => {
            types.errors.at(variant, format!("an empty payload has no WIT counterpart: write `{}`", variant.ident));
            None
        }
        Fields::Unnamed(fields) => {
            let items: Vec<_> = fields.unnamed.iter().map(|field| types.value(&field.ty)).collect();
            items.into_iter().collect::<Option<_>>().map(Payload::Positional)
        }
        Fields::Named(fields) => {
            let fields = read_fields(&fields.named, types);
            let record = owner.zip(name.as_ref()).map(|(owner, name)| owner.join(name));
            record.zip(fields).map(|(record, fields)| Payload::Named(record, fields))
        }
    };
    Some(Case { ident: variant.ident.clone(), name: name?, docs: docs::text(&variant.attrs), payload: payload? })
}

fn read_fields<'a>(fields: impl IntoIterator<Item = &'a syn::Field>, types: &mut Types<'_>) -> Option<Vec<Field>> {
    let fields: Vec<_> = fields
        .into_iter()
        .map(|field| {
            refuse_conditions(&field.attrs, types.errors);
            let ident = field.ident.as_ref()?;
            let name = Name::read(ident, types.errors);
            let ty = types.value(&field.ty);
            Some(Field { ident: ident.clone(), name: name?, docs: docs::text(&field.attrs), ty: ty? })
        })
        .collect();
    fields.into_iter().collect()
}

fn read_head(
    ident: &Ident,
    visibility: &Visibility,
    attributes: &[Attribute],
    generics: &Generics,
    errors: &mut Errors,
) -> Option<Name> {
    refuse_conditions(attributes, errors);
    refuse_generics(generics, "a tool's type", errors);
    if !is_public(visibility) {
        errors.at(ident, format!("a tool takes or gives `{ident}`: make it `pub`"));
    }
    if STANDARD.iter().any(|name| ident == name) {
        errors.at(ident, format!("`{ident}` hides the standard type of that name: choose another name"));
        return None;
    }
    Name::read(ident, errors)
}

fn refuse_generics(generics: &Generics, what: &str, errors: &mut Errors) {
    if !generics.params.is_empty() {
        errors.at(
            &generics.params,
            format!("{what} cannot be generic or borrow: WIT has neither type parameters nor lifetimes"),
        );
    } else if let Some(clause) = &generics.where_clause {
        errors.at(clause, format!("{what} cannot be generic: WIT has no type parameters"));
    }
}

fn refuse_conditions(attributes: &[Attribute], errors: &mut Errors) {
    for attribute in attributes {
        if attribute.path().is_ident("cfg") || attribute.path().is_ident("cfg_attr") {
            let found = attribute.meta.to_token_stream();
            errors.at(attribute, format!("a package has the same tools and types in every build: leave out `{found}`"));
        }
    }
}
