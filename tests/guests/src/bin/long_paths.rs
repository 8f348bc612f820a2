//! Uses names and paths of every length, at and beyond what a file system takes.

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
    let create = |path: &str| out.open_at(PathFlags::empty(), path, OpenFlags::CREATE, DescriptorFlags::WRITE);
    for length in [255, 256, 4_000, 5_000] {
        let name = "n".repeat(length);
        said(&format!("create {length}"), create(&name));
        said(&format!("mkdir {length}"), out.create_directory_at(&format!("d{}", &name[1..])));
        said(&format!("stat {length}"), out.stat_at(PathFlags::empty(), &name));
        said(&format!("hash {length}"), out.metadata_hash_at(PathFlags::empty(), &name));
        said(&format!("symlink {length}"), out.symlink_at(&name, &format!("link{length}")));
        said(&format!("readlink {length}"), out.readlink_at(&format!("link{length}")));
    }
    // Many short parts.
    for parts in [1_000, 2_040, 2_060, 500_000] {
        said(&format!("dots {parts}"), create(&format!("{}end", "./".repeat(parts))));
        said(&format!("ups {parts}"), create(&format!("{}end", "../".repeat(parts))));
        said(&format!("stat ups {parts}"), out.stat_at(PathFlags::empty(), &"../".repeat(parts)));
    }
}
