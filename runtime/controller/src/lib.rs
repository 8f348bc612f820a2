//! The task loop, and the one way to a tool.
//!
//! A [`Gate`] stands between whoever asks and the tools: it checks arguments, asks policy, records and runs. A [`Task`]
//! takes a [`Plan`] through it, step by step. What a task's state is, its events say: [`Progress`] is a fold over them.

mod budget;
mod expression;
mod gate;
mod guests;
mod plan;
mod planner;
mod progress;
mod record;
mod report;
mod staging;
mod step;
mod task;
mod template;
mod within;

pub use budget::{Budget, BudgetError, Exhausted, Spent};
pub use expression::ExpressionError;
pub use gate::{Answer, Gate, GateError, ProgressWatch, Proposal, Setup, Who};
pub use plan::{Isolation, NoIsolation, OnFailure, Plan, PlanError, PlanMount, Step};
pub use planner::{
    Arguments, CallResult, Function, FunctionCall, Heard, Message, Model, ModelError, ModelFault, Prompt, Speaking,
    Stop, Tokens, Turn,
};
pub use progress::{Failure, Progress, StepProgress, StepState};
pub use record::now_ms;
pub use report::markdown;
pub use staging::{Staging, StagingError};
pub use task::{Task, TaskEnd, TaskError, Watch, Words};
