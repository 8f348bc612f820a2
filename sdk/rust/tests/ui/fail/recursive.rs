#[gloveport::tools]
mod tree {
    pub struct Node {
        pub children: Vec<Branch>,
    }
    pub struct Branch {
        pub node: Option<Node>,
    }
    pub fn walk(root: Node) {}
}
fn main() {}
