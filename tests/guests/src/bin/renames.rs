//! Renames what cannot be renamed: directories over files, into themselves, onto mounts, out of them and across them.

use wasip2::filesystem::{
    preopens::get_directories,
    types::{Descriptor, ErrorCode},
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
    let (out, workspace) = (mount("/out"), mount("/workspace"));
    out.create_directory_at("dir").and_then(|()| out.create_directory_at("dir/below")).expect("granted");
    let within = |from: &str, to: &str| said(&format!("{from} to {to}"), out.rename_at(from, &out, to));
    within("dir", "there.txt");
    within("there.txt", "dir");
    within("dir", "dir/below/itself");
    within("dir", "dir");
    within("there.txt", "there.txt");
    within(".", "dot");
    within("dir", ".");
    within("dir/..", "dot");
    within("..", "up");
    within("dir", "..");
    within("dir", "../planted");
    within("there.txt", "../planted.txt");
    within("../outside.txt", "stolen.txt");
    within("/etc/hostname", "stolen.txt");
    within("there.txt", "/tmp/planted.txt");
    within("up/outside.txt", "stolen.txt");
    within("there.txt", "up/planted.txt");
    within("nothing", "something");
    said("out of the read-only mount", workspace.rename_at("docs", &out, "docs"));
    said("into the read-only mount", out.rename_at("dir", &workspace, "dir"));
    said("over the read-only mount's", out.rename_at("there.txt", &workspace, "file.txt"));
    // What is allowed, so that the rest is not refused for another reason.
    within("up", "still-a-link");
    within("there.txt", "dir/moved.txt");
    within("dir", "moved");
}
