//! The settings in the author's `Cargo.toml`.

use crate::{
    errors::Errors,
    settings::{Entry, Given, Place},
};
use proc_macro2::Span;
use toml::{Table, Value};

/// The entries of `[package.metadata.gloveport]` in the file's text; errors are reported at `span`.
pub(crate) fn entries(text: &str, span: Span, errors: &mut Errors) -> Vec<Entry> {
    let manifest: Table = match text.parse() {
        Ok(manifest) => manifest,
        Err(error) => {
            errors.at_span(span, format!("Cargo.toml: {error}"));
            return Vec::new();
        }
    };
    let mut entries = Vec::new();
    let metadata = manifest.get("package").and_then(|package| package.get("metadata"));
    match metadata.and_then(|metadata| metadata.get("gloveport")) {
        None => {}
        Some(Value::Table(settings)) => collect(settings, "", span, &mut entries),
        Some(_) => errors.at_span(span, "Cargo.toml: `package.metadata.gloveport` takes a table"),
    }
    entries
}

fn collect(table: &Table, prefix: &str, span: Span, entries: &mut Vec<Entry>) {
    for (name, value) in table {
        let key = format!("{prefix}{name}");
        match value {
            Value::Table(needs) if key == "needs" => collect(needs, "needs.", span, entries),
            value => entries.push(Entry { key, value: given(value), place: Place::CargoToml, span }),
        }
    }
}

fn given(value: &Value) -> Option<Given> {
    match value {
        Value::String(text) => Some(Given::Text(text.clone())),
        Value::Array(items) => {
            let texts: Option<Vec<_>> = items.iter().map(|item| item.as_str().map(str::to_owned)).collect();
            texts.map(Given::List)
        }
        _ => None,
    }
}
