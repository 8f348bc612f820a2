//! What the operating system says, with the path and what to do about it.

use std::{
    io::{self, ErrorKind},
    path::Path,
};

/// An error text for an action that failed; `action` reads on from "cannot".
pub(crate) fn failed(action: &str, path: &Path, error: &io::Error) -> String {
    let hint = match error.kind() {
        ErrorKind::NotFound => "; `list` and `glob` tell what is there",
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => "; what this call was granted does not cover it",
        ErrorKind::IsADirectory => "; it is a directory",
        ErrorKind::NotADirectory => "; a part of the path is not a directory",
        ErrorKind::DirectoryNotEmpty => "; the directory is not empty",
        ErrorKind::AlreadyExists => "; something has that name",
        _ => "",
    };
    format!("cannot {action} {}: {error}{hint}", path.display())
}

/// For `map_err`.
pub(crate) fn cannot<'a>(action: &'a str, path: &'a Path) -> impl Fn(io::Error) -> String + 'a {
    move |error| failed(action, path, &error)
}
