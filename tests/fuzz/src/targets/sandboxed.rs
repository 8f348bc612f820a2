//! One sandbox for all inputs.

use policy::Digest;
use sandbox::{Config, LoadError, Package, Sandbox};
use sha2::{Digest as _, Sha256};
use std::sync::OnceLock;

/// The sandbox; every address space that an engine reserves is 4 GiB for each slot.
pub(super) fn sandbox() -> &'static Sandbox {
    static SANDBOX: OnceLock<Sandbox> = OnceLock::new();
    SANDBOX.get_or_init(|| {
        Sandbox::new(Config { slots: 4, cache: None, network: Default::default(), fuel: false, isolated: None })
            .expect("an engine")
    })
}

/// Describes and loads bytes: both must agree on whether there are tools, and which.
pub(super) fn load(bytes: &[u8]) -> Option<Package> {
    let description = sandbox::describe(bytes, "stem");
    let digest = Digest(Sha256::digest(bytes).into());
    match (sandbox().load(bytes, digest, "stem"), description) {
        (Ok(package), Ok(description)) => {
            let tools: Vec<_> = description.tools.keys().collect();
            assert_eq!(package.tools.keys().collect::<Vec<_>>(), tools);
            for tool in package.tools.values() {
                // Whatever the schema says, it is JSON that can be shown.
                assert!(serde_json::to_string(tool.description()).is_ok());
            }
            Some(package)
        }
        (Err(LoadError::Describe(_)), Err(error)) => {
            assert!(!error.to_string().is_empty());
            None
        }
        (Err(LoadError::Export(fault)), _) => panic!("a fault of this program: {fault}"),
        // The engine may refuse what can be described: features that are off, limits on the pool.
        (Err(LoadError::Compile(_) | LoadError::Link(_)), Ok(_)) => None,
        (loaded, described) => panic!("one loads and the other does not: {loaded:?}, {described:?}"),
    }
}

/// What the engine has room and features for.
pub(super) fn small() -> wasm_smith::Config {
    wasm_smith::Config {
        max_funcs: 8,
        max_instructions: 60,
        max_imports: 6,
        max_exports: 8,
        max_types: 16,
        max_type_size: 100,
        max_components: 3,
        max_modules: 3,
        max_instances: 4,
        max_nesting_depth: 4,
        max_memory32_bytes: 1 << 20,
        max_table_elements: 1000,
        gc_enabled: false,
        exceptions_enabled: false,
        memory64_enabled: false,
        relaxed_simd_enabled: false,
        tail_call_enabled: false,
        threads_enabled: false,
        extended_const_enabled: false,
        ..wasm_smith::Config::default()
    }
}
