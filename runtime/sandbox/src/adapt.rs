//! Modules of WASI preview 1 as components: many programs that people use are built so, and other toolchains know nothing else.

use crate::describe::{DescribeError, features};
use std::borrow::Cow;
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME as PREVIEW1, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
};
use wasm_encoder::{
    ImportSection, Module,
    reencode::{Error as RecodeError, Reencode, utils},
};
use wasmparser::{Encoding, Parser, Payload, Validator};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The function of preview 1 that ends a command. The adapter makes 1 of all codes but 0: what a script asks `grep` or `diff` is in
/// the code, so a module calls the function of WASI 0.2 that takes it instead. Both are one `i32` at this level, of which WASI 0.2
/// takes the lowest 8 bits, as systems do.
const EXIT: (&str, &str) = (PREVIEW1, "proc_exit");
const EXIT_WITH_CODE: (&str, &str) = ("wasi:cli/exit@0.2.12", "exit-with-code");

/// What a module then imports besides preview 1, at the version of the adapter.
const WORLD: &str = "
package gloveport:adapted;
world command { import wasi:cli/exit@0.2.12; }
package wasi:cli@0.2.12 {
    interface exit {
        exit: func(status: result);
        exit-with-code: func(status-code: u8);
    }
}
";

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
    let module = with_exit_codes(bytes).map_err(DescribeError::Preview1)?;
    let encoded = ComponentEncoder::default()
        .module(&module)
        .and_then(|encoder| encoder.adapter(PREVIEW1, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER))
        .and_then(|mut encoder| encoder.encode());
    encoded.map(Cow::Owned).map_err(|error| DescribeError::Preview1(format!("{error:#}")))
}

/// The module with [`EXIT_WITH_CODE`] in the place of [`EXIT`].
fn with_exit_codes(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let mut module = Module::new();
    let mut exits = ExitCodes(false);
    exits.parse_core_module(&mut module, Parser::new(0), bytes).map_err(|error| error.to_string())?;
    let mut module = module.finish();
    if exits.0 {
        let mut resolve = Resolve::default();
        let embedded = resolve.push_str("adapted.wit", WORLD).and_then(|package| {
            let world = resolve.select_world(&[package], Some("command"))?;
            embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        });
        embedded.map_err(|error| format!("{error:#}"))?;
    }
    Ok(module)
}

/// Copies a module, and knows whether it imports [`EXIT`].
struct ExitCodes(bool);

impl Reencode for ExitCodes {
    type Error = std::convert::Infallible;

    fn parse_import(
        &mut self,
        imports: &mut ImportSection,
        import: wasmparser::Import<'_>,
    ) -> Result<(), RecodeError<Self::Error>> {
        let mut import = import;
        if (import.module, import.name) == EXIT {
            self.0 = true;
            (import.module, import.name) = EXIT_WITH_CODE;
        }
        utils::parse_import(self, imports, import)
    }

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        section: wasmparser::ImportSectionReader<'_>,
    ) -> Result<(), RecodeError<Self::Error>> {
        // Each by itself, however they are grouped.
        for import in section.into_imports() {
            self.parse_import(imports, import?)?;
        }
        Ok(())
    }
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
