//! `gloveport serve`: tasks over HTTP, for the people who answer and steer them.

use crate::{exit::Exit, secrets, setup};
use anyhow::{Context as _, Result, bail};
use clap::Args;
use policy::Principal;
use server::Office;
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};
use tokio::{net::TcpListener, signal};

/// A token that can be guessed lets anybody in.
const MIN_TOKEN: usize = 16;

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Where to listen: an address of this machine alone, since what is said is not encrypted
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:7480")]
    listen: SocketAddr,
    /// Who may speak, and the file with their token, which nobody else can read; repeatable
    #[arg(long = "person", value_name = "NAME=FILE", value_parser = person, required = true)]
    people: Vec<(Principal, PathBuf)>,
}

fn person(text: &str) -> Result<(Principal, PathBuf), String> {
    let (name, file) = text.split_once('=').ok_or_else(|| format!("expected NAME=FILE, got `{text}`"))?;
    Ok((name.parse().map_err(|error| format!("{error}"))?, file.into()))
}

pub(crate) async fn run(args: &ServeArgs, state: Option<&Path>) -> Result<Exit> {
    if !args.listen.ip().is_loopback() {
        bail!(
            "--listen {}: tokens would cross the network in the clear; listen on 127.0.0.1 or [::1], and have a proxy that speaks TLS in front",
            args.listen
        );
    }
    let journal = setup::journal(state)?;
    let mut office = Office::new(journal, |error| eprintln!("gloveport: {error}"));
    for (name, file) in &args.people {
        let place = || format!("--person {name}={}", file.display());
        let token = secrets::from_file(file).with_context(place)?;
        if token.len() < MIN_TOKEN {
            bail!("{}: the token is shorter than {MIN_TOKEN} characters", place());
        }
        if !office.admit(name.to_string(), &token) {
            bail!("{}: somebody else has the same token", place());
        }
    }
    let listener = TcpListener::bind(args.listen).await.with_context(|| format!("--listen {}", args.listen))?;
    eprintln!("gloveport: listening on http://{}", listener.local_addr()?);
    let stop = async {
        if let Err(error) = signal::ctrl_c().await {
            eprintln!("gloveport: it can only be stopped by force: {error}");
            std::future::pending::<()>().await;
        }
    };
    server::serve_people(listener, office, stop).await?;
    Ok(Exit::Done)
}
