//! The report as Markdown.

use super::{
    lineage::Lineage,
    story::{Decided, Said, Staged, StepStory, Story},
};
use crate::{
    budget::Money,
    progress::{Failure, StepState},
};
use journal::{Answer, By, Event, Steering, TaskStarted, Verdict};
use policy::Provenance;
use sandbox::Effects;
use std::fmt::Write as _;

/// How many effects a step's section lists; the journal has all that were recorded.
const MAX_LISTED: usize = 40;
/// How many steps have a section; the table has them all.
const MAX_SECTIONS: usize = 500;
/// How much of a result is shown, in characters.
const MAX_SHOWN: usize = 600;

pub(super) fn write(story: &Story<'_>, events: &[Event]) -> String {
    let mut out = String::new();
    let plan = story.progress.plan();
    let _ = writeln!(out, "# {}\n", text(&plan.objective));
    let _ = writeln!(out, "| | |\n|---|---|");
    let _ = writeln!(out, "| task | `{}` |", story.task);
    let _ = writeln!(out, "| state | {} |", story.state());
    if let Some(why) = story.ended.and_then(|ended| ended.why) {
        let _ = writeln!(out, "| why | {} |", text(why));
    }
    if let Some(given) = story.given() {
        let _ = writeln!(out, "| given | {} |", code(&given));
    }
    if let Some(result) = story.result() {
        let _ = writeln!(out, "| result | {} |", code(&result.to_string()));
    }
    let counts: Vec<_> = story.counts().into_iter().map(|(word, count)| format!("{count} {word}")).collect();
    let _ = writeln!(out, "| steps | {} |", counts.join(", "));
    let _ = writeln!(out, "| spent | {} |", spent(story));
    if let Some(head) = story.head {
        let took = ms(story.last_ms.saturating_sub(story.first_ms));
        let _ = writeln!(out, "| took | {took:.3} s, {} events |", story.events);
        let _ = writeln!(out, "| head of the record | `{head}` |");
    }
    out.push('\n');
    steps(&mut out, story, events);
    said(&mut out, story);
    staged(&mut out, story);
    if let Some(started) = story.started.filter(|started| started.origin.is_none()) {
        world(&mut out, started);
    }
    out
}

/// What a task spent, in words.
pub(super) fn spent(story: &Story<'_>) -> String {
    let spent = &story.progress.spent;
    let mut words =
        format!("{} calls, {:.1} ms of CPU, {} bytes written", spent.calls, ms(spent.cpu_us), spent.written);
    if spent.sent + spent.received > 0 {
        let _ = write!(words, ", {} bytes sent, {} received", spent.sent, spent.received);
    }
    if spent.tokens > 0 {
        let _ = write!(words, ", {} tokens", spent.tokens);
    }
    if spent.money > 0 {
        let _ = write!(words, ", money {}", Money(spent.money));
    }
    words
}

fn steps(out: &mut String, story: &Story<'_>, events: &[Event]) {
    out.push_str(
        "## Steps\n\n| step | tool | state | tries | CPU | wall | effects | refused |\n|---|---|---|---:|---:|---:|---:|---:|\n",
    );
    for (node, known) in story.progress.graph.nodes().iter().zip(&story.progress.steps) {
        let took = &known.took;
        let _ = writeln!(
            out,
            "| {} | `{}` | {} | {} | {:.1} ms | {:.1} ms | {} | {} |",
            text(&node.id),
            node.step.work,
            known.state.word(),
            known.tries,
            ms(took.cpu_us),
            ms(took.wall_us),
            took.effects,
            took.refused,
        );
    }
    out.push('\n');
    let all = story.progress.graph.nodes().iter().zip(&story.progress.steps).zip(&story.steps).enumerate();
    for (at, ((node, known), told)) in all.take(MAX_SECTIONS) {
        if story.is_untouched(at) {
            continue;
        }
        let _ = writeln!(out, "### {}: {}\n", text(&node.id), known.state.word());
        if let Some(title) = &node.step.title {
            let _ = writeln!(out, "{}\n", text(title));
        }
        if let Some(why) = &known.why {
            let _ = writeln!(out, "- why: {}", text(why));
        }
        step(out, told);
        if told.was_refused() || known.state == StepState::Failed(Failure::Denied) {
            out.push_str("- where its data came from:\n\n");
            for line in Lineage::new(story, events).of(at, true).lines() {
                let _ = writeln!(out, "      {}", plain(&line));
            }
        }
        out.push('\n');
    }
    if let Some(more) = story.steps.len().checked_sub(MAX_SECTIONS).filter(|more| *more > 0) {
        let _ = writeln!(out, "{more} more steps are in the table only.\n");
    }
}

