//! What an expression will give, before there is anything to evaluate it on: inferred from what tools say of their results.

use super::{Expression, STACK, is_steps, step_of};
use crate::check::schema::{self, Type, field, item};
use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue};
use serde_json::{Value, json};
use std::{borrow::Cow, collections::BTreeMap};

/// What is known of the names in an expression.
#[derive(Debug, Clone)]
pub(crate) struct Names<'a> {
    /// The results of steps, by id.
    results: &'a BTreeMap<String, Type>,
    /// Variables. A plan's input can be large, and all of its steps can name it.
    variables: BTreeMap<&'static str, Cow<'a, Type>>,
}

impl<'a> Names<'a> {
    /// What the expressions of a plan can name that is given this.
    pub(crate) fn new(results: &'a BTreeMap<String, Type>, input: &'a Type) -> Self {
        Self { results, variables: BTreeMap::from([("input", Cow::Borrowed(input))]) }
    }

    pub(crate) fn add(&mut self, variable: &'static str, of: Type) {
        self.variables.insert(variable, Cow::Owned(of));
    }
}

impl Expression {
    /// The type of what it gives; `None` where that can be anything.
    ///
    /// # Errors
    /// Where it can give nothing: it asks for a field that no value has, or goes through what is no list.
    pub(crate) fn infer(&self, names: &Names<'_>) -> Result<Type, String> {
        let mut bound = Vec::new();
        stacker::grow(STACK, || Inference { names, bound: &mut bound }.of(self.program.expression()))
            .map_err(|problem| format!("`{}`: {problem}", self.source))
    }
}

struct Inference<'a> {
    names: &'a Names<'a>,
    /// Variables of loops, the innermost last.
    bound: &'a mut Vec<(String, Type)>,
}

fn kind(name: &str) -> Type {
    Some(json!({ "type": name }))
}

/// Whether a type is certainly of this kind and no other.
fn is(of: &Type, name: &str) -> bool {
    of.as_ref().is_some_and(|schema| schema::kinds(schema).into_iter().eq([name]))
}

