//! Names of functions, as APIs allow them: letters, digits, `_` and `-`, at most 64 (the rule of both OpenAI APIs; Anthropic
//! allows more).

use controller::{Function, FunctionCall};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;

/// The longest name that every API takes.
const MAX: usize = 64;
/// How much of a name is kept where its hash has to follow.
const KEPT: usize = 50;

/// The names of one prompt, both ways.
#[derive(Debug, Default)]
pub(crate) struct Names {
    to: HashMap<String, String>,
    from: HashMap<String, String>,
}

impl Names {
    pub(crate) fn new(functions: &[Function]) -> Self {
        let mut this = Self::default();
        for Function { name, .. } in functions {
            let mut wire = allowed(name);
            if this.from.get(&wire).is_some_and(|other| other != name) {
                wire = hashed(name);
            }
            this.to.insert(name.clone(), wire.clone());
            this.from.insert(wire, name.clone());
        }
        this
    }

    /// The name that the API is told.
    pub(crate) fn wire(&self, name: &str) -> String {
        self.to.get(name).cloned().unwrap_or_else(|| allowed(name))
    }

    /// The name that is meant; what a model made up stays as it is.
    pub(crate) fn own(&self, wire: String) -> String {
        self.from.get(&wire).cloned().unwrap_or(wire)
    }

    /// A call as it was meant.
    pub(crate) fn call(&self, id: String, wire: String, arguments: &str) -> FunctionCall {
        FunctionCall { id, name: self.own(wire), arguments: crate::wire::arguments(arguments) }
    }
}

/// A name for a name: the same one where it is allowed, and one that reads like it where only its dots are not.
fn allowed(name: &str) -> String {
    let replaced = name.replace('.', "__");
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !replaced.is_empty() && replaced.len() <= MAX && replaced.chars().all(plain) { replaced } else { hashed(name) }
}

/// The beginning of a name, and what no other name has.
fn hashed(name: &str) -> String {
    let kept: String = name.chars().filter(|c| c.is_ascii_alphanumeric()).take(KEPT).collect();
    format!("{kept}_{}", hex::encode(&Sha256::digest(name)[..6]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_its_own() {
        let long = "x".repeat(200);
        let all = ["files.read", "files__read", "a.b", "a-b", "ä.ö", "", &long, &format!("{long}y"), "finish"];
        let functions =
            all.map(|name| Function { name: name.into(), description: String::new(), parameters: true.into() });
        let names = Names::new(&functions);
        for name in all {
            let wire = names.wire(name);
            assert!((1..=MAX).contains(&wire.len()), "{wire}");
            assert!(wire.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c)), "{wire}");
            assert_eq!(names.own(wire), name);
        }
        assert_eq!(names.wire("files.read"), "files__read");
        assert_eq!(names.own("invented".into()), "invented");
    }
}