fn step(out: &mut String, told: &StepStory<'_>) {
    for decided in &told.decided {
        let Decided { tool, digest, args, provenance, decision, approval } = decided;
        let _ = writeln!(out, "- tool: `{tool}` of `{digest}`");
        let _ = writeln!(out, "- arguments: {}", code(&args.to_string()));
        for (key, sources) in *provenance {
            let _ = writeln!(out, "  - {} came from {}", code(key), text(&list(sources)));
        }
        let _ = writeln!(out, "- decision: {}", text(&verdict(decision)));
        if let Some(approval) = approval {
            let _ = writeln!(out, "- under the approval of `{approval}`");
        }
    }
    for call in &told.invoked {
        let by: Vec<_> = call.chain.iter().map(ToString::to_string).collect();
        let _ = writeln!(
            out,
            "- called within {}: `{}` with {}, {}{}",
            text(&by.join(" → ")),
            call.tool,
            code(&call.args.to_string()),
            text(&verdict(call.decision)),
            text(&call.end().map(|end| format!("; {end}")).unwrap_or_default())
        );
        let _ = writeln!(out, "  - its caller had seen {}", text(&list(&call.sources())));
        if let Some(done) = call.effects() {
            effects(out, "  ", done);
        }
    }
    for task in &told.delegated {
        let _ = writeln!(out, "- is the task `{task}`");
    }
    for call in &told.calls {
        if let Some(outcome) = &call.outcome {
            let _ = writeln!(out, "- outcome: {}", code(&crate::record::json(&outcome.end).to_string()));
            effects(out, "", &outcome.effects);
        }
    }
}

pub(super) fn list(sources: &Provenance) -> String {
    let sources: Vec<_> = sources.iter().map(ToString::to_string).collect();
    sources.join(", ")
}

pub(super) fn verdict(decision: &Verdict) -> String {
    match decision {
        Verdict::Allow { grant } => {
            let policies = grant.get("policies").and_then(|list| list.as_array()).cloned().unwrap_or_default();
            let names: Vec<_> = policies.iter().filter_map(|name| name.as_str()).collect();
            let left_out = grant["left_out"].as_array().into_iter().flatten();
            let left_out = left_out.map(|refusal| {
                let part = |key: &str| refusal[key].as_str().unwrap_or_default();
                format!("; without {} {} ({})", part("action"), part("resource"), part("hint"))
            });
            format!("allowed by {}{}", names.join(", "), left_out.collect::<String>())
        }
        Verdict::Ask { approvers, policies } => {
            format!("waits for the approval of {} (by {})", approvers.join(", "), policies.join(", "))
        }
        Verdict::Deny { denial } => format!("denied: {denial}"),
    }
}

fn effects(out: &mut String, indent: &str, effects: &Effects) {
    for (title, list) in [("did", &effects.done), ("was refused", &effects.refused)] {
        for effect in list.iter().take(MAX_LISTED) {
            let to = effect.to.as_ref().map_or_else(String::new, |to| format!(" to {}", code(to)));
            let why = effect.why.as_ref().map_or_else(String::new, |why| format!(": {}", text(why)));
            let _ = writeln!(out, "{indent}- {title}: {} {}{to}{why}", effect.action.name(), code(&effect.path));
        }
        if let Some(more) = list.len().checked_sub(MAX_LISTED).filter(|more| *more > 0) {
            let _ = writeln!(out, "{indent}- {title}: {more} more");
        }
    }
    if effects.omitted > 0 {
        let _ = writeln!(out, "{indent}- not listed: {} more", effects.omitted);
    }
}

/// What people and planners said.
fn said(out: &mut String, story: &Story<'_>) {
    if story.said.is_empty() {
        return;
    }
    out.push_str("## People and planners\n\n");
    for (at_ms, said) in &story.said {
        let _ = writeln!(out, "- {:.3} s: {}", ms(at_ms.saturating_sub(story.first_ms)), text(&sentence(said)));
    }
    out.push('\n');
}

