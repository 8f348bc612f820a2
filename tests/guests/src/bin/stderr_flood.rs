//! Prints without end to standard error, in the smallest pieces and in the largest.
#![allow(clippy::disallowed_methods, reason = "in a guest, std is the sandbox's own door")]

use std::io::Write as _;

fn main() {
    let pieces = std::env::args().nth(1).unwrap_or_default();
    let stderr = wasip2::cli::stderr::get_stderr();
    loop {
        match pieces.as_str() {
            "bytes" => std::io::stderr().write_all(b"e").expect("the host stops this with a limit"),
            "nothing" => stderr.blocking_write_and_flush(b"").expect("the host stops this with a limit"),
            // Without asking whether there is room.
            "unasked" => stderr.write(&[b'e'; 60 << 10]).expect("the host stops this with a limit"),
            "zeroes" => stderr.write_zeroes(64 << 10).expect("the host stops this with a limit"),
            other => panic!("unknown pieces {other}"),
        }
    }
}
