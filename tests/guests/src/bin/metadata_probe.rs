//! Looks for what lies outside by metadata alone: sizes, kinds, times, hashes, the targets of links, identities.

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
    let (none, follow) = (PathFlags::empty(), PathFlags::SYMLINK_FOLLOW);
    for path in [
        "../outside.txt",
        "..",
        "/",
        "/etc/passwd",
        "docs/../../outside.txt",
        "escape",
        "escape/passwd",
        "up/outside.txt",
        "fd/0",
    ] {
        said(&format!("stat {path}"), workspace.stat_at(follow, path));
        said(&format!("hash {path}"), workspace.metadata_hash_at(follow, path));
        said(&format!("open {path}"), workspace.open_at(follow, path, OpenFlags::empty(), DescriptorFlags::READ));
    }
    // The link is in the mount; what it says is what an operator's disk looks like.
    for path in ["escape", "up", "absolute", "../state", "file.txt", "nothing"] {
        match workspace.readlink_at(path) {
            Ok(target) => println!("readlink {path}: {target}"),
            Err(error) => println!("readlink {path}: {}", ErrorCode::name(&error)),
        }
    }
    let link = workspace.stat_at(none, "escape").expect("it is in the mount");
    println!("link {:?}", link.type_);
    let file = |path| workspace.open_at(none, path, OpenFlags::empty(), DescriptorFlags::READ).expect("granted");
    println!("same {}", file("file.txt").is_same_object(&file("docs/../file.txt")));
    println!("other {}", file("file.txt").is_same_object(&file("secret.txt")));
}
