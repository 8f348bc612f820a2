//! From a grant to what the guest sees as its root directories.

use crate::{
    call::CallError,
    doors::fs::{Root, Ruled, View},
    staged::Kind,
    world::World,
};
use cap_std::fs::Dir;
use policy::MountGrant;
use rustix::{
    fs::{Mode, OFlags, ResolveFlags, openat2},
    io::Errno,
};
use std::{fs::File, io, os::fd::AsRawFd, sync::Arc};
use wasmtime_wasi::{FsPerms, WasiCtxBuilder};

/// A root directory of a call, open.
#[derive(Debug, Clone)]
pub(crate) struct Opened {
    /// Where the guest sees it: `/workspace`, or `/workspace/docs` where the grant narrows it.
    pub(crate) guest_path: String,
    pub(crate) place: Place,
}

/// Where it really is.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// A directory of the host, and the rules for its paths, where it has any.
    Directory { dir: Arc<Dir>, writes: bool, ruled: Option<Arc<Ruled>> },
    /// A copy-on-write view of one.
    Staged(Arc<View>),
}

impl Opened {
    /// Opens a mount, or a part of it, from the directory that was opened when the world was made: no path of the host is
    /// resolved again.
    pub(crate) fn new(mount: &MountGrant, world: &World) -> Result<Self, CallError> {
        let refuse = |error| CallError::Mount { mount: mount.name.to_string(), path: mount.path.to_string(), error };
        let Some(source) = world.mounts.get(&mount.name) else {
            return Err(refuse(io::ErrorKind::NotFound.into()));
        };
        let view = source
            .view(&mount.name, mount.staged)
            .map_err(|error| CallError::Staged { mount: mount.name.to_string(), error })?;
        let whole = mount.path.is_empty();
        let guest_path = if whole { format!("/{}", mount.name) } else { format!("/{}/{}", mount.name, mount.path) };
        let (writes, ruled) = (mount.access.writes() && source.access().writes(), source.ruled());
        let place = match view {
            Some(staged) if whole => Place::Staged(Arc::new(View { staged, floor: String::new(), writes, ruled })),
            Some(staged) => {
                let floor = mount.path.as_str();
                // What it is by now, where another process has the same view.
                staged.read_gone().map_err(|error| CallError::Staged { mount: mount.name.to_string(), error })?;
                match staged.lookup(floor).map_err(|error| refuse(error.into()))? {
                    Some(found) if found.kind == Kind::Directory => {}
                    Some(_) => return Err(refuse(io::ErrorKind::NotADirectory.into())),
                    None => return Err(refuse(io::ErrorKind::NotFound.into())),
                }
                Place::Staged(Arc::new(View { staged, floor: floor.to_owned(), writes, ruled }))
            }
            None if whole => Place::Directory { dir: source.dir(), writes, ruled },
            None => {
                // What policy decided on is this path. A link on it, which an earlier call may have made, leads to another.
                let how = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
                let dir = openat2(&*source.dir(), mount.path.as_str(), flags, Mode::empty(), how);
                let dir = dir.map_err(|error| match error {
                    Errno::LOOP => refuse(io::Error::other("a link leads there; grant the part where it really is")),
                    error => refuse(error.into()),
                })?;
                Place::Directory { dir: Arc::new(Dir::from_std_file(File::from(dir))), writes, ruled }
            }
        };
        Ok(Self { guest_path, place })
    }

    /// Shows it to the guest.
    pub(crate) fn preopen(&self, wasi: &mut WasiCtxBuilder) -> io::Result<Root> {
        let Self { guest_path, place } = self;
        let (handle, perms, ruled, view) = match place {
            Place::Directory { dir, writes, ruled } => {
                let perms = if *writes { FsPerms::ReadWrite } else { FsPerms::ReadOnly };
                (handle_path(&**dir), perms, ruled.clone(), None)
            }
            // The engine's own handle leads to the layer of changes, and changes nothing: the door turns to the view for
            // whatever has a path.
            Place::Staged(view) => {
                let handle = handle_path(view.staged.layer_of_changes());
                (handle, FsPerms::ReadOnly, None, Some(Arc::clone(view)))
            }
        };
        wasi.preopened_dir(handle, guest_path, perms).map_err(io::Error::other)?;
        Ok(Root { guest_path: guest_path.clone(), ruled, view })
    }
}

/// A path that leads to an open directory itself, whatever has become of its name.
fn handle_path(dir: &impl AsRawFd) -> String {
    format!("/proc/self/fd/{}", dir.as_raw_fd())
}
