//! What proposes the next steps of a task.

mod model;

pub use model::{
    Arguments, CallResult, Function, FunctionCall, Heard, Message, Model, ModelError, ModelFault, Prompt, Speaking,
    Stop, Tokens, Turn,
};
