//! Uses streams whose descriptor was dropped, whose file was removed, or whose directory was moved.

use wasip2::filesystem::{
    preopens::get_directories,
    types::{Descriptor, DescriptorFlags, OpenFlags, PathFlags},
};

fn mount(name: &str) -> Descriptor {
    get_directories().into_iter().find(|(_, path)| path == name).expect("a granted mount").0
}

fn main() {
    let out = mount("/out");
    let create = |path: &str| {
        let flags = DescriptorFlags::READ | DescriptorFlags::WRITE;
        out.open_at(PathFlags::empty(), path, OpenFlags::CREATE, flags).expect("granted")
    };
    // The descriptor goes, the stream stays, and what it writes still counts.
    let file = create("dropped.txt");
    let (writing, appending) = (file.write_via_stream(0).expect("granted"), file.append_via_stream().expect("granted"));
    drop(file);
    writing.blocking_write_and_flush(b"0123456789").expect("granted");
    appending.blocking_write_and_flush(b"abcde").expect("granted");

    let file = create("removed.txt");
    let writing = file.write_via_stream(0).expect("granted");
    out.unlink_file_at("removed.txt").expect("granted");
    println!("removed: {}", writing.blocking_write_and_flush(b"unseen").is_ok());
    println!("read back: {}", file.read(10, 0).is_ok_and(|(bytes, _)| bytes == b"unseen"));

    out.create_directory_at("dir").expect("granted");
    let flags = DescriptorFlags::READ | DescriptorFlags::MUTATE_DIRECTORY;
    let dir = out.open_at(PathFlags::empty(), "dir", OpenFlags::DIRECTORY, flags).expect("granted");
    out.rename_at("dir", &out, "moved").expect("granted");
    let below = dir.open_at(PathFlags::empty(), "below.txt", OpenFlags::CREATE, DescriptorFlags::WRITE);
    println!("below what was moved: {}", below.is_ok_and(|file| file.write(b"moved", 0).is_ok()));
    let _ = out.unlink_file_at("moved/below.txt").and_then(|()| out.remove_directory_at("moved"));
    let gone = dir.open_at(PathFlags::empty(), "gone.txt", OpenFlags::CREATE, DescriptorFlags::WRITE);
    println!("below what was removed: {}", gone.map_or_else(|error| error.name(), |_| "ok"));
}
