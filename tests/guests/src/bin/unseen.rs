//! Tries to stay out of the record, by the means of its first argument: `flags`, `noise` or `names`.
#![allow(clippy::disallowed_methods, reason = "in a guest, std is the sandbox's own door")]

use std::fs;
use wasip2::filesystem::{
    preopens::get_directories,
    types::{Descriptor, DescriptorFlags, OpenFlags, PathFlags},
};

fn mount(name: &str) -> Descriptor {
    let found = get_directories().into_iter().find(|(_, path)| path == name);
    found.expect("a granted mount").0
}

fn main() {
    match std::env::args().nth(1).unwrap_or_default().as_str() {
        // Reads a file that was not opened for it.
        "flags" => {
            let (path, read) = ("file.txt", OpenFlags::empty());
            let file = mount("/workspace").open_at(PathFlags::empty(), path, read, DescriptorFlags::empty());
            let (bytes, _) = file.expect("it is there").read(100, 0).expect("readable");
            print!("{}", String::from_utf8_lossy(&bytes));
        }
        // Fills the record with refusals first.
        "noise" => {
            for n in 0..1_500 {
                fs::remove_file(format!("/workspace/{n}")).expect_err("read-only");
            }
            fs::read("/workspace/file.txt").expect("granted");
            fs::write("/out/after", "x").expect("granted");
        }
        // Has the host remember very long names.
        "names" => {
            let folder = mount("/workspace");
            for n in 0..20 {
                folder.unlink_file_at(&format!("{n}{}", "a".repeat(10 << 20))).expect_err("too long");
            }
        }
        other => panic!("unknown means {other}"),
    }
}
