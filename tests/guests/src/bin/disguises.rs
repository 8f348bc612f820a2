//! Changes things under other names than theirs, so that the record has what is not there: through links to directories and
//! files, by handles to directories that were renamed, and by `..` behind a link.

use wasip2::filesystem::{
    preopens::get_directories,
    types::{Descriptor, DescriptorFlags, NewTimestamp, OpenFlags, PathFlags},
};

fn main() {
    let (out, _) = get_directories().into_iter().find(|(_, path)| path == "/out").expect("a granted mount");
    let create = |base: &Descriptor, path: &str| {
        let file = base.open_at(PathFlags::SYMLINK_FOLLOW, path, OpenFlags::CREATE, DescriptorFlags::WRITE);
        file.expect("granted").write(b"disguised", 0).expect("granted");
    };
    out.create_directory_at("real").and_then(|()| out.create_directory_at("real/deep")).expect("granted");
    out.symlink_at("real", "alias").and_then(|()| out.symlink_at("real/deep", "short")).expect("granted");
    out.symlink_at("real/behind.txt", "file").expect("granted");
    create(&out, "alias/a.txt");
    create(&out, "file");
    create(&out, "short/../b.txt");
    create(&out, "alias/deep/./c.txt");
    out.create_directory_at("alias/dir").expect("granted");
    out.create_directory_at("short/../dir2/").expect("granted");
    out.symlink_at("nowhere", "alias/link").expect("granted");
    out.link_at(PathFlags::empty(), "alias/a.txt", &out, "short/second.txt").expect("granted");
    out.set_times_at(PathFlags::empty(), "alias/b.txt", NewTimestamp::Now, NewTimestamp::Now).expect("granted");
    out.set_times_at(PathFlags::SYMLINK_FOLLOW, "file", NewTimestamp::Now, NewTimestamp::Now).expect("granted");
    out.rename_at("alias/b.txt", &out, "short/moved.txt").expect("granted");
    out.unlink_file_at("alias/deep/c.txt").expect("granted");
    out.remove_directory_at("alias/dir").expect("granted");
    let flags = DescriptorFlags::READ | DescriptorFlags::MUTATE_DIRECTORY;
    let held = out.open_at(PathFlags::SYMLINK_FOLLOW, "short", OpenFlags::DIRECTORY, flags).expect("granted");
    out.rename_at("real", &out, "renamed").expect("granted");
    create(&held, "d.txt");
    held.create_directory_at("e").expect("granted");
    println!("done");
}
