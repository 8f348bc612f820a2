//! What the operator grants on the command line, as a policy of its own: it is validated, decided on and recorded like
//! any other.

use crate::args::GrantArgs;
use std::fmt::Write as _;

/// The name of that policy in decisions and records.
pub(crate) const NAME: &str = "command-line";

/// Which tools the command line itself names.
pub(crate) enum Callable<'a> {
    /// One tool: `gloveport call TOOL`.
    Tool(&'a str),
    /// Packages: those of `--package`, or all that are loaded.
    Packages(Vec<&'a str>),
}

/// The policy's text, in Cedar.
pub(crate) fn policy(grants: &GrantArgs, callable: &Callable<'_>) -> String {
    let mut text = String::new();
    let mut permit = |id: &str, rule: &str| {
        let _ = writeln!(text, "@id({})\npermit (principal, {rule});", quoted(&format!("{NAME}/{id}")));
    };
    match callable {
        Callable::Tool(id) => {
            permit(&format!("call-{id}"), &format!("action == Action::\"call\", resource == Tool::{}", quoted(id)))
        }
        Callable::Packages(names) => {
            for name in names {
                permit(
                    &format!("call-{name}"),
                    &format!("action == Action::\"call\", resource in Package::{}", quoted(name)),
                );
            }
        }
    }
    for mount in &grants.mounts {
        let actions = if mount.access.writes() {
            "action in [Action::\"read\", Action::\"write\"]"
        } else {
            "action == Action::\"read\""
        };
        permit(&format!("mount-{}", mount.name), &format!("{actions}, resource == Mount::\"{}\"", mount.name));
    }
    for name in &grants.env {
        permit(&format!("env-{name}"), &format!("action == Action::\"use\", resource == Variable::{}", quoted(name)));
    }
    text
}

/// A text as a Cedar string literal.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
