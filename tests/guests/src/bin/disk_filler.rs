//! Fills the disk by the means of its first argument: `write`, `append`, `set-len`, `rewrite` or `far`.
#![allow(clippy::disallowed_methods, reason = "in a guest, std is the sandbox's own door")]

use std::{
    fs::{self, OpenOptions},
    io::{Seek as _, SeekFrom, Write as _},
};

fn main() {
    let how = std::env::args().nth(1).unwrap_or_default();
    let block = vec![7; 64 << 10];
    let mut options = OpenOptions::new();
    options.create(true).write(true);
    for n in 0.. {
        let done = match how.as_str() {
            "write" => fs::write(format!("/out/{n}"), &block),
            "append" => {
                OpenOptions::new().create(true).append(true).open("/out/a").and_then(|mut f| f.write_all(&block))
            }
            "set-len" => options.open(format!("/out/{n}")).and_then(|f| f.set_len(64 << 10)),
            // Not larger, but written again and again.
            "rewrite" => options.open("/out/a").and_then(|mut f| {
                f.seek(SeekFrom::Start(0))?;
                f.write_all(&block)
            }),
            // Little, but ever farther beyond the end.
            "far" => options.open("/out/a").and_then(|mut f| {
                f.seek(SeekFrom::Start(n << 20))?;
                f.write_all(&block[..1])
            }),
            other => panic!("unknown means {other}"),
        };
        done.expect("the host stops this with a limit, not with an error");
    }
}
