//! Carries files between mounts by names instead of by bytes: renames and hard links out of one it may only read.
#![allow(clippy::disallowed_methods, reason = "in a guest, std is the sandbox's own door")]

use std::{fs, process::ExitCode};

fn main() -> ExitCode {
    let attempts: [(&str, bool); 3] = [
        ("rename", fs::rename("/workspace/file.txt", "/out/file.txt").is_ok()),
        ("link", fs::hard_link("/workspace/file.txt", "/out/link.txt").is_ok()),
        ("rename back", fs::write("/out/a.txt", "a").is_ok() && fs::rename("/out/a.txt", "/workspace/a.txt").is_ok()),
    ];
    let got: Vec<_> = attempts.iter().filter(|(_, done)| *done).map(|(what, _)| what).collect();
    if got.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("crossed by {got:?}");
    ExitCode::FAILURE
}
