//! A task's events for people who watch: a bar and lines on a terminal, plain lines elsewhere.

use crate::print::{json_line, one_line};
use controller::{Heard, Progress, Watch};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use journal::{About, Answer, By, EventBody, Interrupted, Steering, TaskId, TaskState, Verdict};
use serde_json::json;
use std::{
    io::IsTerminal as _,
    sync::{Arc, Mutex, PoisonError},
};

/// How much of what a planner says stands beside the bar, in characters.
const MAX_HEARD: usize = 60;

/// Who is told what happens in a task, and what its planner says while it says it.
pub(crate) struct Audience {
    pub(crate) watch: Watch,
    pub(crate) heard: Arc<Heard<'static>>,
}

/// Under which id the task is found that begins here, where it is none within another.
fn begins(task: &TaskId, event: &EventBody, progress: &Progress) -> Option<String> {
    let begins = matches!(event, EventBody::TaskStarted(_)) && progress.origin().is_none();
    begins.then(|| format!("task      {task}"))
}

/// What watches a task.
pub(crate) fn watch(as_json: bool) -> Audience {
    let Audience { watch, heard } = shown(as_json);
    let Some(on_event) = crate::ON_EVENT.get() else { return Audience { watch, heard } };
    let both = Arc::new(move |task: &TaskId, event: &EventBody, progress: &Progress| {
        watch(task, event, progress);
        on_event(event);
    });
    Audience { watch: both, heard }
}

/// What shows a task. The bar is drawn on standard error, so that standard output stays for whoever comes next in a
/// pipe.
fn shown(as_json: bool) -> Audience {
    let deaf: Arc<Heard<'static>> = Arc::new(|_: &str| {});
    if as_json {
        let watch = Arc::new(|task: &TaskId, event: &EventBody, progress: &Progress| {
            let mut event = json!(event);
            if progress.origin().is_some() {
                // It may have a task of its own.
                event["of"] = json!(task);
            }
            json_line(&event);
        });
        return Audience { watch, heard: deaf };
    }
    if !std::io::stderr().is_terminal() {
        let watch = Arc::new(|task: &TaskId, event: &EventBody, progress: &Progress| {
            begins(task, event, progress).into_iter().for_each(|line| eprintln!("{line}"));
            eprintln!("{}", placed(event, progress));
        });
        return Audience { watch, heard: deaf };
    }
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} steps  {elapsed}  {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let speaks = bar.clone();
    // The end of what was said; a line has room for no more.
    let said = Mutex::new(String::new());
    let heard = Arc::new(move |words: &str| {
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        said.push_str(words);
        let skip = said.chars().count().saturating_sub(MAX_HEARD);
        *said = said.chars().skip(skip).collect();
        speaks.set_message(one_line(&said));
    });
    let watch = Arc::new(move |task: &TaskId, event: &EventBody, progress: &Progress| {
        begins(task, event, progress).into_iter().for_each(|line| bar.println(line));
        bar.println(placed(event, progress));
        // The bar is that of the whole.
        if progress.origin().is_some() {
            return;
        }
        bar.set_length(progress.steps.len() as u64);
        bar.set_position(progress.over() as u64);
        match event {
            EventBody::StepStarted { step, .. } => bar.set_message(step.clone()),
            EventBody::TaskEnded { .. } => bar.finish_and_clear(),
            _ => {}
        }
    });
    Audience { watch, heard }
}

