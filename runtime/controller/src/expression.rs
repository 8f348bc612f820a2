//! CEL expressions over the results of earlier steps.

pub(crate) mod types;

use cel::{
    Context, Env, ParseErrors, Program, Value as Cel,
    common::ast::{EntryExpr, Expr, IdedExpr, LiteralValue},
    extensions,
    objects::{Key, Map},
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, LazyLock},
};

/// The longest expression, in bytes.
const MAX_LENGTH: usize = 4_096;
/// How deep an expression may nest; a chain of operators nests once an operator.
const MAX_DEPTH: usize = 128;
/// The stack for one parse or evaluation, in bytes. The library recurses, and without optimisation took more than 32 KiB
/// a level, of which [`MAX_DEPTH`] levels have 128 KiB each. Pages that stay untouched cost nothing.
const STACK: usize = 16 << 20;
/// How deep loops (`map`, `filter`, `all`, …) may nest: each level multiplies the work by the length of a list.
const MAX_LOOPS: usize = 2;

/// CEL's standard library, and its functions on strings (`join`, `split`, `replace`, `lowerAscii`, …).
static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut env = Env::stdlib();
    env.add_extension(extensions::strings).expect("no two functions of the libraries have one name");
    Arc::new(env)
});

/// An expression, checked when the plan is loaded.
#[derive(Debug, Clone)]
pub(crate) struct Expression {
    source: String,
    program: Arc<Program>,
    steps: BTreeSet<String>,
    results: BTreeSet<String>,
    variables: BTreeSet<String>,
}

/// What is wrong with an expression, or with what it was applied to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expression `{expression}`: {message}")]
pub struct ExpressionError {
    /// The expression.
    pub expression: String,
    /// What is wrong.
    pub message: String,
}

/// The variables that an expression can name.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    /// Steps that ended, by id: an object with `state`, `result` and `error`.
    pub(crate) steps: BTreeMap<String, Arc<Value>>,
    /// Further variables: `key`, `item`, `index`, and `result`, `error`, `state` of the step whose check it is.
    pub(crate) variables: BTreeMap<&'static str, Arc<Value>>,
}

impl Expression {
    pub(crate) fn compile(source: &str, variables: &[&str]) -> Result<Self, ExpressionError> {
        let refuse = |message: String| ExpressionError { expression: source.chars().take(200).collect(), message };
        if source.len() > MAX_LENGTH {
            return Err(refuse(format!("longer than {MAX_LENGTH} bytes")));
        }
        let parse = || {
            let program = ENV.compile(source).map_err(|errors| syntax(&errors))?;
            let mut uses = Uses::default();
            uses.expression(program.expression())?;
            Ok((program, uses))
        };
        let (program, uses) = catch_unwind(|| stacker::grow(STACK, parse))
            .unwrap_or_else(|_| Err("cannot be parsed".into()))
            .map_err(refuse)?;
        for variable in &uses.variables {
            if !variables.contains(&variable.as_str()) {
                let mut known = variables.to_vec();
                known.push("steps");
                return Err(refuse(format!("there is no variable `{variable}`; there are: {}", known.join(", "))));
            }
        }
        let Uses { steps, results, variables, .. } = uses;
        Ok(Self { source: source.to_owned(), program: Arc::new(program), steps, results, variables })
    }

    /// As it was written.
    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// The steps that it names.
    pub(crate) fn steps(&self) -> &BTreeSet<String> {
        &self.steps
    }

    /// Those of them of which it needs more than how they ended.
    pub(crate) fn results(&self) -> &BTreeSet<String> {
        &self.results
    }

    /// Whether it needs what the task was given.
    pub(crate) fn needs_input(&self) -> bool {
        self.variables.contains("input")
    }

