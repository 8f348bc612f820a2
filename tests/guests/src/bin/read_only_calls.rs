//! Makes every call that changes something on a mount that it may only read, one by one, by the interface itself.

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
    let (mount, now) = (mount("/workspace"), NewTimestamp::Now);
    let (none, follow) = (PathFlags::empty(), PathFlags::SYMLINK_FOLLOW);
    let open = |path: &str, open: OpenFlags, flags: DescriptorFlags| mount.open_at(none, path, open, flags);
    said("create-directory-at", mount.create_directory_at("new"));
    said("link-at", mount.link_at(none, "file.txt", &mount, "second.txt"));
    said("symlink-at", mount.symlink_at("file.txt", "link"));
    said("rename-at", mount.rename_at("file.txt", &mount, "other.txt"));
    said("unlink-file-at", mount.unlink_file_at("file.txt"));
    said("remove-directory-at", mount.remove_directory_at("sub"));
    said("set-times-at", mount.set_times_at(none, "file.txt", now, now));
    said("set-times-at, followed", mount.set_times_at(follow, "file.txt", now, now));
    said("open to write", open("file.txt", OpenFlags::empty(), DescriptorFlags::WRITE));
    said("open to truncate", open("file.txt", OpenFlags::TRUNCATE, DescriptorFlags::WRITE));
    said("open to truncate and read", open("file.txt", OpenFlags::TRUNCATE, DescriptorFlags::READ));
    said("open to truncate, for nothing", open("file.txt", OpenFlags::TRUNCATE, DescriptorFlags::empty()));
    said("open to create", open("new.txt", OpenFlags::CREATE, DescriptorFlags::WRITE));
    said("open to create and read", open("new.txt", OpenFlags::CREATE, DescriptorFlags::READ));
    said("open to create what is there", open("file.txt", OpenFlags::CREATE, DescriptorFlags::READ));
    said("open to create alone", open("new.txt", OpenFlags::CREATE | OpenFlags::EXCLUSIVE, DescriptorFlags::READ));
    said("open to mutate", open("sub", OpenFlags::DIRECTORY, DescriptorFlags::MUTATE_DIRECTORY));
    said("open to create a directory", open("new", OpenFlags::CREATE | OpenFlags::DIRECTORY, DescriptorFlags::READ));
    let file = open("file.txt", OpenFlags::empty(), DescriptorFlags::READ).expect("granted");
    said("write", file.write(b"changed", 0));
    said("write-via-stream", file.write_via_stream(0));
    said("append-via-stream", file.append_via_stream());
    said("set-size", file.set_size(0));
    said("set-size, the same", file.set_size(9));
    said("set-times", file.set_times(now, now));
    let sub = open("sub", OpenFlags::DIRECTORY, DescriptorFlags::READ).expect("granted");
    said("set-times of a directory", sub.set_times(now, now));
    said("create below", sub.open_at(none, "new.txt", OpenFlags::CREATE, DescriptorFlags::WRITE));
    said("mkdir below", sub.create_directory_at("new"));
    said("mkdir of the mount", mount.create_directory_at("."));
    said("set-times of the mount", mount.set_times(now, now));
}
