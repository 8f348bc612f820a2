//! What the macro understood of a module: an interface of documented functions over documented types.

use crate::name::Name;
use proc_macro2::Ident;
use std::fmt;

/// The interface that a module becomes.
pub(crate) struct Interface {
    pub(crate) name: Name,
    pub(crate) docs: Option<String>,
    pub(crate) types: Vec<TypeDef>,
    pub(crate) functions: Vec<Function>,
}

/// One tool.
pub(crate) struct Function {
    pub(crate) ident: Ident,
    pub(crate) name: Name,
    pub(crate) docs: Option<String>,
    pub(crate) params: Vec<Param>,
    pub(crate) result: Option<Type>,
    pub(crate) repeat: Option<Repeat>,
}

/// Whether a tool can run again, as its author says.
pub(crate) enum Repeat {
    Pure,
    Idempotent,
    /// With the parameter that makes it one and the same call.
    Keyed(Name),
}

/// One argument of a tool.
pub(crate) struct Param {
    pub(crate) name: Name,
    pub(crate) docs: Option<String>,
    pub(crate) ty: Type,
}

/// A type of the author's.
pub(crate) struct TypeDef {
    pub(crate) ident: Ident,
    pub(crate) name: Name,
    pub(crate) docs: Option<String>,
    pub(crate) kind: TypeKind,
}

/// What kind of WIT type it becomes.
pub(crate) enum TypeKind {
    Record(Vec<Field>),
    Enum(Vec<Case>),
    Variant(Vec<Case>),
}

/// A field of a record.
pub(crate) struct Field {
    pub(crate) ident: Ident,
    pub(crate) name: Name,
    pub(crate) docs: Option<String>,
    pub(crate) ty: Type,
}

/// A case of an enum or variant.
pub(crate) struct Case {
    pub(crate) ident: Ident,
    pub(crate) name: Name,
    pub(crate) docs: Option<String>,
    pub(crate) payload: Payload,
}

/// What a case carries.
pub(crate) enum Payload {
    None,
    /// `Case(A)` carries the type itself, `Case(A, B)` a tuple.
    Positional(Vec<Type>),
    /// `Case { a: A }` carries a record of its own, which has this name.
    Named(Name, Vec<Field>),
}

/// A WIT type in use.
#[derive(Clone)]
pub(crate) enum Type {
    Plain(Plain),
    List(Box<Type>),
    Option(Box<Type>),
    /// `None` stands for `()`.
    Result(Option<Box<Type>>, Option<Box<Type>>),
    Tuple(Vec<Type>),
    Named(Name),
}

/// A type that has the same values in Rust, under its own name, and in WIT.
#[derive(Clone, Copy)]
pub(crate) struct Plain {
    pub(crate) rust: &'static str,
    pub(crate) wit: &'static str,
}

impl Plain {
    /// The plain type that Rust calls `rust`.
    pub(crate) fn from_rust(rust: &str) -> Option<Self> {
        const ALL: [Plain; 13] = [
            Plain { rust: "bool", wit: "bool" },
            Plain { rust: "u8", wit: "u8" },
            Plain { rust: "u16", wit: "u16" },
            Plain { rust: "u32", wit: "u32" },
            Plain { rust: "u64", wit: "u64" },
            Plain { rust: "i8", wit: "s8" },
            Plain { rust: "i16", wit: "s16" },
            Plain { rust: "i32", wit: "s32" },
            Plain { rust: "i64", wit: "s64" },
            Plain { rust: "f32", wit: "f32" },
            Plain { rust: "f64", wit: "f64" },
            Plain { rust: "char", wit: "char" },
            Plain { rust: "String", wit: "string" },
        ];
        ALL.into_iter().find(|plain| plain.rust == rust)
    }
}

impl fmt::Display for Type {
    /// As WIT text spells the type.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(plain) => f.write_str(plain.wit),
            Self::List(item) => write!(f, "list<{item}>"),
            Self::Option(item) => write!(f, "option<{item}>"),
            Self::Result(None, None) => f.write_str("result"),
            Self::Result(Some(ok), None) => write!(f, "result<{ok}>"),
            Self::Result(None, Some(error)) => write!(f, "result<_, {error}>"),
            Self::Result(Some(ok), Some(error)) => write!(f, "result<{ok}, {error}>"),
            Self::Tuple(items) => {
                let items: Vec<_> = items.iter().map(Self::to_string).collect();
                write!(f, "tuple<{}>", items.join(", "))
            }
            Self::Named(name) => f.write_str(&name.escaped()),
        }
    }
}
