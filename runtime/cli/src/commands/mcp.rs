//! `gloveport mcp`: the tools over MCP on standard input and output.

use crate::{
    args::McpArgs,
    exit::{Exit, Internal},
    flags::Callable,
    setup::{self, SERVING_SLOTS, Wanted},
};
use anyhow::Result;
use journal::TaskId;
use std::{path::Path, sync::Arc};

pub(crate) async fn run(args: &McpArgs, state: Option<&Path>) -> Result<Exit> {
    let wanted = Wanted::new(&args.configured)?;
    let sources = wanted.sources()?;
    let names = sources.packages().map(|package| package.name.as_str()).collect();
    let journal = setup::journal(state)?;
    let callable = Callable::Packages(names);
    let callable = (&callable, wanted.path(&sources));
    let gate = wanted.gate(SERVING_SLOTS, sources.packages(), callable, Arc::clone(&journal), TaskId::generate())?;
    gate.check_isolation().await?;
    let (input, output) = server::stdio();
    let served = server::serve(gate, input, output).await;
    journal.flush().await.map_err(|error| Internal(error.into()))?;
    served?;
    Ok(Exit::Done)
}
