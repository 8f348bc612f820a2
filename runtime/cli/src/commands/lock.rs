//! `gloveport lock`: packages pinned to the bytes they have now.

use crate::{args::LockArgs, config::Config, exit::Exit, print::line, setup};
use anyhow::{Result, bail};
use registry::{Lock, Origin};

pub(crate) fn run(args: &LockArgs) -> Result<Exit> {
    let config = Config::find(args.config.as_deref())?;
    let Some(path) = &config.lock else {
        bail!("the configuration names no lock file; add `lock = \"gloveport.lock\"`");
    };
    let sources = setup::sources(config.packages.iter(), None)?;
    let mut lock = if path.exists() { Lock::read(path)? } else { Lock::default() };
    if let Some(name) = args.accept.iter().find(|name| sources.get(name).is_none()) {
        bail!("--accept {name}: the configuration has no such package");
    }
    // The bundle changes with the program, and the program vouches for it.
    let own = || sources.packages().filter(|package| package.origin != Origin::Bundled);
    for package in own() {
        if lock.get(&package.name).is_none() || args.accept.contains(&package.name) {
            lock.pin(package);
        }
    }
    lock.check(own())?;
    lock.write(path)?;
    own().for_each(|package| line(&format!("{}  {}", package.digest, package.name)));
    Ok(Exit::Done)
}
