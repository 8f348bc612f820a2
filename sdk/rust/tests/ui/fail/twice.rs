#[gloveport::tools]
mod one {
    pub fn a() {}
}
#[gloveport::tools]
mod two {
    pub fn b() {}
}
fn main() {}
