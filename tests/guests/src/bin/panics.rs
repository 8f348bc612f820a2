//! Panics, with a message in several scripts.

fn main() {
    panic!("boom: ünïcödé 日本語 🧤");
}
