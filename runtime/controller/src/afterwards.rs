//! What can be asked of a task when it is over: whether its calls come to the same again, what another policy would have said
//! of them, and which policy would have been enough.

mod backtest;
mod learn;
mod past;
mod replay;

pub use backtest::{Change, Tested, backtest};
pub use learn::learn;
pub use replay::{Again, Replayed, replay};
