//! A task's report: what was done, by which tool, under which policy, with which effects.

use crate::{plan::Plan, progress::Progress};
use journal::{Event, EventBody, TaskId, TaskStarted, Verdict};
use sandbox::Effects;
use std::fmt::Write as _;

/// How many effects a step's section lists; the journal has all that were recorded.
const MAX_LISTED: usize = 40;
/// How much of a result is shown, in characters.
const MAX_SHOWN: usize = 600;

/// The report as Markdown.
pub fn markdown(task: &TaskId, plan: &Plan, events: &[Event]) -> String {
    let mut progress = Progress::new(plan);
    let mut out = String::new();
    for event in events {
        progress.apply(plan, &event.body);
    }
    let started = events.iter().find_map(|event| match &event.body {
        EventBody::TaskStarted(started) => Some(started),
        _ => None,
    });
    let ended = events.iter().rev().find_map(|event| match &event.body {
        EventBody::TaskEnded { state, why } => Some((*state, why.clone())),
        _ => None,
    });
    let state =
        ended.as_ref().map_or("running, or interrupted".to_owned(), |(state, _)| format!("{state:?}").to_lowercase());

    let _ = writeln!(out, "# {}\n", text(&plan.objective));
    let _ = writeln!(out, "| | |\n|---|---|");
    let _ = writeln!(out, "| task | `{task}` |");
    let _ = writeln!(out, "| state | {state} |");
    if let Some((_, Some(why))) = &ended {
        let _ = writeln!(out, "| why | {} |", text(why));
    }
    let spent = &progress.spent;
    let _ = writeln!(
        out,
        "| spent | {} calls, {:.1} ms of CPU, {} bytes written |",
        spent.calls,
        ms(spent.cpu_us),
        spent.written
    );
    if let (Some(first), Some(last)) = (events.first(), events.last()) {
        let _ =
            writeln!(out, "| took | {:.3} s, {} events |", ms(last.at_ms.saturating_sub(first.at_ms)), events.len());
        let _ = writeln!(out, "| head of the record | `{}` |", last.digest);
    }
    out.push('\n');
    steps(&mut out, plan, &progress, events);
    staged(&mut out, events);
    if let Some(started) = started {
        world(&mut out, started);
    }
    out
}

fn steps(out: &mut String, plan: &Plan, progress: &Progress, events: &[Event]) {
    out.push_str(
        "## Steps\n\n| step | tool | state | CPU | wall | effects | refused |\n|---|---|---|---:|---:|---:|---:|\n",
    );
    for (step, known) in plan.steps.iter().zip(&progress.steps) {
        let (cpu, wall, done, refused) = known.outcome.as_ref().map_or((0.0, 0.0, 0, 0), |outcome| {
            let effects = &outcome.effects;
            (ms(outcome.usage.cpu_us), ms(outcome.usage.wall_us), effects.done.len(), effects.refused.len())
        });
        let _ = writeln!(
            out,
            "| {} | `{}` | {} | {cpu:.1} ms | {wall:.1} ms | {done} | {refused} |",
            step.id,
            step.tool,
            known.state.word()
        );
    }
    out.push('\n');
    for (step, known) in plan.steps.iter().zip(&progress.steps) {
        let _ = writeln!(out, "### {}: {}\n", step.id, known.state.word());
        if let Some(title) = &step.title {
            let _ = writeln!(out, "{}\n", text(title));
        }
        if let Some(why) = &known.why {
            let _ = writeln!(out, "- why: {}", text(why));
        }
        for event in events {
            if let EventBody::Decided { step: id, tool, digest, args, provenance, decision } = &event.body
                && *id == step.id
            {
                let _ = writeln!(out, "- tool: `{tool}` of `{digest}`");
                let _ = writeln!(out, "- arguments: {}", code(&args.to_string()));
                for (key, sources) in provenance {
                    let sources: Vec<_> = sources.iter().map(ToString::to_string).collect();
                    let _ = writeln!(out, "  - `{key}` came from {}", text(&sources.join(", ")));
                }
                let _ = writeln!(out, "- decision: {}", text(&decided(decision)));
            }
        }
        if let Some(outcome) = &known.outcome {
            let _ = writeln!(out, "- outcome: {}", code(&crate::record::json(&outcome.end).to_string()));
            effects(out, &outcome.effects);
        }
        out.push('\n');
    }
}

