//! `printf`, by the formats of the coreutils.

use brush_core::{Error, ErrorKind, ExecutionContext, ExecutionResult, ShellExtensions, builtins, escape, expansion};
use clap::Parser;
use std::{io::Write, ops::ControlFlow};
use uucore::format::{FormatArgument, FormatArguments, FormatError, FormatItem, Spec, parse_spec_and_escape};

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
    let format = unpadded(format);
    let items = parse_spec_and_escape(format.as_bytes()).collect::<Result<Vec<_>, _>>().map_err(invalid)?;
    let unparsed: Vec<_> = args.iter().map(|arg| FormatArgument::Unparsed(arg.into())).collect();
    let mut given = FormatArguments::new(&unparsed);
    let takes_arguments = items.iter().any(|item| matches!(item, FormatItem::Spec(_)));
    loop {
        for item in &items {
            if let FormatItem::Spec(Spec::QuotedString { position }) = item {
                let arg = given.next_string(*position).to_string_lossy();
                text.extend_from_slice(quoted(&arg).as_bytes());
            } else if item.write(&mut *text, &mut given).map_err(invalid)? == ControlFlow::Break(()) {
                return Ok(());
            }
        }
        if given.is_exhausted() || !takes_arguments {
            return Ok(());
        }
        given.start_next_batch();
        if given.is_exhausted() {
            return Ok(());
        }
    }
}

/// As the shell would read it again: by backslashes, where the coreutils use quotation marks.
fn quoted(text: &str) -> std::borrow::Cow<'_, str> {
    escape::quote_if_needed(text, escape::QuoteMode::BackslashEscape)
}

/// The format without the zeros that pad texts, `%0.s`, which the coreutils do not take.
fn unpadded(format: &str) -> String {
    let mut parts = format.split('%');
    let mut result = parts.next().unwrap_or_default().to_owned();
    let mut is_literal = false;
    for part in parts {
        result.push('%');
        let end = part.find(|c: char| !c.is_ascii_digit() && !"-+ #.*".contains(c));
        let is_text = !is_literal && end.is_some_and(|end| part[end..].starts_with(['s', 'b', 'q', 'c']));
        result.push_str(if is_text { part.trim_start_matches('0') } else { part });
        // After `%%` comes a text again.
        is_literal = part.is_empty() && !is_literal;
    }
    result
}
