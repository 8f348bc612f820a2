#[gloveport::tools]
mod text {
    pub struct Pair(u8, u8);
    pub struct Unit;
    pub struct Generic<T> {
        pub value: T,
    }
    pub struct Hidden {
        value: u8,
    }
    struct Private {
        pub value: u8,
    }
    pub enum Never {}
    pub enum Odd {
        Empty(),
        Full(u8),
    }
    pub union Bits {
        pub a: u8,
        pub b: i8,
    }
    pub fn take(pair: Pair, unit: Unit, generic: Generic<u8>, hidden: Hidden, never: Never, odd: Odd, bits: Bits) {}
    fn not_a_tool(private: Private) {}
    pub fn private(private: Private) {}
}
fn main() {}
