//! Does more than an outcome lists, and then what matters.
#![allow(clippy::disallowed_methods, reason = "in a guest, std is the sandbox's own door")]

use std::fs;

fn main() {
    for n in 0..1100 {
        let _ = fs::read(format!("/workspace/{n}"));
        fs::write(format!("/out/{}", n % 40), "x").expect("granted");
        fs::rename(format!("/out/{}", n % 40), format!("/out/r{n}")).expect("granted");
    }
}