fn decided(decision: &Verdict) -> String {
    match decision {
        Verdict::Allow { grant } => {
            let policies = grant.get("policies").and_then(|list| list.as_array()).cloned().unwrap_or_default();
            let names: Vec<_> = policies.iter().filter_map(|name| name.as_str()).collect();
            format!("allowed by {}", names.join(", "))
        }
        Verdict::Ask { approvers, policies } => {
            format!("waits for the approval of {} (by {})", approvers.join(", "), policies.join(", "))
        }
        Verdict::Deny { denial } => format!("denied: {denial}"),
    }
}

fn effects(out: &mut String, effects: &Effects) {
    for (title, list) in [("did", &effects.done), ("was refused", &effects.refused)] {
        for effect in list.iter().take(MAX_LISTED) {
            let to = effect.to.as_ref().map_or_else(String::new, |to| format!(" to {}", code(to)));
            let why = effect.why.as_ref().map_or_else(String::new, |why| format!(": {}", text(why)));
            let _ = writeln!(out, "- {title}: {} {}{to}{why}", effect.action.name(), code(&effect.path));
        }
        if let Some(more) = list.len().checked_sub(MAX_LISTED).filter(|more| *more > 0) {
            let _ = writeln!(out, "- {title}: {more} more");
        }
    }
    if effects.omitted > 0 {
        let _ = writeln!(out, "- not listed: {} more", effects.omitted);
    }
}

/// What became of staged changes.
fn staged(out: &mut String, events: &[Event]) {
    let said = |event: &Event| match &event.body {
        EventBody::Committing { digest, changes } => {
            Some(format!("{} were to be taken over, as `{digest}`", changes["total"]))
        }
        EventBody::Committed { digest } => Some(format!("those of `{digest}` were taken over")),
        EventBody::Discarded { digest, changes } => {
            Some(format!("{}, as `{digest}`, were discarded", changes["total"]))
        }
        _ => None,
    };
    let said: Vec<_> = events.iter().filter_map(said).collect();
    if !said.is_empty() {
        let _ = writeln!(out, "## Staged changes\n\n- {}\n", said.join("\n- "));
    }
}

fn world(out: &mut String, started: &TaskStarted) {
    out.push_str("## Under what it ran\n\n| mount | directory | access | rules |\n|---|---|---|---|\n");
    for mount in &started.mounts {
        let rules = [("deny", &mount.deny), ("read-only", &mount.read_only)];
        let rules = rules.iter().filter(|(_, patterns)| !patterns.is_empty());
        let rules: Vec<_> = rules.map(|(key, patterns)| format!("{key} {}", text(&patterns.join(", ")))).collect();
        let access = format!("{}{}", mount.access, if mount.staged { ", staged" } else { "" });
        let _ = writeln!(out, "| {} | {} | {access} | {} |", mount.name, text(&mount.path), rules.join("; "));
    }
    out.push_str("\n| package | digest |\n|---|---|\n");
    for package in &started.packages {
        let _ = writeln!(out, "| {} | `{}` |", package.name, package.digest);
    }
    out.push_str("\nPolicy:\n\n");
    for (name, policy) in &started.policy {
        let digest = registry::digest(policy.as_bytes());
        let _ = writeln!(out, "- {} `{digest}`", text(name));
    }
}

#[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
fn ms(micros: u64) -> f64 {
    micros as f64 / 1_000.0
}

/// Text from outside, so that it can be nothing but text in Markdown: no markup, no table cell, no line of its own.
fn text(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars().take(MAX_SHOWN) {
        match c {
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '<' | '>' | '#' | '|' | '!' | '~' => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    if value.chars().nth(MAX_SHOWN).is_some() {
        out.push('…');
    }
    out
}

/// Text as code: with more backticks around it than are in it.
fn code(value: &str) -> String {
    let shown: String = value.chars().take(MAX_SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let more = if value.chars().nth(MAX_SHOWN).is_some() { "…" } else { "" };
    let longest = shown.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    format!("{fence} {shown}{more} {fence}")
}
