//! All packages that can be used, by name.

use crate::{Drift, Lock, Origin, Package, PackageError};
use policy::Digest;
use std::{
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
};

/// The packages that can be used. A file that was named goes before one in a folder, and that before what is bundled;
/// [`Sources::shadowed`] says where that mattered.
pub struct Sources {
    packages: BTreeMap<String, Package>,
    /// The name of each file's package, also where another file has the same bytes.
    files: BTreeMap<PathBuf, String>,
    shadowed: Vec<Shadowed>,
    name_of: fn(&[u8]) -> Option<String>,
}

/// A package that is not used because another of its name goes before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shadowed {
    /// The name of both.
    pub name: String,
    /// Where the one that is used comes from.
    pub used: Origin,
    /// Where the other one comes from.
    pub hidden: Origin,
}

/// Why packages cannot be put together.
#[derive(Debug, thiserror::Error)]
pub enum SourcesError {
    /// One of them is none.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// Neither goes before the other.
    #[error("package `{name}` is there twice with different bytes: {one} and {other}; leave one out")]
    Twice {
        /// The name of both.
        name: String,
        /// Where the one comes from.
        one: Origin,
        /// Where the other comes from.
        other: Origin,
    },
    /// Nothing in the folder.
    #[error("there is no package in the folder {}: expected files whose names end in `.wasm`", path.display())]
    NoneInFolder {
        /// The folder.
        path: PathBuf,
    },
}

impl Sources {
    /// What is bundled: name, digest, bytes. `name_of` finds the name that a component gives itself, for those to come.
    pub fn bundled(
        bundled: impl IntoIterator<Item = (&'static str, [u8; 32], &'static [u8])>,
        name_of: fn(&[u8]) -> Option<String>,
    ) -> Self {
        let package = |(name, digest, bytes): (&str, _, &'static [u8])| {
            let package =
                Package { name: name.into(), digest: Digest(digest), bytes: bytes.into(), origin: Origin::Bundled };
            (name.to_owned(), package)
        };
        let packages = bundled.into_iter().map(package).collect();
        Self { packages, files: BTreeMap::new(), shadowed: Vec::new(), name_of }
    }

    /// Adds the package of a file.
    ///
    /// # Errors
    /// Where it is none, or another one of the same name cannot be told from it by order.
    pub fn add_file(&mut self, path: &Path) -> Result<&Package, SourcesError> {
        self.add(path, Origin::File(path.to_owned()))
    }

    /// Adds the packages of a folder: its files whose names end in `.wasm`, not those of folders in it.
    ///
    /// # Errors
    /// As for a file; also where there are none.
    pub fn add_folder(&mut self, path: &Path) -> Result<(), SourcesError> {
        let failed = |error| PackageError::Read { path: path.to_owned(), error };
        let mut files = Vec::new();
        for entry in fs::read_dir(path).map_err(failed)? {
            let file = entry.map_err(failed)?.path();
            if file.extension().is_some_and(|extension| extension == "wasm") {
                files.push(file);
            }
        }
        if files.is_empty() {
            return Err(SourcesError::NoneInFolder { path: path.to_owned() });
        }
        // The system lists them in any order; errors and what is shadowed should not depend on it.
        files.sort();
        for file in files {
            self.add(&file, Origin::Folder(file.clone()))?;
        }
        Ok(())
    }

    /// The packages, by name.
    pub fn packages(&self) -> impl Iterator<Item = &Package> {
        self.packages.values()
    }

    /// The package of this name.
    pub fn get(&self, name: &str) -> Option<&Package> {
        self.packages.get(name)
    }

    /// The name of the package in a file that was added.
    pub fn name_of_file(&self, path: &Path) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// Packages that are not used because others of their names go before them.
    pub fn shadowed(&self) -> &[Shadowed] {
        &self.shadowed
    }

    /// Compares the packages to what is pinned.
    ///
    /// # Errors
    /// Names every package whose bytes are not those that are pinned.
    pub fn check(&self, lock: &Lock) -> Result<(), Drift> {
        lock.check(self.packages())
    }

    fn add(&mut self, path: &Path, origin: Origin) -> Result<&Package, SourcesError> {
        let package = Package::read(path, origin, self.name_of)?;
        let name = package.name.clone();
        match self.packages.get_mut(&name) {
            None => drop(self.packages.insert(name.clone(), package)),
            Some(known) if known.digest == package.digest => {
                if rank(&package.origin) > rank(&known.origin) {
                    known.origin = package.origin;
                }
            }
            Some(known) if rank(&known.origin) == rank(&package.origin) => {
                return Err(SourcesError::Twice { name, one: known.origin.clone(), other: package.origin });
            }
            Some(known) => {
                let hidden = if rank(&package.origin) > rank(&known.origin) {
                    std::mem::replace(known, package).origin
                } else {
                    package.origin
                };
                self.shadowed.push(Shadowed { name: name.clone(), used: known.origin.clone(), hidden });
            }
        }
        self.files.insert(path.to_owned(), name.clone());
        Ok(&self.packages[&name])
    }
}

/// Which origin goes before which.
fn rank(origin: &Origin) -> u8 {
    match origin {
        Origin::File(_) => 2,
        Origin::Folder(_) => 1,
        Origin::Bundled => 0,
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources")
            .field("packages", &self.packages)
            .field("shadowed", &self.shadowed)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Shadowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, used, hidden } = self;
        write!(f, "package `{name}`: {used} is used instead of {hidden}")
    }
}
