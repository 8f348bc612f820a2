//! Was granted `/workspace/docs` to write in, and changes what lies above it by `..` and by a link that stands there.

use wasip2::filesystem::{
    preopens::get_directories,
    types::{Descriptor, DescriptorFlags, ErrorCode, NewTimestamp, OpenFlags, PathFlags},
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
    let (docs, now) = (mount("/workspace/docs"), NewTimestamp::Now);
    let (none, follow) = (PathFlags::empty(), PathFlags::SYMLINK_FOLLOW);
    println!("mounts: {}", get_directories().len());
    for up in ["..", "link", "./a/../..", "../docs/.."] {
        let at = |name: &str| format!("{up}/{name}");
        let open = |name: &str, open, flags| docs.open_at(follow, &at(name), open, flags);
        said("read", open("file.txt", OpenFlags::empty(), DescriptorFlags::READ));
        said("truncate", open("file.txt", OpenFlags::TRUNCATE, DescriptorFlags::WRITE));
        said("create", open("new.txt", OpenFlags::CREATE, DescriptorFlags::WRITE));
        said("list", open(".", OpenFlags::DIRECTORY, DescriptorFlags::READ));
        said("stat", docs.stat_at(none, &at("file.txt")));
        said("hash", docs.metadata_hash_at(none, &at("file.txt")));
        said("mkdir", docs.create_directory_at(&at("new")));
        said("rmdir", docs.remove_directory_at(&at("sub")));
        said("unlink", docs.unlink_file_at(&at("file.txt")));
        said("times", docs.set_times_at(none, &at("file.txt"), now, now));
        said("rename in", docs.rename_at(&at("file.txt"), &docs, "got.txt"));
        said("rename out", docs.rename_at("a.md", &docs, &at("put.md")));
        said("link in", docs.link_at(none, &at("file.txt"), &docs, "got.txt"));
        said("link out", docs.link_at(none, "a.md", &docs, &at("put.md")));
        said("symlink out", docs.symlink_at("a.md", &at("put.md")));
        said("readlink", docs.readlink_at(&at("docs/link")));
    }
}
