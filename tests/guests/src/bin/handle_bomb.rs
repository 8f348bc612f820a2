//! Opens files until it may not.
#![allow(clippy::disallowed_methods, reason = "in a guest, std is the sandbox's own door")]

fn main() {
    let mut kept = Vec::new();
    loop {
        match std::fs::File::open("/workspace/file.txt") {
            Ok(file) => kept.push(file),
            Err(error) => panic!("after {}: {error}", kept.len()),
        }
    }
}
