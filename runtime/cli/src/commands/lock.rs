//! `gloveport lock`: packages pinned to the bytes they have now.

use crate::{
    args::LockArgs,
    config::Config,
    exit::Exit,
    print::{harmless, line, one_line},
    setup, update,
};
use anyhow::{Context as _, Result, bail};
use policy::{Surface, Update};
use registry::{Lock, Origin, Package, Sources};

pub(crate) fn run(args: &LockArgs) -> Result<Exit> {
    let config = Config::find(args.config.as_deref())?;
    let Some(path) = &config.lock else {
        bail!("the configuration names no lock file; add `lock = \"gloveport.lock\"`");
    };
    let sources = setup::sources(config.packages.iter())?;
    known(args, &sources)?;
    // Whether it is there is asked apart: what cannot be read must not pass for what is not there.
    let there = path.try_exists().with_context(|| format!("lock file {}", path.display()))?;
    let mut lock = if there { Lock::read(path)? } else { Lock::default() };
    let mut refused = false;
    for package in own(&sources) {
        let surface = setup::describe(package)?.surface();
        if !there || is_accepted(args, &lock, package, &surface) {
            lock.pin(package, surface);
        } else if let Some(report) = report(args, &lock, package, &surface) {
            eprintln!("gloveport: {}", harmless(&report));
            refused = true;
        }
    }
    if refused {
        eprintln!("gloveport: nothing was written to {}", path.display());
        return Ok(Exit::ToolError);
    }
    lock.write(path)?;
    for package in own(&sources) {
        let reach = lock.get(&package.name).map(|pin| pin.surface.reach.to_string()).unwrap_or_default();
        line(&format!("{}  {} (could reach {})", package.digest, package.name, one_line(&reach)));
    }
    Ok(Exit::Done)
}

/// The bundle changes with the program, and the program vouches for it.
fn own(sources: &Sources) -> impl Iterator<Item = &Package> {
    sources.packages().filter(|package| package.origin != Origin::Bundled)
}

/// Refuses flags about packages that are not there, or not with these bytes.
fn known(args: &LockArgs, sources: &Sources) -> Result<()> {
    let find = |name: &str| own(sources).find(|package| package.name == name);
    if let Some(name) = args.accept.iter().find(|name| find(name).is_none()) {
        bail!("--accept {name}: the configuration has no such package");
    }
    for (name, digest) in &args.widen {
        match find(name) {
            None => bail!("--widen {name}: the configuration has no such package"),
            Some(package) if package.digest != *digest => {
                bail!("--widen {name}: its bytes have the digest {}, not {digest}", package.digest)
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// What changes against the pin; all of it, where there is none.
fn change(lock: &Lock, package: &Package, surface: &Surface) -> Update {
    let nothing = Surface::default();
    Update::between(lock.get(&package.name).map_or(&nothing, |pin| &pin.surface), surface)
}

fn is_accepted(args: &LockArgs, lock: &Lock, package: &Package, surface: &Surface) -> bool {
    if args.widen.contains(&(package.name.clone(), package.digest)) {
        return true;
    }
    let change = change(lock, package, surface);
    args.accept.contains(&package.name) && !change.widens() && !change.breaks()
}

/// What a person has to know before accepting; `None` where nothing changed.
fn report(args: &LockArgs, lock: &Lock, package: &Package, surface: &Surface) -> Option<String> {
    let Package { name, digest, origin, .. } = package;
    let pin = lock.get(name);
    if pin.is_some_and(|pin| pin.digest == *digest && pin.surface == *surface) {
        return None;
    }
    let was = match pin {
        Some(pin) => format!("has the digest {digest}, but is pinned to {}", pin.digest),
        None => format!("has the digest {digest}, and is not locked yet"),
    };
    let change = change(lock, package, surface);
    let flag = if change.widens() || change.breaks() {
        format!("--widen {name}={digest}")
    } else {
        format!("--accept {name}")
    };
    let short = if args.accept.contains(name) { "`--accept` is not enough: " } else { "" };
    let mut lines = vec![format!("package `{name}` ({origin}) {was}")];
    lines.extend(update::lines(&change).iter().map(|line| format!("  {line}")));
    lines.push(format!("  {short}{}; if that is wanted: gloveport lock {flag}", update::verdict(&change)));
    Some(lines.join("\n"))
}
