//! A task's events for people who watch: a bar and lines on a terminal, plain lines elsewhere.

use crate::print::{json_line, one_line};
use controller::{Progress, Watch};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use journal::{EventBody, Interrupted, TaskState, Verdict};
use serde_json::json;
use std::{io::IsTerminal as _, sync::Arc};

/// What watches a task of so many steps. The bar is drawn on standard error, so that standard output stays for
/// whoever comes next in a pipe.
pub(crate) fn watch(steps: usize, as_json: bool) -> Watch {
    if as_json {
        return Arc::new(|event: &EventBody, _: &Progress| json_line(&json!(event)));
    }
    if !std::io::stderr().is_terminal() {
        return Arc::new(|event: &EventBody, _: &Progress| eprintln!("{}", sentence(event)));
    }
    let bar = ProgressBar::with_draw_target(Some(steps as u64), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} steps  {elapsed}  {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    Arc::new(move |event: &EventBody, progress: &Progress| {
        bar.println(sentence(event));
        bar.set_position(progress.steps.iter().filter(|step| step.state.is_over()).count() as u64);
        match event {
            EventBody::StepStarted { step, .. } => bar.set_message(step.clone()),
            EventBody::TaskEnded { .. } => bar.finish_and_clear(),
            _ => {}
        }
    })
}

/// An event in a line.
pub(crate) fn sentence(event: &EventBody) -> String {
    one_line(&match event {
        EventBody::TaskStarted(started) => format!("task      {}", started.objective),
        EventBody::TaskResumed => "task      resumed".into(),
        EventBody::Decided { step, tool, decision, .. } => match decision {
            Verdict::Allow { .. } => format!("allowed   {step}: {tool}"),
            Verdict::Ask { approvers, .. } => {
                format!("waits     {step}: {tool} needs the approval of {}", approvers.join(", "))
            }
            Verdict::Deny { denial } => format!("denied    {step}: {denial}"),
        },
        EventBody::StepStarted { step, .. } => format!("began     {step}"),
        EventBody::StepEnded { step, outcome, check, .. } => {
            let outcome = sandbox::Outcome::from_record(outcome);
            let held = match check {
                Some(check) if check.held => ", as expected",
                Some(_) => ", not as expected",
                None => "",
            };
            format!("ended     {step}: {}{held}", end(&outcome))
        }
        EventBody::StepRefused { step, why, .. } => format!("refused   {step}: {why}"),
        EventBody::StepSkipped { step, why } => format!("skipped   {step}: {why}"),
        EventBody::StepInterrupted { step, then } => format!(
            "broke off {step}: {}",
            match then {
                Interrupted::Harmless => "runs again",
                Interrupted::Uncertain =>
                    "may have changed something; say `--repeat` or `--give-up` with its name to `gloveport resume`",
                Interrupted::Repeat => "runs again, as a person said",
                Interrupted::GiveUp => "counts as failed, as a person said",
            }
        ),
        EventBody::TaskEnded { state, why } => {
            let state = match state {
                TaskState::Done => "done",
                TaskState::Failed => "failed",
                TaskState::Waiting => "waiting",
            };
            format!("task      {state}{}", why.as_ref().map(|why| format!(": {why}")).unwrap_or_default())
        }
        EventBody::Invoked { chain, tool, decision, outcome, .. } => {
            let by = chain.last().map(ToString::to_string).unwrap_or_default();
            match (decision, outcome) {
                (_, Some(outcome)) => {
                    format!("invoked   {tool} by {by}: {}", end(&sandbox::Outcome::from_record(outcome)))
                }
                (Verdict::Deny { denial }, None) => format!("denied    {tool} by {by}: {denial}"),
                _ => format!("refused   {tool} by {by}: an approval would be needed"),
            }
        }
        EventBody::Committing { digest, changes } => format!("commits   {} staged changes: {digest}", changes["total"]),
        EventBody::Committed { digest } => format!("committed {digest}"),
        EventBody::Discarded { digest, changes } => format!("discarded {} staged changes: {digest}", changes["total"]),
        EventBody::CallStarted { tool, .. } => format!("began     {tool}"),
        EventBody::Call { tool, decision, outcome, .. } => match (decision, outcome) {
            (_, Some(outcome)) => format!("ended     {tool}: {}", end(&sandbox::Outcome::from_record(outcome))),
            (Some(Verdict::Deny { denial }), None) => format!("denied    {tool}: {denial}"),
            _ => format!("waits     {tool}"),
        },
    })
}

fn end(outcome: &sandbox::Outcome) -> String {
    use sandbox::End;
    #[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
    let took = outcome.usage.wall_us as f64 / 1_000.0;
    let effects = outcome.effects.done.len() as u64 + outcome.effects.omitted;
    let refused = outcome.effects.refused.len();
    let mut text = match &outcome.end {
        End::Result(_) => "ok".to_owned(),
        End::ToolError(value) => format!("tool error {}", short(&value.to_string())),
        End::Limit(hit) => hit.to_string(),
        End::Trap(message) => format!("trap: {}", short(message)),
        End::Cancelled => "cancelled".into(),
    };
    text += &format!(" in {took:.1} ms");
    if effects > 0 {
        text += &format!(", {effects} effect{}", if effects == 1 { "" } else { "s" });
    }
    if refused > 0 {
        text += &format!(", {refused} refused");
    }
    text
}

fn short(text: &str) -> String {
    text.chars().take(120).collect()
}
