//! Core modules made from random bytes, within a component that has a tool.

use super::{
    sandboxed::{load, small},
    typed,
};
use arbitrary::Unstructured;
use wasm_encoder::{ComponentSection as _, RawSection};
use wasm_smith::{Config, Module};

/// The id of the section that holds a core module (component-model/design/mvp/Binary.md).
const CORE_MODULE: u8 = 1;

/// A component that holds a module is loaded or refused; a bare module is refused.
pub fn run(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else { return };
    let config = match choice % 4 {
        0 => Config { gc_enabled: true, threads_enabled: true, tail_call_enabled: true, ..small() },
        1 => Config { allow_invalid_funcs: true, ..small() },
        _ => small(),
    };
    let Ok(module) = Module::new(config, &mut Unstructured::new(rest)) else { return };
    let module = module.to_bytes();
    assert!(sandbox::describe(&module, "stem").is_err(), "a core module is no package");
    // A component without a tool would not come to the compiler.
    let mut component = typed::echo();
    RawSection { id: CORE_MODULE, data: &module }.append_to_component(&mut component);
    load(&component);
}
