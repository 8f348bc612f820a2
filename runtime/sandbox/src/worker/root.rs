//! The root of a worker: an empty one, in which the directories of its calls are mounts of their own.
//!
//! A directory that the host sent open is one of the host's mounts, and whoever has it can go up from it. The same directory
//! is looked for in the worker's own file systems, and shown as a mount that nothing is above of but the empty root.

use crate::load;
use rustix::{
    fs::{CWD, Mode, OFlags, fstat},
    mount::{
        FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags,
        UnmountFlags, fsconfig_create, fsmount, fsopen, mount, mount_bind_recursive, mount_change, move_mount,
        open_tree, unmount,
    },
    process::pivot_root,
};
use std::{
    fs,
    os::fd::{AsFd, AsRawFd as _, OwnedFd},
    path::{Path, PathBuf},
};

/// A directory that is to be in the root.
pub(super) struct Shown {
    /// The directory, as the host sent it; `None` where there is none yet.
    pub(super) sent: Option<OwnedFd>,
    /// Where it comes to be.
    pub(super) at: PathBuf,
    /// What of that path is opened: it, or a directory on the way to it.
    pub(super) top: PathBuf,
    pub(super) writes: bool,
}

const OPEN: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Changes to the root with these directories in it, and the processes of this namespace, by which open files are named. Gives
/// back the directories, open there.
pub(super) fn enter(shown: &[Shown]) -> Result<Vec<OwnedFd>, String> {
    let at = |what: &'static str| move |error: rustix::io::Errno| format!("{what}: {error}");
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
        .map_err(at("making mounts private"))?;
    let trees = shown.iter().map(|shown| shown.sent.as_ref().map(|sent| tree(sent, shown.writes)).transpose());
    let trees = trees.collect::<Result<Vec<_>, _>>()?;
    let made = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC).map_err(at("tmpfs"))?;
    fsconfig_create(&made).map_err(at("tmpfs"))?;
    let root = fsmount(&made, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::MOUNT_ATTR_NOEXEC).map_err(at("tmpfs"))?;
    move_mount(&root, "", CWD, "/", MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH).map_err(at("tmpfs"))?;
    rustix::process::fchdir(&root).map_err(at("tmpfs"))?;
    for (shown, tree) in shown.iter().zip(&trees) {
        let made = [&shown.at, &shown.top].into_iter().try_for_each(fs::create_dir_all);
        made.map_err(|error| format!("a place for a mount: {error}"))?;
        if let Some(tree) = tree {
            let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
            move_mount(tree, "", CWD, &shown.at, flags).map_err(at("showing a mount"))?;
        }
    }
    rustix::fs::mkdirat(&root, "proc", Mode::from_raw_mode(0o555)).map_err(at("proc"))?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    // Where part of the host's own is covered, the system lets nobody mount a new one.
    if mount("proc", "proc", "proc", flags, None).is_err() {
        mount_bind_recursive("/proc", "proc").map_err(at("proc"))?;
    }
    // Nothing is ever made in it.
    load::restrict_mount(&root, MountAttrFlags::MOUNT_ATTR_RDONLY, false).map_err(at("the empty root"))?;
    pivot_root(".", ".").map_err(at("changing the root"))?;
    unmount(".", UnmountFlags::DETACH).map_err(at("leaving the old root"))?;
    rustix::process::chdir("/").map_err(at("changing the root"))?;
    let open = |shown: &Shown| rustix::fs::open(Path::new("/").join(&shown.top), OPEN, Mode::empty());
    shown.iter().map(open).collect::<Result<_, _>>().map_err(at("opening a mount"))
}

/// The same directory in this process's own file systems, with the mounts in it, as a mount of its own.
fn tree(sent: &OwnedFd, writes: bool) -> Result<OwnedFd, String> {
    let at = |error: rustix::io::Errno| format!("a mount cannot be shown in it: {error}");
    let path = path_of(sent).map_err(|error| format!("a mount cannot be shown in it: {error}"))?;
    let found =
        rustix::fs::open(path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).map_err(at)?;
    let (one, other) = (fstat(sent).map_err(at)?, fstat(&found).map_err(at)?);
    if (one.st_dev, one.st_ino) != (other.st_dev, other.st_ino) {
        return Err("a mount cannot be shown in it: another directory has its path".to_owned());
    }
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_EMPTY_PATH
        | OpenTreeFlags::AT_RECURSIVE;
    let tree = open_tree(&found, "", flags).map_err(at)?;
    let never =
        MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    // Whatever is open there, and in whatever way: what is not to be changed cannot be.
    let restricted = if writes { never } else { never | MountAttrFlags::MOUNT_ATTR_RDONLY };
    load::restrict_mount(&tree, restricted, true).map_err(at)?;
    Ok(tree)
}

/// The path of an open directory, as the kernel knows it.
pub(super) fn path_of(open: impl AsFd) -> std::io::Result<PathBuf> {
    fs::read_link(format!("/proc/self/fd/{}", open.as_fd().as_raw_fd()))
}
