//! Changes something, and then never ends.
#![allow(clippy::disallowed_methods, reason = "in a guest, std is the sandbox's own door")]

fn main() {
    std::fs::write("/out/began.txt", "began").expect("granted");
    let mut n = 0u64;
    loop {
        n = std::hint::black_box(n.wrapping_add(1));
    }
}
