#[gloveport::tools]
pub fn grep() {}
fn main() {}
