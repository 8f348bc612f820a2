//! Takes directories for files and files for directories.

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
    out.create_directory_at("dir").expect("granted");
    let file = out.open_at(PathFlags::empty(), "file", OpenFlags::CREATE, DescriptorFlags::WRITE).expect("granted");
    file.write(b"whole", 0).expect("granted");
    let open = |path: &str, open: OpenFlags, flags: DescriptorFlags| out.open_at(PathFlags::empty(), path, open, flags);
    said("dir for writing", open("dir", OpenFlags::empty(), DescriptorFlags::WRITE));
    said("dir truncated", open("dir", OpenFlags::TRUNCATE, DescriptorFlags::WRITE));
    said("dir created", open("dir", OpenFlags::CREATE, DescriptorFlags::WRITE));
    said("mount for writing", open(".", OpenFlags::empty(), DescriptorFlags::WRITE));
    said("file as directory", open("file", OpenFlags::DIRECTORY, DescriptorFlags::READ));
    said("new as directory", open("new", OpenFlags::DIRECTORY | OpenFlags::CREATE, DescriptorFlags::READ));
    let dir = open("dir", OpenFlags::DIRECTORY, DescriptorFlags::READ).expect("granted");
    said("read", dir.read(1, 0));
    said("write", dir.write(b"x", 0));
    said("read stream", dir.read_via_stream(0));
    said("write stream", dir.write_via_stream(0));
    said("append stream", dir.append_via_stream());
    said("set size", dir.set_size(0));
    said("list a file", file.read_directory());
    said("below a file", file.stat_at(PathFlags::empty(), "."));
    said("unlink dir", out.unlink_file_at("dir"));
    said("rmdir file", out.remove_directory_at("file"));
    said("rmdir mount", out.remove_directory_at("."));
    said("unlink mount", out.unlink_file_at("."));
}
