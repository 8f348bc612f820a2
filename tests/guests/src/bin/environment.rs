//! Prints every environment variable and argument that it can see.
#![allow(clippy::disallowed_methods, reason = "in a guest, std is the sandbox's own door")]

fn main() {
    for (name, value) in std::env::vars() {
        println!("env {name}={value}");
    }
    for argument in std::env::args() {
        println!("arg {argument}");
    }
}
