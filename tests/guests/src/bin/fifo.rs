//! Opens a named pipe that nobody else opens: on a careless host that waits for ever.
#![allow(clippy::disallowed_methods, reason = "in a guest, std is the sandbox's own door")]

fn main() {
    match std::fs::File::open("/workspace/pipe") {
        Ok(_) => panic!("opened"),
        Err(error) => println!("refused: {:?}", error.kind()),
    }
}
