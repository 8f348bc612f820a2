//! From a grant to what the guest sees as its root directories.

use crate::{
    call::CallError,
    doors::fs::{Root, View},
    staged::{End, Kind, Staged},
    world::{Mount, World},
};
use policy::MountGrant;
use std::{io, os::fd::AsRawFd, sync::Arc};
use wasmtime_wasi::{FsPerms, WasiCtxBuilder};

/// Opens a mount, or a part of it, from the directory that was opened when the world was made: no path of the host is
/// resolved again.
pub(crate) fn open(wasi: &mut WasiCtxBuilder, mount: &MountGrant, world: &World) -> Result<Root, CallError> {
    let refuse = |error| CallError::Mount { mount: mount.name.to_string(), path: mount.path.to_string(), error };
    let Some(source) = world.mounts.get(&mount.name) else {
        return Err(refuse(io::ErrorKind::NotFound.into()));
    };
    let view = source
        .view(&mount.name, mount.staged)
        .map_err(|error| CallError::Staged { mount: mount.name.to_string(), error })?;
    let guest_path =
        if mount.path.is_empty() { format!("/{}", mount.name) } else { format!("/{}/{}", mount.name, mount.path) };
    let writes = mount.access.writes() && source.access().writes();
    if let Some(staged) = view {
        return open_staged(wasi, mount, source, (staged, guest_path, writes)).map_err(refuse);
    }
    let narrowed;
    let dir = if mount.path.is_empty() {
        source.dir()
    } else {
        narrowed = source.dir().open_dir(mount.path.as_str()).map_err(refuse)?;
        &narrowed
    };
    let perms = if writes { FsPerms::ReadWrite } else { FsPerms::ReadOnly };
    let opened = wasi.preopened_dir(handle_path(dir), &guest_path, perms);
    opened.map_err(|error| refuse(io::Error::other(error)))?;
    Ok(Root { guest_path, ruled: source.ruled(), view: None })
}

/// The engine's own handle leads to the layer of changes, and changes nothing: the door turns to the view for whatever
/// has a path.
fn open_staged(
    wasi: &mut WasiCtxBuilder,
    mount: &MountGrant,
    source: &Mount,
    (staged, guest_path, writes): (Arc<Staged>, String, bool),
) -> io::Result<Root> {
    let floor = if mount.path.is_empty() {
        String::new()
    } else {
        let spot = staged.find("", "", mount.path.as_str(), End::Follow)?;
        if spot.there()?.kind != Kind::Directory {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        spot.path
    };
    wasi.preopened_dir(handle_path(staged.layer_of_changes()), &guest_path, FsPerms::ReadOnly)
        .map_err(io::Error::other)?;
    let view = View { staged, floor, writes, ruled: source.ruled() };
    Ok(Root { guest_path, ruled: None, view: Some(Arc::new(view)) })
}

/// A path that leads to an open directory itself, whatever has become of its name.
fn handle_path(dir: &impl AsRawFd) -> String {
    format!("/proc/self/fd/{}", dir.as_raw_fd())
}
