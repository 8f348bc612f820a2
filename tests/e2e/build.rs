//! Builds the guests, and writes a macro that names every one of them: a guest without a test does not compile.
#![allow(clippy::disallowed_methods, reason = "a build script's job: files and environment")]

use std::{env, fmt::Write as _, fs, path::Path, process::ExitCode};

fn main() -> ExitCode {
    let build = gloveport_build::Build::new()
        .packages(["guests"])
        .argument("--bins")
        .argument("--examples")
        .watch("build.rs")
        .watch("../guests")
        .watch("../../sdk/wit")
        .watch("../../sdk/rust/src")
        .watch("../../sdk/rust/macros/src");
    let folder = match build.run() {
        Ok(folder) => folder,
        Err(error) => return gloveport_build::report(&error),
    };
    match write(&folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("cargo::error={error}");
            ExitCode::FAILURE
        }
    }
}

fn write(folder: &Path) -> std::io::Result<()> {
    let mut code = String::from(
        "/// Calls a macro with the name of every guest.\nmacro_rules! foreach_guest {\n    ($mac:ident) => {\n",
    );
    for (source, extension) in [("../guests/src/bin", "rs"), ("../guests/examples", "rs"), ("../guests/wat", "wat")] {
        let mut names: Vec<_> = fs::read_dir(source)?
            .filter_map(|entry| {
                entry.ok()?.path().file_name()?.to_str()?.strip_suffix(&format!(".{extension}")).map(str::to_owned)
            })
            .collect();
        names.sort();
        for name in names {
            let _ = writeln!(code, "        $mac!({name});");
        }
    }
    code.push_str("    };\n}\n");
    let folder = folder.display();
    let _ = writeln!(code, "/// Where the compiled guests are.\nconst GUESTS: &str = {:?};", folder.to_string());
    let out = env::var_os("OUT_DIR").unwrap_or_default();
    fs::write(Path::new(&out).join("guests.rs"), code)
}
