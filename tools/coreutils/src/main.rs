//! The coreutils as one component: which of them it is, it finds in the name under which it was started.

mod utilities;

use std::{ffi::OsString, io::Write as _, path::Path};

gloveport::command!(package = "gloveport:coreutils");

fn main() {
    let mut args: Vec<OsString> = std::env::args_os().collect();
    if let Err(error) = gloveport::command::enter() {
        let _ = writeln!(std::io::stderr(), "coreutils: the starting directory: {error}");
        gloveport::command::exit(125);
    }
    let name = |args: &[OsString]| {
        let name = args.first().map(Path::new).and_then(Path::file_stem).unwrap_or_default();
        name.to_string_lossy().into_owned()
    };
    let mut program = name(&args);
    // `coreutils ls`, as the multi-call programs of other systems have it.
    if utilities::find(&program).is_none() && args.len() > 1 {
        args.remove(0);
        program = name(&args);
    }
    match utilities::find(&program) {
        Some(run) => {
            let code = run(&program, args);
            gloveport::command::exit(u8::try_from(code).unwrap_or(u8::MAX));
        }
        None => {
            let _ = writeln!(std::io::stderr(), "coreutils: there is no utility `{program}`");
            gloveport::command::exit(127);
        }
    }
}
