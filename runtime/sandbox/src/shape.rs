//! The types of a tool's parameters and result, as JSON sees them.
//!
//! A component's own types are walked once, when it is loaded; schemas and conversions work on what is made here.

use serde::{Deserialize, Serialize};
use wit_parser::{Resolve, Type, TypeDefKind, TypeId};

/// How many types one function may use, counted at every place of use: types are a graph, and a hostile component
/// can make one whose tree is exponentially larger.
const MAX_NODES: usize = 4_096;
/// How deep types may nest.
const MAX_DEPTH: usize = 32;

/// A type that has a JSON form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the variants are named after the types of the component model")]
pub(crate) enum Shape {
    Bool,
    S8,
    U8,
    S16,
    U16,
    S32,
    U32,
    S64,
    U64,
    F32,
    F64,
    Char,
    String,
    /// `list<u8>`: base64 in JSON.
    Bytes,
    List(Box<Self>),
    Option(Box<Self>),
    Tuple(Vec<Self>),
    Record(Named<Vec<Field>>),
    Variant(Named<Vec<Case>>),
    Enum(Named<Vec<Case>>),
    Flags(Named<Vec<Case>>),
    Result {
        ok: Option<Box<Self>>,
        err: Option<Box<Self>>,
    },
}

/// A type with a name and documentation of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Named<T> {
    /// What documentation there is.
    pub(crate) docs: Option<String>,
    /// Its fields or cases.
    pub(crate) items: T,
}

/// A field of a record, or a parameter of a function.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Field {
    /// The name in WIT, in `kebab-case`.
    pub(crate) wit: String,
    /// The name in JSON, in `snake_case`.
    pub(crate) json: String,
    /// What documentation there is.
    pub(crate) docs: Option<String>,
    /// Its type.
    pub(crate) shape: Shape,
}

/// A case of a variant, enum or flags.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Case {
    /// The name in WIT, in `kebab-case`.
    pub(crate) wit: String,
    /// The name in JSON, in `snake_case`.
    pub(crate) json: String,
    /// What documentation there is.
    pub(crate) docs: Option<String>,
    /// What a case of a variant carries.
    pub(crate) shape: Option<Shape>,
}

/// Why a function is not a tool.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoShape {
    /// A type that lives in one instance only.
    #[error("it uses {0}, which has no JSON form")]
    Kind(&'static str),
    /// `option<option<T>>`: JSON has one `null`.
    #[error("it uses an option of an option, and JSON has one null")]
    NestedOption,
    /// Larger than any honest type.
    #[error("its types are too large: more than {MAX_NODES} parts, or deeper than {MAX_DEPTH}")]
    TooLarge,
}

/// The JSON spelling of a WIT name.
pub(crate) fn json_name(wit: &str) -> String {
    wit.replace('-', "_")
}

/// Walks the types of one function.
pub(crate) struct Walk<'a> {
    resolve: &'a Resolve,
    nodes: usize,
    depth: usize,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(resolve: &'a Resolve) -> Self {
        Self { resolve, nodes: 0, depth: 0 }
    }

    pub(crate) fn shape(&mut self, ty: &Type) -> Result<Shape, NoShape> {
        self.nodes += 1;
        if self.nodes > MAX_NODES || self.depth > MAX_DEPTH {
            return Err(NoShape::TooLarge);
        }
        self.depth += 1;
        let shape = match ty {
            Type::Bool => Shape::Bool,
            Type::S8 => Shape::S8,
            Type::U8 => Shape::U8,
            Type::S16 => Shape::S16,
            Type::U16 => Shape::U16,
            Type::S32 => Shape::S32,
            Type::U32 => Shape::U32,
            Type::S64 => Shape::S64,
            Type::U64 => Shape::U64,
            Type::F32 => Shape::F32,
            Type::F64 => Shape::F64,
            Type::Char => Shape::Char,
            Type::String => Shape::String,
            Type::ErrorContext => return Err(NoShape::Kind("an error context")),
            Type::Id(id) => self.defined(*id)?,
        };
        self.depth -= 1;
        Ok(shape)
    }

    fn boxed(&mut self, ty: Option<&Type>) -> Result<Option<Box<Shape>>, NoShape> {
        ty.map(|ty| self.shape(ty).map(Box::new)).transpose()
    }

    fn defined(&mut self, id: TypeId) -> Result<Shape, NoShape> {
        let def = &self.resolve.types[id];
        let docs = def.docs.contents.clone();
        let case = |name: &str, docs: &wit_parser::Docs, shape| Case {
            wit: name.to_owned(),
            json: json_name(name),
            docs: docs.contents.clone(),
            shape,
        };
        Ok(match &def.kind {
            TypeDefKind::Type(alias) => self.shape(alias)?,
            TypeDefKind::List(Type::U8) => Shape::Bytes,
            TypeDefKind::List(item) => Shape::List(Box::new(self.shape(item)?)),
            TypeDefKind::Option(item) => match self.shape(item)? {
                Shape::Option(_) => return Err(NoShape::NestedOption),
                shape => Shape::Option(Box::new(shape)),
            },
            TypeDefKind::Tuple(tuple) => {
                Shape::Tuple(tuple.types.iter().map(|ty| self.shape(ty)).collect::<Result<_, _>>()?)
            }
            TypeDefKind::Result(result) => {
                Shape::Result { ok: self.boxed(result.ok.as_ref())?, err: self.boxed(result.err.as_ref())? }
            }
            TypeDefKind::Record(record) => {
                let field = |field: &wit_parser::Field| {
                    Ok(Field {
                        json: json_name(&field.name),
                        wit: field.name.clone(),
                        docs: field.docs.contents.clone(),
                        shape: self.shape(&field.ty)?,
                    })
                };
                Shape::Record(Named { docs, items: record.fields.iter().map(field).collect::<Result<_, _>>()? })
            }
            TypeDefKind::Variant(variant) => {
                let payload = |item: &wit_parser::Case| {
                    let shape = item.ty.as_ref().map(|ty| self.shape(ty)).transpose()?;
                    Ok(case(&item.name, &item.docs, shape))
                };
                Shape::Variant(Named { docs, items: variant.cases.iter().map(payload).collect::<Result<_, _>>()? })
            }
            TypeDefKind::Enum(item) => {
                let items = item.cases.iter().map(|item| case(&item.name, &item.docs, None)).collect();
                Shape::Enum(Named { docs, items })
            }
            TypeDefKind::Flags(flags) => {
                let items = flags.flags.iter().map(|item| case(&item.name, &item.docs, None)).collect();
                Shape::Flags(Named { docs, items })
            }
            TypeDefKind::Resource | TypeDefKind::Handle(_) => return Err(NoShape::Kind("a resource")),
            TypeDefKind::Future(_) => return Err(NoShape::Kind("a future")),
            TypeDefKind::Stream(_) => return Err(NoShape::Kind("a stream")),
            TypeDefKind::Map(..) => return Err(NoShape::Kind("a map")),
            TypeDefKind::FixedLengthList(..) => return Err(NoShape::Kind("a list of fixed length")),
            TypeDefKind::Unknown => return Err(NoShape::Kind("an unknown type")),
        })
    }
}
