//! Takes handles of one kind until it may not: directories, listings, streams, outputs, pollables, fields of headers.
#![allow(clippy::disallowed_methods, reason = "in a guest, std is the sandbox's own door")]

use wasip2::filesystem::{
    preopens::get_directories,
    types::{Descriptor, DescriptorFlags, OpenFlags, PathFlags},
};

fn mount(name: &str) -> Descriptor {
    get_directories().into_iter().find(|(_, path)| path == name).expect("a granted mount").0
}

fn forever<T>(mut take: impl FnMut() -> T) {
    let mut kept = Vec::new();
    loop {
        kept.push(take());
        // Whoever is stopped was not lied to before.
        assert!(kept.len() < 5_000, "nobody stops this");
    }
}

fn main() {
    let workspace = mount("/workspace");
    let open = || workspace.open_at(PathFlags::empty(), "file.txt", OpenFlags::empty(), DescriptorFlags::READ);
    match std::env::args().nth(1).unwrap_or_default().as_str() {
        "directories" => forever(|| {
            workspace.open_at(PathFlags::empty(), "docs", OpenFlags::DIRECTORY, DescriptorFlags::READ).expect("granted")
        }),
        "mounts" => forever(get_directories),
        "listings" => forever(|| workspace.read_directory().expect("granted")),
        "streams" => {
            let file = open().expect("granted");
            forever(|| file.read_via_stream(0).expect("granted"));
        }
        "outputs" => forever(wasip2::cli::stdout::get_stdout),
        "inputs" => forever(wasip2::cli::stdin::get_stdin),
        "pollables" => forever(|| wasip2::clocks::monotonic_clock::subscribe_duration(1)),
        "fields" => forever(wasip2::http::types::Fields::new),
        "errors" => forever(|| {
            let stream = open().expect("granted").read_via_stream(u64::MAX).expect("granted");
            stream.blocking_read(1).expect_err("behind the end")
        }),
        other => panic!("unknown kind {other}"),
    }
}
