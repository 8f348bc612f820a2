//! Gives files names that mean something elsewhere: devices, drives, streams and escapes of Windows, NUL, control characters.
#![allow(clippy::disallowed_methods, reason = "in a guest, std is the sandbox's own door")]

use std::fs;
use wasip2::filesystem::{
    preopens::get_directories,
    types::{Descriptor, DescriptorFlags, ErrorCode, OpenFlags, PathFlags},
};

fn mount(name: &str) -> Descriptor {
    get_directories().into_iter().find(|(_, path)| path == name).expect("a granted mount").0
}

fn main() {
    let out = mount("/out");
    let names = [
        "CON",
        "NUL",
        "aux.txt",
        "COM1",
        "C:",
        r"C:\x",
        r"\\?\x",
        r"\\.\pipe\x",
        r"..\up",
        r"\root",
        "a:b",
        "file.txt::$DATA",
        "trailing.",
        "trailing ",
        " ",
        "...",
        "~",
        "$HOME",
        "%2e%2e",
        "-rf",
        "*",
        "new\nline",
        "\u{1b}[2J",
        "\u{202e}gpj",
        "nul\0behind",
        "/out/../x\0",
    ];
    for name in names {
        let made = out.open_at(PathFlags::empty(), name, OpenFlags::CREATE, DescriptorFlags::WRITE);
        match made {
            Ok(file) => println!("{name:?}: {:?}", file.write(name.as_bytes(), 0).map_err(|error| error.name())),
            Err(error) => println!("{name:?}: {}", ErrorCode::name(&error)),
        }
    }
    let mut listed: Vec<_> = fs::read_dir("/out")
        .expect("granted")
        .map(|entry| entry.expect("readable").file_name().into_string().expect("UTF-8"))
        .collect();
    listed.sort();
    println!("{}", listed.len());
    assert!(listed.iter().all(|name| fs::read_to_string(format!("/out/{name}")).expect("readable") == *name));
}
