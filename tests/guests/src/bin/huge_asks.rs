//! Asks for as many bytes as a number can say: of files, streams, zeroes and random numbers.
#![allow(clippy::disallowed_methods, reason = "in a guest, std is the sandbox's own door")]

use wasip2::filesystem::{
    preopens::get_directories,
    types::{Descriptor, DescriptorFlags, OpenFlags, PathFlags},
};

fn mount(name: &str) -> Descriptor {
    get_directories().into_iter().find(|(_, path)| path == name).expect("a granted mount").0
}

fn main() {
    let workspace = mount("/workspace");
    let open = |path| workspace.open_at(PathFlags::empty(), path, OpenFlags::empty(), DescriptorFlags::READ);
    let file = open("file.txt").expect("granted");
    match std::env::args().nth(1).unwrap_or_default().as_str() {
        "files" => {
            println!("{:?}", file.read(u64::MAX, 0).map(|(bytes, end)| (bytes.len(), end)));
            println!(
                "{:?}",
                file.read(u64::MAX, u64::MAX).map(|(bytes, end)| (bytes.len(), end)).map_err(|e| e.name())
            );
            let stream = file.read_via_stream(0).expect("granted");
            println!("{:?}", stream.blocking_read(u64::MAX).map(|bytes| bytes.len()).ok());
            println!("{:?}", file.read_via_stream(0).expect("granted").blocking_skip(u64::MAX).ok());
            println!("{:?}", wasip2::cli::stdin::get_stdin().blocking_read(u64::MAX).map(|bytes| bytes.len()).ok());
        }
        "zeroes" => drop(wasip2::cli::stdout::get_stdout().write_zeroes(u64::MAX)),
        "blocking-zeroes" => drop(wasip2::cli::stdout::get_stdout().blocking_write_zeroes_and_flush(u64::MAX)),
        "file-zeroes" => {
            let out = mount("/out");
            let file = out.open_at(PathFlags::empty(), "new", OpenFlags::CREATE, DescriptorFlags::WRITE);
            drop(file.expect("granted").write_via_stream(0).expect("granted").write_zeroes(u64::MAX));
        }
        "random" => println!("{}", wasip2::random::random::get_random_bytes(u64::MAX).len()),
        "insecure" => println!("{}", wasip2::random::insecure::get_insecure_random_bytes(1 << 40).len()),
        // Just what is given at once.
        "some-random" => println!("{}", wasip2::random::random::get_random_bytes(64 << 10).len()),
        "more-random" => println!("{}", wasip2::random::random::get_random_bytes((64 << 10) + 1).len()),
        other => panic!("unknown means {other}"),
    }
}
