//! What the standard library is built from.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

/// The C library's files that every wasip2 program is linked with.
pub(super) const LIBC_FILES: [&str; 3] = ["crt1-command.o", "crt1-reactor.o", "libc.a"];

/// Unpacked sources of the standard library, and the compiled C library under it.
#[derive(Debug)]
pub(super) struct Sources {
    /// The folder `library/` of Rust's sources.
    pub(super) library: PathBuf,
    /// The folder that holds [`LIBC_FILES`].
    pub(super) libc: PathBuf,
    /// Where they come from, for messages.
    pub(super) origin: String,
}

impl Sources {
    /// Checks that both folders hold what the build needs.
    pub(super) fn new(library: &Path, libc: &Path, origin: String) -> Result<Self> {
        let manifest = library.join("sysroot/Cargo.toml");
        for file in LIBC_FILES.map(|name| libc.join(name)).iter().chain([&manifest]) {
            ensure!(file.is_file(), "{origin} do not hold {}", file.display());
        }
        Ok(Self { library: library.to_owned(), libc: libc.to_owned(), origin })
    }
}
