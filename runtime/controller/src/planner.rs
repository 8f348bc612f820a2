//! What proposes the next steps of a task.

mod functions;
mod model;
mod prompt;
mod shown;
mod told;
mod turn;

pub use model::{
    Arguments, CallResult, Function, FunctionCall, Heard, Message, Model, ModelError, ModelFault, Prompt, Speaking,
    Stop, Tokens, Turn,
};

pub(crate) use turn::{Planned, plan, source};

use policy::SecretName;
use std::{fmt, sync::Arc};

/// The language model that plans, as a plan says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannerSettings {
    /// Its name in provenance: `planner:NAME`.
    pub name: String,
    /// How it is spoken to: what the crate that does so knows.
    pub api: String,
    /// Where.
    pub url: String,
    /// Which model is asked for.
    pub model: String,
    /// The secret that it is asked with.
    pub key: Option<SecretName>,
    /// How many tokens it takes, what it writes included.
    pub context: u64,
    /// How many it writes at most at once.
    pub output: u64,
    /// How much of one result it is shown, in bytes.
    pub result_bytes: u64,
    /// How often it can speak.
    pub turns: u32,
    /// What its tokens cost; `None` where that is not counted.
    pub price: Option<Price>,
    /// What it is told beside the objective.
    pub instructions: Option<String>,
}

/// A planner that is a language model.
#[derive(Clone)]
pub struct Planner {
    /// Whom it is.
    pub settings: PlannerSettings,
    /// How to speak to it.
    pub model: Arc<dyn Model>,
    /// Told of its words as they come.
    pub heard: Arc<Heard<'static>>,
}

impl fmt::Debug for Planner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Planner").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// What a million tokens cost, in millionths of whatever money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    /// Tokens that it is told.
    pub input: u64,
    /// Those of them that came from a cache.
    pub cached: u64,
    /// Tokens that it writes.
    pub output: u64,
}

/// How many tokens a price is for.
const PRICED: u128 = 1_000_000;

impl Price {
    /// What these tokens cost, in millionths, rounded up.
    pub(crate) fn of(&self, tokens: &Tokens) -> u64 {
        let cached = tokens.cached.min(tokens.input);
        let parts = [(tokens.input - cached, self.input), (cached, self.cached), (tokens.output, self.output)];
        let sum: u128 = parts.iter().map(|(count, price)| u128::from(*count) * u128::from(*price)).sum();
        u64::try_from(sum.div_ceil(PRICED)).unwrap_or(u64::MAX)
    }
}
