//! What a whole task may spend.
//!
//! Before a call begins, the most that it can spend is held for it, so that calls which run at once cannot overspend
//! together; when it has ended, what it really spent counts. For a language model's turn the same is done with tokens and
//! money.

use policy::{Denial, LimitKind, Limits, Refusal, ToolId, Unit};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What is counted over a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Calls that began.
    Calls,
    /// Time that calls computed.
    Cpu,
    /// Bytes written to files.
    Written,
    /// Bytes sent over the network by tools.
    Sent,
    /// Bytes received from it by tools.
    Received,
    /// Time that somebody worked on the task: not the time during which it waited for a person, or lay about.
    Time,
    /// Tokens that planners were told and wrote.
    Tokens,
    /// What those cost.
    Money,
}

/// How a part is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// In a limit's unit.
    In(Unit),
    /// In millionths of the money in which prices are given.
    Money,
}

/// Every part: its key in plans, and how it is counted.
const PARTS: [(Part, &str, Counted); 8] = [
    (Part::Calls, "calls", Counted::In(Unit::Count)),
    (Part::Cpu, "cpu", Counted::In(Unit::Milliseconds)),
    (Part::Written, "written", Counted::In(Unit::Bytes)),
    (Part::Sent, "sent", Counted::In(Unit::Bytes)),
    (Part::Received, "received", Counted::In(Unit::Bytes)),
    (Part::Time, "time", Counted::In(Unit::Milliseconds)),
    (Part::Tokens, "tokens", Counted::In(Unit::Count)),
    (Part::Money, "money", Counted::Money),
];

/// How much one of the money of a price is.
pub(crate) const MONEY: u64 = 1_000_000;

/// Bounds on a task, each in the unit of its part. What is absent is not bounded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Budget([Option<u64>; PARTS.len()]);

/// What a task has spent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spent {
    /// Calls that began.
    pub calls: u64,
    /// Time that calls computed, in microseconds.
    pub cpu_us: u64,
    /// Bytes written to files.
    pub written: u64,
    /// Bytes that tools sent.
    pub sent: u64,
    /// Bytes that tools received.
    pub received: u64,
    /// Time that somebody worked on it, in milliseconds.
    pub time_ms: u64,
    /// Tokens that planners were told and wrote.
    pub tokens: u64,
    /// What those cost, in millionths.
    pub money: u64,
}

/// What a step may spend.
#[derive(Debug, Clone)]
pub(crate) enum Room {
    /// One call.
    Call(Limits),
    /// A task of its own.
    Task(Budget),
}

/// A budget that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BudgetError {
    /// There is no such key.
    #[error("there is no budget `{key}`; budgets are: {}", keys())]
    UnknownKey {
        /// What was asked for.
        key: String,
    },
    /// The value does not fit the key's unit.
    #[error("`{key}`: `{value}` is not {}", .counted.expected())]
    Value {
        /// The key.
        key: &'static str,
        /// What was given.
        value: String,
        /// How it is counted.
        counted: Counted,
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

impl Exhausted {
    /// The same as what is recorded of a call that was not let run.
    pub(crate) fn denial(&self, tool: &ToolId) -> Denial {
        let refused = Refusal {
            action: "call".into(),
            resource: tool.to_string(),
            policies: vec!["budget".into()],
            hint: self.to_string(),
        };
        Denial { refused: vec![refused] }
    }
}

fn keys() -> String {
    PARTS.map(|(_, key, _)| key).join(", ")
}

impl Counted {
    fn expected(self) -> &'static str {
        match self {
            Self::In(unit) => unit.expected(),
            Self::Money => "an amount such as `2.50`, with at most six digits after the point",
        }
    }

    fn parse(self, text: &str) -> Option<u64> {
        match self {
            Self::In(unit) => unit.parse(text),
            Self::Money => money(text),
        }
    }

    fn show(self, value: u64) -> String {
        match self {
            Self::In(unit) => unit.show(value),
            Self::Money => Money(value).to_string(),
        }
    }
}

/// An amount in millionths, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Money(pub(crate) u64);

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fraction = format!("{:06}", self.0 % MONEY);
        let shown = fraction.trim_end_matches('0');
        write!(f, "{}.{shown:0<2}", self.0 / MONEY)
    }
}

/// Reads an amount: digits, a point, at most six more.
pub(crate) fn money(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > 6 {
        return None;
    }
    let fraction: u64 = format!("{fraction:0<6}").parse().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(MONEY)?.checked_add(fraction)
}

impl Spent {
    fn of(&self, part: Part) -> u64 {
        match part {
            Part::Calls => self.calls,
            Part::Cpu => self.cpu_us / 1_000,
            Part::Written => self.written,
            Part::Sent => self.sent,
            Part::Received => self.received,
            Part::Time => self.time_ms,
            Part::Tokens => self.tokens,
            Part::Money => self.money,
        }
    }

    pub(crate) fn add(&mut self, more: &Self) {
        let Self { calls, cpu_us, written, sent, received, time_ms, tokens, money } = self;
        let add = |sum: &mut u64, more: u64| *sum = sum.saturating_add(more);
        add(calls, more.calls);
        add(cpu_us, more.cpu_us);
        add(written, more.written);
        add(sent, more.sent);
        add(received, more.received);
        add(time_ms, more.time_ms);
        add(tokens, more.tokens);
        add(money, more.money);
    }

