//! Opens what is no file: a socket and a pipe that stand in its mount, and links to such.

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
    let workspace = mount("/workspace");
    let follow = PathFlags::SYMLINK_FOLLOW;
    for path in ["socket", "pipe", "to_pipe", "to_socket"] {
        for (way, open, flags) in [
            ("read", OpenFlags::empty(), DescriptorFlags::READ),
            ("write", OpenFlags::empty(), DescriptorFlags::WRITE),
            ("nothing", OpenFlags::empty(), DescriptorFlags::empty()),
            ("truncate", OpenFlags::TRUNCATE, DescriptorFlags::WRITE),
            ("create", OpenFlags::CREATE, DescriptorFlags::WRITE),
        ] {
            said(&format!("{path} for {way}"), workspace.open_at(follow, path, open, flags));
        }
    }
}