    pub(crate) fn evaluate(&self, scope: &Scope) -> Result<Value, ExpressionError> {
        let mut context = Context::with_env(Arc::clone(&ENV));
        let steps = self.steps.iter().filter_map(|id| Some((id.clone(), scope.steps.get(id)?)));
        context.add_variable_from_value("steps", map(steps.map(|(id, value)| (id, to_cel(value)))));
        for (name, value) in scope.variables.iter().filter(|(name, _)| self.variables.contains(**name)) {
            context.add_variable_from_value(*name, to_cel(value));
        }
        // The expression comes from outside; a fault in its evaluation must not end the task loop.
        let evaluated = catch_unwind(AssertUnwindSafe(|| stacker::grow(STACK, || self.program.execute(&context))));
        let value = match evaluated {
            Ok(Ok(value)) => value,
            Ok(Err(error)) => return Err(self.refuse(error.to_string())),
            Err(_) => return Err(self.refuse("its evaluation failed".into())),
        };
        let mut json = value.json().map_err(|error| self.refuse(error.to_string()))?;
        // CEL's maps have no order; the record of a call must have one.
        json.sort_all_objects();
        Ok(json)
    }

    fn refuse(&self, message: String) -> ExpressionError {
        ExpressionError { expression: self.source.chars().take(200).collect(), message }
    }
}

/// What an expression names.
#[derive(Default)]
struct Uses {
    steps: BTreeSet<String>,
    results: BTreeSet<String>,
    variables: BTreeSet<String>,
    bound: Vec<String>,
    loops: usize,
    depth: usize,
}

impl Uses {
    fn expression(&mut self, expression: &IdedExpr) -> Result<(), String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("nests deeper than {MAX_DEPTH}"));
        }
        self.parts(expression)?;
        self.depth -= 1;
        Ok(())
    }

    fn parts(&mut self, expression: &IdedExpr) -> Result<(), String> {
        match &expression.expr {
            Expr::Unspecified | Expr::Literal(_) => Ok(()),
            Expr::Ident(name) if name == "steps" => {
                Err("`steps` is followed by a step's id, as in `steps.find.result`".into())
            }
            Expr::Ident(name) => {
                // Names with `@` are the accumulators of loops.
                if !name.starts_with('@') && !self.bound.contains(name) {
                    self.variables.insert(name.clone());
                }
                Ok(())
            }
            Expr::Select(select) => match step_of(expression) {
                Some(id) => {
                    self.result_of(id);
                    Ok(())
                }
                None => match step_of(&select.operand) {
                    // How a step ended is known of every step.
                    Some(id) if matches!(select.field.as_str(), "state" | "error") => {
                        self.steps.insert(id.to_owned());
                        Ok(())
                    }
                    _ => self.expression(&select.operand),
                },
            },
            Expr::Call(call) => match call.args.as_slice() {
                [target, key] if call.func_name == "_[_]" && is_steps(target) => {
                    let Expr::Literal(LiteralValue::String(id)) = &key.expr else {
                        return Err("a step is named by a literal id, as in `steps[\"find\"]`".into());
                    };
                    self.result_of(id.inner());
                    Ok(())
                }
                args => {
                    call.target.iter().try_for_each(|target| self.expression(target))?;
                    args.iter().try_for_each(|arg| self.expression(arg))
                }
            },
            Expr::List(list) => list.elements.iter().try_for_each(|item| self.expression(item)),
            Expr::Map(map) => map.entries.iter().try_for_each(|entry| self.entry(&entry.expr)),
            Expr::Struct(item) => item.entries.iter().try_for_each(|entry| self.entry(&entry.expr)),
            Expr::Comprehension(body) => {
                self.loops += 1;
                if self.loops > MAX_LOOPS {
                    return Err(format!("loops nest deeper than {MAX_LOOPS}"));
                }
                self.expression(&body.iter_range)?;
                let outer = self.bound.len();
                self.bound.extend([body.iter_var.clone(), body.accu_var.clone()]);
                self.bound.extend(body.iter_var2.clone());
                for part in [&body.accu_init, &body.loop_cond, &body.loop_step, &body.result] {
                    self.expression(part)?;
                }
                self.bound.truncate(outer);
                self.loops -= 1;
                Ok(())
            }
        }
    }

    fn result_of(&mut self, id: &str) {
        self.results.insert(id.to_owned());
        self.steps.insert(id.to_owned());
    }

    fn entry(&mut self, entry: &EntryExpr) -> Result<(), String> {
        match entry {
            EntryExpr::StructField(field) => self.expression(&field.value),
            EntryExpr::MapEntry(entry) => {
                self.expression(&entry.key)?;
                self.expression(&entry.value)
            }
        }
    }
}

