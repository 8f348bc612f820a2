//! What a call costs, and where the time goes: ratios of one run, against the same engine's bare call.
//!
//! `cargo xtask bench` builds it with optimizations and runs it. These machines are shared and noisy: quote the ratios.
#![allow(clippy::disallowed_methods, reason = "a program to run by hand")]

mod bare;
mod cold;
mod crowd;
mod exec;
mod files;
mod isolation;
mod mcp;
mod path;
mod setup;
mod stats;
mod task;

use anyhow::Result;
use std::process::ExitCode;

fn main() -> ExitCode {
    // Workers are this program once more.
    if let Some(code) = sandbox::serve_as_worker() {
        return code;
    }
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let only = std::env::args().nth(1);
    let wanted = |name: &str| only.as_deref().is_none_or(|only| name.contains(only));
    if wanted("call") {
        path::run()?;
    }
    if wanted("task") {
        task::run()?;
    }
    if wanted("cache") {
        cold::cache()?;
    }
    if wanted("cold") {
        cold::process()?;
    }
    if wanted("mcp") {
        mcp::run()?;
    }
    if wanted("exec") {
        exec::run()?;
    }
    if wanted("files") {
        files::run()?;
    }
    if wanted("isolation") {
        isolation::run()?;
    }
    if wanted("cancel") {
        crowd::cancel()?;
    }
    if wanted("tenants") {
        crowd::tenants()?;
    }
    if wanted("suspended") {
        crowd::suspended()?;
    }
    Ok(())
}

/// A guest: a command of `bin`, or one of `examples`.
fn guest(kind: &str, name: &str) -> Result<registry::Package> {
    let folder = if kind == "examples" { "examples/" } else { "" };
    Ok(registry::Package::from_file(format!("{}/{folder}{name}.wasm", env!("GUESTS")).as_ref())?)
}

/// The typed guest.
fn odd() -> Result<registry::Package> {
    guest("examples", "odd")
}