/// What somebody said, in a sentence.
pub(super) fn sentence(said: &Said<'_>) -> String {
    match said {
        Said::Asked(ask) => {
            let what = match &ask.about {
                journal::About::Step(step) => format!("step {step}"),
                journal::About::Plan => "the plan".to_owned(),
                journal::About::Question => {
                    format!("a question: {}", ask.shown["question"].as_str().unwrap_or_default())
                }
            };
            let whom = if ask.approvers.is_empty() { "anybody".to_owned() } else { ask.approvers.join(", ") };
            format!("asked {whom} about {what}, as {}", ask.digest)
        }
        Said::Answered(digest, answer, by) => match answer {
            Answer::Approve => format!("{by} approved {digest}"),
            Answer::Reject(why) if why.is_empty() => format!("{by} rejected {digest}"),
            Answer::Reject(why) => format!("{by} rejected {digest}: {why}"),
            Answer::Say(words) => format!("{by} answered: {words}"),
        },
        Said::Steered(steering, by) => match steering {
            Steering::Pause => format!("{by} paused it"),
            Steering::Continue => format!("{by} let it go on"),
            Steering::Cancel(why) => format!("{by} cancelled it: {why}"),
            Steering::Tell(words) => format!("{by} told the planner: {words}"),
            Steering::Tighten(name, _) => format!("{by} tightened policy by {name}"),
        },
        Said::Replanned { by, add, drop } => {
            let who = match by {
                By::Planner(name) => format!("planner {name}"),
                By::Person(author) => author.to_string(),
            };
            let dropped = if drop.is_empty() { String::new() } else { format!(", and took out {}", drop.join(", ")) };
            let steps = if *add == 1 { "step" } else { "steps" };
            format!("{who} added {add} {steps}{dropped}")
        }
        Said::Turn { planner, turn, cost } => {
            let text = turn["text"].as_str().unwrap_or_default();
            let calls = turn["calls"].as_array().into_iter().flatten();
            let calls: Vec<_> = calls.filter_map(|call| call["name"].as_str()).collect();
            let cost = if *cost > 0 { format!(" for {}", Money(*cost)) } else { String::new() };
            format!(
                "planner {planner}{cost}: {text}{}{}",
                if text.is_empty() { "calls " } else { " → " },
                calls.join(", ")
            )
        }
        Said::PlannerFailed { planner, why } => format!("planner {planner} failed: {why}"),
        Said::Shown { steps, provenance } => {
            let from = if provenance.is_empty() { String::new() } else { format!(", from {}", list(provenance)) };
            format!("the planner was shown what came of {}{from}", steps.join(", "))
        }
        Said::Withheld { step, by: [] } => {
            format!("the result of {step} was withheld from the planner: no policy permits to show it")
        }
        Said::Withheld { step, by } => {
            format!("the result of {step} was withheld from the planner by {}", by.join(", "))
        }
        Said::Finished { planner, summary } => format!("planner {planner} finished: {summary}"),
    }
}

/// What became of staged changes.
fn staged(out: &mut String, story: &Story<'_>) {
    let said = |staged: &Staged<'_>| match staged {
        Staged::Committing(digest, changes, by) => {
            format!("{} were to be taken over by {}, as `{digest}`", changes["total"], text(&by.to_string()))
        }
        Staged::Committed(digest) => format!("those of `{digest}` were taken over"),
        Staged::Discarded(digest, changes, by) => {
            format!("{}, as `{digest}`, were discarded by {}", changes["total"], text(&by.to_string()))
        }
    };
    let said: Vec<_> = story.staged.iter().map(said).collect();
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
pub(super) fn ms(micros: u64) -> f64 {
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

/// Text in a block of code: a line of its own.
fn plain(value: &str) -> String {
    value.chars().take(MAX_SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Text as code: with more backticks around it than are in it.
fn code(value: &str) -> String {
    let shown: String = value.chars().take(MAX_SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let more = if value.chars().nth(MAX_SHOWN).is_some() { "…" } else { "" };
    let longest = shown.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    format!("{fence} {shown}{more} {fence}")
}
