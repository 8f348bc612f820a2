//! Builds the first-party tools, and writes where they are and what their digests are.
#![allow(clippy::disallowed_methods, reason = "a build script's job: files and environment")]

use sha2::{Digest as _, Sha256};
use std::{env, fmt::Write as _, fs, path::PathBuf, process::ExitCode};

/// The first-party tools: each a folder beside this one, which names its crate, and the package that it makes.
const TOOLS: [(&str, &str); 4] = [("data", "data"), ("files", "files"), ("fetch", "http"), ("text", "text")];

fn main() -> ExitCode {
    let mut build = gloveport_build::Build::new()
        .packages(TOOLS.map(|(folder, _)| folder))
        .watch("build.rs")
        .watch("../../Cargo.lock");
    for (folder, _) in TOOLS {
        build = build.watch(format!("../{folder}/src")).watch(format!("../{folder}/Cargo.toml"));
    }
    build = build
        .watch("../pattern/src")
        .watch("../../sdk/wit/host.wit")
        .watch("../../sdk/rust/src")
        .watch("../../sdk/rust/macros/src");
    let folder = match build.run() {
        Ok(folder) => folder,
        Err(error) => return gloveport_build::report(&error),
    };
    let mut code = String::from("&[\n");
    for (crate_name, name) in TOOLS {
        let path = folder.join(format!("{crate_name}.wasm"));
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) => {
                println!("cargo::error={}: {error}", path.display());
                return ExitCode::FAILURE;
            }
        };
        let digest: [u8; 32] = Sha256::digest(&bytes).into();
        let _ =
            writeln!(code, "    Bundled {{ name: {name:?}, digest: {digest:?}, bytes: include_bytes!({path:?}) }},");
    }
    code.push(']');
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("packages.rs");
    match fs::write(&out, code) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("cargo::error={}: {error}", out.display());
            ExitCode::FAILURE
        }
    }
}
