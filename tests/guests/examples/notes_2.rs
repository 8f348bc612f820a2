//! The second version of a package that read: it also writes, and its parameters are others.
#![allow(clippy::disallowed_methods, reason = "in a guest, std is the sandbox's own door")]

/// Keeps notes.
#[gloveport::tools(
    package = "guests:notes@2.0.0",
    summary = "Reads notes, which is all that it does",
    needs(fs = "read-write")
)]
pub mod notes {
    /// Some notes.
    pub fn read(
        /// Which ones.
        paths: Vec<String>,
        /// How many bytes of each; absent for all.
        max: Option<u32>,
    ) -> Result<Vec<String>, String> {
        let read = |path: &String| {
            let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
            Ok(text.chars().take(max.map_or(usize::MAX, |max| max as usize)).collect())
        };
        paths.iter().map(read).collect()
    }

    /// Changes a note.
    pub fn write(path: String, text: String) -> Result<(), String> {
        std::fs::write(path, text).map_err(|error| error.to_string())
    }
}
