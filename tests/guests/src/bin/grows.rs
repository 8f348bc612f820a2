//! Makes a file larger than it may be by other means than plain writes: its size, a far offset, zeroes, streams, a splice.
#![allow(clippy::disallowed_methods, reason = "in a guest, std is the sandbox's own door")]

use wasip2::filesystem::{
    preopens::get_directories,
    types::{Descriptor, DescriptorFlags, OpenFlags, PathFlags},
};

fn mount(name: &str) -> Descriptor {
    get_directories().into_iter().find(|(_, path)| path == name).expect("a granted mount").0
}

const OVER: u64 = (1 << 20) + 1;

fn main() {
    let means = std::env::args().nth(1).unwrap_or_default();
    let out = mount("/out");
    let flags = DescriptorFlags::READ | DescriptorFlags::WRITE;
    let file = out.open_at(PathFlags::empty(), "grown", OpenFlags::CREATE, flags).expect("granted");
    match means.as_str() {
        // One byte less than the limit is granted, one more is not.
        "size" => {
            file.set_size(OVER - 1).expect("within the limit");
            println!("within");
            file.set_size(OVER).expect("the host stops this with a limit");
        }
        "shrink" => loop {
            file.set_size(OVER / 2).expect("the host stops this with a limit");
            file.set_size(0).expect("the host stops this with a limit");
        },
        "offset" => drop(file.write(b"x", OVER)),
        "last-offset" => drop(file.write(b"x", u64::MAX)),
        "stream-offset" => drop(file.write_via_stream(OVER)),
        "last-stream-offset" => drop(file.write_via_stream(u64::MAX)),
        // The place is paid for when the stream is made; many streams, many places.
        "streams" => loop {
            let stream = file.write_via_stream(OVER / 4).expect("granted");
            stream.blocking_write_and_flush(b"x").expect("the host stops this with a limit");
            file.set_size(0).expect("granted");
        },
        "zeroes" => {
            let stream = file.write_via_stream(0).expect("granted");
            loop {
                stream.blocking_write_zeroes_and_flush(4096).expect("the host stops this with a limit");
            }
        }
        "append" => {
            let stream = file.append_via_stream().expect("granted");
            loop {
                stream.blocking_write_and_flush(&[7; 4096]).expect("the host stops this with a limit");
            }
        }
        // From one file of 1,000 bytes to the other, again and again: no byte passes through the guest.
        "splice" => {
            let source = out.open_at(PathFlags::empty(), "there.txt", OpenFlags::empty(), DescriptorFlags::READ);
            let source = source.expect("granted");
            let stream = file.write_via_stream(0).expect("granted");
            loop {
                let from = source.read_via_stream(0).expect("granted");
                stream.blocking_splice(&from, u64::MAX).expect("the host stops this with a limit");
            }
        }
        other => panic!("unknown means {other}"),
    }
    println!("it was not stopped");
}
