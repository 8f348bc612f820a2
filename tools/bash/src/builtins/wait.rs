//! `wait`: for all jobs, some of them, or the next one.

use brush_core::{Error, ExecutionContext, ExecutionExitCode, ExecutionResult, ShellExtensions, builtins};
use clap::Parser;
use std::{collections::HashMap, io::Write as _, sync::Mutex};

/// Waits for jobs.
#[derive(Parser)]
pub(crate) struct Wait {
    /// Wait for the next one that ends.
    #[arg(short = 'n')]
    next: bool,
    /// Wait until it has ended, which is all there is here.
    #[arg(short = 'f')]
    ended: bool,
    /// Put the number of the one that ended into this variable.
    #[arg(short = 'p', value_name = "VAR")]
    variable: Option<String>,
    /// Numbers of processes, or jobs such as `%1`.
    ids: Vec<String>,
}

/// How processes ended that a script may still ask for.
static ENDED: Mutex<Option<HashMap<i32, u8>>> = Mutex::new(None);

impl builtins::Command for Wait {
    type Error = Error;

    async fn execute<SE: ShellExtensions>(&self, context: ExecutionContext<'_, SE>) -> Result<ExecutionResult, Error> {
        let shell = context.shell;
        let mut result = ExecutionResult::success();
        let mut last = None;
        if self.next {
            // The one that has ended, or else the first that was started.
            result = ExecutionExitCode::NotFound.into();
            if let Some(at) = position(shell, &self.ids) {
                let mut job = shell.jobs_mut().jobs.remove(at);
                last = job.representative_pid();
                result = job.wait().await?;
            }
        } else if self.ids.is_empty() {
            let jobs = std::mem::take(&mut shell.jobs_mut().jobs);
            for mut job in jobs {
                let id = job.representative_pid();
                let ended = job.wait().await?;
                remember(id, &ended);
            }
        }
        for id in self.ids.iter().filter(|_| !self.next) {
            let at = position(shell, std::slice::from_ref(id));
            let known = id.parse().ok().and_then(|id| ended(id));
            result = match (at, known) {
                (Some(at), _) => {
                    let mut job = shell.jobs_mut().jobs.remove(at);
                    last = job.representative_pid();
                    let ended = job.wait().await?;
                    remember(last, &ended);
                    ended
                }
                (None, Some(code)) => ExecutionResult::new(code),
                (None, None) => {
                    writeln!(context.params.stderr(shell), "wait: pid {id} is not a child of this shell")?;
                    ExecutionExitCode::NotFound.into()
                }
            };
        }
        if let (Some(variable), Some(last)) = (&self.variable, last) {
            shell.env_mut().set_global(variable.clone(), brush_core::ShellVariable::new(last.to_string()))?;
        }
        Ok(result)
    }
}

/// Where among the jobs the one is that some ids name, or the first where there are no ids.
fn position<SE: ShellExtensions>(shell: &brush_core::Shell<SE>, ids: &[String]) -> Option<usize> {
    shell.jobs().jobs.iter().position(|job| {
        let is = |id: &String| match id.strip_prefix('%') {
            Some("" | "+" | "%") => job.is_current(),
            Some("-") => job.is_prev(),
            Some(number) => number.parse() == Ok(job.id),
            None => id.parse().is_ok_and(|id| job.representative_pid() == Some(id)),
        };
        ids.is_empty() || ids.iter().any(is)
    })
}

fn remember(id: Option<i32>, result: &ExecutionResult) {
    if let Some(id) = id {
        crate::files::lock(&ENDED).get_or_insert_default().insert(id, result.exit_code.into());
    }
}

fn ended(id: i32) -> Option<u8> {
    crate::files::lock(&ENDED).get_or_insert_default().get(&id).copied()
}
