//! The planner of a plan's file.

use super::{
    raw::{RawPlanner, RawPrice},
    steps::short,
};
use crate::{
    budget::money,
    planner::{PlannerSettings, Price},
};
use policy::Unit;

/// How many tokens a model is told and writes at once, where the plan does not say.
const CONTEXT: u64 = 100_000;
/// How many it writes at once.
const OUTPUT: u64 = 4_096;
/// How much it is shown of one result, in bytes.
const RESULT: u64 = 16 << 10;
/// How often it can speak.
const TURNS: u32 = 100;
const MAX_TURNS: u32 = 10_000;

pub(super) fn read(raw: RawPlanner, problems: &mut Vec<String>) -> Option<PlannerSettings> {
    let before = problems.len();
    let mut amount = |given: &super::raw::Quantity, key: &str| {
        let text = given.to_string();
        money(&text).unwrap_or_else(|| {
            problems.push(format!("planner.price.{key}: `{}` is no amount, such as `2.50`", short(&text)));
            0
        })
    };
    let price = raw.price.map(|RawPrice { input, cached, output }| {
        let input = amount(&input, "input");
        let cached = cached.map_or(input, |cached| amount(&cached, "cached"));
        Price { input, cached, output: amount(&output, "output") }
    });
    let result_bytes = raw.result.map_or(RESULT, |quantity| {
        Unit::Bytes.parse(&quantity.to_string()).unwrap_or_else(|| {
            let expected = Unit::Bytes.expected();
            problems.push(format!("planner.result: `{}` is not {expected}", short(&quantity.to_string())));
            RESULT
        })
    });
    let (context, output) = (raw.context.unwrap_or(CONTEXT), raw.output.unwrap_or(OUTPUT));
    if output == 0 || context < output.saturating_mul(2) {
        problems.push(format!("planner.context: {context} tokens are less than twice `output`, which is {output}"));
    }
    let turns = raw.turns.unwrap_or(TURNS);
    if !(1..=MAX_TURNS).contains(&turns) {
        problems.push(format!("planner.turns: {turns} is outside 1 to {MAX_TURNS}"));
    }
    (problems.len() == before).then(|| PlannerSettings {
        name: raw.name.map_or_else(|| "model".to_owned(), |name| name.to_string()),
        api: raw.api,
        url: raw.url,
        model: raw.model,
        key: raw.key,
        context,
        output,
        result_bytes,
        turns,
        price,
        instructions: raw.instructions,
    })
}
