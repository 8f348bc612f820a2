//! `gloveport.toml`: what the operator set up for calls outside plans.

use crate::secrets;
use anyhow::{Context as _, Result, bail};
use controller::Isolation;
use journal::NetworkSettings;
use policy::{Access, Classification, Limits, MountName, Principal};
use sandbox::Wall;
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// The name that is looked for in the current folder.
pub(crate) const FILE: &str = "gloveport.toml";

/// The configuration; paths are already relative to its own folder.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Whose world it is.
    pub(crate) tenant: Option<Principal>,
    /// On whose behalf calls are made.
    pub(crate) principal: Option<Principal>,
    /// Component files, or folders of them.
    #[serde(default)]
    pub(crate) packages: Vec<PathBuf>,
    /// The names of packages whose programs can be started as processes, the first that has a name before the others.
    #[serde(default)]
    pub(crate) path: Vec<String>,
    /// Policy files.
    #[serde(default)]
    pub(crate) policy: Vec<PathBuf>,
    /// The lock file: of these packages, those that are not what it pins are refused.
    pub(crate) lock: Option<PathBuf>,
    /// What the world holds.
    #[serde(default)]
    pub(crate) mounts: BTreeMap<MountName, ConfigMount>,
    /// What goes for sources.
    #[serde(default)]
    pub(crate) sources: Classification,
    /// Environment variables that the world holds.
    #[serde(default)]
    pub(crate) env: Vec<String>,
    /// Secrets that requests can hold.
    #[serde(default)]
    pub(crate) secrets: journal::Secrets,
    /// What is known of the network.
    #[serde(default)]
    pub(crate) network: NetworkSettings,
    /// Where calls run.
    pub(crate) isolation: Option<Isolation>,
    /// Packages whose calls run in worker processes wherever others run.
    #[serde(default)]
    pub(crate) isolate: Vec<String>,
    /// The walls that have to stand around a worker process.
    #[serde(default)]
    pub(crate) require: Vec<Wall>,
    /// The bounds of every call.
    #[serde(default)]
    pub(crate) limits: Limits,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfigMount {
    pub(crate) path: PathBuf,
    pub(crate) access: Access,
    /// What no call sees of it; patterns.
    #[serde(default)]
    pub(crate) deny: Vec<String>,
    /// What no call changes of it; patterns.
    #[serde(default, rename = "read-only")]
    pub(crate) read_only: Vec<String>,
    /// Whether all that is changed in it is staged.
    #[serde(default)]
    pub(crate) staged: bool,
    /// Whether others see what is written there.
    #[serde(default)]
    pub(crate) shared: bool,
}

impl Config {
    /// Reads the file that was named, or the one in the current folder, or nothing.
    pub(crate) fn find(named: Option<&Path>) -> Result<Self> {
        match named {
            Some(path) => Self::read(path),
            None if Path::new(FILE).exists() => Self::read(Path::new(FILE)),
            None => Ok(Self::default()),
        }
    }

    fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("configuration {}", path.display()))?;
        let mut config: Self = match toml::from_str(&text) {
            Ok(config) => config,
            Err(error) => bail!("configuration {}: {}", path.display(), error.to_string().trim_end()),
        };
        let folder = path.parent().unwrap_or(Path::new(""));
        let paths = config.packages.iter_mut().chain(&mut config.policy).chain(&mut config.lock);
        for path in paths.chain(config.mounts.values_mut().map(|mount| &mut mount.path)) {
            *path = folder.join(&path);
        }
        let own = || format!("configuration {}", path.display());
        secrets::resolve(&mut config.secrets, folder).with_context(own)?;
        for file in &mut config.network.certificates {
            *file = folder.join(&*file).display().to_string();
        }
        Ok(config)
    }
}
