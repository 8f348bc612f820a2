//! Runs fuzz targets: `cargo xtask fuzz [TARGET] [--seconds N]`.

use anyhow::{Result, bail, ensure};
use clap::Parser;
use fuzz::{Bounds, TARGETS, Target, drive};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Runs fuzz targets over their inputs and mutations of them, until something fails or the time is up.
#[derive(Parser)]
#[command(name = "fuzz", bin_name = "cargo xtask fuzz")]
struct Fuzz {
    /// The target to run; all of them, one after the other, where it is missing.
    target: Option<String>,
    /// How long to run each target.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Where the random choices begin; another one each time where it is missing.
    #[arg(long)]
    seed: Option<u64>,
    /// Runs the target over this file alone.
    #[arg(long, requires = "target", conflicts_with_all = ["seconds", "seed"])]
    input: Option<PathBuf>,
}

fn main() -> Result<()> {
    let Fuzz { target, seconds, seed, input } = Fuzz::parse();
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let targets = chosen(target.as_deref())?;
    if let Some(input) = input {
        for target in targets {
            fuzz::drive::once(target, &corpus, &input)?;
            println!("{}: {} holds", target.name, input.display());
        }
        return Ok(());
    }
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let seed = seed.unwrap_or_else(now);
    for target in targets {
        println!("{}: {seconds} s from seed {seed}", target.name);
        let tried = drive(target, &corpus, Bounds::Time(Duration::from_secs(seconds)), seed)?;
        println!("{}: {tried} inputs hold", target.name);
        ensure!(tried > 0, "target `{}` tried nothing", target.name);
    }
    Ok(())
}

fn chosen(name: Option<&str>) -> Result<Vec<&'static Target>> {
    let Some(name) = name else { return Ok(TARGETS.iter().collect()) };
    let found: Vec<_> = TARGETS.iter().filter(|target| target.name == name).collect();
    if found.is_empty() {
        let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
        bail!("there is no target `{name}`; targets are: {}", names.join(", "));
    }
    Ok(found)
}
