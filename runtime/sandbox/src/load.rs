//! The one place where compiled code is loaded, and the one `unsafe` of the program.

use wasmtime::{Engine, component::Component};

/// Loads machine code that this host compiled, stored and has just authenticated.
pub(crate) fn trusted(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes must come from `Component::serialize`. The only caller is the compiled-code cache, after it
    // has checked a MAC over exactly these bytes, under a key that only this host's user can read; they are in memory
    // that nobody else can write to.
    #[allow(unsafe_code)]
    unsafe {
        Component::deserialize(engine, code)
    }
}
