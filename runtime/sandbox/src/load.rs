//! The one place where compiled code is loaded, and where the `unsafe` of the program is.

use rustix::thread::UnshareFlags;
use std::{fs::File, path::Path};
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

/// A path to the open file itself, whatever its name stands for by now.
#[cfg(target_os = "linux")]
fn same_file(file: &File, _: &Path) -> std::path::PathBuf {
    use std::os::fd::AsRawFd as _;
    format!("/proc/self/fd/{}", file.as_raw_fd()).into()
}

/// Where open files have no path, a file that has taken its name since is still one of this user's.
#[cfg(not(target_os = "linux"))]
fn same_file(_: &File, path: &Path) -> std::path::PathBuf {
    path.to_owned()
}
