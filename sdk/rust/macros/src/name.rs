//! Names: an author's identifier, its spelling in WIT and in JSON, and what `wit-bindgen` makes of it.

use crate::errors::Errors;
use heck::{ToKebabCase, ToSnakeCase, ToUpperCamelCase};
use proc_macro2::{Ident, Span};
use std::fmt;
use syn::ext::IdentExt;

/// The longest name that a tool id may hold.
const MAX_LENGTH: usize = 64;

/// A name in the kebab-case that WIT uses.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Name(String);

/// Why a text is not a WIT name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Empty,
    TooLong,
    Character(char),
    Digit(String),
    Keyword,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "it holds no letter"),
            Self::TooLong => write!(f, "it is longer than {MAX_LENGTH} characters"),
            Self::Character(c) => write!(f, "`{c}` is not a lower-case ASCII letter or digit"),
            Self::Digit(word) => {
                write!(f, "its word `{word}` starts with a digit; join it to the word before it, or spell it out")
            }
            Self::Keyword => {
                write!(f, "it is a keyword of Rust 2024 that the bindings cannot escape; choose another name")
            }
        }
    }
}

impl Name {
    /// Checks a text that is to be in kebab-case already.
    fn from_kebab(text: &str) -> Result<Self, Refusal> {
        if text.is_empty() {
            return Err(Refusal::Empty);
        }
        if text.len() > MAX_LENGTH {
            return Err(Refusal::TooLong);
        }
        for word in text.split('-') {
            if let Some(c) = word.chars().find(|c| !c.is_ascii_lowercase() && !c.is_ascii_digit()) {
                return Err(Refusal::Character(c));
            }
            match word.chars().next() {
                None => return Err(Refusal::Empty),
                Some(c) if c.is_ascii_digit() => return Err(Refusal::Digit(word.to_owned())),
                Some(_) => {}
            }
        }
        Ok(Self(text.to_owned()))
    }

    /// Checks a part of a package's name, which becomes the name of a Rust module.
    pub(crate) fn of_package(text: &str) -> Result<Self, Refusal> {
        if text == "gen" {
            return Err(Refusal::Keyword);
        }
        Self::from_kebab(text)
    }

    /// The WIT spelling of an author's identifier.
    pub(crate) fn of(ident: &Ident) -> Result<Self, Refusal> {
        let text = ident.unraw().to_string();
        if text == "gen" {
            return Err(Refusal::Keyword);
        }
        match text.chars().find(|c| !c.is_ascii()) {
            Some(c) => Err(Refusal::Character(c)),
            None => Self::from_kebab(&text.to_kebab_case()),
        }
    }

    /// The WIT spelling of an author's identifier; reports at the identifier when there is none.
    pub(crate) fn read(ident: &Ident, errors: &mut Errors) -> Option<Self> {
        Self::of(ident)
            .map_err(|refusal| errors.at(ident, format!("`{}` has no WIT spelling: {refusal}", ident.unraw())))
            .ok()
    }

    /// The name of what belongs to `self`: `shape` and `circle` give `shape-circle`.
    pub(crate) fn join(&self, part: &Self) -> Self {
        Self(format!("{}-{}", self.0, part.0))
    }

    /// As WIT and the component spell it.
    pub(crate) fn kebab(&self) -> &str {
        &self.0
    }

    /// As JSON spells it.
    pub(crate) fn json(&self) -> String {
        self.0.to_snake_case()
    }

    /// As WIT text spells it. Every name is escaped, so that none can be a keyword.
    pub(crate) fn escaped(&self) -> String {
        format!("%{}", self.0)
    }

    /// The module, function or field that `wit-bindgen` makes of it.
    pub(crate) fn bound_value(&self) -> Ident {
        let snake = self.json();
        // wit-bindgen appends an underscore to exactly the words that syn refuses as an identifier.
        syn::parse_str::<Ident>(&snake).unwrap_or_else(|_| Ident::new(&format!("{snake}_"), Span::call_site()))
    }

    /// The type or case that `wit-bindgen` makes of it.
    pub(crate) fn bound_type(&self) -> Ident {
        let camel = self.0.to_upper_camel_case();
        // wit-bindgen keeps `Guest` for the trait that stands for the interface.
        let camel = if camel == "Guest" { "Guest_" } else { &camel };
        Ident::new(camel, Span::call_site())
    }

    /// A case of an enum or variant, which may be called `Guest`.
    pub(crate) fn bound_case(&self) -> Ident {
        Ident::new(&self.0.to_upper_camel_case(), Span::call_site())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_in_every_spelling() {
        let check = |ident: &str, kebab: &str, json: &str, value: &str, ty: &str| {
            let ident: Ident = syn::parse_str(ident).expect("an identifier");
            let name = Name::of(&ident).expect("a name");
            let found =
                (name.kebab().to_owned(), name.json(), name.bound_value().to_string(), name.bound_type().to_string());
            assert_eq!(found, (kebab.into(), json.into(), value.into(), ty.into()));
        };
        check("grep", "grep", "grep", "grep", "Grep");
        check("find_lines", "find-lines", "find_lines", "find_lines", "FindLines");
        check("HTTPStatus", "http-status", "http_status", "http_status", "HttpStatus");
        check("sha256_of", "sha256-of", "sha256_of", "sha256_of", "Sha256Of");
        check("_quiet", "quiet", "quiet", "quiet", "Quiet");
        check("r#type", "type", "type", "type_", "Type");
        check("Guest", "guest", "guest", "guest", "Guest_");
    }

    #[test]
    fn texts_without_a_spelling() {
        let long = "a".repeat(MAX_LENGTH + 1);
        assert!(Name::from_kebab(&long[1..]).is_ok());
        let check = |ident: &str, expected: Refusal| {
            let ident = Ident::new_raw(ident, Span::call_site());
            assert_eq!(Name::of(&ident), Err(expected));
        };
        check("version_2", Refusal::Digit("2".into()));
        check("größe", Refusal::Character('ö'));
        check("gen", Refusal::Keyword);
        check("__", Refusal::Empty);
        check(&long, Refusal::TooLong);
    }
}