impl Inference<'_> {
    fn of(&mut self, expression: &IdedExpr) -> Result<Type, String> {
        if let Some(id) = step_of(expression) {
            // The step as a whole; what can be asked of it is found below.
            let result = self.names.results.get(id).cloned().flatten().unwrap_or_else(|| json!({}));
            return Ok(Some(json!({
                "type": "object", "additionalProperties": false,
                "properties": { "state": { "type": "string" }, "result": result, "error": {} },
            })));
        }
        match &expression.expr {
            Expr::Unspecified | Expr::Struct(_) => Ok(None),
            Expr::Literal(literal) => Ok(Some(match literal {
                LiteralValue::Boolean(_) => json!({ "type": "boolean" }),
                LiteralValue::Double(_) => json!({ "type": "number" }),
                LiteralValue::Int(_) | LiteralValue::UInt(_) => json!({ "type": "integer" }),
                LiteralValue::Null => json!({ "type": "null" }),
                LiteralValue::String(text) => json!({ "type": "string", "enum": [text.inner()] }),
                LiteralValue::Bytes(_) => return Ok(None),
            })),
            Expr::Ident(name) => {
                let bound = self.bound.iter().rev().find(|(known, _)| known == name).map(|(_, of)| of.clone());
                Ok(bound.or_else(|| self.names.variables.get(name.as_str()).map(|of| Type::clone(of))).flatten())
            }
            Expr::Select(select) if select.test => {
                // Whether it is there is the question.
                self.of(&select.operand)?;
                Ok(kind("boolean"))
            }
            Expr::Select(select) => field(&self.of(&select.operand)?, &select.field),
            Expr::Call(call) => self.call(call),
            Expr::List(list) => {
                let items = list.elements.iter().map(|item| self.of(item)).collect::<Result<Vec<_>, _>>()?;
                let items: Option<Vec<Value>> = items.into_iter().collect();
                Ok(Some(match items {
                    Some(items) if !items.is_empty() => json!({ "type": "array", "items": { "anyOf": items } }),
                    _ => json!({ "type": "array" }),
                }))
            }
            Expr::Map(map) => self.map(&map.entries.iter().map(|entry| &entry.expr).collect::<Vec<_>>()),
            Expr::Comprehension(body) => self.comprehension(body),
        }
    }

    fn map(&mut self, entries: &[&EntryExpr]) -> Result<Type, String> {
        let (mut properties, mut closed) = (serde_json::Map::new(), true);
        for entry in entries {
            let EntryExpr::MapEntry(entry) = entry else { return Ok(None) };
            let value = self.of(&entry.value)?.unwrap_or_else(|| json!({}));
            match &entry.key.expr {
                Expr::Literal(LiteralValue::String(key)) => drop(properties.insert(key.inner().to_owned(), value)),
                _ => closed = false,
            }
        }
        if !closed {
            return Ok(kind("object"));
        }
        let required: Vec<_> = properties.keys().cloned().collect();
        Ok(Some(json!({
            "type": "object", "properties": properties, "required": required, "additionalProperties": false,
        })))
    }

    fn call(&mut self, call: &CallExpr) -> Result<Type, String> {
        if let [target, key] = call.args.as_slice()
            && call.func_name == "_[_]"
        {
            if is_steps(target) {
                return Ok(None);
            }
            let of = self.of(target)?;
            let found = self.of(key)?;
            return match &key.expr {
                Expr::Literal(LiteralValue::String(name)) => field(&of, name.inner()),
                Expr::Literal(LiteralValue::Int(index)) => item(&of, usize::try_from(*index.inner()).ok()),
                _ if is(&found, "integer") => item(&of, None),
                _ => Ok(None),
            };
        }
        let target = call.target.iter().map(|target| self.of(target)).collect::<Result<Vec<_>, _>>()?;
        let args = call.args.iter().map(|arg| self.of(arg)).collect::<Result<Vec<_>, _>>()?;
        let same = |kinds: &[&'static str]| kinds.iter().find(|name| args.iter().all(|arg| is(arg, name))).copied();
        Ok(match call.func_name.as_str() {
            "_==_" | "_!=_" | "_<_" | "_<=_" | "_>_" | "_>=_" | "_&&_" | "_||_" | "!_" | "@in" | "_in_"
            | "contains" | "startsWith" | "endsWith" | "matches" | "bool" => kind("boolean"),
            "_?_:_" => match args.as_slice() {
                [_, yes, no] => either(yes, no),
                _ => None,
            },
            "_+_" => match args.as_slice() {
                [a, b] if is(a, "array") && is(b, "array") => joined(a, b),
                _ => same(&["integer", "number", "string"]).and_then(kind),
            },
            "_-_" | "_*_" | "_/_" | "_%_" | "-_" => same(&["integer", "number"]).and_then(kind),
            "size" | "int" | "uint" | "indexOf" | "lastIndexOf" => kind("integer"),
            "double" => kind("number"),
            "string" | "join" | "replace" | "lowerAscii" | "upperAscii" | "trim" | "substring" | "charAt" | "type" => {
                kind("string")
            }
            "split" => Some(json!({ "type": "array", "items": { "type": "string" } })),
            // What is not known here can be anything.
            _ => {
                drop(target);
                None
            }
        })
    }

    fn comprehension(&mut self, body: &ComprehensionExpr) -> Result<Type, String> {
        let range = self.of(&body.iter_range)?;
        let items = match &range {
            Some(schema) if schema::kinds(schema).contains("object") => None,
            Some(_) => item(&range, None)?,
            None => None,
        };
        let depth = self.bound.len();
        let two = body.iter_var2.is_some();
        self.bound.push((body.iter_var.clone(), if two { None } else { items }));
        self.bound.extend(body.iter_var2.iter().map(|name| (name.clone(), None)));
        let init = self.of(&body.accu_init)?;
        self.bound.push((body.accu_var.clone(), init.clone()));
        let found = self.of(&body.loop_cond).and_then(|_| self.of(&body.loop_step)).and_then(|step| {
            // What is gathered is what it began with, or what a round makes of it.
            let gathered = if is(&init, "array") && is(&step, "array") { step } else { either(&init, &step) };
            self.bound.truncate(depth);
            self.bound.push((body.accu_var.clone(), gathered));
            self.of(&body.result)
        });
        self.bound.truncate(depth);
        found
    }
}

/// One of two.
fn either(a: &Type, b: &Type) -> Type {
    match (a, b) {
        (Some(a), Some(b)) if a == b => Some(a.clone()),
        (Some(empty), Some(other)) | (Some(other), Some(empty))
            if *empty == json!({ "type": "array" }) && schema::kinds(other).contains("array") =>
        {
            Some(other.clone())
        }
        (Some(a), Some(b)) => Some(json!({ "anyOf": [a, b] })),
        _ => None,
    }
}

/// Two lists, one after the other.
fn joined(a: &Type, b: &Type) -> Type {
    let items = |of: &Type| of.as_ref().and_then(|schema| schema.get("items").cloned());
    match (items(a), items(b)) {
        (Some(a), Some(b)) if a == b => Some(json!({ "type": "array", "items": a })),
        // A list without a type of its items is an empty one, or one of anything.
        (None, Some(items)) | (Some(items), None) => Some(json!({ "type": "array", "items": items })),
        (Some(a), Some(b)) => Some(json!({ "type": "array", "items": { "anyOf": [a, b] } })),
        (None, None) => kind("array"),
    }
}
