//! Fuzz targets: what reads hostile bytes, each as a plain function that panics when something does not hold.
//!
//! [`drive`] runs them over their seeds, a folder of inputs and seeded mutations of both, on stable Rust, without
//! coverage; `libfuzzer/` beside it holds the same targets for `cargo fuzz`, which needs a nightly toolchain.
#![allow(clippy::disallowed_methods, reason = "inputs are files")]

pub mod drive;
mod mutate;
pub mod targets;

pub use drive::{Bounds, Failure, drive};
pub use targets::{TARGETS, Target};
