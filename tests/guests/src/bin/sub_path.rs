//! Is granted `/workspace/docs` only, and looks for what lies beside it.
#![allow(clippy::disallowed_methods, reason = "in a guest, std is the sandbox's own door")]

use std::{fs, process::ExitCode};

fn main() -> ExitCode {
    let inside = fs::read_to_string("/workspace/docs/a.md").is_ok();
    let paths =
        ["/workspace/secret.txt", "/workspace", "/workspace/docs/../secret.txt", "/workspace/docs/link/secret.txt"];
    let got: Vec<_> = paths.iter().filter(|path| fs::read(path).is_ok() || fs::read_dir(path).is_ok()).collect();
    if inside && got.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("inside: {inside}, outside: {got:?}");
    ExitCode::FAILURE
}
