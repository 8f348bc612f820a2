//! One package: a component's bytes and where they come from.

use policy::Digest;
use std::{
    borrow::Cow,
    fmt,
    fs::{self, File},
    io::{self, ErrorKind, Read as _},
    path::{Path, PathBuf},
};

/// How large a package's file can be. Whole language interpreters take some 30 MiB.
pub const MAX_PACKAGE_BYTES: u64 = 256 << 20;

/// A package, not looked into.
#[derive(PartialEq, Eq)]
pub struct Package {
    /// Its name: what its tools' ids begin with.
    pub name: String,
    /// The digest of its bytes.
    pub digest: Digest,
    /// The component.
    pub bytes: Cow<'static, [u8]>,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where a package comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A file that was named.
    File(PathBuf),
    /// A file in a folder that was named.
    Folder(PathBuf),
    /// The program itself.
    Bundled,
}

/// Why a file is no package.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// It cannot be read.
    #[error("package {}: {error}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// There is none.
    #[error("package {}: there is no such file", path.display())]
    NotFound {
        /// The file.
        path: PathBuf,
    },
    /// A folder, a device, a pipe.
    #[error("package {}: expected a file, found {found}", path.display())]
    NotAFile {
        /// What was named.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// Nothing in it.
    #[error("package {}: the file is empty", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// Too much in it.
    #[error("package {}: the file is larger than {} MiB", path.display(), MAX_PACKAGE_BYTES >> 20)]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// Something else.
    #[error("package {}: {is}", path.display())]
    NotWasm {
        /// The file.
        path: PathBuf,
        /// What it is.
        is: NotWasm,
    },
    /// A file without a name that could be the package's.
    #[error("package {}: the file's name is not UTF-8; rename it", path.display())]
    Name {
        /// The file.
        path: PathBuf,
    },
}

/// What bytes are that are no binary WebAssembly, as far as their beginning tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotWasm {
    /// The text format.
    #[error("this is WebAssembly in its text format; make it binary with `wasm-tools parse FILE -o FILE.wasm`")]
    Text,
    /// A program for some machine.
    #[error("this is {0}, not a WebAssembly component; build it for the target wasm32-wasip2")]
    Native(&'static str),
    /// A compressed file or an archive.
    #[error("this is {0}; unpack it first")]
    Packed(&'static str),
    /// A script.
    #[error("this is a script, not a WebAssembly component")]
    Script,
    /// Something else.
    #[error("this is not WebAssembly: it does not begin with the bytes 00 61 73 6d")]
    Unknown,
}

impl Package {
    /// Reads a file. The package is named after it: `files.wasm` is `files`.
    ///
    /// # Errors
    /// Says what the file is instead.
    pub fn from_file(path: &Path) -> Result<Self, PackageError> {
        Self::read(path, Origin::File(path.to_owned()), |_| None)
    }

    /// `name_of` finds the name that the package gives itself; without one it is named after its file.
    pub(crate) fn read(
        path: &Path,
        origin: Origin,
        name_of: impl FnOnce(&[u8]) -> Option<String>,
    ) -> Result<Self, PackageError> {
        let bytes = bytes(path)?;
        let name = match (name_of(&bytes), path.file_stem().and_then(|stem| stem.to_str())) {
            (Some(name), _) => name,
            (None, Some(stem)) => stem.to_owned(),
            (None, None) => return Err(PackageError::Name { path: path.to_owned() }),
        };
        Ok(Self { name, digest: crate::digest(&bytes), bytes: bytes.into(), origin })
    }
}

fn bytes(path: &Path) -> Result<Vec<u8>, PackageError> {
    let path = || path.to_owned();
    let failed = |error: io::Error| match error.kind() {
        ErrorKind::NotFound => PackageError::NotFound { path: path() },
        _ => PackageError::Read { path: path(), error },
    };
    // Before it is opened: to open a pipe is to wait for whoever writes to it.
    let kind = fs::metadata(path()).map_err(failed)?;
    if !kind.is_file() {
        let found = if kind.is_dir() { "a folder" } else { "a device, pipe or socket" };
        return Err(PackageError::NotAFile { path: path(), found });
    }
    let mut bytes = Vec::new();
    // The file may grow while it is read.
    File::open(path()).and_then(|file| file.take(MAX_PACKAGE_BYTES + 1).read_to_end(&mut bytes)).map_err(failed)?;
    if bytes.is_empty() {
        return Err(PackageError::Empty { path: path() });
    }
    if bytes.len() as u64 > MAX_PACKAGE_BYTES {
        return Err(PackageError::TooLarge { path: path() });
    }
    match NotWasm::look(&bytes) {
        Some(is) => Err(PackageError::NotWasm { path: path(), is }),
        None => Ok(bytes),
    }
}

impl NotWasm {
    fn look(bytes: &[u8]) -> Option<Self> {
        let kinds: &[(&[u8], Self)] = &[
            (b"\x7fELF", Self::Native("an ELF program or library")),
            (b"MZ", Self::Native("a Windows program or library")),
            (b"\xcf\xfa\xed\xfe", Self::Native("a macOS program or library")),
            (b"\xca\xfe\xba\xbe", Self::Native("a macOS program or a Java class")),
            (b"\x1f\x8b", Self::Packed("a gzip file")),
            (b"\x28\xb5\x2f\xfd", Self::Packed("a zstd file")),
            (b"PK\x03\x04", Self::Packed("a zip archive")),
            (b"#!", Self::Script),
        ];
        if bytes.starts_with(b"\0asm") {
            return None;
        }
        if bytes.trim_ascii_start().starts_with(b"(") || bytes.trim_ascii_start().starts_with(b";;") {
            return Some(Self::Text);
        }
        let kind = kinds.iter().find(|(magic, _)| bytes.starts_with(magic));
        Some(kind.map_or(Self::Unknown, |(_, kind)| *kind))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) | Self::Folder(path) => path.display().fmt(f),
            Self::Bundled => f.write_str("the bundled one"),
        }
    }
}

impl fmt::Debug for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, digest, bytes, origin } = self;
        let mut shown = f.debug_struct("Package");
        shown.field("name", name).field("digest", digest).field("size", &bytes.len()).field("origin", origin).finish()
    }
}
