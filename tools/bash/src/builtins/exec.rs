//! `exec`: redirections that stay, or a program instead of the shell.

use brush_core::{
    Error, ExecutionContext, ExecutionControlFlow, ExecutionResult, ShellExtensions, builtins,
    commands::{ShellForCommand, SimpleCommand},
};
use clap::Parser;

/// Runs a program instead of the shell, or keeps the redirections.
#[derive(Parser)]
pub(crate) struct Exec {
    /// The name that the program sees as its own.
    #[arg(short = 'a', value_name = "NAME")]
    name: Option<String>,
    /// The program and its arguments.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<String>,
}

impl builtins::Command for Exec {
    type Error = Error;

    async fn execute<SE: ShellExtensions>(&self, context: ExecutionContext<'_, SE>) -> Result<ExecutionResult, Error> {
        let Some(name) = self.words.first().cloned() else {
            let files: Vec<_> = context.iter_fds().collect();
            context.shell.replace_open_files(files.into_iter());
            return Ok(ExecutionResult::success());
        };
        // There is nothing that a process could become, so the shell waits for it, and ends as it did.
        let ExecutionContext { shell, params, .. } = context;
        let words = self.words.iter().map(Into::into).collect();
        let mut command = SimpleCommand::new(ShellForCommand::ParentShell(shell), params, name, words);
        command.use_functions = false;
        command.argv0.clone_from(&self.name);
        let mut result: ExecutionResult = command.execute().await?.wait().await?.into();
        result.next_control_flow = ExecutionControlFlow::ExitShell;
        Ok(result)
    }
}
