//! Prints a byte to one output and a byte to the other, in turn, as many as it is told to, and then a last one.
#![allow(clippy::disallowed_methods, reason = "in a guest, std is the sandbox's own door")]

use std::io::Write as _;

fn main() {
    let count: usize = std::env::args().nth(1).and_then(|count| count.parse().ok()).expect("a number");
    for turn in 0..count {
        let printed = match turn % 2 {
            0 => std::io::stdout().write_all(b"o").and_then(|()| std::io::stdout().flush()),
            _ => std::io::stderr().write_all(b"e"),
        };
        printed.expect("the host stops this with a limit");
    }
}
