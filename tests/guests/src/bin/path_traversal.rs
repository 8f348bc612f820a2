//! Leaves its mount by `..`, in every spelling it can think of.
#![allow(clippy::disallowed_methods, reason = "in a guest, std is the sandbox's own door")]

use std::{fs, process::ExitCode};

fn main() -> ExitCode {
    let spellings = [
        "/workspace/../etc/passwd",
        "/workspace/../../etc/passwd",
        "/workspace/../../../../../../etc/passwd",
        "workspace/./../..//etc/passwd",
        "/workspace/sub/../../etc/passwd",
        "/workspace/..",
        "../etc/passwd",
    ];
    let got: Vec<_> = spellings.iter().filter(|path| fs::read(path).is_ok() || fs::read_dir(path).is_ok()).collect();
    if got.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("escaped by {got:?}");
    ExitCode::FAILURE
}
