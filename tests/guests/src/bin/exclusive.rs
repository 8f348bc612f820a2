//! Creates with `exclusive` where something stands: files, directories, links that lead nowhere, links that lead out.

use wasip2::filesystem::{
    preopens::get_directories,
    types::{Descriptor, DescriptorFlags, ErrorCode, OpenFlags, PathFlags},
};

fn mount(name: &str) -> Descriptor {
    get_directories().into_iter().find(|(_, path)| path == name).expect("a granted mount").0
}

fn said<T>(what: &str, result: Result<T, ErrorCode>) {
    match result {
        Ok(_) => println!("{what}: ok"),
        Err(error) => println!("{what}: {}", error.name()),
    }
}

fn main() {
    let out = mount("/out");
    let exclusive = OpenFlags::CREATE | OpenFlags::EXCLUSIVE;
    for (how, follow) in [("as it is", PathFlags::empty()), ("followed", PathFlags::SYMLINK_FOLLOW)] {
        for path in ["there.txt", "dir", "dangling", "leak", "up/new.txt", "../new.txt", "."] {
            let made = out.open_at(follow, path, exclusive, DescriptorFlags::WRITE);
            said(&format!("{path} {how}"), made);
        }
    }
    let open = |path: &str, flags| out.open_at(PathFlags::empty(), path, flags, DescriptorFlags::WRITE);
    said("once", open("new.txt", exclusive));
    said("twice", open("new.txt", exclusive));
    said("exclusive and truncate", open("there.txt", exclusive | OpenFlags::TRUNCATE));
    said("exclusive alone", open("there.txt", OpenFlags::EXCLUSIVE));
    said("exclusive alone, new", open("other.txt", OpenFlags::EXCLUSIVE));
    said("create through a link that leads nowhere", {
        out.open_at(PathFlags::SYMLINK_FOLLOW, "dangling", OpenFlags::CREATE, DescriptorFlags::WRITE)
    });
}
