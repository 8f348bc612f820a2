//! The program under test, as its own binary is: one line. With `DIE_AT_EVENT=n` it dies the moment the n-th event that this
//! process takes in is in the journal, without a chance to do anything.

#![allow(clippy::disallowed_methods, reason = "how it dies comes from outside, and it does at once")]

use std::{
    process::ExitCode,
    sync::atomic::{AtomicU64, Ordering},
};

fn main() -> ExitCode {
    let die_at = std::env::var("DIE_AT_EVENT").ok().and_then(|n| n.parse::<u64>().ok());
    match die_at {
        None => cli::main(),
        Some(die_at) => {
            let seen = AtomicU64::new(0);
            cli::main_watched(move |_| {
                if seen.fetch_add(1, Ordering::SeqCst) + 1 == die_at {
                    std::process::abort();
                }
            })
        }
    }
}
