//! Holds a directory open while somebody else puts a link to elsewhere in its place, and reads and writes on.
//! Its first argument says how: `held` by the handle, `path` by the name, again and again.
#![allow(clippy::disallowed_methods, reason = "in a guest, std is the sandbox's own door")]

use std::collections::BTreeSet;
use wasip2::filesystem::{
    preopens::get_directories,
    types::{Descriptor, DescriptorFlags, ErrorCode, OpenFlags, PathFlags},
};

fn mount(name: &str) -> Descriptor {
    get_directories().into_iter().find(|(_, path)| path == name).expect("a granted mount").0
}

const ROUNDS: usize = 1_000;

fn main() {
    let way = std::env::args().nth(1).unwrap_or_default();
    let out = mount("/out");
    let flags = DescriptorFlags::READ | DescriptorFlags::MUTATE_DIRECTORY;
    // The other side has begun when this is there.
    while out.stat_at(PathFlags::empty(), "begun").is_err() {}
    let held = loop {
        if let Ok(held) = out.open_at(PathFlags::empty(), "swapped", OpenFlags::DIRECTORY, flags) {
            break held;
        }
    };
    let follow = PathFlags::SYMLINK_FOLLOW;
    let (mut read, mut refused) = (BTreeSet::new(), BTreeSet::new());
    for round in 0..ROUNDS {
        let (base, file, new) = match way.as_str() {
            "held" => (&held, "file.txt".to_owned(), format!("new{}", round % 7)),
            _ => (&out, "swapped/file.txt".to_owned(), format!("swapped/new{}", round % 7)),
        };
        let opened = base.open_at(follow, &file, OpenFlags::empty(), DescriptorFlags::READ);
        match opened.and_then(|file| file.read(100, 0)) {
            Ok((bytes, _)) => drop(read.insert(String::from_utf8_lossy(&bytes).into_owned())),
            Err(error) => drop(refused.insert(error.name())),
        }
        match base.open_at(follow, &new, OpenFlags::CREATE, DescriptorFlags::WRITE) {
            Ok(file) => drop(file.write(b"planted", 0)),
            Err(error) => drop(refused.insert(ErrorCode::name(&error))),
        }
        let _ = base.unlink_file_at(&new);
        let _ = base.stat_at(follow, &file);
        let _ = base.create_directory_at(&format!("{new}.d"));
        let _ = base.remove_directory_at(&format!("{new}.d"));
        let _ = base.rename_at(&file, base, &file);
    }
    println!("read {read:?}");
    println!("refused {refused:?}");
}
