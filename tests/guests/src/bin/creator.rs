//! Makes empty files and directories until it may not.
#![allow(clippy::disallowed_methods, reason = "in a guest, std is the sandbox's own door")]

fn main() {
    for n in 0.. {
        std::fs::File::create(format!("/out/{n}")).expect("the host stops this with a limit, not with an error");
        std::fs::create_dir(format!("/out/{n}.d")).expect("the host stops this with a limit, not with an error");
    }
}
