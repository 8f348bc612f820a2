#[gloveport::tools(needs(
    http = ["https://example.com"],
    tcp = "db.example.com",
    secrets = ["git hub"],
    invoke = ["files"],
    sockets = true,
))]
mod needs {
    pub fn nothing() {}
}
fn main() {}
