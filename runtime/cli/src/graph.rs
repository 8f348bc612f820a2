//! A task's steps as a graph in the terminal: who waits for whom, where each stands, and how long it took.

use crate::print::one_line;
use controller::{Node, Progress, StepProgress, StepState};
use journal::TaskId;
use std::collections::BTreeMap;

/// How many calls of one `foreach` are drawn.
const MAX_CALLS: usize = 12;

/// Lines: steps by the length of the longest way that leads to them, so that each stands below all that it waits for.
pub(crate) fn draw(task: &TaskId, progress: &Progress, now_ms: u64) -> Vec<String> {
    let mut lines = vec![format!("{task}  {}", one_line(&progress.plan().objective))];
    let nodes = progress.graph.nodes();
    let mut levels: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut depth = vec![0; nodes.len()];
    for at in progress.graph.in_order() {
        let before = nodes[at].waits_for().iter().map(|before| depth[*before] + 1).max();
        depth[at] = before.unwrap_or(0);
        if nodes[at].item.is_none() {
            levels.entry(depth[at]).or_default().push(at);
        }
    }
    let width = nodes.iter().filter(|node| node.item.is_none()).map(|node| node.id.len()).max().unwrap_or(0);
    for (level, places) in levels {
        for (index, &at) in places.iter().enumerate() {
            let bar = match (places.len(), index) {
                (1, _) => '─',
                (_, 0) => '┌',
                (count, index) if index + 1 == count => '└',
                _ => '├',
            };
            let waits: Vec<_> = nodes[at].waits_for().iter().map(|before| &*nodes[*before].id).collect();
            let waits = if waits.is_empty() { String::new() } else { format!("  ← {}", waits.join(", ")) };
            let node = &nodes[at];
            let number = if index == 0 { format!("{level:>3}") } else { "   ".to_owned() };
            lines.push(format!(
                "{number} {bar} {}{waits}{}",
                step(node, &progress.steps[at], width, now_ms),
                why(&progress.steps[at])
            ));
            lines.extend(calls(progress, at, width, now_ms));
        }
    }
    lines
}

/// A step in a line.
fn step(node: &Node, known: &StepProgress, width: usize, now_ms: u64) -> String {
    let mark = match known.state {
        StepState::Done => '✓',
        StepState::Failed(_) => '✗',
        StepState::Skipped => '–',
        StepState::Waiting => '·',
        StepState::Asking | StepState::Uncertain => '?',
        StepState::Decided | StepState::Running { .. } | StepState::Expanded | StepState::Retrying { .. } => '▶',
    };
    let elapsed = known.elapsed_ms(now_ms).map_or_else(String::new, |ms| format!("{ms} ms"));
    let tries = if known.tries > 1 { format!(", {} tries", known.tries) } else { String::new() };
    format!("{mark} {:<10} {:<width$}  {:<20} {elapsed}{tries}", known.state.word(), node.id, node.step.work)
}

fn why(known: &StepProgress) -> String {
    known.why.as_deref().map(|why| format!("  {}", one_line(why))).unwrap_or_default()
}

/// The calls of a `foreach`: those that are not simply done first.
fn calls(progress: &Progress, of: usize, width: usize, now_ms: u64) -> Vec<String> {
    let all = progress.graph.nodes().iter().zip(&progress.steps);
    let mut calls: Vec<_> = all.filter(|(node, _)| node.item.is_some_and(|item| item.of == of)).collect();
    calls.sort_by_key(|(_, known)| known.state == StepState::Done);
    let more = calls.len().saturating_sub(MAX_CALLS);
    let shown = calls.iter().take(MAX_CALLS);
    let mut lines: Vec<_> =
        shown.map(|(node, known)| format!("    │   {}{}", step(node, known, width, now_ms), why(known))).collect();
    if more > 0 {
        lines.push(format!("    │   … and {more} more"));
    }
    lines
}
