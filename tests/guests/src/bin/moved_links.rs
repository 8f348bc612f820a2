//! Makes links that are harmless where they are made, moves them to where they lead out, and follows them.

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
    let follow = PathFlags::SYMLINK_FOLLOW;
    said("absolute", out.symlink_at("/etc/passwd", "absolute"));
    said("absolute into the mount", out.symlink_at("/out/there.txt", "inside"));
    said("empty", out.symlink_at("", "empty"));
    said("nul", out.symlink_at("a\0b", "nul"));
    said("up", out.symlink_at("../outside.txt", "up"));
    said("to /proc", out.symlink_at("/proc/self/root/etc/passwd", "proc"));
    said("to itself", out.symlink_at("loop", "loop"));
    said("over a file", out.symlink_at("there.txt", "there.txt"));
    said("to outside", out.symlink_at("x", "../planted"));
    // From two levels down, `..` stays within the mount; from its root, it does not.
    out.create_directory_at("a").and_then(|()| out.create_directory_at("a/b")).expect("granted");
    said("deep", out.symlink_at("../../there.txt", "a/b/link"));
    said("deep, to outside", out.symlink_at("../../outside.txt", "a/b/sly"));
    let read = |path: &str| {
        let opened = out.open_at(follow, path, OpenFlags::empty(), DescriptorFlags::READ);
        said(&format!("read {path}"), opened.and_then(|file| file.read(100, 0)));
    };
    let write = |path: &str| {
        let opened = out.open_at(follow, path, OpenFlags::CREATE | OpenFlags::TRUNCATE, DescriptorFlags::WRITE);
        said(&format!("write {path}"), opened.and_then(|file| file.write(b"changed", 0)));
    };
    read("a/b/link");
    said("move link", out.rename_at("a/b/link", &out, "a/link"));
    said("move sly", out.rename_at("a/b/sly", &out, "a/sly"));
    for path in ["absolute", "inside", "up", "proc", "loop", "a/link", "a/sly"] {
        read(path);
        write(path);
        said(&format!("list {path}"), out.open_at(follow, path, OpenFlags::DIRECTORY, DescriptorFlags::READ));
        said(&format!("stat {path}"), out.stat_at(follow, path));
        said(&format!("hash {path}"), out.metadata_hash_at(follow, path));
    }
}
