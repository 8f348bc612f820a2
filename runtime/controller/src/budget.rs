//! What a whole task may spend.

use policy::{LimitKind, Limits, Unit};
use serde::{Deserialize, Serialize};

/// Bounds on a task. What is absent is not bounded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// How many calls it may make.
    pub calls: Option<u64>,
    /// How long its calls may compute together, in milliseconds.
    pub cpu: Option<u64>,
    /// How many bytes its calls may write together.
    pub written: Option<u64>,
}

/// What a task has spent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// Calls that began.
    pub calls: u64,
    /// Time that calls computed, in microseconds.
    pub cpu_us: u64,
    /// Bytes written to files.
    pub written: u64,
}

/// A budget that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BudgetError {
    /// There is no such key.
    #[error("there is no budget `{0}`; budgets are: calls, cpu, written")]
    UnknownKey(String),
    /// The value does not fit the key's unit.
    #[error("`{key}`: `{value}` is not {}", .unit.expected())]
    Value {
        /// The key.
        key: &'static str,
        /// What was given.
        value: String,
        /// How it is counted.
        unit: Unit,
    },
}

/// A budget is used up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the budget `{key}` of {value} is spent")]
pub struct Exhausted {
    /// Which part.
    pub key: &'static str,
    /// How much it was.
    pub value: String,
}

impl Budget {
    pub(crate) fn parse<'a>(given: impl Iterator<Item = (&'a str, String)>) -> Result<Self, BudgetError> {
        let mut budget = Self::default();
        for (key, value) in given {
            let (key, unit, slot) = match key {
                "calls" => ("calls", Unit::Count, &mut budget.calls),
                "cpu" => ("cpu", Unit::Milliseconds, &mut budget.cpu),
                "written" => ("written", Unit::Bytes, &mut budget.written),
                other => return Err(BudgetError::UnknownKey(other.chars().take(80).collect())),
            };
            let parsed = unit.parse(&value);
            *slot = Some(parsed.ok_or_else(|| BudgetError::Value {
                key,
                value: value.chars().take(80).collect(),
                unit,
            })?);
        }
        Ok(budget)
    }

    /// The limits of the next call: no call may spend more than what is left.
    pub(crate) fn clip(&self, spent: &Spent, limits: &Limits) -> Result<Limits, Exhausted> {
        let exhausted = |key, value: String| Exhausted { key, value };
        if let Some(calls) = self.calls
            && spent.calls >= calls
        {
            return Err(exhausted("calls", calls.to_string()));
        }
        let mut limits = *limits;
        let parts = [
            ("cpu", self.cpu, spent.cpu_us / 1_000, LimitKind::Cpu),
            ("written", self.written, spent.written, LimitKind::Written),
        ];
        for (key, budget, spent, kind) in parts {
            let Some(budget) = budget else { continue };
            match budget.saturating_sub(spent) {
                0 => return Err(exhausted(key, kind.show(budget))),
                left => limits = limits.at_most(kind, left),
            }
        }
        Ok(limits)
    }
}
