//! Compiled code on disk. Loading it runs it, so only what this host wrote is loaded: every entry carries a MAC under
//! a key that lies, like the entries, in a directory that only its owner can enter.

use crate::describe::Description;
use sha2::{Digest as _, Sha256};
use std::{
    fs::{self, File},
    hash::{Hash, Hasher},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};
use wasmtime::{Engine, component::Component};

const KEY_FILE: &str = "cache.key";
const KEY_LEN: usize = 32;
/// Changes whenever the form of an entry changes.
const FORMAT: &[u8] = b"gloveport compiled code 2\0";
/// What follows the code and the description: the description's length, and the MAC over everything before it.
const LENGTH_LEN: u64 = 8;
const MAC_LEN: u64 = 32;

/// A directory of compiled code.
#[derive(Debug)]
pub struct CodeCache {
    dir: PathBuf,
    key: [u8; KEY_LEN],
}

/// Why a directory cannot hold compiled code.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The operating system said no.
    #[error("compiled-code cache {path}: {error}")]
    Io {
        /// Which file or directory.
        path: PathBuf,
        /// What happened.
        error: io::Error,
    },
    /// Others could have written to it.
    #[error("compiled-code cache {path}: others may enter it (mode {mode:o}); make it yours alone with `chmod 700`")]
    NotPrivate {
        /// Which file or directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The key file is not a key.
    #[error("compiled-code cache {path}: not a key of {KEY_LEN} bytes; remove the directory, it will be made anew")]
    Key {
        /// The key file.
        path: PathBuf,
    },
}

impl CodeCache {
    /// Opens the directory, and makes it where it is missing.
    ///
    /// # Errors
    /// Where it cannot be made, or somebody else could have written to it.
    pub fn open(dir: &Path) -> Result<Self, CacheError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |error| CacheError::Io { path, error }
        };
        make_private_dir(dir).map_err(at(dir))?;
        check_private(dir)?;
        let path = dir.join(KEY_FILE);
        let key = match fs::read(&path) {
            Ok(bytes) => bytes.try_into().map_err(|_| CacheError::Key { path: path.clone() })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => make_key(dir, &path).map_err(at(&path))?,
            Err(error) => return Err(at(&path)(error)),
        };
        check_private(&path)?;
        Ok(Self { dir: dir.to_owned(), key })
    }

    /// The file for the code that this engine makes of these bytes.
    fn path(&self, engine: &Engine, wasm: &[u8; 32]) -> PathBuf {
        let mut hasher = Sha256Hasher(Sha256::new_with_prefix(FORMAT));
        hasher.write(wasm);
        engine.precompile_compatibility_hash().hash(&mut hasher);
        self.dir.join(format!("{}.cwasm", hex::encode(hasher.0.finalize())))
    }

    /// Keyed BLAKE3: some four times as fast as HMAC-SHA-256, which was a fifth of a cold call.
    fn mac(&self, path: &Path) -> blake3::Hasher {
        let mut mac = blake3::Hasher::new_keyed(&self.key);
        mac.update(FORMAT);
        // The name is part of it: an authentic entry cannot stand in for another.
        mac.update(path.file_name().map_or(&[], |name| name.as_encoded_bytes()));
        mac
    }

    /// The component and its description, if this host has stored them. Whatever is wrong with an entry, it counts
    /// as absent and will be written again.
    pub(crate) fn get(&self, engine: &Engine, wasm: &[u8; 32]) -> Option<(Component, Description)> {
        let path = self.path(engine, wasm);
        let mut file = File::open(&path).ok()?;
        let signed = file.metadata().ok()?.len().checked_sub(MAC_LEN)?;
        let mut mac = self.mac(&path);
        mac.update_reader((&file).take(signed)).ok()?;
        // Compares in constant time.
        (blake3::Hash::from_bytes(array(&mut file)?) == mac.finalize()).then_some(())?;
        let end = signed.checked_sub(LENGTH_LEN)?;
        file.seek(SeekFrom::Start(end)).ok()?;
        let length = u64::from_le_bytes(array(&mut file)?);
        file.seek(SeekFrom::Start(end.checked_sub(length)?)).ok()?;
        let mut description = Vec::new();
        (&file).take(length).read_to_end(&mut description).ok()?;
        let description = serde_json::from_slice(&description).ok()?;
        Some((crate::load::trusted(engine, &file, &path).ok()?, description))
    }

    /// Stores an entry, whole or not at all. A cache that cannot be written costs time, nothing else.
    ///
    /// # Errors
    /// The operating system's.
    pub(crate) fn put(
        &self,
        engine: &Engine,
        wasm: &[u8; 32],
        component: &Component,
        description: &Description,
    ) -> io::Result<()> {
        let path = self.path(engine, wasm);
        let code = component.serialize().map_err(io::Error::other)?;
        let description = serde_json::to_vec(description)?;
        let length = (description.len() as u64).to_le_bytes();
        let mut mac = self.mac(&path);
        let mut file = tempfile::NamedTempFile::new_in(&self.dir)?;
        // The code comes first, since it is mapped as the file's beginning.
        for part in [code.as_slice(), &description, &length] {
            mac.update(part);
            file.write_all(part)?;
        }
        file.write_all(mac.finalize().as_bytes())?;
        file.persist(&path).map_err(|error| error.error)?;
        Ok(())
    }
}

fn array<const N: usize>(file: &mut File) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    file.read_exact(&mut bytes).ok()?;
    Some(bytes)
}

fn make_key(dir: &Path, path: &Path) -> io::Result<[u8; KEY_LEN]> {
    let mut key = [0; KEY_LEN];
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    // Made with mode 0600 from the start; another process may be first, then its key is the one.
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    file.write_all(&key)?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(key),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
            fs::read(path)?.try_into().map_err(|_| io::ErrorKind::InvalidData.into())
        }
        Err(error) => Err(error.error),
    }
}

#[cfg(unix)]
fn make_private_dir(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    if let Some(parent) = dir.parent() {
        fs::create_dir_all(parent)?;
    }
    match fs::DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

#[cfg(not(unix))]
fn make_private_dir(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)
}

#[cfg(unix)]
fn check_private(path: &Path) -> Result<(), CacheError> {
    use std::os::unix::fs::PermissionsExt as _;
    let metadata = fs::symlink_metadata(path).map_err(|error| CacheError::Io { path: path.to_owned(), error })?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 || metadata.is_symlink() {
        return Err(CacheError::NotPrivate { path: path.to_owned(), mode });
    }
    Ok(())
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "where there are no permission bits, the user's profile is private")]
fn check_private(_: &Path) -> Result<(), CacheError> {
    Ok(())
}

/// Feeds what the engine hashes of itself into SHA-256.
struct Sha256Hasher(Sha256);

impl Hasher for Sha256Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        unreachable!("only the bytes are wanted")
    }
}
