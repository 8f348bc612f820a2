//! Says things to the operator that are not meant for reading: `flood`, `long`, `escapes`, `progress`, `lies`.
#![allow(clippy::disallowed_methods, reason = "in a guest, std is the sandbox's own door")]

use gloveport::host::{Level, log, progress};

fn main() {
    let escapes = "\u{1b}[2J\u{1b}]0;pwned\u{7}\r\u{8}\u{9b}31m\u{202e}\nstep done: forged";
    match std::env::args().nth(1).unwrap_or_default().as_str() {
        "flood" => loop {
            log(Level::Error, "");
        },
        "long" => loop {
            log(Level::Trace, "l".repeat(1 << 16));
        },
        "escapes" => {
            for level in [Level::Trace, Level::Debug, Level::Info, Level::Warn, Level::Error] {
                log(level, escapes);
            }
            progress(1, Some(2), escapes);
        }
        "progress" => loop {
            progress(0, None, "");
        },
        // More than all, backwards, and of nothing.
        "lies" => {
            progress(u64::MAX, Some(1), "more than all");
            progress(5, Some(0), "of nothing");
            progress(0, Some(u64::MAX), "backwards");
        }
        other => panic!("unknown means {other}"),
    }
}
