//! What a call costs, and where the time goes: ratios of one run, against the same engine's bare call.
//!
//! `cargo xtask bench` builds it with optimizations and runs it. These machines are shared and noisy: quote the ratios.
#![allow(clippy::disallowed_methods, reason = "a program to run by hand")]

mod bare;
mod cold;
mod mcp;
mod path;
mod stats;

use anyhow::Result;

fn main() -> Result<()> {
    let only = std::env::args().nth(1);
    let wanted = |name: &str| only.as_deref().is_none_or(|only| name.contains(only));
    if wanted("call") {
        path::run()?;
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
    Ok(())
}

/// The typed guest.
fn odd() -> Result<registry::Package> {
    Ok(registry::Package::from_file(concat!(env!("GUESTS"), "/examples/odd.wasm").as_ref())?)
}
