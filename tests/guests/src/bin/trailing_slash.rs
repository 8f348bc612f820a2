//! Writes file names with a slash, `/.` or `//` behind them, and empty ones.

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
    let (none, write) = (PathFlags::empty(), DescriptorFlags::WRITE);
    for path in ["there.txt/", "there.txt/.", "there.txt//", "there.txt/..", "./there.txt", ".//there.txt", ""] {
        said(&format!("open {path}"), out.open_at(none, path, OpenFlags::empty(), DescriptorFlags::READ));
        said(&format!("truncate {path}"), out.open_at(none, path, OpenFlags::TRUNCATE, write));
        said(&format!("stat {path}"), out.stat_at(none, path));
    }
    for path in ["new/", "new/.", "new/..", "..", "."] {
        said(&format!("create {path}"), out.open_at(none, path, OpenFlags::CREATE, write));
    }
    said("rename to a slash", out.rename_at("there.txt", &out, "moved/"));
    said("link to a slash", out.link_at(none, "there.txt", &out, "linked/"));
    said("unlink a slash", out.unlink_file_at("there.txt/"));
    said("mkdir a slash", out.create_directory_at("dir/"));
    said("rmdir a slash", out.remove_directory_at("dir/"));
}