    /// Takes away what was added before.
    pub(crate) fn take(&mut self, less: &Self) {
        let Self { calls, cpu_us, written, sent, received, time_ms, tokens, money } = self;
        let take = |sum: &mut u64, less: u64| *sum = sum.saturating_sub(less);
        take(calls, less.calls);
        take(cpu_us, less.cpu_us);
        take(written, less.written);
        take(sent, less.sent);
        take(received, less.received);
        take(time_ms, less.time_ms);
        take(tokens, less.tokens);
        take(money, less.money);
    }

    /// The most that a call under these limits can spend.
    pub(crate) fn at_most(limits: &Limits) -> Self {
        Self {
            cpu_us: limits.get(LimitKind::Cpu).saturating_mul(1_000),
            written: limits.get(LimitKind::Written),
            sent: limits.get(LimitKind::Sent),
            received: limits.get(LimitKind::Received),
            ..Self::default()
        }
    }
}

impl Budget {
    pub(crate) fn parse<'a>(given: impl Iterator<Item = (&'a str, String)>) -> Result<Self, BudgetError> {
        let mut budget = Self::default();
        for (key, value) in given {
            let Some((part, key, counted)) = PARTS.into_iter().find(|(_, known, _)| *known == key) else {
                return Err(BudgetError::UnknownKey { key: key.chars().take(80).collect() });
            };
            let parsed = counted.parse(&value);
            let refuse = || BudgetError::Value { key, value: value.chars().take(80).collect(), counted };
            budget.0[part as usize] = Some(parsed.ok_or_else(refuse)?);
        }
        Ok(budget)
    }

    /// What a part is bounded to.
    pub fn get(&self, part: Part) -> Option<u64> {
        self.0[part as usize]
    }

    /// The lower of two bounds, part by part.
    pub(crate) fn within(mut self, other: &Self) -> Self {
        for (own, other) in self.0.iter_mut().zip(other.0) {
            *own = own.iter().copied().chain(other).min();
        }
        self
    }

    /// The bounds with so much more, for what was spent under them before.
    pub(crate) fn and(mut self, spent: &Spent) -> Self {
        for (part, ..) in PARTS {
            let slot = &mut self.0[part as usize];
            *slot = slot.map(|budget| budget.saturating_add(spent.of(part)));
        }
        self
    }

    /// The most that can be spent under it; what it does not bound counts as nothing.
    pub(crate) fn most(&self) -> Spent {
        let of = |part: Part| self.get(part).unwrap_or(0);
        Spent {
            calls: of(Part::Calls),
            cpu_us: of(Part::Cpu).saturating_mul(1_000),
            written: of(Part::Written),
            sent: of(Part::Sent),
            received: of(Part::Received),
            // Both go on at the same time.
            time_ms: 0,
            tokens: of(Part::Tokens),
            money: of(Part::Money),
        }
    }

    /// What is left of it.
    pub(crate) fn left(&self, spent: &Spent) -> Self {
        let mut left = *self;
        for (part, ..) in PARTS {
            let slot = &mut left.0[part as usize];
            *slot = slot.map(|budget| budget.saturating_sub(spent.of(part)));
        }
        left
    }

    /// Says which part is spent, if that has any of these.
    pub(crate) fn check(&self, spent: &Spent, parts: &[Part]) -> Result<(), Exhausted> {
        for (part, key, counted) in PARTS.into_iter().filter(|(part, ..)| parts.contains(part)) {
            if let Some(budget) = self.get(part)
                && spent.of(part) >= budget
            {
                return Err(Exhausted { key, value: counted.show(budget) });
            }
        }
        Ok(())
    }

    /// The limits of the next call: no call may spend more than what is left.
    pub(crate) fn clip(&self, spent: &Spent, limits: &Limits) -> Result<Limits, Exhausted> {
        self.check(spent, &[Part::Calls, Part::Cpu, Part::Written, Part::Sent, Part::Received, Part::Time])?;
        let kinds = [
            (Part::Cpu, LimitKind::Cpu),
            (Part::Written, LimitKind::Written),
            (Part::Sent, LimitKind::Sent),
            (Part::Received, LimitKind::Received),
            (Part::Time, LimitKind::Wall),
        ];
        let left = self.left(spent);
        let clip = |limits: Limits, (part, kind)| left.get(part).map_or(limits, |left| limits.at_most(kind, left));
        Ok(kinds.into_iter().fold(*limits, clip))
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bounded = PARTS.into_iter().filter_map(|(part, key, counted)| Some((key, counted.show(self.get(part)?))));
        let parts: Vec<_> = bounded.map(|(key, value)| format!("{key} {value}")).collect();
        f.write_str(&parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_exact() {
        let check = |text: &str, expected: &str| {
            let got = money(text).map_or("none".to_owned(), |value| Money(value).to_string());
            assert_eq!(got, expected, "{text}");
        };
        check("2.5", "2.50");
        check("0.000001", "0.000001");
        check("10", "10.00");
        check("0.1234567", "none");
        check(".5", "none");
        check("-1", "none");
        check("1e3", "none");
        check("99999999999999999999", "none");
    }
}
