//! What a command, a crate with a `main`, has to ask for where its standard library does not.
#![allow(clippy::disallowed_methods, reason = "in a guest, std is the sandbox's own door")]

use std::{io, process};

/// Goes to the directory that the command was started in, which the standard library for `wasm32-wasip2` leaves to it: without this,
/// relative paths lead nowhere. To be called first in `main`.
///
/// # Errors
/// Where the directory is not there.
pub fn enter() -> io::Result<()> {
    match imp::initial_cwd() {
        // The root is where it is already, and no directory to go to.
        Some(cwd) if cwd != "/" => std::env::set_current_dir(cwd),
        _ => Ok(()),
    }
}

/// Ends the command with a code from 0 to 255: what `std::process::exit` makes of all but 0 is 1. Like that, it runs no destructors,
/// and writes what standard output still holds.
pub fn exit(code: u8) -> ! {
    imp::exit(code);
    // Where that does not end it, this does.
    process::exit(i32::from(code))
}

#[cfg(target_os = "wasi")]
mod imp {
    use std::io::Write as _;
    use wasip2::cli;

    pub(super) fn initial_cwd() -> Option<String> {
        cli::environment::initial_cwd()
    }

    pub(super) fn exit(code: u8) {
        // A process that ends in the ordinary way writes it, too.
        let _ = std::io::stdout().flush();
        cli::exit::exit_with_code(code);
    }
}

/// Tests on the machine itself.
#[cfg(not(target_os = "wasi"))]
mod imp {
    pub(super) fn initial_cwd() -> Option<String> {
        None
    }

    pub(super) fn exit(_: u8) {}
}
