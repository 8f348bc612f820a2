//! The settings in the attribute itself.

use crate::settings::{Entry, Given, Place};
use syn::{
    Ident, LitStr, Token, bracketed,
    ext::IdentExt,
    parenthesized,
    parse::{Parse, ParseStream},
    punctuated::Punctuated,
    token::{Bracket, Paren},
};

/// The arguments of `#[gloveport::tools(…)]`.
pub(crate) struct Arguments(pub(crate) Vec<Entry>);

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut entries = Vec::new();
        list(input, "", &mut entries)?;
        Ok(Self(entries))
    }
}

fn list(input: ParseStream<'_>, prefix: &str, entries: &mut Vec<Entry>) -> syn::Result<()> {
    while !input.is_empty() {
        let name = input.call(Ident::parse_any)?;
        let key = format!("{prefix}{name}");
        if key == "needs" && input.peek(Paren) {
            let content;
            parenthesized!(content in input);
            list(&content, "needs.", entries)?;
        } else {
            let value = if input.peek(Token![=]) {
                input.parse::<Token![=]>()?;
                value(input)?
            } else {
                // What follows belongs to a key that will be refused, or to a value that is missing.
                skip(input)?;
                None
            };
            entries.push(Entry { key, value, place: Place::Attribute, span: name.span() });
        }
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
        }
    }
    Ok(())
}

fn value(input: ParseStream<'_>) -> syn::Result<Option<Given>> {
    if input.peek(LitStr) {
        return Ok(Some(Given::Text(input.parse::<LitStr>()?.value())));
    }
    if input.peek(Bracket) {
        let fork = input.fork();
        let content;
        bracketed!(content in fork);
        if let Ok(texts) = Punctuated::<LitStr, Token![,]>::parse_terminated(&content) {
            skip(input)?;
            return Ok(Some(Given::List(texts.iter().map(LitStr::value).collect())));
        }
    }
    skip(input)?;
    Ok(None)
}

/// Moves on to the next comma.
fn skip(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<proc_macro2::TokenTree>()?;
    }
    Ok(())
}
