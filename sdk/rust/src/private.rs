//! What the generated code uses. Not an interface: it may change in any release.

pub use wit_bindgen;

/// A value that has the same shape in the author's types and in the bindings.
pub trait Conv<T> {
    /// The value in the other's type.
    fn conv(self) -> T;
}

/// The value in the type that is wanted.
pub fn conv<A: Conv<B>, B>(value: A) -> B {
    value.conv()
}

macro_rules! same {
    ($($name:ty)*) => { $(
        impl Conv<$name> for $name {
            fn conv(self) -> $name {
                self
            }
        }
    )* };
}
same!(() bool u8 u16 u32 u64 i8 i16 i32 i64 f32 f64 char String);

impl<A: Conv<B>, B> Conv<Vec<B>> for Vec<A> {
    fn conv(self) -> Vec<B> {
        self.into_iter().map(conv).collect()
    }
}

impl<A: Conv<B>, B> Conv<Option<B>> for Option<A> {
    fn conv(self) -> Option<B> {
        self.map(conv)
    }
}

impl<A: Conv<B>, B, E: Conv<F>, F> Conv<Result<B, F>> for Result<A, E> {
    fn conv(self) -> Result<B, F> {
        self.map(conv).map_err(conv)
    }
}

macro_rules! tuples {
    ($(($($a:ident $b:ident $at:tt),+))*) => { $(
        impl<$($a: Conv<$b>, $b),+> Conv<($($b,)+)> for ($($a,)+) {
            fn conv(self) -> ($($b,)+) {
                ($(self.$at.conv(),)+)
            }
        }
    )* };
}
tuples! {
    (A1 B1 0)
    (A1 B1 0, A2 B2 1)
    (A1 B1 0, A2 B2 1, A3 B3 2)
    (A1 B1 0, A2 B2 1, A3 B3 2, A4 B4 3)
    (A1 B1 0, A2 B2 1, A3 B3 2, A4 B4 3, A5 B5 4)
    (A1 B1 0, A2 B2 1, A3 B3 2, A4 B4 3, A5 B5 4, A6 B6 5)
    (A1 B1 0, A2 B2 1, A3 B3 2, A4 B4 3, A5 B5 4, A6 B6 5, A7 B7 6)
    (A1 B1 0, A2 B2 1, A3 B3 2, A4 B4 3, A5 B5 4, A6 B6 5, A7 B7 6, A8 B8 7)
}
