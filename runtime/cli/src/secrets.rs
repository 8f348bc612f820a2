//! Secrets, from where the operator keeps them.

use anyhow::{Context as _, Result, bail};
use journal::SecretPlace;
use policy::SecretName;
use sandbox::{SecretString, Secrets};
use std::{
    collections::BTreeMap,
    env,
    fs::{self, File},
    io::Read as _,
    path::Path,
};

/// The longest secret, in bytes: a key in PEM fits, a file that is named by mistake does not.
const MAX: u64 = 64 << 10;

/// Reads all of them.
pub(crate) fn read(places: &journal::Secrets) -> Result<Secrets> {
    let mut values = BTreeMap::new();
    for (name, place) in places {
        let value = one(place).with_context(|| format!("secret `{name}`"))?;
        values.insert(name.clone(), value);
    }
    Ok(Secrets::new(values)?)
}

/// Makes the files of places relative to a folder, and refuses a place that is none or several.
pub(crate) fn resolve(places: &mut journal::Secrets, folder: &Path) -> Result<()> {
    for (name, place) in places {
        check(name, place)?;
        if let Some(file) = &mut place.file {
            let path = folder.join(&*file);
            *file = path
                .into_os_string()
                .into_string()
                .map_err(|path| anyhow::anyhow!("{} is not UTF-8", path.display()))?;
        }
    }
    Ok(())
}

fn check(name: &SecretName, place: &SecretPlace) -> Result<()> {
    let given = [&place.env, &place.file, &place.keyring].into_iter().flatten().count();
    if given != 1 {
        bail!("secret `{name}`: expected exactly one of `env`, `file`, `keyring`, got {given}");
    }
    Ok(())
}

/// Reads one of them.
pub(crate) fn one(place: &SecretPlace) -> Result<SecretString> {
    // Nothing of what is read goes into an error.
    let text = if let Some(variable) = &place.env {
        env::var(variable).map_err(|error| match error {
            env::VarError::NotPresent => anyhow::anyhow!("environment variable {variable} is not set"),
            env::VarError::NotUnicode(_) => anyhow::anyhow!("environment variable {variable} is not UTF-8"),
        })?
    } else if let Some(file) = &place.file {
        from_file(Path::new(file)).with_context(|| format!("file {file}"))?
    } else if let Some(entry) = &place.keyring {
        from_keyring(entry)?
    } else {
        bail!("it has no place");
    };
    Ok(text.into())
}

/// The file's text without the line break at its end.
pub(crate) fn from_file(path: &Path) -> Result<String> {
    let mut file = File::open(path)?;
    // Of the open file, so that nothing can be put in its place between the look and the reading.
    private(&file.metadata()?)?;
    let mut text = String::new();
    let length = file.by_ref().take(MAX + 1).read_to_string(&mut text).context("it cannot be read as UTF-8")?;
    if length as u64 > MAX {
        bail!("it is larger than {MAX} bytes");
    }
    let kept = text.trim_end_matches(['\n', '\r']).len();
    text.truncate(kept);
    Ok(text)
}

#[cfg(unix)]
fn private(metadata: &fs::Metadata) -> Result<()> {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let mode = metadata.permissions().mode() & 0o777;
    if !metadata.is_file() {
        bail!("it is not a file");
    }
    if mode & 0o077 != 0 {
        bail!("others can read or change it (mode {mode:03o}); expected 600 or 400: `chmod 600` makes it so");
    }
    // Whoever owns it can change its mode at any time.
    let own = fs::metadata("/proc/self").map(|own| own.uid());
    if own.is_ok_and(|own| own != metadata.uid()) {
        bail!("it belongs to another user");
    }
    Ok(())
}

#[cfg(not(unix))]
fn private(metadata: &fs::Metadata) -> Result<()> {
    // Its access list cannot be judged here.
    if !metadata.is_file() {
        bail!("it is not a file");
    }
    bail!("secrets in files are not supported on this system; use `keyring`, or `env`")
}

fn from_keyring(entry: &str) -> Result<String> {
    let (service, user) =
        entry.split_once('/').with_context(|| format!("keyring `{entry}`: expected `service/user`"))?;
    let read = || keyring::Entry::new(service, user)?.get_password();
    // The library's errors can hold what was stored; its kind is enough.
    read().map_err(|error| match error {
        keyring::Error::NoEntry => anyhow::anyhow!("the keyring has no entry `{entry}`"),
        keyring::Error::BadEncoding(_) => anyhow::anyhow!("entry `{entry}` of the keyring is not UTF-8"),
        keyring::Error::Ambiguous(_) => anyhow::anyhow!("the keyring has more than one entry `{entry}`"),
        keyring::Error::NoStorageAccess(_) | keyring::Error::PlatformFailure(_) => {
            anyhow::anyhow!("the system's keyring cannot be used")
        }
        _ => anyhow::anyhow!("entry `{entry}` of the keyring cannot be read"),
    })
}
