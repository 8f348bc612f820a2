//! Makes directories within each other, far deeper than a path can name, and walks back up.

use wasip2::filesystem::{
    preopens::get_directories,
    types::{Descriptor, DescriptorFlags, ErrorCode, OpenFlags, PathFlags},
};

fn mount(name: &str) -> Descriptor {
    get_directories().into_iter().find(|(_, path)| path == name).expect("a granted mount").0
}

const DEPTH: usize = 500;

fn main() {
    let flags = DescriptorFlags::READ | DescriptorFlags::MUTATE_DIRECTORY;
    let name = "d".repeat(10);
    let (mut here, mut depth) = (mount("/out"), 0);
    while depth < DEPTH {
        if let Err(error) = here.create_directory_at(&name) {
            println!("mkdir: {} at {depth}", ErrorCode::name(&error));
            break;
        }
        here = match here.open_at(PathFlags::empty(), &name, OpenFlags::DIRECTORY, flags) {
            Ok(below) => below,
            Err(error) => {
                println!("open: {} at {depth}", ErrorCode::name(&error));
                break;
            }
        };
        depth += 1;
    }
    println!("depth {depth}");
    // A handle far below is no way up.
    for path in ["..", "../..", &"../".repeat(DEPTH + 3)] {
        let up = here.open_at(PathFlags::empty(), path, OpenFlags::DIRECTORY, DescriptorFlags::READ);
        println!("{} levels up: {}", path.matches("..").count(), up.map_or_else(|error| error.name(), |_| "ok"));
    }
}
