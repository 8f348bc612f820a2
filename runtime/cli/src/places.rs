//! Where the program keeps things.

use anyhow::{Result, bail};
use journal::TaskId;
use std::{
    env,
    path::{Path, PathBuf},
};

/// Where tasks are recorded.
pub(crate) fn state(named: Option<&Path>) -> Result<PathBuf> {
    match named {
        Some(path) => Ok(path.to_owned()),
        None => user_dir("GLOVEPORT_STATE", "XDG_STATE_HOME", ".local/state"),
    }
}

/// Where a task's staged changes are kept, below where tasks are recorded.
pub(crate) fn staged(state: &Path, task: &TaskId) -> PathBuf {
    state.join("staged").join(task.as_str())
}

/// Where compiled code is kept.
pub(crate) fn cache() -> Result<PathBuf> {
    Ok(user_dir("GLOVEPORT_CACHE", "XDG_CACHE_HOME", ".cache")?.join("code"))
}

/// Base directories as the XDG specification has them, version 0.8.
fn user_dir(own: &str, xdg: &str, in_home: &str) -> Result<PathBuf> {
    let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    if let Some(path) = env::var_os(own).filter(|path| !path.is_empty()) {
        return Ok(path.into());
    }
    if let Some(path) = absolute(xdg) {
        return Ok(path.join("gloveport"));
    }
    match absolute("HOME") {
        Some(home) => Ok(home.join(in_home).join("gloveport")),
        None => bail!("there is no home directory: set {own}"),
    }
}
