//! `kill`: ends processes that this shell started.

use brush_core::{
    Error, ExecutionContext, ExecutionExitCode, ExecutionResult, ShellExtensions, builtins, int_utils,
    sys::signal::kill_process,
    traps::{TrapSignal, format_signals},
};
use clap::Parser;
use std::io::Write as _;

/// Sends a signal to processes or jobs. Each but 0 ends them.
#[derive(Parser)]
pub(crate) struct Kill {
    /// `[-s NAME | -n NUMBER | -NAME] PID | %JOB ...`, or `-l`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<String>,
}

impl builtins::Command for Kill {
    type Error = Error;

    async fn execute<SE: ShellExtensions>(&self, context: ExecutionContext<'_, SE>) -> Result<ExecutionResult, Error> {
        let usage = |text: String| -> Result<ExecutionResult, Error> {
            writeln!(context.stderr(), "kill: {text}")?;
            Ok(ExecutionExitCode::InvalidUsage.into())
        };
        let mut words = self.words.iter().map(String::as_str).peekable();
        let mut signal = "TERM";
        match words.peek().copied() {
            Some("-l" | "-L") => {
                let all = TrapSignal::iterator().filter(|signal| *signal != TrapSignal::Exit);
                format_signals(context.stdout(), all)?;
                writeln!(context.stdout())?;
                return Ok(ExecutionResult::success());
            }
            Some("-s" | "-n") => {
                words.next();
                match words.next() {
                    Some(name) => signal = name,
                    None => return usage("a signal is missing after -s or -n".to_owned()),
                }
            }
            Some("--") => {
                words.next();
            }
            Some(word) if word.starts_with('-') => {
                signal = &word[1..];
                words.next();
            }
            _ => {}
        }
        let Ok(signal) = signal.parse::<TrapSignal>() else {
            return usage(format!("{signal}: invalid signal specification"));
        };
        if words.peek().is_none() {
            return usage("usage: kill [-s NAME | -n NUMBER | -NAME] PID | %JOB ...".to_owned());
        }
        let mut result = ExecutionResult::success();
        for word in words {
            let id = if word.starts_with('%') {
                context.shell.jobs_mut().resolve_job_spec(word).and_then(|job| job.representative_pid())
            } else {
                int_utils::parse(word, 10).ok()
            };
            let sent = id.ok_or("no such job").and_then(|id| kill_process(id, signal).map_err(|_| "No such process"));
            if let Err(why) = sent {
                writeln!(context.stderr(), "kill: ({word}) - {why}")?;
                result = ExecutionResult::general_error();
            }
        }
        Ok(result)
    }
}
