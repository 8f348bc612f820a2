//! `ulimit`: the limits are the call's, which a script can neither see nor change.

use brush_core::{Error, ExecutionContext, ExecutionResult, ShellExtensions, builtins};
use clap::Parser;
use std::io::Write as _;

/// Shows limits; the call has its own, which no script changes.
#[derive(Parser)]
pub(crate) struct Ulimit {
    /// Options, and a value.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<String>,
}

impl builtins::Command for Ulimit {
    type Error = Error;

    async fn execute<SE: ShellExtensions>(&self, context: ExecutionContext<'_, SE>) -> Result<ExecutionResult, Error> {
        if self.words.iter().any(|word| !word.starts_with('-') && word != "unlimited") {
            writeln!(context.stderr(), "ulimit: the limits of a call are the operator's")?;
            return Ok(ExecutionResult::general_error());
        }
        writeln!(context.stdout(), "unlimited")?;
        Ok(ExecutionResult::success())
    }
}
