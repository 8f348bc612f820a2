//! Opens without saying what for, or for one thing, and then does everything with what it got.

use wasip2::filesystem::{
    preopens::get_directories,
    types::{Descriptor, DescriptorFlags, ErrorCode, OpenFlags, PathFlags},
};

fn mount(name: &str) -> Descriptor {
    get_directories().into_iter().find(|(_, path)| path == name).expect("a granted mount").0
}

fn main() {
    let ways = [
        ("nothing", DescriptorFlags::empty()),
        ("read", DescriptorFlags::READ),
        ("write", DescriptorFlags::WRITE),
        ("mutate", DescriptorFlags::MUTATE_DIRECTORY),
        ("sync", DescriptorFlags::FILE_INTEGRITY_SYNC | DescriptorFlags::DATA_INTEGRITY_SYNC),
    ];
    for (folder, path) in [("/workspace", "file.txt"), ("/out", "there.txt")] {
        for (way, flags) in ways {
            match mount(folder).open_at(PathFlags::empty(), path, OpenFlags::empty(), flags) {
                Ok(file) => println!("{folder} for {way}: {}", uses(&file).join(" ")),
                Err(error) => println!("{folder} for {way}: {}", ErrorCode::name(&error)),
            }
        }
    }
}

/// What works.
fn uses(file: &Descriptor) -> Vec<&'static str> {
    let all = [
        ("read", file.read(10, 0).is_ok()),
        ("read-stream", file.read_via_stream(0).is_ok_and(|stream| stream.blocking_read(1).is_ok())),
        ("write", file.write(b"w", 0).is_ok()),
        ("write-stream", file.write_via_stream(0).is_ok_and(|stream| stream.blocking_write_and_flush(b"w").is_ok())),
        ("append-stream", file.append_via_stream().is_ok_and(|stream| stream.blocking_write_and_flush(b"w").is_ok())),
        ("set-size", file.set_size(9).is_ok()),
        ("list", file.read_directory().is_ok()),
        ("below", file.open_at(PathFlags::empty(), "x", OpenFlags::CREATE, DescriptorFlags::WRITE).is_ok()),
        ("up", file.open_at(PathFlags::empty(), "..", OpenFlags::empty(), DescriptorFlags::READ).is_ok()),
    ];
    all.into_iter().filter(|(_, works)| *works).map(|(what, _)| what).collect()
}
