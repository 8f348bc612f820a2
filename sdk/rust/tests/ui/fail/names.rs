#[gloveport::tools]
mod files {
    pub struct Stat {
        pub size: u64,
    }
    pub struct Option {
        pub size_2: u64,
        pub größe: u64,
    }
    pub enum Kind {
        Http2,
        HTTP2,
    }
    pub fn stat(kind: Kind) -> Stat {
        todo!()
    }
    pub fn r#gen(option: Option) {}
    pub fn twice(a_b: u8, aB: u8) {}
}
fn main() {}
