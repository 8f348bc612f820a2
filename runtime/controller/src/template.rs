//! Arguments with references in them: `"${{ steps.find.result[0].path }}"`.
//!
//! A text that is one reference becomes the value itself; a reference within a longer text is written into it.

use crate::expression::{Expression, ExpressionError, Scope};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// How deep arguments may nest.
const MAX_DEPTH: usize = 64;

/// A value with references.
#[derive(Debug, Clone)]
pub(crate) enum Template {
    Literal(Value),
    Reference(Expression),
    Text(Vec<Part>),
    Array(Vec<Self>),
    Object(Vec<(String, Self)>),
}

#[derive(Debug, Clone)]
pub(crate) enum Part {
    Literal(String),
    Reference(Expression),
}

impl Template {
    /// Reads a value; its references can name these variables.
    pub(crate) fn compile(value: &Value, variables: &[&str]) -> Result<Self, ExpressionError> {
        Self::at(value, variables, 0)
    }

    fn at(value: &Value, variables: &[&str], depth: usize) -> Result<Self, ExpressionError> {
        if depth > MAX_DEPTH {
            let message = format!("arguments nest deeper than {MAX_DEPTH}");
            return Err(ExpressionError { expression: "…".into(), message });
        }
        match value {
            Value::Array(items) => {
                items.iter().map(|item| Self::at(item, variables, depth + 1)).collect::<Result<_, _>>().map(Self::Array)
            }
            Value::Object(entries) => {
                let entry = |(key, value): (&String, &Value)| Ok((key.clone(), Self::at(value, variables, depth + 1)?));
                entries.iter().map(entry).collect::<Result<_, _>>().map(Self::Object)
            }
            Value::String(text) => Self::text(text, variables),
            literal => Ok(Self::Literal(literal.clone())),
        }
    }

    fn text(text: &str, variables: &[&str]) -> Result<Self, ExpressionError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(start) = rest.find("${{") {
            // `$${{` stands for `${{` itself.
            if rest[..start].ends_with('$') {
                parts.push(Part::Literal(format!("{}${{{{", &rest[..start - 1])));
                rest = &rest[start + 3..];
                continue;
            }
            let (before, after) = (&rest[..start], &rest[start + 3..]);
            let Some(end) = after.find("}}") else {
                let message = "`${{` without `}}`; write `$${{` for the characters themselves".into();
                return Err(ExpressionError { expression: text.chars().take(200).collect(), message });
            };
            if !before.is_empty() {
                parts.push(Part::Literal(before.to_owned()));
            }
            parts.push(Part::Reference(Expression::compile(after[..end].trim(), variables)?));
            rest = &after[end + 2..];
        }
        if parts.is_empty() {
            return Ok(Self::Literal(text.into()));
        }
        if !rest.is_empty() {
            parts.push(Part::Literal(rest.to_owned()));
        }
        match parts.pop() {
            Some(Part::Reference(only)) if parts.is_empty() => Ok(Self::Reference(only)),
            last => {
                parts.extend(last);
                Ok(Self::Text(parts))
            }
        }
    }

    /// The steps that it refers to.
    pub(crate) fn steps(&self) -> BTreeSet<String> {
        self.references().into_iter().flat_map(Expression::steps).cloned().collect()
    }

    /// Those of them of which it needs more than how they ended.
    pub(crate) fn results(&self) -> BTreeSet<String> {
        self.references().into_iter().flat_map(Expression::results).cloned().collect()
    }

    /// Whether it needs what the task was given.
    pub(crate) fn needs_input(&self) -> bool {
        self.references().into_iter().any(Expression::needs_input)
    }

    fn references(&self) -> Vec<&Expression> {
        match self {
            Self::Literal(_) => Vec::new(),
            Self::Reference(expression) => vec![expression],
            Self::Text(parts) => parts
                .iter()
                .filter_map(|part| match part {
                    Part::Literal(_) => None,
                    Part::Reference(expression) => Some(expression),
                })
                .collect(),
            Self::Array(items) => items.iter().flat_map(Self::references).collect(),
            Self::Object(entries) => entries.iter().flat_map(|(_, value)| value.references()).collect(),
        }
    }

    /// The value, with what the references stand for.
    pub(crate) fn resolve(&self, scope: &Scope) -> Result<Value, ExpressionError> {
        Ok(match self {
            Self::Literal(value) => value.clone(),
            Self::Reference(expression) => expression.evaluate(scope)?,
            Self::Text(parts) => {
                let mut text = String::new();
                for part in parts {
                    match part {
                        Part::Literal(literal) => text.push_str(literal),
                        Part::Reference(expression) => match expression.evaluate(scope)? {
                            Value::String(value) => text.push_str(&value),
                            value => text.push_str(&value.to_string()),
                        },
                    }
                }
                text.into()
            }
            Self::Array(items) => items.iter().map(|item| item.resolve(scope)).collect::<Result<Vec<_>, _>>()?.into(),
            Self::Object(entries) => {
                let entry = |(key, value): &(String, Self)| Ok((key.clone(), value.resolve(scope)?));
                Value::Object(entries.iter().map(entry).collect::<Result<Map<_, _>, _>>()?)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::sync::Arc;

    #[test]
    fn references_are_resolved_in_place() {
        let mut scope = Scope::default();
        scope.steps.insert("a".into(), Arc::new(json!({ "result": { "n": 3, "s": "x" } })));
        let check = |template: Value, expected: &str| {
            let resolved = Template::compile(&template, &[]).and_then(|template| template.resolve(&scope));
            let got = resolved.map_or_else(|error| error.to_string(), |value| value.to_string());
            assert!(got.contains(expected), "{template}\n got: {got}\nwant: {expected}");
        };
        check(json!({ "v": "${{ steps.a.result.n }}" }), r#"{"v":3}"#);
        check(json!(["${{steps.a.result.s}}-${{ steps.a.result.n }}!"]), r#"["x-3!"]"#);
        check(json!("$${{ not a reference }}"), r#""${{ not a reference }}""#);
        check(json!("plain $ text"), r#""plain $ text""#);
        check(json!("${{ steps.a"), "without `}}`");
        check(json!("${{ result }}"), "no variable `result`");
        assert_eq!(
            Template::compile(&json!({ "v": ["${{ steps.a.result.n }}"] }), &[]).expect("valid").steps(),
            ["a".into()].into()
        );
    }
}
