//! How many instances a component makes before its first call. Each component within a component can be instantiated many
//! times, by ones that are instantiated many times themselves: a few lines ask for more than any host has, and the engine
//! writes them all out before it counts them.

use wasmparser::{
    BinaryReaderError, ComponentImportSectionReader, ComponentInstance, ComponentInstanceSectionReader,
    ComponentTypeRef, Encoding, Payload,
};

/// The most that a package may ask for. Composed packages have some dozens; the engine takes 0.2 s for so many.
const MAX: u64 = 10_000;

/// What is counted while a component's sections are read in order.
#[derive(Debug, Default)]
pub(crate) struct Nested {
    /// The components that the reader is inside of; a module is none of them.
    open: Vec<Option<Open>>,
    /// The instances that the largest of the components makes that were read to their end.
    largest: u64,
}

#[derive(Debug, Default)]
struct Open {
    /// How many components it instantiates.
    instantiated: u64,
    /// Whether it takes components from whoever instantiates it: then its own text bounds nothing.
    takes: bool,
}

impl Nested {
    /// Takes the next payload; `false` where it is too much.
    pub(crate) fn take(&mut self, payload: &Payload<'_>) -> Result<bool, BinaryReaderError> {
        match payload {
            Payload::Version { encoding, .. } => {
                self.open.push((*encoding == Encoding::Component).then(Open::default));
            }
            Payload::ComponentInstanceSection(section) => self.instances(section)?,
            Payload::ComponentImportSection(section) => self.imports(section)?,
            Payload::End(_) => {
                if let Some(Some(ended)) = self.open.pop() {
                    // Only what was read to its end can be instantiated, so no more than the largest of those each time.
                    let made = ended.instantiated.saturating_mul(self.largest.max(1)).saturating_add(1);
                    self.largest = self.largest.max(made);
                    return Ok(made <= MAX && !(ended.takes && ended.instantiated > 0));
                }
            }
            _ => {}
        }
        Ok(true)
    }

    fn instances(&mut self, section: &ComponentInstanceSectionReader<'_>) -> Result<(), BinaryReaderError> {
        for instance in section.clone() {
            if let (ComponentInstance::Instantiate { .. }, Some(Some(open))) = (instance?, self.open.last_mut()) {
                open.instantiated += 1;
            }
        }
        Ok(())
    }

    fn imports(&mut self, section: &ComponentImportSectionReader<'_>) -> Result<(), BinaryReaderError> {
        for import in section.clone() {
            if let (ComponentTypeRef::Component(_), Some(Some(open))) = (import?.ty, self.open.last_mut()) {
                open.takes = true;
            }
        }
        Ok(())
    }
}
