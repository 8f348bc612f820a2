//! Files of the mounts, as streams that programs can be given: what the standard library opens, it keeps to itself.

use crate::files::File;
use brush_core::sys::fs::OpenOptions;
use gloveport::process::{Input, Output};
use std::{
    io,
    path::{Component, Path, PathBuf},
    sync::Arc,
};
use wasip2::filesystem::{
    preopens::get_directories,
    types::{Descriptor, DescriptorFlags, DescriptorType, ErrorCode, OpenFlags, PathFlags},
};

/// Opens a file or a device.
pub(super) fn open(options: &OpenOptions, path: &Path) -> io::Result<File> {
    let path = plain(path);
    match path.to_str() {
        Some("/dev/null") => return Ok(File::Null),
        Some(other) if other.starts_with("/dev/") => return Err(io::ErrorKind::NotFound.into()),
        _ => {}
    }
    let file = descriptor(options, &path)?;
    if file.get_type().map_err(failed)? == DescriptorType::Directory {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let input = || file.read_via_stream(0).map(Input::from_stream).map(Arc::new).map_err(failed);
    let output = || {
        let stream = if options.append { file.append_via_stream() } else { file.write_via_stream(0) };
        stream.map(Output::from_stream).map(Arc::new).map_err(failed)
    };
    match (options.read, options.write || options.append) {
        (true, true) => Ok(File::Both(input()?, output()?)),
        (true, false) => Ok(File::Input(input()?)),
        (false, _) => Ok(File::Output(output()?)),
    }
}

fn descriptor(options: &OpenOptions, path: &Path) -> io::Result<Descriptor> {
    let mut flags = DescriptorFlags::empty();
    flags.set(DescriptorFlags::READ, options.read);
    flags.set(DescriptorFlags::WRITE, options.write || options.append);
    let mut how = OpenFlags::empty();
    how.set(OpenFlags::CREATE, options.create || options.create_new);
    how.set(OpenFlags::EXCLUSIVE, options.create_new);
    how.set(OpenFlags::TRUNCATE, options.truncate);
    let directories = get_directories();
    let within = directories.iter().filter_map(|(directory, name)| Some((directory, path.strip_prefix(name).ok()?)));
    // The innermost of them is the one with the least left to go.
    let (directory, rest) = within.min_by_key(|(_, rest)| rest.as_os_str().len()).ok_or(io::ErrorKind::NotFound)?;
    let rest = if rest.as_os_str().is_empty() { "." } else { rest.to_str().ok_or(io::ErrorKind::InvalidFilename)? };
    directory.open_at(PathFlags::SYMLINK_FOLLOW, rest, how, flags).map_err(failed)
}

/// The path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}

fn failed(error: ErrorCode) -> io::Error {
    let kind = match error {
        ErrorCode::Access | ErrorCode::NotPermitted => io::ErrorKind::PermissionDenied,
        ErrorCode::NoEntry => io::ErrorKind::NotFound,
        ErrorCode::Exist => io::ErrorKind::AlreadyExists,
        ErrorCode::IsDirectory => io::ErrorKind::IsADirectory,
        ErrorCode::NotDirectory => io::ErrorKind::NotADirectory,
        ErrorCode::ReadOnly => io::ErrorKind::ReadOnlyFilesystem,
        ErrorCode::InsufficientSpace | ErrorCode::Quota => io::ErrorKind::StorageFull,
        other => return io::Error::other(other.message()),
    };
    kind.into()
}
