//! Changes a mount that it may only read, by every means of std.
#![allow(clippy::disallowed_methods, reason = "in a guest, std is the sandbox's own door")]

use std::{fs, io::Write as _, process::ExitCode, time::SystemTime};

fn main() -> ExitCode {
    let file = "/workspace/file.txt";
    let attempts: [(&str, bool); 11] = [
        ("write", fs::write(file, "changed").is_ok()),
        ("create", fs::File::create("/workspace/new.txt").is_ok()),
        ("append", fs::OpenOptions::new().append(true).open(file).and_then(|mut f| f.write_all(b"x")).is_ok()),
        ("truncate", fs::OpenOptions::new().write(true).truncate(true).open(file).is_ok()),
        ("set_len", fs::OpenOptions::new().read(true).open(file).and_then(|f| f.set_len(0)).is_ok()),
        ("set_times", fs::File::open(file).and_then(|f| f.set_modified(SystemTime::UNIX_EPOCH)).is_ok()),
        ("rename", fs::rename(file, "/workspace/other.txt").is_ok()),
        ("link", fs::hard_link(file, "/workspace/second.txt").is_ok()),
        ("remove", fs::remove_file(file).is_ok()),
        ("mkdir", fs::create_dir("/workspace/dir").is_ok()),
        ("rmdir", fs::remove_dir("/workspace/sub").is_ok()),
    ];
    let got: Vec<_> = attempts.iter().filter(|(_, done)| *done).map(|(what, _)| what).collect();
    let readable = fs::read_to_string(file).is_ok_and(|text| text == "unchanged");
    if got.is_empty() && readable {
        return ExitCode::SUCCESS;
    }
    println!("changed by {got:?}, readable: {readable}");
    ExitCode::FAILURE
}
