//! Calls itself until there is no stack.

fn main() {
    println!("{}", deeper(0));
}

#[allow(unconditional_recursion, reason = "that is the attack")]
fn deeper(depth: u64) -> u64 {
    let here = std::hint::black_box(depth);
    std::hint::black_box(deeper(here + 1)) + here
}
