//! A typed guest: one function for each odd thing that a function can do.
#![allow(clippy::disallowed_methods, reason = "in a guest, std is the sandbox's own door")]

/// Odd functions.
#[gloveport::tools(package = "guests:odd@1.2.3")]
pub mod odd {
    use std::cell::Cell;

    thread_local! {
        static CALLS: Cell<u32> = const { Cell::new(0) };
    }

    #[allow(missing_docs, reason = "the names say it all")]
    /// Everything that a record can hold.
    #[derive(Debug, Clone)]
    pub struct Everything {
        /// Yes or no.
        pub flag: bool,
        pub tiny: i8,
        pub small: u16,
        pub signed: i64,
        pub wide: u64,
        pub single: f32,
        pub double: f64,
        pub letter: char,
        pub text: String,
        pub raw_bytes: Vec<u8>,
        pub maybe: Option<u32>,
        pub pair: (String, u8),
        pub list: Vec<Inner>,
        pub shape: Form,
        pub color: Color,
    }

    #[allow(missing_docs, reason = "the names say it all")]
    /// Something inside.
    #[derive(Debug, Clone)]
    pub struct Inner {
        pub key_name: String,
    }

    #[allow(missing_docs, reason = "the names say it all")]
    /// A choice with content.
    #[derive(Debug, Clone)]
    pub enum Form {
        /// Nothing.
        Empty,
        /// With a radius.
        Circle(f64),
        Named(Inner),
    }

    #[allow(missing_docs, reason = "the names say it all")]
    /// A plain choice.
    #[derive(Debug, Clone)]
    pub enum Color {
        /// Like blood.
        DeepRed,
        Green,
    }

    /// Gives back what it gets.
    pub fn echo(
        /// Anything.
        text: String,
    ) -> String {
        text
    }

    /// Gives back a record.
    pub fn mirror(value: Everything) -> Everything {
        value
    }

    /// Counts its calls in its own memory.
    pub fn count() -> u32 {
        CALLS.set(CALLS.get() + 1);
        CALLS.get()
    }

    /// A text of `n` characters of three bytes each.
    pub fn huge(n: u32) -> String {
        "手".repeat(n as usize)
    }

    /// A list of `n` numbers.
    pub fn numbers(n: u32) -> Vec<u64> {
        (0..u64::from(n)).collect()
    }

    /// Fails with an error of its own.
    pub fn fail(why: String) -> Result<String, String> {
        Err(why)
    }

    /// Panics after `depth` calls of itself.
    pub fn deep_panic(depth: u32, message: String) -> u32 {
        if depth == 0 {
            panic!("{message}");
        }
        std::hint::black_box(deep_panic(depth - 1, message)) + 1
    }

    /// Never ends.
    pub fn spin() {
        let mut n = 0u64;
        loop {
            n = std::hint::black_box(n.wrapping_add(1));
        }
    }

    /// Ends its process instead of giving a result.
    pub fn leave() -> u32 {
        std::process::exit(0)
    }

    /// Prints, and then gives a result.
    pub fn chatter(line: String) -> u32 {
        println!("{line}");
        eprintln!("{line}");
        7
    }
}
