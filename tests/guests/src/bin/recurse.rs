//! Calls itself until there is no stack.

fn main() {
    #[allow(unconditional_recursion, clippy::only_used_in_recursion, reason = "that is the attack")]
    fn deeper(n: u64) -> u64 {
        std::hint::black_box(deeper(n + 1)) + 1
    }
    println!("{}", deeper(0));
}
