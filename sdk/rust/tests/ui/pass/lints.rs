//! The generated code is quiet under the strictest lints, in a private module as well.
#![deny(warnings, missing_docs, unreachable_pub, unused, clippy::all, unsafe_code)]

#[gloveport::tools]
mod private_module {
    /// Has a field that only the caller reads.
    pub struct Answer {
        /// The only field.
        pub value: u64,
    }

    /// Named like what the generated code uses.
    pub fn conv(
        /** Documented. */ bound: Vec<Option<String>>,
        exports: u8,
    ) -> Answer {
        Answer { value: bound.len() as u64 + u64::from(exports) }
    }
}

fn main() {
    assert_eq!(private_module::conv(vec![None], 1).value, 2);
}
