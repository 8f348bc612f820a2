//! Prints, leaves a line unfinished in its own buffer and another in its host's, and traps.

use std::io::Write as _;

fn main() {
    eprint!("before");
    println!("a whole line");
    print!("handed over");
    std::io::stdout().flush().expect("granted");
    print!("kept back");
    #[cfg(target_arch = "wasm32")]
    core::arch::wasm32::unreachable();
}
