//! The task loop, and the one way to a tool.
//!
//! A [`Gate`] stands between whoever asks and the tools: it checks arguments, asks policy, records and runs. A [`Task`]
//! takes a [`Plan`] through it, step by step. What a task's state is, its events say: [`Progress`] is a fold over them.

mod afterwards;
mod approval;
mod budget;
mod check;
mod delegate;
mod expression;
mod footprint;
mod gate;
mod guests;
mod people;
mod plan;
mod planner;
mod progress;
mod record;
mod recorder;
mod report;
mod staging;
mod step;
mod task;
mod template;
mod within;

pub use afterwards::{Again, Change, Replayed, Tested, backtest, learn, replay};
pub use budget::{Budget, BudgetError, Counted, Exhausted, Part, Spent};
pub use check::{Catalogue, KnownTool, Unfit, check_plan};
pub use delegate::check_rules;
pub use expression::ExpressionError;
pub use footprint::{Footprint, of_plan as footprint};
pub use gate::{Answer, Gate, GateError, ProgressWatch, Proposal, Setup, Who};
pub use people::{PeopleError, Visited, could_wait};
pub use plan::{Isolation, NoIsolation, OnFailure, Plan, PlanError, PlanMount, Retry, Step, SubTask, Work};
pub use planner::{
    Arguments, CallResult, Function, FunctionCall, Heard, Message, Model, ModelError, ModelFault, Planner,
    PlannerSettings, Price, Prompt, Speaking, Stop, Tokens, Turn,
};
pub use progress::{Asked, Desk, Failure, Graph, Item, Node, Progress, StepProgress, StepState, Talk, Took};
pub use record::now_ms;
pub use recorder::Watch;
pub use report::{Branch, Record, explain, html, markdown};
pub use staging::{Staging, StagingError};
pub use task::{Attended, Task, TaskEnd, TaskError, Words};
