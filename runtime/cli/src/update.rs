//! What an update changes, for people: grouped, a line each.

use crate::print::one_line;
use policy::{InterfaceChange, Update};

/// The lines, each with a sign: `+` and `-` for what is reached, or offered; `!` for what breaks callers, `~` for the rest.
pub(crate) fn lines(update: &Update) -> Vec<String> {
    let mut lines = Vec::new();
    let added = update.added.iter().map(|text| format!("+ {}", explained(text)));
    let removed = update.removed.iter().map(|text| format!("- {}", one_line(text)));
    group(&mut lines, "reach", added.chain(removed));
    group(&mut lines, "interface", update.interface.iter().map(change));
    lines
}

/// Adds a group, unless there is nothing in it.
pub(crate) fn group(lines: &mut Vec<String>, title: &str, items: impl Iterator<Item = String>) {
    let before = lines.len();
    lines.extend(items.map(|item| format!("  {item}")));
    if lines.len() > before {
        lines.insert(before, title.to_owned());
    }
}

/// What it comes to, in words.
pub(crate) fn verdict(update: &Update) -> &'static str {
    match (update.widens(), update.breaks()) {
        (true, true) => "it could reach more, and it breaks callers",
        (true, false) => "it could reach more",
        (false, true) => "it breaks callers",
        (false, false) => "it reaches no more, and breaks no caller",
    }
}

fn explained(text: &str) -> String {
    match text.strip_prefix("import ") {
        Some(interface) => format!("{}: {}", one_line(text), sandbox::reach_of(interface)),
        None => one_line(text),
    }
}

fn change(change: &InterfaceChange) -> String {
    let sign = match change {
        change if change.breaks() => '!',
        InterfaceChange::ToolAdded { .. } | InterfaceChange::ParameterAdded { .. } => '+',
        _ => '~',
    };
    format!("{sign} {}", one_line(&change.to_string()))
}
