//! Makes sure that the toolchain in use has Rust's standard library for wasm32-wasip2.
//!
//! The first that works wins: it is there; rustup adds it; it is built from the sources of the very same rustc version,
//! which Debian's packages or two archives beside the checkout hold. rustup is what nearly everyone gets; building is for
//! machines that reach a package mirror and a crate registry but not Rust's release server.

mod archives;
mod build;
mod debian;
mod place;
mod rustc;
mod rustup;
mod sources;

use std::env;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow};

use place::Place;
use rustc::Rustc;
use sources::Sources;

/// The target that every tool and guest is built for.
pub(crate) const TRIPLE: &str = "wasm32-wasip2";

/// Set to `1` to pass over rustup: it is how the other ways are tested where rustup would do.
const FROM_SOURCE: &str = "GLOVEPORT_WASM_FROM_SOURCE";

/// One way to come by the standard library's sources: its name for messages, and what fetches them into a directory.
type Origin = (&'static str, fn(&Rustc, &Path) -> Result<Sources>);

const ORIGINS: [Origin; 2] =
    [("Debian's source packages", debian::fetch), ("archives beside the checkout", archives::fetch)];

/// Installs the target when anything of it is missing. The error lists what was tried and why each way failed.
pub(crate) fn ensure() -> Result<()> {
    let rustc = Rustc::ask()?;
    let place = Place::of(&rustc)?;
    let missing = place.missing();
    if missing.is_empty() {
        return Ok(());
    }
    say(&format!("{} lacks {}", place.libdir().display(), missing.join(", ")));

    let mut failures = Vec::new();
    match add_with_rustup(&place) {
        Ok(()) => return Ok(()),
        Err(error) => failures.push(("rustup", error)),
    }
    // Another command may be at the same work: whoever comes second finds it done.
    let _lock = place.lock()?;
    if place.missing().is_empty() {
        return Ok(());
    }
    for (name, fetch) in ORIGINS {
        match install_from(fetch, &rustc, &place) {
            Ok(()) => return Ok(()),
            Err(error) => failures.push((name, error)),
        }
    }
    Err(gave_up(&rustc, &failures))
}

fn add_with_rustup(place: &Place) -> Result<()> {
    if env::var_os(FROM_SOURCE).is_some_and(|value| value == "1") {
        return Err(anyhow!("passed over, as {FROM_SOURCE} is 1"));
    }
    rustup::add()?;
    let missing = place.missing();
    if !missing.is_empty() {
        let libdir = place.libdir().display();
        return Err(anyhow!("reported success, but {libdir} lacks {}", missing.join(", ")));
    }
    say(&format!("added {TRIPLE} with rustup"));
    Ok(())
}

fn install_from(fetch: fn(&Rustc, &Path) -> Result<Sources>, rustc: &Rustc, place: &Place) -> Result<()> {
    let started = Instant::now();
    // In the system's temporary directory: within the checkout, cargo would take the workspace's settings for std's.
    let work = tempfile::tempdir().context("cannot make a temporary directory")?;
    let sources = fetch(rustc, work.path())?;
    say(&format!("building {TRIPLE} for rustc {} from {}; it takes about a minute", rustc.version, sources.origin));
    let libraries = build::build(&sources, work.path())?;
    place.install(&libraries, &sources.libc, &rustc.identity)?;
    say(&format!("installed {TRIPLE} in {} s", started.elapsed().as_secs()));
    Ok(())
}

fn gave_up(rustc: &Rustc, failures: &[(&str, anyhow::Error)]) -> anyhow::Error {
    let tried: String = failures.iter().map(|(name, error)| format!("\n  {name}: {error:#}")).collect();
    anyhow!(
        "Rust's target {TRIPLE} is not installed for rustc {}, and each way to add it failed:{tried}\n\
         Run `rustup target add {TRIPLE}` where Rust's release server can be reached, then try again.",
        rustc.version
    )
}

fn say(text: &str) {
    eprintln!("xtask: {text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn giving_up_lists_every_way_and_its_failure() {
        let rustc = Rustc::from_text("rustc 1.95.0 (59807616e 2026-04-14)\nrelease: 1.95.0\n", "/toolchain")
            .expect("it is well formed");
        let failures = [
            ("rustup", anyhow!("`rustup` is not installed")),
            ("archives", anyhow!("no such file").context("cannot open x")),
        ];
        let text = gave_up(&rustc, &failures).to_string();
        for part in [
            "rustc 1.95.0,",
            "\n  rustup: `rustup` is not installed",
            "\n  archives: cannot open x: no such file",
            "Run `rustup",
        ] {
            assert!(text.contains(part), "{text}\nlacks\n{part}");
        }
    }
}
