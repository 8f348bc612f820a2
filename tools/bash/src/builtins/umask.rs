//! `umask`: files here have no permissions, so it is kept, and nothing else.

use brush_core::{Error, ExecutionContext, ExecutionResult, ShellExtensions, builtins};
use clap::Parser;
use std::{
    io::Write as _,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

/// Shows or sets the mask for new files.
#[derive(Parser)]
pub(crate) struct Umask {
    /// As a command.
    #[arg(short = 'p')]
    command: bool,
    /// In letters.
    #[arg(short = 'S')]
    symbolic: bool,
    /// The mask, in octal.
    mask: Option<String>,
}

static MASK: AtomicU32 = AtomicU32::new(0o022);

impl builtins::Command for Umask {
    type Error = Error;

    async fn execute<SE: ShellExtensions>(&self, context: ExecutionContext<'_, SE>) -> Result<ExecutionResult, Error> {
        if let Some(mask) = &self.mask {
            let Some(mask) = u32::from_str_radix(mask, 8).ok().filter(|mask| *mask <= 0o777) else {
                writeln!(context.stderr(), "umask: {mask}: octal number out of range")?;
                return Ok(ExecutionResult::general_error());
            };
            MASK.store(mask, Relaxed);
            return Ok(ExecutionResult::success());
        }
        let mask = MASK.load(Relaxed);
        let letters = |shift: u32| -> String {
            let allowed = !mask >> shift;
            [(4, 'r'), (2, 'w'), (1, 'x')].into_iter().filter(|(bit, _)| allowed & bit != 0).map(|(_, it)| it).collect()
        };
        let shown = match self.symbolic {
            true => format!("u={},g={},o={}", letters(6), letters(3), letters(0)),
            false => format!("{mask:04o}"),
        };
        let prefix = match (self.command, self.symbolic) {
            (true, true) => "umask -S ",
            (true, false) => "umask ",
            (false, _) => "",
        };
        writeln!(context.stdout(), "{prefix}{shown}")?;
        Ok(ExecutionResult::success())
    }
}
