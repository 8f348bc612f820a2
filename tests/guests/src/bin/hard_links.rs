//! Makes second names for files: within its mounts, across them, for directories, for links, and for what lies outside.

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
    let (out, workspace) = (mount("/out"), mount("/workspace"));
    let (none, follow) = (PathFlags::empty(), PathFlags::SYMLINK_FOLLOW);
    said("within", out.link_at(none, "there.txt", &out, "second.txt"));
    said("onto itself", out.link_at(none, "there.txt", &out, "there.txt"));
    said("over another", out.link_at(none, "there.txt", &out, "other.txt"));
    said("a directory", out.link_at(none, "dir", &out, "dir2"));
    said("what is not there", out.link_at(none, "nothing", &out, "something"));
    said("out of the read-only mount", workspace.link_at(none, "file.txt", &out, "stolen.txt"));
    said("into the read-only mount", out.link_at(none, "there.txt", &workspace, "planted.txt"));
    said("from outside", out.link_at(none, "../outside.txt", &out, "outside.txt"));
    said("from outside, absolute", out.link_at(none, "/etc/passwd", &out, "passwd"));
    said("to outside", out.link_at(none, "there.txt", &out, "../planted.txt"));
    // `leak` is a link to a file outside; the link itself may get a second name, what it leads to may not.
    said("a link", out.link_at(none, "leak", &out, "leak2"));
    said("through a link", out.link_at(follow, "leak", &out, "leaked.txt"));
    said("below a link", out.link_at(none, "up/outside.txt", &out, "leaked.txt"));
    for name in ["leak2", "leaked.txt", "second.txt"] {
        let opened = out.open_at(follow, name, OpenFlags::empty(), DescriptorFlags::READ);
        said(&format!("read {name}"), opened.and_then(|file| file.read(10, 0)));
    }
}
