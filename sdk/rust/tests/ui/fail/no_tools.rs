#[gloveport::tools]
mod text {
    fn private() {}
    pub(crate) fn inside() {}
}
fn main() {}
