//! The builtins that have to do with processes, which are the host's, and those that the engine's crate has for other systems only.

mod exec;
mod kill;
mod printf;
mod ulimit;
mod umask;
mod wait;

use brush_builtins::BuiltinSet;
use brush_core::{
    ShellExtensions,
    builtins::{Registration, builtin},
};
use std::collections::HashMap;

/// All builtins.
pub(crate) fn all<SE: ShellExtensions>() -> HashMap<String, Registration<SE>> {
    let mut all = brush_builtins::default_builtins(BuiltinSet::BashMode);
    let own: [(&str, Registration<SE>); 6] = [
        ("exec", builtin::<exec::Exec, SE>().special()),
        ("kill", builtin::<kill::Kill, SE>()),
        ("printf", builtin::<printf::Printf, SE>()),
        ("ulimit", builtin::<ulimit::Ulimit, SE>()),
        ("umask", builtin::<umask::Umask, SE>()),
        ("wait", builtin::<wait::Wait, SE>()),
    ];
    all.extend(own.map(|(name, builtin)| (name.to_owned(), builtin)));
    all
}
