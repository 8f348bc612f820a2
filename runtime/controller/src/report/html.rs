//! The report as one HTML page that needs nothing else: no script, no font, no picture from anywhere.

use super::{
    Record,
    lineage::Lineage,
    markdown::{list, ms, sentence, spent, verdict},
    story::{Staged, StepStory, Story},
};
use crate::progress::{Failure, StepState};
use journal::{Event, TaskStarted};
use sandbox::Effects;
use std::fmt::{self, Write as _};

/// How many steps have a section, and bars in the timeline; the table has them all.
const MAX_SECTIONS: usize = 500;
/// How many effects one call's list holds.
const MAX_LISTED: usize = 100;
/// How much of one text is shown, in characters.
const MAX_SHOWN: usize = 4_000;

/// Nothing may be loaded or run, whatever stands in the page.
const HEAD: &str = r#"<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root { color-scheme: light dark; --line: #8884; --bar: #4a7bd0; --bad: #c43; --good: #283; --wait: #b80; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1.5rem; }
th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
code, pre { font: 13px/1.4 ui-monospace, monospace; overflow-wrap: anywhere; }
pre { border: 1px solid var(--line); border-radius: 4px; padding: .5rem .8rem; overflow-x: auto; white-space: pre-wrap; }
.done { color: var(--good); } .failed, .denied { color: var(--bad); } .asking, .uncertain, .waiting, .skipped { color: var(--wait); }
.lane { position: relative; height: 1.3rem; border-bottom: 1px solid var(--line); }
.lane b { position: absolute; top: .2rem; height: .9rem; min-width: 2px; background: var(--bar); border-radius: 2px; }
.lane span { position: absolute; left: .3rem; font-size: 12px; white-space: nowrap; mix-blend-mode: difference; color: #ccc; }
section { border-left: 3px solid var(--line); padding-left: 1rem; }
details { border: 1px solid var(--line); border-radius: 4px; margin: .4rem 0; padding: .3rem .8rem; }
summary { cursor: pointer; }
</style>
"#;

/// Text from outside, so that it is nothing but text.
struct Text<'a>(&'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (shown, c) in self.0.chars().enumerate() {
            if shown == MAX_SHOWN {
                return f.write_char('…');
            }
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c if c.is_control() && c != '\n' && c != '\t' => f.write_char('\u{fffd}')?,
                // What turns the text around it.
                '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => f.write_char('\u{fffd}')?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

pub(super) fn write(record: &Record) -> String {
    let mut out = String::from(HEAD);
    let _ = writeln!(out, "<title>{}</title></head><body>", Text(&record.plan.objective));
    task(&mut out, record);
    out.push_str("</body></html>\n");
    out
}

fn task(out: &mut String, record: &Record) {
    let story = &record.story();
    let _ = writeln!(out, "<h1>{}</h1>", Text(&record.plan.objective));
    summary(out, story);
    plan(out, story);
    timeline(out, story);
    said(out, story);
    steps(out, story, &record.events);
    for (step, within) in &record.within {
        let _ = writeln!(out, "<h2>The task of step {}</h2>\n<section>", Text(step));
        task(out, within);
        out.push_str("</section>\n");
    }
    if let Some(started) = story.started.filter(|started| started.origin.is_none()) {
        world(out, started);
    }
}

fn summary(out: &mut String, story: &Story<'_>) {
    let counts: Vec<_> = story.counts().into_iter().map(|(word, count)| format!("{count} {word}")).collect();
    let mut rows = vec![("task", story.task.to_string()), ("state", story.state().to_owned())];
    rows.extend(story.ended.and_then(|ended| Some(("why", ended.why?.to_owned()))));
    rows.extend(story.given().map(|given| ("given", given)));
    rows.extend(story.result().map(|result| ("result", result.to_string())));
    rows.extend([("steps", counts.join(", ")), ("spent", spent(story))]);
    rows.push(("took", format!("{:.3} s, {} events", ms(story.last_ms.saturating_sub(story.first_ms)), story.events)));
    rows.extend(story.head.map(|head| ("head of the record", head.to_string())));
    out.push_str("<table>\n");
    for (name, value) in rows {
        let _ = writeln!(out, "<tr><th>{name}</th><td>{}</td></tr>", Text(&value));
    }
    out.push_str("</table>\n");
}

/// Who waits for whom.
fn plan(out: &mut String, story: &Story<'_>) {
    out.push_str("<h2>Plan</h2>\n<table><tr><th>step</th><th>tool</th><th>waits for</th><th>state</th><th>tries</th><th>CPU</th><th>wall</th><th>effects</th><th>refused</th></tr>\n");
    let nodes = story.progress.graph.nodes();
    for (at, (node, known)) in nodes.iter().zip(&story.progress.steps).enumerate() {
        let waits: Vec<_> = node.waits_for().iter().map(|before| &*nodes[*before].id).collect();
        let (took, word) = (&known.took, known.state.word());
        let _ = writeln!(
            out,
            "<tr><td><a href=\"#{}-{at}\">{}</a></td><td><code>{}</code></td><td>{}</td><td class=\"{word}\">{word}</td><td class=\"n\">{}</td><td class=\"n\">{:.1} ms</td><td class=\"n\">{:.1} ms</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            story.task,
            Text(&node.id),
            node.step.work,
            Text(&waits.join(", ")),
            known.tries,
            ms(took.cpu_us),
            ms(took.wall_us),
            took.effects,
            took.refused,
        );
    }
    out.push_str("</table>\n");
}

/// When each call ran.
fn timeline(out: &mut String, story: &Story<'_>) {
    #[expect(clippy::cast_precision_loss, reason = "a place on a line")]
    let share = |ms: u64| ms as f64 * 100.0 / story.last_ms.saturating_sub(story.first_ms).max(1) as f64;
    out.push_str("<h2>Timeline</h2>\n");
    for (node, told) in story.progress.graph.nodes().iter().zip(&story.steps).take(MAX_SECTIONS) {
        if told.calls.is_empty() {
            continue;
        }
        out.push_str("<div class=\"lane\">");
        for call in &told.calls {
            let began = call.began_ms.saturating_sub(story.first_ms);
            let ended = call.ended_ms.unwrap_or(story.last_ms).saturating_sub(story.first_ms);
            let width = share(ended.saturating_sub(began));
            let _ = write!(out, "<b style=\"left:{:.3}%;width:{width:.3}%\"></b>", share(began));
        }
        let _ = writeln!(out, "<span>{}</span></div>", Text(&node.id));
    }
}

fn said(out: &mut String, story: &Story<'_>) {
    if story.said.is_empty() && story.staged.is_empty() {
        return;
    }
    out.push_str("<h2>People and planners</h2>\n<table>\n");
    for (at_ms, said) in &story.said {
        let at = ms(at_ms.saturating_sub(story.first_ms));
        let _ = writeln!(out, "<tr><td class=\"n\">{at:.3} s</td><td>{}</td></tr>", Text(&sentence(said)));
    }
    for staged in &story.staged {
        let told = match staged {
            Staged::Committing(digest, changes, by) => {
                format!("{} staged changes were to be taken over by {by}, as {digest}", changes["total"])
            }
            Staged::Committed(digest) => format!("the staged changes of {digest} were taken over"),
            Staged::Discarded(digest, changes, by) => {
                format!("{} staged changes, as {digest}, were discarded by {by}", changes["total"])
            }
        };
        let _ = writeln!(out, "<tr><td></td><td>{}</td></tr>", Text(&told));
    }
    out.push_str("</table>\n");
}

fn steps(out: &mut String, story: &Story<'_>, events: &[Event]) {
    out.push_str("<h2>Steps</h2>\n");
    let all = story.progress.graph.nodes().iter().zip(&story.progress.steps).zip(&story.steps).enumerate();
    for (at, ((node, known), told)) in all.take(MAX_SECTIONS) {
        let word = known.state.word();
        let title = node.step.title.as_deref().map(|title| format!(": {title}")).unwrap_or_default();
        let _ = writeln!(
            out,
            "<details id=\"{}-{at}\"><summary><b>{}</b>{} <span class=\"{word}\">{word}</span></summary>",
            story.task,
            Text(&node.id),
            Text(&title)
        );
        if let Some(why) = &known.why {
            let _ = writeln!(out, "<p>{}</p>", Text(why));
        }
        step(out, told);
        if told.was_refused() || known.state == StepState::Failed(Failure::Denied) {
            let lines = Lineage::new(story, events).of(at, true).lines().join("\n");
            let _ = writeln!(out, "<p>Where its data came from:</p><pre>{}</pre>", Text(&lines));
        }
        out.push_str("</details>\n");
    }
}

fn step(out: &mut String, told: &StepStory<'_>) {
    for decided in &told.decided {
        let _ = writeln!(out, "<p><code>{}</code> of <code>{}</code></p>", decided.tool, decided.digest);
        let args = serde_json::to_string_pretty(decided.args).unwrap_or_default();
        let _ = writeln!(out, "<pre>{}</pre><table>", Text(&args));
        for (key, sources) in decided.provenance {
            let _ = writeln!(
                out,
                "<tr><td><code>{}</code> came from</td><td>{}</td></tr>",
                Text(key),
                Text(&list(sources))
            );
        }
        let _ = writeln!(out, "<tr><td>decision</td><td>{}</td></tr>", Text(&verdict(decided.decision)));
        if let Some(approval) = decided.approval {
            let _ = writeln!(out, "<tr><td>under the approval of</td><td><code>{approval}</code></td></tr>");
        }
        out.push_str("</table>\n");
    }
    for call in &told.invoked {
        let by: Vec<_> = call.chain.iter().map(ToString::to_string).collect();
        let _ = writeln!(
            out,
            "<p>called within {}: <code>{}</code>, {}{}; its caller had seen {}</p><pre>{}</pre>",
            Text(&by.join(" → ")),
            Text(&call.tool.to_string()),
            Text(&verdict(call.decision)),
            Text(&call.end().map(|end| format!("; {end}")).unwrap_or_default()),
            Text(&list(&call.sources())),
            Text(&call.args.to_string())
        );
        if let Some(done) = call.effects() {
            effects(out, done);
        }
    }
    for task in &told.delegated {
        let _ = writeln!(out, "<p>is the task <code>{task}</code></p>");
    }
    for outcome in told.calls.iter().filter_map(|call| call.outcome.as_ref()) {
        let end = serde_json::to_string_pretty(&outcome.end).unwrap_or_default();
        let _ = writeln!(out, "<pre>{}</pre>", Text(&end));
        effects(out, &outcome.effects);
    }
}

fn effects(out: &mut String, effects: &Effects) {
    if effects.is_empty() {
        return;
    }
    out.push_str("<table>\n");
    for (word, class, all) in [("did", "done", &effects.done), ("was refused", "denied", &effects.refused)] {
        for effect in all.iter().take(MAX_LISTED) {
            let to = effect.to.as_ref().map(|to| format!(" to {to}")).unwrap_or_default();
            let why = effect.why.as_deref().unwrap_or_default();
            let _ = writeln!(
                out,
                "<tr><td class=\"{class}\">{word}</td><td>{}</td><td><code>{}{}</code></td><td>{}</td></tr>",
                effect.action.name(),
                Text(&effect.path),
                Text(&to),
                Text(why)
            );
        }
        if let Some(more) = all.len().checked_sub(MAX_LISTED).filter(|more| *more > 0) {
            let _ = writeln!(out, "<tr><td class=\"{class}\">{word}</td><td colspan=\"3\">{more} more</td></tr>");
        }
    }
    out.push_str("</table>\n");
}

fn world(out: &mut String, started: &TaskStarted) {
    out.push_str("<h2>Under what it ran</h2>\n<table><tr><th>mount</th><th>directory</th><th>access</th></tr>\n");
    for mount in &started.mounts {
        let more = [(mount.staged, "staged"), (mount.shared, "shared")];
        let more: String = more.iter().filter(|(is, _)| *is).map(|(_, word)| format!(", {word}")).collect();
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td><code>{}</code></td><td>{}{more}</td></tr>",
            mount.name,
            Text(&mount.path),
            mount.access
        );
    }
    out.push_str("</table>\n<table><tr><th>package</th><th>digest</th></tr>\n");
    for package in &started.packages {
        let _ = writeln!(out, "<tr><td>{}</td><td><code>{}</code></td></tr>", Text(&package.name), package.digest);
    }
    out.push_str("</table>\n<table><tr><th>policy</th><th>digest</th></tr>\n");
    for (name, policy) in &started.policy {
        let digest = registry::digest(policy.as_bytes());
        let _ = writeln!(out, "<tr><td>{}</td><td><code>{digest}</code></td></tr>", Text(name));
    }
    out.push_str("</table>\n");
}
