//! Opens one file as often as it is told to, and reads it through every handle.
#![allow(clippy::disallowed_methods, reason = "in a guest, std is the sandbox's own door")]

use wasip2::filesystem::{
    preopens::get_directories,
    types::{Descriptor, DescriptorFlags, OpenFlags, PathFlags},
};

fn mount(name: &str) -> Descriptor {
    get_directories().into_iter().find(|(_, path)| path == name).expect("a granted mount").0
}

fn main() {
    let count: usize = std::env::args().nth(1).and_then(|count| count.parse().ok()).expect("a number");
    let workspace = mount("/workspace");
    let open = |_| {
        workspace
            .open_at(PathFlags::empty(), "file.txt", OpenFlags::empty(), DescriptorFlags::READ)
            .expect("the host stops this with a limit")
    };
    let files: Vec<_> = (0..count).map(open).collect();
    let whole = files.iter().filter(|file| file.read(100, 0).is_ok_and(|(bytes, _)| bytes == b"unchanged")).count();
    let same = files.windows(2).filter(|pair| pair[0].is_same_object(&pair[1])).count();
    println!("{whole} {same}");
}
