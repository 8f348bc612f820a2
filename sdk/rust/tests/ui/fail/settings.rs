#[gloveport::tools(
    package = "text",
    license = "MIT",
    summary = 3,
    needs(fs = "write", evn = ["LANG"], env = ["A B"]),
    tool = { idempotent = true },
)]
mod text {
    pub fn nothing() {}
}
fn main() {}
