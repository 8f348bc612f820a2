//! Packages in WebAssembly text, made for one test each.

use crate::program::Place;
use std::fs;

/// A tool's name, parameters and result. Types are `u32`, `u64` and `(option u32)`.
pub(crate) type Tool<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);

/// A package. Its tools give 1.
#[derive(Clone)]
pub(crate) struct Made<'a> {
    pub(crate) name: &'a str,
    /// What its manifest says beside the name, as JSON; none for a package without a manifest.
    pub(crate) manifest: Option<&'a str>,
    /// Interfaces, of which it uses nothing.
    pub(crate) imports: &'a [&'a str],
    pub(crate) tools: &'a [Tool<'a>],
}

/// What most of them are.
pub(crate) const PLAIN: Made<'_> = Made {
    name: "made",
    manifest: Some(r#""version":"1.0.0","needs":{}"#),
    imports: &[],
    tools: &[("count", &[("from", "u32"), ("to", "(option u32)")], "u32")],
};

impl Made<'_> {
    pub(crate) fn write(&self, place: &Place, file: &str) {
        fs::write(place.path(file), wat::parse_str(self.text()).expect("valid text")).expect("a file");
    }

    fn text(&self) -> String {
        let core = |of: &str| match of {
            "u32" => "i32",
            "u64" => "i64",
            "(option u32)" => "i32 i32",
            other => panic!("{other}"),
        };
        let (mut module, mut exports) = (String::new(), String::new());
        for (name, params, result) in self.tools {
            let flat: Vec<_> = params.iter().map(|(_, of)| core(of)).collect();
            let of = core(result);
            module += &format!("(func (export \"{name}\") (param {}) (result {of}) ({of}.const 1))", flat.join(" "));
            let typed: String = params.iter().map(|(name, of)| format!("(param \"{name}\" {of})")).collect();
            exports += &format!("(func ${name} {typed} (result {result}) (canon lift (core func $i \"{name}\")))");
            exports += &format!("(export \"{name}\" (func ${name}))");
        }
        let manifest = self.manifest.map_or(String::new(), |rest| {
            let json = format!(r#"{{"manifest":1,"namespace":"guests","name":"{}",{rest}}}"#, self.name);
            format!("(@custom \"gloveport:manifest\" {json:?})")
        });
        let imports: String = self.imports.iter().map(|name| format!("(import \"{name}\" (instance))")).collect();
        format!(
            "(component {manifest} {imports} (core module $m {module}) (core instance $i (instantiate $m)) {exports})"
        )
    }
}
