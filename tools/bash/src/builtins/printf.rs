//! `printf`, by the formats of the coreutils.

use brush_core::{Error, ErrorKind, ExecutionContext, ExecutionResult, ShellExtensions, builtins, escape, expansion};
use clap::Parser;
use std::{io::Write, ops::ControlFlow};
use uucore::format::{FormatArgument, FormatArguments, FormatError, parse_spec_and_escape};

/// Writes arguments as a format says.
#[derive(Parser)]
#[clap(disable_help_flag = true, disable_version_flag = true)]
pub(crate) struct Printf {
    /// Assign it to this variable instead.
    #[arg(short = 'v')]
    variable: Option<String>,
    /// The format and its arguments.
    #[arg(trailing_var_arg = true, required = true, allow_hyphen_values = true)]
    words: Vec<String>,
}

impl builtins::Command for Printf {
    type Error = Error;

    async fn execute<SE: ShellExtensions>(&self, context: ExecutionContext<'_, SE>) -> Result<ExecutionResult, Error> {
        let mut text = Vec::new();
        let formatted = format(&self.words, &mut text);
        if let Some(variable) = &self.variable {
            formatted?;
            let text = String::from_utf8_lossy(&text).into_owned();
            expansion::assign_to_named_parameter(context.shell, &context.params, variable, text).await?;
            return Ok(ExecutionResult::success());
        }
        // What came before a mistake is written, as others do it.
        context.stdout().write_all(&text)?;
        match formatted {
            Ok(()) => Ok(ExecutionResult::success()),
            Err(error) => {
                writeln!(context.stderr(), "bash: printf: {error}")?;
                Ok(ExecutionResult::general_error())
            }
        }
    }
}

fn format(words: &[String], text: &mut Vec<u8>) -> Result<(), Error> {
    let invalid = |error: FormatError| Error::from(ErrorKind::PrintfInvalidUsage(error.to_string()));
    let [format, args @ ..] = words else {
        return Err(ErrorKind::PrintfInvalidUsage("usage: printf [-v var] format [arguments]".into()).into());
    };
    // Bash quotes by backslashes, the coreutils by quotation marks.
    if let ("%q", [arg]) = (format.as_str(), args) {
        text.extend_from_slice(escape::quote_if_needed(arg, escape::QuoteMode::BackslashEscape).as_bytes());
        return Ok(());
    }
    let items = parse_spec_and_escape(format.as_bytes()).collect::<Result<Vec<_>, _>>().map_err(invalid)?;
    let unparsed: Vec<_> = args.iter().map(|arg| FormatArgument::Unparsed(arg.into())).collect();
    let mut given = FormatArguments::new(&unparsed);
    loop {
        let before = given.is_exhausted();
        for item in &items {
            if item.write(&mut *text, &mut given).map_err(invalid)? == ControlFlow::Break(()) {
                return Ok(());
            }
        }
        if before || given.is_exhausted() {
            return Ok(());
        }
        given.start_next_batch();
        // A format that takes no arguments is written once.
        if !items.iter().any(|item| matches!(item, uucore::format::FormatItem::Spec(_))) {
            return Ok(());
        }
    }
}
