//! Lists a directory with very many entries, alone and many times at once, and counts what it sees.
#![allow(clippy::disallowed_methods, reason = "in a guest, std is the sandbox's own door")]

use wasip2::filesystem::{
    preopens::get_directories,
    types::{Descriptor, DescriptorFlags, OpenFlags, PathFlags},
};

fn mount(name: &str) -> Descriptor {
    get_directories().into_iter().find(|(_, path)| path == name).expect("a granted mount").0
}

fn main() {
    let at_once: usize = std::env::args().nth(1).and_then(|count| count.parse().ok()).expect("a number");
    let many = mount("/workspace").open_at(PathFlags::empty(), "many", OpenFlags::DIRECTORY, DescriptorFlags::READ);
    let many = many.expect("granted");
    let listings: Vec<_> = (0..at_once).map(|_| many.read_directory().expect("granted")).collect();
    for listing in &listings {
        let (mut count, mut dots) = (0, 0);
        while let Some(entry) = listing.read_directory_entry().expect("granted") {
            count += 1;
            dots += usize::from(entry.name == "." || entry.name == "..");
        }
        println!("{count} {dots}");
        // At its end it stays there.
        assert!(listing.read_directory_entry().expect("granted").is_none());
    }
}
