//! The lock file: which bytes a package's name stands for, and what was accepted with them.

use crate::{Origin, Package};
use policy::{Digest, Reach, Signature, Surface};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};
use toml::Spanned;

/// The version of the file's format. Version 1 held digests alone, and so could not say what an update widens.
const VERSION: u32 = 2;

/// What packages are pinned to, by name. As a file it is TOML:
///
/// ```toml
/// version = 2
///
/// [[package]]
/// name = "files"
/// digest = "sha256:…"
/// reach = ["fs read", "import wasi:filesystem/types"]
///
/// [package.tools.read]
/// result = "result<string, string>"
/// docs = "sha256:…"
///
/// [package.tools.read.params]
/// path = "string"
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lock {
    pins: BTreeMap<String, Pin>,
}

/// What one package is pinned to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// The digest of its bytes.
    pub digest: Digest,
    /// What its bytes showed when they were accepted.
    pub surface: Surface,
}

/// Packages whose bytes are not those that are pinned; at least one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Drift(pub Vec<Changed>);

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Its name.
    pub name: String,
    /// The digest that is pinned.
    pub pinned: Digest,
    /// The digest that it has.
    pub found: Digest,
    /// Where it comes from.
    pub origin: Origin,
}

/// Why a lock file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// It cannot be read or written.
    #[error("lock file {}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// It is not of the expected form.
    #[error("lock file {}:{line}: {message}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
}

/// What to do about a package that changed, for whoever knows that it should have.
const ACCEPT: &str = "`gloveport lock` says what that changes, and how to accept it";

/// What is read first: another version has other keys.
#[derive(Deserialize)]
struct Versioned {
    version: Spanned<u32>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    version: u32,
    #[serde(default)]
    package: Vec<RawPin>,
}

/// A pin as it is written: the fields of a surface beside the others, since serde cannot both flatten them and refuse
/// unknown keys.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPin {
    name: Spanned<String>,
    digest: Digest,
    reach: Reach,
    tools: BTreeMap<String, Signature>,
}

impl Lock {
    /// Reads a lock file.
    ///
    /// # Errors
    /// Names the line that is not as expected.
    pub fn read(path: &Path) -> Result<Self, LockError> {
        let text = fs::read_to_string(path).map_err(failed(path))?;
        Self::parse(&text).map_err(|(offset, message)| {
            let line = text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1;
            LockError::Form { path: path.to_owned(), line, message }
        })
    }

    /// Fails with the place, in bytes, and what is wrong there.
    fn parse(text: &str) -> Result<Self, (usize, String)> {
        let wrong = |error: toml::de::Error| (error.span().map_or(0, |span| span.start), error.message().to_owned());
        let Versioned { version } = toml::from_str(text).map_err(wrong)?;
        if *version.get_ref() != VERSION {
            let message = format!(
                "version {} is not known here; expected {VERSION}: move the file away, and make it anew with `gloveport lock`",
                version.get_ref()
            );
            return Err((version.span().start, message));
        }
        let raw: Raw = toml::from_str(text).map_err(wrong)?;
        let mut pins = BTreeMap::new();
        for RawPin { name, digest, reach, tools } in raw.package {
            let (place, name) = (name.span().start, name.into_inner());
            let pin = Pin { digest, surface: Surface { reach, tools } };
            if pins.insert(name.clone(), pin).is_some() {
                return Err((place, format!("package `{name}` is pinned twice")));
            }
        }
        Ok(Self { pins })
    }

    fn to_text(&self) -> Result<String, toml::ser::Error> {
        let package = |(name, Pin { digest, surface }): (&String, &Pin)| RawPin {
            name: Spanned::new(0..0, name.clone()),
            digest: *digest,
            reach: surface.reach.clone(),
            tools: surface.tools.clone(),
        };
        toml::to_string(&Raw { version: VERSION, package: self.pins.iter().map(package).collect() })
    }

    /// Writes a lock file, or writes it anew: at any moment there is the old one or the new one. The same pins give the
    /// same text.
    ///
    /// # Errors
    /// Where the file or its folder cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), LockError> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let write = || {
            let text = self.to_text().map_err(io::Error::other)?;
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(text.as_bytes())?;
            file.as_file().sync_all()?;
            share(file.as_file())?;
            file.persist(path).map(drop).map_err(io::Error::from)
        };
        write().map_err(failed(path))
    }

    /// What a package is pinned to.
    pub fn get(&self, name: &str) -> Option<&Pin> {
        self.pins.get(name)
    }

    /// Pins a package to the bytes that it has now, and to what they show.
    pub fn pin(&mut self, package: &Package, surface: Surface) {
        self.pins.insert(package.name.clone(), Pin { digest: package.digest, surface });
    }

    /// Compares packages to their pins. A package without one is not compared, and a pin without its package neither.
    ///
    /// # Errors
    /// Names every package whose bytes are not those that are pinned.
    pub fn check<'a>(&self, packages: impl IntoIterator<Item = &'a Package>) -> Result<(), Drift> {
        let changed = |package: &Package| {
            let pinned = self.get(&package.name)?.digest;
            let Package { name, digest: found, origin, .. } = package;
            (pinned != *found).then(|| Changed { name: name.clone(), pinned, found: *found, origin: origin.clone() })
        };
        let changed: Vec<_> = packages.into_iter().filter_map(changed).collect();
        if changed.is_empty() { Ok(()) } else { Err(Drift(changed)) }
    }
}

/// Temporary files are for their owner alone, a lock file is for everybody who works on a project.
#[cfg(unix)]
fn share(file: &fs::File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn share(_: &fs::File) -> io::Result<()> {
    Ok(())
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> LockError {
    |error| LockError::File { path: path.to_owned(), error }
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Changed { name, pinned, found, origin }) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_char('\n')?;
            }
            write!(f, "package `{name}` ({origin}) has the digest {found}, but is pinned to {pinned}; {ACCEPT}")?;
        }
        Ok(())
    }
}
