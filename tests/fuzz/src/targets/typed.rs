//! Components with typed functions.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, WorldId};

/// The component with one tool, `echo`, that takes every type and gives it back.
pub(super) fn echo() -> Vec<u8> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("arguments.wit", include_str!("arguments.wit")).expect("good WIT");
    let world = resolve.select_world(&[package], None).expect("one world");
    let module = wat::parse_str(include_str!("arguments.wat")).expect("good WAT");
    component(&resolve, world, module).expect("a component")
}

/// A core module as a component of this world.
///
/// # Errors
/// Where the module does not fit the world.
pub(super) fn component(resolve: &Resolve, world: WorldId, mut module: Vec<u8>) -> anyhow::Result<Vec<u8>> {
    embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8)?;
    ComponentEncoder::default().module(&module)?.encode()
}
