//! What a worker says of its call, as far as it can be: it may be under the control of what it runs.

use super::wire::{self, Account};
use crate::{
    call::MAX_MESSAGE,
    mounts::Opened,
    outcome::{Effect, Effects, End, LimitHit},
    package::Counter,
    terms::Terms,
};
use policy::{LimitKind, Limits};
use std::collections::BTreeSet;

/// The names of the mounts that a call has.
pub(super) fn names(mounts: &[Opened]) -> BTreeSet<String> {
    mounts.iter().map(|mount| first(mount.guest_path.trim_start_matches('/')).to_owned()).collect()
}

fn first(path: &str) -> &str {
    path.split('/').next().unwrap_or_default()
}

/// How a call ended, where the limits that hold in a worker hold here. What is too much is dropped from the account.
pub(super) fn checked(
    end: Result<End, String>,
    account: &mut Account,
    terms: &Terms,
    mounts: &BTreeSet<String>,
) -> Result<End, String> {
    let limits = &terms.limits;
    account.memory = account.memory.min(limits.get(LimitKind::Memory));
    account.effects = possible(std::mem::take(&mut account.effects), mounts);
    if let Some(hit) = excess(account, limits) {
        return Ok(End::Limit(hit));
    }
    let short = |text: String| text.chars().take(MAX_MESSAGE).collect::<String>();
    match end {
        Ok(End::Result(value) | End::ToolError(value)) if Counter::size_of(&value) > wire::most_of_result(limits) => {
            Ok(End::Limit(LimitHit { limit: LimitKind::Result, value: limits.get(LimitKind::Result) }))
        }
        Ok(End::Trap(text)) => Ok(End::Trap(short(text))),
        Ok(End::Limit(LimitHit { limit, value })) => {
            let outer = terms.outer.iter().any(|outer| outer.limits.get(limit) == value);
            Ok(End::Limit(LimitHit { limit, value: if outer { value } else { limits.get(limit) } }))
        }
        Ok(end @ (End::Result(_) | End::ToolError(_) | End::Cancelled)) => Ok(end),
        Err(why) => Err(short(why)),
    }
}

/// Drops what nothing can have printed or logged under these limits.
fn excess(account: &mut Account, limits: &Limits) -> Option<LimitHit> {
    let hit = |limit| Some(LimitHit { limit, value: limits.get(limit) });
    let printed = &mut account.printed;
    if printed.logs.len() as u64 > limits.get(LimitKind::Logs) {
        printed.logs.clear();
        return hit(LimitKind::Logs);
    }
    let logged: usize = printed.logs.iter().map(|log| log.text.len()).sum();
    // Bytes that are no text take three each, as text; what is logged is text.
    let output = limits.get(LimitKind::Output);
    if logged as u64 > output || (printed.stdout.len() + printed.stderr.len()) as u64 > output.saturating_mul(3) {
        *printed = Default::default();
        return hit(LimitKind::Output);
    }
    None
}

/// Effects on files, in the mounts of the call: all others are the host's own to see.
fn possible(claimed: Effects, mounts: &BTreeSet<String>) -> Effects {
    let Effects { done, refused, mounts_read, omitted, hosts_read: _, tools_read: _ } = claimed;
    let count = done.len() + refused.len();
    let of_files = |effect: &Effect| effect.action.is_of_files();
    let done: Vec<_> = done.into_iter().filter(|it| of_files(it) && mounts.contains(first(&it.path))).collect();
    let refused: Vec<_> = refused.into_iter().filter(of_files).collect();
    let dropped = (count - done.len() - refused.len()) as u64;
    let mounts_read = mounts_read.into_iter().filter(|name| mounts.contains(name)).collect();
    Effects { done, refused, mounts_read, omitted: omitted.saturating_add(dropped), ..Effects::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Action, Level, Log, Printed};

    fn terms() -> Terms {
        let (limits, env, outer) = (Limits::default(), Vec::new(), Vec::new());
        Terms { limits, env, clock_ms: None, seed: None, tcp: false, udp: false, outer, depth: 1 }
    }

    fn check(end: End, account: Account) -> (End, Account) {
        let mut account = account;
        let mounts = BTreeSet::from(["work".to_owned()]);
        let end = checked(Ok(end), &mut account, &terms(), &mounts).expect("it ended");
        (end, account)
    }

    #[test]
    fn claims_are_bounded() {
        let (end, _) = check(End::Trap("x".repeat(1_000_000)), Account::default());
        assert_eq!(end, End::Trap("x".repeat(MAX_MESSAGE)));
        let (end, _) = check(End::Limit(LimitHit { limit: LimitKind::Cpu, value: 7 }), Account::default());
        assert_eq!(end, End::Limit(LimitHit { limit: LimitKind::Cpu, value: 10_000 }));
        let logs = |count: usize, length: usize| {
            let log = Log { level: Level::Info, text: "x".repeat(length) };
            Account { printed: Printed { logs: vec![log; count], ..Printed::default() }, ..Account::default() }
        };
        for (count, length, limit) in [(1_001, 1, LimitKind::Logs), (1, 2 << 20, LimitKind::Output)] {
            let (end, account) = check(End::Cancelled, logs(count, length));
            assert!(matches!(end, End::Limit(hit) if hit.limit == limit), "{end:?}");
            assert!(account.printed.is_empty());
        }
        let (end, account) = check(End::Cancelled, logs(1_000, 1));
        assert_eq!((end, account.printed.logs.len()), (End::Cancelled, 1_000));
        let (_, account) = check(End::Cancelled, Account { memory: u64::MAX, ..Account::default() });
        assert_eq!(account.memory, Limits::default().get(LimitKind::Memory));
    }

    #[test]
    fn a_call_has_effects_in_its_mounts_alone() {
        let effect = |action, path: &str| Effect::new(action, path.to_owned());
        let effects = Effects {
            done: vec![
                effect(Action::Write, "work/a"),
                effect(Action::Write, "other/a"),
                effect(Action::Request, "GET https://example.com/"),
            ],
            refused: vec![effect(Action::Read, "../etc/passwd"), effect(Action::Inject, "token")],
            mounts_read: ["work", "other"].map(str::to_owned).into(),
            hosts_read: ["example.com".to_owned()].into(),
            tools_read: ["a.b".to_owned()].into(),
            omitted: 1,
        };
        let (_, account) = check(End::Cancelled, Account { effects, ..Account::default() });
        let expected = Effects {
            done: vec![effect(Action::Write, "work/a")],
            refused: vec![effect(Action::Read, "../etc/passwd")],
            mounts_read: ["work".to_owned()].into(),
            omitted: 4,
            ..Effects::default()
        };
        assert_eq!(account.effects, expected);
    }
}
