//! The first-party tools as components, inside the program.

/// One embedded package.
#[derive(Debug, Clone, Copy)]
pub struct Bundled {
    /// Its name.
    pub name: &'static str,
    /// The sha256 of its bytes, taken when it was built.
    pub digest: [u8; 32],
    /// The component.
    pub bytes: &'static [u8],
}

/// All of them, by name.
pub const PACKAGES: &[Bundled] = include!(concat!(env!("OUT_DIR"), "/packages.rs"));
