//! Ends with the code of its first argument.
#![allow(clippy::disallowed_methods, reason = "in a guest, std is the sandbox's own door")]

fn main() {
    let code = std::env::args().nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    println!("about to exit");
    std::process::exit(code);
}
