//! The first version of a package: it reads.
#![allow(clippy::disallowed_methods, reason = "in a guest, std is the sandbox's own door")]

/// Keeps notes.
#[gloveport::tools(package = "guests:notes@1.0.0", summary = "Reads notes", needs(fs = "read"))]
pub mod notes {
    /// A note.
    pub fn read(
        /// Which one.
        path: String,
        /// How many bytes of it; absent for all.
        max: Option<u32>,
    ) -> Result<String, String> {
        let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
        Ok(text.chars().take(max.map_or(usize::MAX, |max| max as usize)).collect())
    }
}
