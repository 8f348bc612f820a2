//! Prints without end, to both outputs.

fn main() {
    loop {
        println!("{}", "x".repeat(1000));
        eprintln!("{}", "y".repeat(1000));
    }
}
