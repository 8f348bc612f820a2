//! Drops a folder of staged changes, whatever is in it.
//!
//! What calls left may be nested deeper than a path can be long, and may let nobody in: directories are brought up to the top
//! one by one, and made accessible where they are not. Nothing is followed.

use super::unguessable;
use rustix::{
    fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, openat, renameat, unlinkat},
    io::Errno,
};
use std::{
    ffi::{CStr, CString},
    fs, io,
    os::fd::{AsFd, AsRawFd as _, OwnedFd},
    path::Path,
};

/// What a folder's name begins with from when it is to be dropped: nobody takes it for one that counts.
const DISCARDED: &str = ".discarded-";
/// How many entries are kept while they are removed.
const BATCH: usize = 10_000;

pub(super) fn is_discarded(folder: &Path) -> bool {
    folder.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(DISCARDED.as_bytes()))
}

/// Drops a folder: all of it at once, as far as anybody else can see. Where a crash keeps it from being removed then, the next
/// one that is dropped beside it takes it along.
pub(super) fn discard(folder: &Path) -> io::Result<()> {
    let beside = folder.parent().unwrap_or(Path::new("."));
    let renamed = beside.join(unguessable(DISCARDED)?);
    match fs::rename(folder, &renamed) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        renamed => renamed?,
    }
    for entry in fs::read_dir(beside)? {
        let path = entry?.path();
        if is_discarded(&path) {
            remove(&path)?;
        }
    }
    Ok(())
}

fn remove(folder: &Path) -> io::Result<()> {
    let top = directory(CWD, folder)?;
    loop {
        let inside = entries(&top)?;
        if inside.is_empty() {
            break;
        }
        for (name, kind) in inside {
            if kind == FileType::Directory {
                lift_out(&top, &name)?;
            } else {
                unlinkat(&top, &name, AtFlags::empty())?;
            }
        }
    }
    Ok(unlinkat(CWD, folder, AtFlags::REMOVEDIR)?)
}

/// Removes a directory of the top one; the directories in it come to stand beside it.
fn lift_out(top: &OwnedFd, name: &CStr) -> Result<(), Errno> {
    let inner = directory(top, name)?;
    loop {
        let inside = entries(&inner)?;
        if inside.is_empty() {
            break;
        }
        for (name, kind) in inside {
            if kind != FileType::Directory {
                unlinkat(&inner, &name, AtFlags::empty())?;
                continue;
            }
            let to = unguessable("")?;
            match renameat(&inner, &name, top, &to) {
                // Another parent is written into it, too.
                Err(Errno::ACCESS) => {
                    drop(directory(&inner, &name)?);
                    renameat(&inner, &name, top, &to)?;
                }
                renamed => renamed?,
            }
        }
    }
    unlinkat(top, name, AtFlags::REMOVEDIR)
}

/// A directory that its owner can do anything in from now on.
fn directory(at: impl AsFd, name: impl rustix::path::Arg) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let found = openat(at, name, flags, Mode::empty())?;
    // What is open for nothing but its path has no other way to be changed.
    rustix::fs::chmod(format!("/proc/self/fd/{}", found.as_raw_fd()), Mode::RWXU)?;
    openat(&found, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

fn entries(directory: &OwnedFd) -> Result<Vec<(CString, FileType)>, Errno> {
    let mut found = Vec::new();
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let kind = match entry.file_type() {
            FileType::Unknown => {
                let stat = rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
                FileType::from_raw_mode(stat.st_mode)
            }
            kind => kind,
        };
        found.push((name.to_owned(), kind));
        if found.len() == BATCH {
            break;
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    /// Deeper than a path can be long, and than files can be open; closed to everybody; and links that lead elsewhere.
    #[test]
    fn anything_can_be_dropped() {
        let place = tempfile::tempdir().expect("a folder");
        let (folder, kept) = (place.path().join("folder"), place.path().join("kept"));
        fs::create_dir(&folder).expect("a folder");
        fs::write(&kept, "kept").expect("a file");
        let mut at = directory(CWD, &folder).expect("a folder");
        for depth in 0..5_000 {
            rustix::fs::mkdirat(&at, "inside", Mode::RWXU).expect("a folder");
            rustix::fs::symlinkat("../../kept", &at, "link").expect("a link");
            let next = directory(&at, "inside").expect("a folder");
            if depth % 100 == 0 {
                rustix::fs::fchmod(&next, Mode::empty()).expect("it is ours");
            }
            at = next;
        }
        fs::create_dir(folder.join("closed")).expect("a folder");
        fs::write(folder.join("closed/file"), "").expect("a file");
        fs::set_permissions(folder.join("closed"), fs::Permissions::from_mode(0o000)).expect("it is ours");
        symlink(place.path(), folder.join("out")).expect("a link");
        discard(&folder).expect("it can be dropped");
        let left: Vec<_> =
            fs::read_dir(place.path()).expect("a folder").map(|entry| entry.expect("one").path()).collect();
        assert_eq!(left, [kept]);
    }
}
