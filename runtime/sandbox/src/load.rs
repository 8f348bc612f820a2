//! The one place where compiled code is loaded, and where the `unsafe` of the program is: beside it, the system calls for which
//! there is no safe interface.

use rustix::{io::Errno, mount::MountAttrFlags, thread::UnshareFlags};
use std::{
    fs::File,
    io,
    os::fd::{AsRawFd as _, OwnedFd},
    path::Path,
};
use wasmtime::{Engine, component::Component};

/// Maps machine code that this host compiled, stored and has just authenticated. It is not copied, so that only the pages
/// that a call uses are ever touched.
pub(crate) fn trusted(engine: &Engine, file: &File, path: &Path) -> wasmtime::Result<Component> {
    let path = same_file(file, path);
    // SAFETY: the file must begin with what `Component::serialize` gave, and must not change while it is mapped. The
    // only caller is the compiled-code cache, after it has checked a MAC over this very file, under a key that only
    // this host's user can read. The file is in a directory that only this user can enter, and this program writes
    // entries to new files that it then renames: it never changes one in place.
    #[allow(unsafe_code)]
    unsafe {
        Component::deserialize_file(engine, path)
    }
}

/// Maps machine code that the host of this worker sent it.
pub(crate) fn sent(engine: &Engine, file: &File) -> wasmtime::Result<Component> {
    let path = same_file(file, Path::new(""));
    // SAFETY: the file must begin with what `Component::serialize` gave, and must not change while it is mapped. It came
    // over the line that a worker is started with, from the host that started it, which made it of a component of its own
    // and sealed it against changes (`worker::host::code`).
    #[allow(unsafe_code)]
    unsafe {
        Component::deserialize_file(engine, path)
    }
}

/// Leaves namespaces of the host for new ones.
pub(crate) fn leave(flags: UnshareFlags) -> rustix::io::Result<()> {
    // SAFETY: only sharing the table of open files with other threads could make this unsound, and that is not among the
    // namespaces that are left: see `worker::walls::NAMESPACES`.
    #[allow(unsafe_code)]
    unsafe {
        rustix::thread::unshare_unsafe(flags)
    }
}

/// Takes from a mount what `restricted` names, and from the mounts in it where `all`.
pub(crate) fn restrict_mount(mount: &OwnedFd, restricted: MountAttrFlags, all: bool) -> rustix::io::Result<()> {
    let attributes = libc::mount_attr { attr_set: restricted.bits().into(), attr_clr: 0, propagation: 0, userns_fd: 0 };
    let flags = if all { libc::AT_EMPTY_PATH | libc::AT_RECURSIVE } else { libc::AT_EMPTY_PATH };
    // SAFETY: `mount_setattr(2)` reads an empty path and as many bytes of the attributes as it is told; both live until it
    // is back. It changes nothing of this process's memory.
    #[allow(unsafe_code)]
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    succeeded(done)
}

/// Closes everything that is open but for standard input, output and error. Only to be called while nothing in this process
/// holds a file: when it has just been started.
pub(crate) fn close_inherited() -> rustix::io::Result<()> {
    let (first, last, flags): (libc::c_uint, libc::c_uint, libc::c_int) = (3, libc::c_uint::MAX, 0);
    // SAFETY: `close_range(2)` touches no memory. What it closes was opened by another program, and is in no value of this
    // one: its one caller calls it before it opens anything.
    #[allow(unsafe_code)]
    let done = unsafe { libc::syscall(libc::SYS_close_range, first, last, flags) };
    succeeded(done)
}

fn succeeded(done: libc::c_long) -> rustix::io::Result<()> {
    if done == 0 { Ok(()) } else { Err(Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO)) }
}

/// A path to the open file itself, whatever its name stands for by now.
#[cfg(target_os = "linux")]
fn same_file(file: &File, _: &Path) -> std::path::PathBuf {
    format!("/proc/self/fd/{}", file.as_raw_fd()).into()
}

/// Where open files have no path, a file that has taken its name since is still one of this user's.
#[cfg(not(target_os = "linux"))]
fn same_file(_: &File, path: &Path) -> std::path::PathBuf {
    path.to_owned()
}