/// An event in a line, which says of which step it is where that is a task.
fn placed(event: &EventBody, progress: &Progress) -> String {
    match progress.origin() {
        Some(origin) => format!("  {} › {}", one_line(&origin.step), sentence(event)),
        None => sentence(event),
    }
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
        EventBody::StepEnded { step, outcome, check, again, .. } => {
            let outcome = sandbox::Outcome::from_record(outcome);
            let held = match check {
                Some(check) if check.held => ", as expected",
                Some(_) => ", not as expected",
                None => "",
            };
            let again = again.map(|again| format!(", tried again after {}", again.tries)).unwrap_or_default();
            format!("ended     {step}: {}{held}{again}", end(&outcome))
        }
        EventBody::StepExpanded { step, items, .. } => format!("expanded  {step}: {} calls", items.len()),
        EventBody::Replanned { by, add, drop, .. } => {
            let who = match by {
                By::Planner(name) => format!("planner {name}"),
                By::Person(author) => author.to_string(),
            };
            let added = add.iter().filter_map(|step| step["id"].as_str());
            let named = |prefix: &str, ids: Vec<&str>| {
                if ids.is_empty() { String::new() } else { format!("{prefix}{}", ids.join(", ")) }
            };
            let dropped = drop.iter().map(String::as_str).collect();
            format!("planned   by {who}{}{}", named(": adds ", added.collect()), named("; takes out ", dropped))
        }
        EventBody::Turn { planner, turn, .. } => {
            let calls = turn["calls"].as_array().into_iter().flatten().filter_map(|call| call["name"].as_str());
            let calls: Vec<_> = calls.collect();
            let says = turn["text"].as_str().filter(|text| !text.is_empty()).map(|text| format!(": {}", short(text)));
            let calls = if calls.is_empty() { String::new() } else { format!(" → {}", calls.join(", ")) };
            format!("turn      {planner}{}{calls}", says.unwrap_or_default())
        }
        EventBody::PlannerFailed { planner, why, .. } => format!("silent    {planner}: {why}"),
        EventBody::Shown { call, steps, failed, withheld, .. } => {
            let shown = match (steps.as_slice(), failed) {
                ([], _) => None,
                ([one], true) => Some(format!("{one}: why it failed")),
                ([one], false) => Some(format!("{one}: its result")),
                (all, _) => Some(format!("{}: their results", all.join(", "))),
            };
            let withheld = withheld.keys().map(|step| format!("{step}: its shape only"));
            let all: Vec<_> = shown.into_iter().chain(withheld).collect();
            format!("shown     {}", if all.is_empty() { call.clone() } else { all.join("; ") })
        }
        EventBody::Finished { planner, summary, .. } => format!("finished  {planner}: {}", short(summary)),
        EventBody::Asked(ask) => {
            let what = match &ask.about {
                About::Step(step) => format!("step {step}"),
                About::Plan => "the plan".to_owned(),
                About::Question => format!("question: {}", ask.shown["question"].as_str().unwrap_or_default()),
            };
            format!("asks      {what}, as {}", ask.digest)
        }
        EventBody::Answered { digest, answer, by } => match answer {
            Answer::Approve => format!("approved  {digest} by {by}"),
            Answer::Reject(why) if why.is_empty() => format!("rejected  {digest} by {by}"),
            Answer::Reject(why) => format!("rejected  {digest} by {by}: {why}"),
            Answer::Say(words) => format!("answered  by {by}: {words}"),
        },
        EventBody::Steered { steering, by } => match steering {
            Steering::Pause => format!("paused    by {by}"),
            Steering::Continue => format!("continues by {by}"),
            Steering::Cancel(why) => format!("cancelled by {by}: {why}"),
            Steering::Tell(words) => format!("told      by {by}: {words}"),
            Steering::Tighten(name, _) => format!("tightened by {by}: {name}"),
        },
        EventBody::Delegated { step, task } => format!("delegated {step}: task {task}"),
        EventBody::Returned { step, task, state, why, .. } => {
            format!("returned  {step}: task {task} {}{}", word(*state), because(why))
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
        EventBody::TaskEnded { state, why, .. } => format!("task      {}{}", word(*state), because(why)),
        EventBody::Invoked { chain, tool, decision, .. } => {
            let by = caller(chain);
            match decision {
                Verdict::Allow { .. } => format!("invoked   {tool} by {by}"),
                Verdict::Deny { denial } => format!("denied    {tool} by {by}: {denial}"),
                Verdict::Ask { .. } => format!("refused   {tool} by {by}: an approval would be needed"),
            }
        }
        EventBody::InvokeEnded { chain, tool, outcome, .. } => {
            let end = outcome.as_ref().map(|outcome| end(&sandbox::Outcome::from_record(outcome)));
            format!("ended     {tool} by {}: {}", caller(chain), end.as_deref().unwrap_or("it could not begin"))
        }
        EventBody::ProcessStarted { chain, program, tool, decision, .. } => {
            let by = caller(chain);
            match decision {
                Verdict::Allow { .. } => format!("started   {program} ({tool}) by {by}"),
                Verdict::Deny { denial } => format!("denied    {program} ({tool}) by {by}: {denial}"),
                Verdict::Ask { .. } => format!("refused   {program} ({tool}) by {by}: an approval would be needed"),
            }
        }
        EventBody::ProcessEnded { tool, outcome, .. } => {
            let end = outcome.as_ref().map(|outcome| end(&sandbox::Outcome::from_record(outcome)));
            format!("exited    {tool}: {}", end.as_deref().unwrap_or("it could not begin"))
        }
        EventBody::Committing { digest, changes, by } => {
            format!("commits   {} staged changes: {digest}, by {by}", changes["total"])
        }
        EventBody::Committed { digest } => format!("committed {digest}"),
        EventBody::Discarded { digest, changes, by } => {
            format!("discarded {} staged changes: {digest}, by {by}", changes["total"])
        }
        EventBody::CallStarted { tool, .. } => format!("began     {tool}"),
        EventBody::Call { tool, decision, outcome, .. } => match (decision, outcome) {
            (_, Some(outcome)) => format!("ended     {tool}: {}", end(&sandbox::Outcome::from_record(outcome))),
            (Some(Verdict::Deny { denial }), None) => format!("denied    {tool}: {denial}"),
            _ => format!("waits     {tool}"),
        },
    })
}

fn word(state: TaskState) -> &'static str {
    match state {
        TaskState::Done => "done",
        TaskState::Failed => "failed",
        TaskState::Waiting => "waiting",
        TaskState::Cancelled => "cancelled",
    }
}

fn caller(chain: &[policy::ToolId]) -> String {
    chain.last().map(ToString::to_string).unwrap_or_default()
}

fn because(why: &Option<String>) -> String {
    why.as_ref().map(|why| format!(": {why}")).unwrap_or_default()
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
