//! Components: as they come, and made from random bytes.

use super::{
    sandboxed::{load, small},
    typed,
};
use arbitrary::Unstructured;
use wasm_smith::{Component, Config};

/// What a component may begin with; anything else is taken for the choices of which one is made.
const MAGIC: &[u8] = b"\0asm";

/// A component is loaded or refused.
pub fn run(data: &[u8]) {
    if data.starts_with(MAGIC) {
        load(data);
        return;
    }
    let Some((choice, rest)) = data.split_first() else { return };
    // Some of them use what the engine does not offer.
    let config = if choice % 4 == 0 { Config { gc_enabled: true, threads_enabled: true, ..small() } } else { small() };
    if let Ok(component) = Component::new(config, &mut Unstructured::new(rest)) {
        load(&component.to_bytes());
    }
}

/// The odd components of the end-to-end tests, and the one that takes everything.
pub fn seeds() -> Vec<Vec<u8>> {
    let texts = super::files("../guests/wat", ".wat");
    let mut seeds: Vec<_> = texts.iter().map(|text| wat::parse_bytes(text).expect("good WAT").into_owned()).collect();
    seeds.push(typed::echo());
    seeds
}
