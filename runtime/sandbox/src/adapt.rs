//! Modules of WASI preview 1 as components: many programs that people use are built so, and other toolchains know nothing else.

use crate::describe::{DescribeError, features};
use std::borrow::Cow;
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME as PREVIEW1, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
};
use wasmparser::{Encoding, Parser, Payload, Validator};
use wit_component::ComponentEncoder;

/// The bytes of the component that these are, or that a command module of preview 1 becomes with the published adapter, which
/// translates its system calls to WASI 0.2: to the same doors.
pub(crate) fn component(bytes: &[u8]) -> Result<Cow<'_, [u8]>, DescribeError> {
    if !is_module(bytes) {
        return Ok(Cow::Borrowed(bytes));
    }
    Validator::new_with_features(features())
        .validate_all(bytes)
        .map_err(|error| DescribeError::Invalid { message: error.message().to_owned(), offset: error.offset() })?;
    if !is_command(bytes) {
        return Err(DescribeError::CoreModule);
    }
    let encoded = ComponentEncoder::default()
        .module(bytes)
        .and_then(|encoder| encoder.adapter(PREVIEW1, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER))
        .and_then(|mut encoder| encoder.encode());
    encoded.map(Cow::Owned).map_err(|error| DescribeError::Preview1(format!("{error:#}")))
}

fn is_module(bytes: &[u8]) -> bool {
    matches!(Parser::new(0).parse_all(bytes).next(), Some(Ok(Payload::Version { encoding: Encoding::Module, .. })))
}

/// Whether a module begins at `_start`, and asks for nothing but preview 1.
fn is_command(bytes: &[u8]) -> bool {
    let mut starts = false;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload {
            Ok(Payload::ImportSection(section)) => {
                let foreign =
                    |import: Result<wasmparser::Import<'_>, _>| import.map_or(true, |import| import.module != PREVIEW1);
                if section.into_imports().any(foreign) {
                    return false;
                }
            }
            Ok(Payload::ExportSection(section)) => {
                starts |= section.into_iter().any(|export| export.is_ok_and(|export| export.name == "_start"));
            }
            Ok(_) => {}
            Err(_) => return false,
        }
    }
    starts
}
