//! What goes to standard output and standard error.

use serde_json::Value;
use std::io::{ErrorKind, Write as _, stdout};

/// A JSON value on a line of its own.
pub(crate) fn json_line(value: &Value) {
    line(&value.to_string());
}

/// A line of standard output. Whoever reads it may stop reading at any time: then there is nothing left to do.
pub(crate) fn line(text: &str) {
    if let Err(error) = writeln!(stdout(), "{text}")
        && error.kind() == ErrorKind::BrokenPipe
    {
        std::process::exit(0);
    }
}

/// A text with every line indented.
pub(crate) fn indent(text: &str, by: usize) -> String {
    let space = " ".repeat(by);
    text.lines().map(|line| format!("{space}{line}")).collect::<Vec<_>>().join("\n")
}

/// A guest's or a caller's text for a terminal: control characters are shown, not sent.
pub(crate) fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => out.push(c),
            c if c.is_control() => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out
}
