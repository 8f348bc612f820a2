//! From the types an author writes to WIT types, or to what the author could write instead.

use crate::{
    errors::Errors,
    model::{Plain, Type},
    name::Name,
};
use quote::ToTokens;
use std::collections::HashMap;
use syn::{GenericArgument, Ident, Item, PathArguments, PathSegment, ReturnType};

/// The largest tuple that the SDK converts.
const MAX_TUPLE: usize = 8;

/// A type that the module declares.
pub(crate) enum Declaration<'a> {
    Struct(&'a syn::ItemStruct),
    Enum(&'a syn::ItemEnum),
    Alias(&'a syn::ItemType),
    Union(&'a syn::ItemUnion),
}

impl<'a> Declaration<'a> {
    fn of(item: &'a Item) -> Option<(&'a Ident, Self)> {
        Some(match item {
            Item::Struct(item) => (&item.ident, Self::Struct(item)),
            Item::Enum(item) => (&item.ident, Self::Enum(item)),
            Item::Type(item) => (&item.ident, Self::Alias(item)),
            Item::Union(item) => (&item.ident, Self::Union(item)),
            _ => return None,
        })
    }
}

/// The types that a module declares.
pub(crate) type Declarations<'a> = HashMap<&'a Ident, Declaration<'a>>;

/// Finds the types that a module declares.
pub(crate) fn declarations(items: &[Item]) -> Declarations<'_> {
    items.iter().filter_map(Declaration::of).collect()
}

/// Reads types, and notes which of the module's own types they name.
pub(crate) struct Types<'a> {
    declarations: &'a Declarations<'a>,
    pub(crate) errors: &'a mut Errors,
    used: Vec<Ident>,
    following: Vec<Ident>,
}

impl<'a> Types<'a> {
    pub(crate) fn new(declarations: &'a Declarations<'a>, errors: &'a mut Errors) -> Self {
        Self { declarations, errors, used: Vec::new(), following: Vec::new() }
    }

    /// The declaration of the `at`th type of the module's own that was named, counted by first use.
    pub(crate) fn used(&self, at: usize) -> Option<&'a Declaration<'a>> {
        self.declarations.get(self.used.get(at)?)
    }

    /// What a function gives; the outer `None` after an error, the inner one for `()`.
    pub(crate) fn output(&mut self, output: &ReturnType) -> Option<Option<Type>> {
        match output {
            ReturnType::Default => Some(None),
            ReturnType::Type(_, ty) => self.unless_unit(ty),
        }
    }

    /// A type that stands for a value; `None` after an error.
    pub(crate) fn value(&mut self, ty: &syn::Type) -> Option<Type> {
        match ty {
            syn::Type::Paren(inner) => self.value(&inner.elem),
            syn::Type::Group(inner) => self.value(&inner.elem),
            syn::Type::Path(path) if path.qself.is_none() => self.path(ty, &path.path),
            syn::Type::Tuple(tuple) if tuple.elems.is_empty() => {
                self.refuse(ty, "leave it out, or use `bool`; `()` is only what a function or a `Result` gives")
            }
            syn::Type::Tuple(tuple) if tuple.elems.len() > MAX_TUPLE => {
                self.refuse(ty, &format!("use a struct; tuples end at {MAX_TUPLE} elements"))
            }
            syn::Type::Tuple(tuple) => {
                let items: Vec<_> = tuple.elems.iter().map(|item| self.value(item)).collect();
                Some(Type::Tuple(items.into_iter().collect::<Option<_>>()?))
            }
            syn::Type::Reference(reference) => {
                let instead = self.owned(&reference.elem);
                self.refuse(ty, &instead)
            }
            syn::Type::Array(array) => {
                let item = spelling(&array.elem);
                self.refuse(ty, &format!("use `Vec<{item}>`, or a tuple for a few values"))
            }
            syn::Type::ImplTrait(_) | syn::Type::TraitObject(_) => {
                self.refuse(ty, "use a concrete type; a `pub enum` can stand for several")
            }
            syn::Type::BareFn(_) => self.refuse(ty, "use values; code cannot cross the boundary"),
            syn::Type::Ptr(_) => self.refuse(ty, "use the value itself; addresses cannot cross the boundary"),
            syn::Type::Never(_) => self.refuse(ty, "return a value, or a `Result`"),
            _ => self.refuse(ty, "write the type out"),
        }
    }

    fn unless_unit(&mut self, ty: &syn::Type) -> Option<Option<Type>> {
        match ty {
            syn::Type::Tuple(tuple) if tuple.elems.is_empty() => Some(None),
            _ => self.value(ty).map(Some),
        }
    }

    fn path(&mut self, ty: &syn::Type, path: &syn::Path) -> Option<Type> {
        let last = path.segments.last()?;
        let local = match path.segments.len() {
            1 => true,
            2 => path.segments[0].ident == "self",
            _ => false,
        };
        if local && let Some(declaration) = self.declarations.get(&last.ident) {
            return self.declared(last, declaration);
        }
        let name = last.ident.to_string();
        if let (Some(plain), PathArguments::None) = (Plain::from_rust(&name), &last.arguments) {
            return Some(Type::Plain(plain));
        }
        match (name.as_str(), arguments(last).as_slice()) {
            ("Vec", [item]) => Some(Type::List(Box::new(self.value(item)?))),
            ("Option", [item]) => Some(Type::Option(Box::new(self.value(item)?))),
            ("Result", [ok, error]) => {
                let (ok, error) = (self.unless_unit(ok), self.unless_unit(error));
                Some(Type::Result(ok?.map(Box::new), error?.map(Box::new)))
            }
            (_, arguments) => {
                let instead = instead_of(&name, arguments);
                self.refuse(ty, &instead)
            }
        }
    }

    fn declared(&mut self, segment: &PathSegment, declaration: &Declaration<'_>) -> Option<Type> {
        if !matches!(segment.arguments, PathArguments::None) {
            return self.refuse(segment, "use a type without parameters; WIT has no generics");
        }
        if let Declaration::Alias(alias) = declaration {
            // rustc refuses a circle of aliases by itself.
            if self.following.contains(&alias.ident) {
                return None;
            }
            self.following.push(alias.ident.clone());
            let found = self.value(&alias.ty);
            self.following.pop();
            return found;
        }
        if !self.used.contains(&segment.ident) {
            self.used.push(segment.ident.clone());
        }
        // A name without a spelling is reported once, where the type is declared.
        Name::of(&segment.ident).ok().map(Type::Named)
    }

    fn owned(&self, target: &syn::Type) -> String {
        match target {
            syn::Type::Path(path) if path.path.is_ident("str") => {
                "use `String`; arguments and results are owned".into()
            }
            syn::Type::Slice(slice) => format!("use `Vec<{}>`; arguments and results are owned", spelling(&slice.elem)),
            other => format!("use `{}`; arguments and results are owned", spelling(other)),
        }
    }

    fn refuse(&mut self, tokens: impl ToTokens, instead: &str) -> Option<Type> {
        let found = spelling(&tokens);
        self.errors.at(tokens, format!("this type has no WIT counterpart: `{found}`; {instead}"));
        None
    }
}

fn arguments(segment: &PathSegment) -> Vec<&syn::Type> {
    let PathArguments::AngleBracketed(list) = &segment.arguments else {
        return Vec::new();
    };
    list.args
        .iter()
        .filter_map(|argument| match argument {
            GenericArgument::Type(ty) => Some(ty),
            _ => None,
        })
        .collect()
}

/// What to write instead of a path that is no WIT type.
fn instead_of(name: &str, arguments: &[&syn::Type]) -> String {
    let argument = |at: usize, otherwise: &str| match arguments.get(at) {
        Some(ty) => spelling(ty),
        None => otherwise.to_owned(),
    };
    match name {
        "usize" => "use `u32` or `u64`".into(),
        "isize" => "use `i32` or `i64`".into(),
        "u128" => "use `u64`, or `String` for larger numbers".into(),
        "i128" => "use `i64`, or `String` for larger numbers".into(),
        "str" | "PathBuf" | "Path" | "OsString" | "OsStr" | "CString" | "Cow" => "use `String`".into(),
        "HashMap" | "BTreeMap" => {
            format!("use `Vec<({}, {})>`", argument(0, "K"), argument(1, "V"))
        }
        "HashSet" | "BTreeSet" | "VecDeque" | "LinkedList" => {
            format!("use `Vec<{}>`", argument(0, "T"))
        }
        "Box" | "Rc" | "Arc" | "Cell" | "RefCell" | "Mutex" => {
            format!("use `{}` itself", argument(0, "T"))
        }
        "Duration" | "Instant" | "SystemTime" => "use `u64`, and name the unit".into(),
        "Vec" | "Option" => format!("write `{name}<T>` with one type"),
        "Result" => "write `Result<T, E>` with both types".into(),
        "Self" => "write the type's name".into(),
        _ => format!("declare `pub struct {name}` or `pub enum {name}` in this module"),
    }
}

/// A type as people write it: tokens print with spaces between all of them.
fn spelling(tokens: &impl ToTokens) -> String {
    let text = tokens.to_token_stream().to_string();
    let mut spelled = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let between = (spelled.chars().next_back(), rest.peek());
        let word = |c: char| c.is_alphanumeric() || c == '_';
        let keep = match between {
            (Some(left), Some(&right)) => matches!(left, ',' | ';') || word(left) && (word(right) || right == '\''),
            _ => false,
        };
        if c != ' ' || keep {
            spelled.push(c);
        }
    }
    spelled
}
