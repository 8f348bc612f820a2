//! Follows links that lead out of its mount: those it finds there (`escape`, `up`), and those it makes.
#![allow(clippy::disallowed_methods, reason = "in a guest, std is the sandbox's own door")]

use std::{fs, process::ExitCode};

fn main() -> ExitCode {
    let mut got = Vec::new();
    for path in
        ["/workspace/escape", "/workspace/escape/passwd", "/workspace/up/outside.txt", "/workspace/chain/passwd"]
    {
        if fs::read(path).is_ok() || fs::read_dir(path).is_ok() {
            got.push(path);
        }
    }
    for (target, link) in [("/etc", "/out/absolute"), ("../..", "/out/relative"), ("../workspace", "/out/sideways")] {
        #[allow(deprecated, reason = "the one call for links that std has for every target")]
        let made = fs::soft_link(target, link).is_ok();
        if made && fs::read_dir(link).is_ok() {
            got.push(link);
        }
    }
    if got.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("escaped by {got:?}");
    ExitCode::FAILURE
}
