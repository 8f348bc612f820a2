//! The bytes of a package, and where they are from.

use policy::Digest;
use sha2::{Digest as _, Sha256};
use std::{
    borrow::Cow,
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

/// The largest package, in bytes. The largest that are known, interpreters with their libraries, have some 80 MB.
const MAX_SIZE: u64 = 256 << 20;
/// What every WebAssembly binary begins with.
const MAGIC: &[u8] = b"\0asm";

/// A package that has not been looked into yet.
#[derive(Debug, Clone)]
pub struct Package {
    /// The name of its manifest; where there is none, its file's name without `.wasm`.
    pub name: String,
    /// The sha256 of its bytes.
    pub digest: Digest,
    /// The component.
    pub bytes: Cow<'static, [u8]>,
    /// Where it is from.
    pub origin: Origin,
}

/// Where a package is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A file that was named.
    File(PathBuf),
    /// A file in a folder that was named.
    Folder(PathBuf),
    /// The program itself.
    Bundled,
}

/// A file that is no package.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// The operating system said no.
    #[error("package {path}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What happened.
        error: io::Error,
    },
    /// Too large.
    #[error("package {path}: larger than {} MiB", MAX_SIZE >> 20)]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// Not WebAssembly.
    #[error("package {path}: not a WebAssembly binary but {what}")]
    NotWasm {
        /// The file.
        path: PathBuf,
        /// What it looks like.
        what: &'static str,
    },
    /// A file name that cannot name a package.
    #[error("package {path}: the file's name cannot name a package; expected something like `text.wasm`")]
    Name {
        /// The file.
        path: PathBuf,
    },
}

/// The digest of bytes.
pub fn digest(bytes: &[u8]) -> Digest {
    Digest(Sha256::digest(bytes).into())
}

impl Package {
    /// Reads a file. The name is the file's; whoever can read manifests gives it the right one.
    ///
    /// # Errors
    /// Where there is no such file, or it is not WebAssembly.
    pub fn from_file(path: &Path) -> Result<Self, PackageError> {
        let wrong = |error| PackageError::Io { path: path.to_owned(), error };
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(wrong)?;
        if file.metadata().map_err(wrong)?.is_dir() {
            return Err(wrong(io::ErrorKind::IsADirectory.into()));
        }
        // One byte more than allowed tells a file that is too large, also one that grows while it is read.
        file.take(MAX_SIZE + 1).read_to_end(&mut bytes).map_err(wrong)?;
        if bytes.len() as u64 > MAX_SIZE {
            return Err(PackageError::TooLarge { path: path.to_owned() });
        }
        if !bytes.starts_with(MAGIC) {
            return Err(PackageError::NotWasm { path: path.to_owned(), what: looks_like(&bytes) });
        }
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        let name = stem.ok_or_else(|| PackageError::Name { path: path.to_owned() })?.replace('.', "-");
        Ok(Self { name, digest: digest(&bytes), bytes: bytes.into(), origin: Origin::File(path.to_owned()) })
    }
}

fn looks_like(bytes: &[u8]) -> &'static str {
    let text = bytes.iter().take(512).all(|byte| matches!(byte, b'\t' | b'\n' | b'\r' | 0x20..=0x7e));
    match bytes {
        [] => "an empty file",
        [0x7f, b'E', b'L', b'F', ..] => "a program for this machine (ELF)",
        _ if bytes.trim_ascii_start().starts_with(b"(component") || bytes.trim_ascii_start().starts_with(b"(module") => {
            "WebAssembly text; `wasm-tools parse` makes a binary of it"
        }
        _ if text => "a text file",
        _ => "something else",
    }
}
