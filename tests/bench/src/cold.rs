//! From nothing: loading compiled code against compiling, and a process from its start to its end.

use crate::{odd, stats::Times};
use anyhow::{Context as _, Result};
use sandbox::{CodeCache, Config, Sandbox};
use std::{path::PathBuf, process::Command};

pub(crate) fn cache() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let odd = odd()?;
    println!("\nloading a package of {} bytes", odd.bytes.len());
    let load = |sandbox: &Sandbox| sandbox.load(&odd.bytes, odd.digest, &odd.name).expect("a package");
    let compiling =
        Sandbox::new(Config { slots: 10, cache: None, network: Default::default(), fuel: false, isolated: None })?;
    let compiled = Times::of(10, || drop(load(&compiling)));
    compiled.print("compiling", None);
    let cached = Sandbox::new(Config {
        slots: 10,
        cache: Some(CodeCache::open(&folder.path().join("code"))?),
        network: Default::default(),
        fuel: false,
        isolated: None,
    })?;
    load(&cached);
    let loaded = Times::of(200, || assert!(load(&cached).cached));
    loaded.print("from the cache, authenticated", Some(&compiled));
    Ok(())
}

/// The program beside this one.
pub(crate) fn program() -> Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name("gloveport");
    path.exists().then_some(path).context("build the program first: cargo build --release")
}

pub(crate) fn process() -> Result<()> {
    println!("\na process from its start to its end");
    let state = tempfile::tempdir()?;
    let program = program()?;
    let of = |line: &[&str]| {
        Times::of(50, || {
            let mut command = Command::new(&program);
            command.args(line).env("GLOVEPORT_STATE", state.path()).env("GLOVEPORT_CACHE", state.path().join("cache"));
            assert!(command.output().expect("it starts").status.success());
        })
    };
    let version = of(&["--version"]);
    version.print("gloveport --version", None);
    of(&["call", "text.count", "--arg", "text=a"]).print("gloveport call, cache warm", Some(&version));
    Ok(())
}
