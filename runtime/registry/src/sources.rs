//! All packages that can be loaded, by name.

use crate::{
    lock::{Drift, Lock},
    package::{Origin, Package, PackageError},
};
use policy::Digest;
use std::{
    borrow::Cow,
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

/// Reads a package's name from its bytes, where they have one.
pub type NameOf = fn(&[u8]) -> Option<String>;

/// Packages by name. What was named on purpose is never hidden by something else, and hides nothing silently.
#[derive(Debug)]
pub struct Sources {
    packages: BTreeMap<String, Package>,
    name_of: NameOf,
}

/// Packages that cannot be used together.
#[derive(Debug, thiserror::Error)]
pub enum SourcesError {
    /// A file is no package.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// The folder cannot be read.
    #[error("package folder {path}: {error}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What happened.
        error: io::Error,
    },
    /// Two packages of one name.
    #[error("two packages are named `{name}`: {first} and {second}; tool ids would not say which one is meant")]
    TwoOfOneName {
        /// The name.
        name: String,
        /// Where one is.
        first: String,
        /// Where the other is.
        second: String,
    },
    /// Bytes that are not the ones that were pinned.
    #[error(transparent)]
    Drift(#[from] Drift),
}

impl Sources {
    /// The bundle: names, digests and bytes.
    pub fn bundled(bundle: impl IntoIterator<Item = (&'static str, [u8; 32], &'static [u8])>, name_of: NameOf) -> Self {
        let package = |(name, digest, bytes): (&str, [u8; 32], &'static [u8])| {
            let bytes = Cow::Borrowed(bytes);
            (name.to_owned(), Package { name: name.to_owned(), digest: Digest(digest), bytes, origin: Origin::Bundled })
        };
        Self { packages: bundle.into_iter().map(package).collect(), name_of }
    }

    /// Adds a file.
    ///
    /// # Errors
    /// Where it is no package, or its name is taken.
    pub fn add_file(&mut self, path: &Path) -> Result<&Package, SourcesError> {
        let package = Package::from_file(path)?;
        self.add(package)
    }

    /// Adds every `*.wasm` of a folder, in the order of their names.
    ///
    /// # Errors
    /// Where one of them is no package, or its name is taken.
    pub fn add_folder(&mut self, folder: &Path) -> Result<(), SourcesError> {
        let wrong = |error| SourcesError::Folder { path: folder.to_owned(), error };
        let entries = fs::read_dir(folder).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
        let mut paths: Vec<PathBuf> = entries.map_err(wrong)?;
        paths.sort();
        for path in paths.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "wasm")) {
            let mut package = Package::from_file(&path)?;
            package.origin = Origin::Folder(path);
            self.add(package)?;
        }
        Ok(())
    }

    fn add(&mut self, mut package: Package) -> Result<&Package, SourcesError> {
        if let Some(name) = (self.name_of)(&package.bytes) {
            package.name = name;
        }
        let name = package.name.clone();
        if let Some(other) = self.packages.get(&name)
            && other.digest != package.digest
        {
            let (first, second) = (other.origin.to_string(), package.origin.to_string());
            return Err(SourcesError::TwoOfOneName { name, first, second });
        }
        Ok(self.packages.entry(name).or_insert(package))
    }

    /// The packages, by name.
    pub fn packages(&self) -> impl Iterator<Item = &Package> {
        self.packages.values()
    }

    /// The package of this name.
    pub fn get(&self, name: &str) -> Option<&Package> {
        self.packages.get(name)
    }

    /// The name of the package that a file was added as.
    pub fn name_of_file(&self, path: &Path) -> Option<&str> {
        let from_file = |package: &&Package| matches!(&package.origin, Origin::File(file) if file == path);
        self.packages.values().find(from_file).map(|package| package.name.as_str())
    }

    /// Compares them with what was pinned.
    ///
    /// # Errors
    /// Names the first package whose bytes are others.
    pub fn check(&self, lock: &Lock) -> Result<(), SourcesError> {
        self.packages.values().try_for_each(|package| lock.check(package)).map_err(SourcesError::Drift)
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) | Self::Folder(path) => path.display().fmt(f),
            Self::Bundled => f.write_str("the bundled one"),
        }
    }
}
