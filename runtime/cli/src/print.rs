//! What goes to standard output and standard error.

use serde_json::Value;
use std::{
    fmt::Write as _,
    io::{ErrorKind, Write as _, stdout},
};

/// A JSON value on a line of its own.
pub(crate) fn json_line(value: &Value) {
    line(&json(value));
}

/// A JSON text that can be shown on a terminal: what JSON leaves of control characters is escaped too. They stand in
/// strings only, so it means the same.
pub(crate) fn json(value: &Value) -> String {
    let text = value.to_string();
    if !text.chars().any(is_unshown) {
        return text;
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_unshown(c) {
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

/// Whether a character tells a terminal to do something, or turns the text around it.
fn is_unshown(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A line of standard output. Whoever reads it may stop reading at any time: then there is nothing left to do.
pub(crate) fn line(text: &str) {
    if let Err(error) = writeln!(stdout(), "{text}")
        && error.kind() == ErrorKind::BrokenPipe
    {
        std::process::exit(0);
    }
}

/// A text whose exit code counts whether or not anybody reads it to its end.
pub(crate) fn unread(text: &str) {
    // Who closed the pipe has seen enough.
    let _ = writeln!(stdout(), "{text}");
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
            c if is_unshown(c) => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out
}

/// The same for a text that has to stay on its line, so that it cannot pass for another.
pub(crate) fn one_line(text: &str) -> String {
    harmless(text).replace('\n', "\\n").replace('\t', "\\t")
}
