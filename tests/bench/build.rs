//! Builds the guests that are measured.

use std::process::ExitCode;

fn main() -> ExitCode {
    let build = gloveport_build::Build::new().packages(["guests"]).argument("--bins").argument("--examples");
    match build.watch("build.rs").watch("../guests").watch("../../sdk/rust").run() {
        Ok(folder) => {
            println!("cargo:rustc-env=GUESTS={}", folder.display());
            ExitCode::SUCCESS
        }
        Err(error) => gloveport_build::report(&error),
    }
}
