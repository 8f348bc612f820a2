//! JSON to component values and back.

mod lift;
mod lower;

pub use lift::BadArguments;
pub(crate) use lift::arguments;
pub(crate) use lower::{TooLarge, json};