/// The first fault, by where it is in the expression.
fn syntax(errors: &ParseErrors) -> String {
    match errors.errors.first() {
        // The parser wraps its own limit in a debug form of itself.
        Some(error) if error.msg.contains("Recursion limit") => "nests too deep".into(),
        Some(error) => format!("line {}, column {}: {}", error.pos.0, error.pos.1, error.msg),
        None => "cannot be parsed".into(),
    }
}

/// The id in `steps.ID`.
fn step_of(expression: &IdedExpr) -> Option<&str> {
    match &expression.expr {
        Expr::Select(select) if is_steps(&select.operand) => Some(&select.field),
        _ => None,
    }
}

fn is_steps(expression: &IdedExpr) -> bool {
    matches!(&expression.expr, Expr::Ident(name) if name == "steps")
}

fn map(entries: impl Iterator<Item = (String, Cel)>) -> Cel {
    let entries: HashMap<Key, Cel> = entries.map(|(key, value)| (Key::from(key), value)).collect();
    Cel::Map(Map { map: Arc::new(entries) })
}

/// JSON's numbers become signed integers wherever they fit, so that they compare and add with CEL's literals.
fn to_cel(value: &Value) -> Cel {
    match value {
        Value::Null => Cel::Null,
        Value::Bool(value) => Cel::Bool(*value),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(n), _) => Cel::Int(n),
            (None, Some(n)) => Cel::UInt(n),
            (None, None) => Cel::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => Cel::String(Arc::new(text.clone())),
        Value::Array(items) => Cel::List(Arc::new(items.iter().map(to_cel).collect())),
        Value::Object(entries) => map(entries.iter().map(|(key, value)| (key.clone(), to_cel(value)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn expressions_see_steps_and_variables() {
        let mut scope = Scope::default();
        let find =
            json!({ "state": "done", "result": [{ "path": "a.rs", "lines": 12 }, { "path": "b.rs", "lines": 3 }] });
        scope.steps.insert("find".into(), Arc::new(find));
        scope.variables.insert("result", Arc::new(json!({ "count": 5, "big": 18_446_744_073_709_551_615u64 })));
        let check = |source: &str, expected: &str| {
            let compiled = Expression::compile(source, &["result"]);
            let got = compiled.and_then(|expression| expression.evaluate(&scope));
            let got = got.map_or_else(|error| error.message, |value| value.to_string());
            assert!(got.contains(expected), "{source}\n got: {got}\nwant: {expected}");
        };
        check("steps.find.result[0].path", r#""a.rs""#);
        check(r#"steps["find"].result.map(m, m.lines)"#, "[12,3]");
        check("steps.find.result.filter(m, m.lines > 5).size() == 1", "true");
        check("result.count + 1", "6");
        check("result.count > 4 && result.big > 4u", "true");
        check("['a', 'b'].join(', ')", r#""a, b""#);
        check("{'b': 1, 'a': 2}", r#"{"a":2,"b":1}"#);
        check("steps.find.result[9].path", "9");
        check("steps", "followed by a step's id");
        check("steps[result]", "literal id");
        check("planet", "no variable `planet`; there are: result, steps");
        check("1 +", "line 1, column 4: Syntax error");
        check("[1].map(a, [1].map(b, [1].map(c, c)))", "loops nest deeper than 2");
        check(&"(".repeat(5000), "longer than 4096");
    }

    #[test]
    fn expressions_nest_without_end() {
        let check = |source: String, expected: &str| {
            let compiled = Expression::compile(&source, &["result"]);
            let got = compiled.and_then(|expression| expression.evaluate(&Scope::default()));
            let got = got.map_or_else(|error| error.message, |value| value.to_string());
            assert!(got.contains(expected), "{}\n got: {got}\nwant: {expected}", &source[..20]);
        };
        check("(".repeat(300), "nests too deep");
        check("[".repeat(4096), "nests too deep");
        check("{1:".repeat(1000), "nests too deep");
        check("true?1:".repeat(500) + "1", "nests too deep");
        check("!".repeat(4092) + "true", "true");
        check("-".repeat(4094) + "1", "1");
        check(["true"; 600].join("&&"), "true");
        check(["1"; 100].join("+"), "100");
        check(["1"; 2048].join("+"), "deeper than 128");
        check("[1]".to_owned() + &"[0]".repeat(1000), "deeper than 128");
        check("{}".to_owned() + &".a".repeat(1000), "deeper than 128");
    }
}
