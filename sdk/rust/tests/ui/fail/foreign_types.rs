#[gloveport::tools]
mod text {
    use std::collections::{BTreeSet, HashMap};
    pub struct Count {
        pub value: usize,
        pub large: u128,
    }
    pub fn count(counts: HashMap<String, isize>, words: BTreeSet<char>) -> Box<Count> {
        todo!()
    }
    pub fn later(at: std::time::Duration, list: [u8; 4], unit: (), other: crate::Other) -> Vec<Count> {
        todo!()
    }
    pub fn half(path: std::path::PathBuf) -> std::io::Result<u8> {
        todo!()
    }
}
pub struct Other;
fn main() {}
