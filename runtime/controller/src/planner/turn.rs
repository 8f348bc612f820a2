//! A planner's turn: what it said becomes steps, questions, or the end; what came of them is told to it. All of it is in the
//! record, so another process can go on in the middle of a turn.

use super::{
    Arguments, FunctionCall, ModelFault, Planner, Stop, functions, prompt,
    told::{self, Told},
};
use crate::{
    approval,
    budget::{Part, Spent},
    check,
    gate::{Gate, GateError},
    progress::{Progress, StepState},
    record,
    recorder::Recorder,
};
use journal::{About, Answer, Ask, By, EventBody, PlannerFault};
use policy::{Provenance, Source, ToolId};
use serde_json::{Value, json};

/// How many steps a planner can add at once, and all in all.
const MAX_STEPS: usize = 1_000;
/// How often in a row a planner can fail to say anything.
const MAX_FAILURES: u32 = 2;
/// How much of what a planner writes is kept in a message about it, in characters.
const MAX_SHOWN: usize = 400;

/// What came of it.
pub(crate) enum Planned {
    /// There may be something to do.
    Goes,
    /// A person has to answer first.
    Asks,
    /// The planner is done: it has finished, given up, or can say no more.
    Ends,
}

/// Brings a conversation one step further. Nothing of the task runs meanwhile.
pub(crate) async fn plan(planner: &Planner, gate: &Gate, recorder: &Recorder) -> Result<Planned, GateError> {
    drop_the_rest(planner, recorder).await?;
    let open: Vec<_> = recorder.progress().talk.open().map(|(at, call)| (at, call.clone())).collect();
    if open.is_empty() {
        let ends = {
            let talk = &recorder.progress().talk;
            let declined = matches!(talk.failed(), Some((PlannerFault::Declined | PlannerFault::Spent, _)));
            talk.finished().is_some() || declined || talk.failures() >= MAX_FAILURES
        };
        if ends {
            return Ok(Planned::Ends);
        }
        return speak(planner, gate, recorder).await;
    }
    let mut asks = false;
    for (at, call) in open {
        let id = &call.call.id;
        if let Some(steps) = &call.steps {
            let told = told::of_steps(gate, recorder, planner, steps);
            show(recorder, id, told).await?;
        } else if let Some(digest) = &call.question {
            let answer = recorder.progress().desk.find(digest).and_then(|asked| asked.answer.clone());
            match answer {
                Some((Answer::Say(words), by)) => {
                    let sources = Provenance::from_iter([Source::Objective]);
                    show(recorder, id, Told::plain(format!("{}: {words}", by.name), sources)).await?;
                }
                _ => asks = true,
            }
        } else {
            interpret(planner, gate, recorder, at, &call.call).await?;
        }
    }
    Ok(if asks { Planned::Asks } else { Planned::Goes })
}

/// Where a step failed that must not, the rest of what was planned falls: the planner says what comes instead.
async fn drop_the_rest(planner: &Planner, recorder: &Recorder) -> Result<(), GateError> {
    let (stopped, rest) = {
        let progress = recorder.progress();
        let waits = |at: &usize| {
            matches!(progress.steps[*at].state, StepState::Waiting | StepState::Expanded | StepState::Retrying { .. })
        };
        let rest = (0..progress.steps.len()).filter(waits).map(|at| &progress.graph.nodes()[at]);
        let rest: Vec<_> = rest.filter(|node| node.item.is_none()).map(|node| node.id.to_string()).collect();
        (progress.stopped_by().is_some(), rest)
    };
    if !stopped {
        return Ok(());
    }
    let provenance = source(&planner.settings.name, &recorder.progress());
    let by = By::Planner(planner.settings.name.clone());
    recorder.append(EventBody::Replanned { by, call: None, add: Vec::new(), drop: rest, provenance }).await
}

/// Where everything that it says comes from: from itself, and from whatever it was told.
pub(crate) fn source(name: &str, progress: &Progress) -> Provenance {
    let mut sources = Provenance::from_iter([Source::Objective, Source::Planner(name.to_owned())]);
    sources.join(progress.talk.seen());
    sources
}

/// Has the model say something.
async fn speak(planner: &Planner, gate: &Gate, recorder: &Recorder) -> Result<Planned, GateError> {
    let name = || planner.settings.name.clone();
    let fail =
        async |fault, why: String| recorder.append(EventBody::PlannerFailed { planner: name(), fault, why }).await;
    let prompt = {
        let progress = recorder.progress();
        prompt::prompt(&planner.settings, &progress, functions::offered(gate, progress.plan().depth))
    };
    if let Err(why) = affordable(planner, recorder, prompt::tokens(&prompt), prompt.max_output) {
        fail(PlannerFault::Spent, why).await?;
        return Ok(Planned::Ends);
    }
    let provenance = source(&planner.settings.name, &recorder.progress());
    let turn = match planner.model.speak(&prompt, &*planner.heard).await {
        Ok(turn) => turn,
        Err(error) => {
            let temporary = matches!(error.fault, ModelFault::Cut | ModelFault::Malformed);
            fail(PlannerFault::Unavailable, error.to_string()).await?;
            return Ok(if temporary { Planned::Goes } else { Planned::Ends });
        }
    };
    let cost = planner.settings.price.map_or(0, |price| price.of(&turn.tokens));
    let (stop, text, silent) = (turn.stop.clone(), turn.text.clone(), turn.calls.is_empty());
    let turn = record::json(&turn);
    let said = EventBody::Turn { planner: name(), turn, cost, provenance: provenance.clone() };
    let failed = |fault, why: String| EventBody::PlannerFailed { planner: name(), fault, why };
    // What a turn comes to by itself is recorded with it: nobody asks for another one after a crash.
    let (follows, planned) = match stop {
        Stop::Refused(why) => (failed(PlannerFault::Declined, format!("it declines: {why}")), Planned::Ends),
        // Words without a call are its last ones; what is broken off is not.
        Stop::End | Stop::Calls if silent => {
            (EventBody::Finished { planner: name(), summary: text, provenance }, Planned::Goes)
        }
        Stop::Length if silent => {
            let why = format!("its answer was broken off after {} tokens (`planner.output`)", planner.settings.output);
            (failed(PlannerFault::Spent, why), Planned::Ends)
        }
        Stop::End | Stop::Calls | Stop::Length => {
            recorder.append(said).await?;
            return Ok(Planned::Goes);
        }
    };
    recorder.append_both(said, follows).await?;
    Ok(planned)
}

/// Whether another turn may be had: what it can take at most is held against what is left.
fn affordable(planner: &Planner, recorder: &Recorder, input: u64, output: u64) -> Result<(), String> {
    let progress = recorder.progress();
    let (settings, budget) = (&planner.settings, &recorder.plan().budget);
    if progress.talk.turns() >= settings.turns {
        return Err(format!("it has spoken {} times (`planner.turns`)", settings.turns));
    }
    let spent = progress.reserved(record::now_ms());
    budget.check(&spent, &[Part::Tokens, Part::Money, Part::Time]).map_err(|exhausted| exhausted.to_string())?;
    let tokens = super::Tokens { input, cached: 0, output };
    let money = settings.price.map_or(0, |price| price.of(&tokens));
    let mut most = spent;
    most.add(&Spent { tokens: input.saturating_add(output), money, ..Spent::default() });
    let left = budget.left(&spent);
    let over = |part, wanted: u64| left.get(part).is_some_and(|left| wanted > left);
    if over(Part::Tokens, input.saturating_add(output)) {
        return Err(format!(
            "its next turn could take {} tokens, which the budget `tokens` does not leave",
            input + output
        ));
    }
    if over(Part::Money, money) {
        return Err("its next turn could cost more than the budget `money` leaves".into());
    }
    Ok(())
}

async fn show(recorder: &Recorder, call: &str, told: Told) -> Result<(), GateError> {
    recorder.append(shown(call, told)).await
}

fn shown(call: &str, told: Told) -> EventBody {
    let Told { content, steps, failed, withheld, provenance } = told;
    EventBody::Shown { call: call.to_owned(), steps, content, failed, withheld, provenance }
}

/// What one call of the planner's means.
async fn interpret(
    planner: &Planner,
    gate: &Gate,
    recorder: &Recorder,
    at: usize,
    call: &FunctionCall,
) -> Result<(), GateError> {
    let args = match &call.arguments {
        Arguments::Json(Value::Object(args)) => args,
        Arguments::Json(other) => {
            let message = format!("the arguments are no object: {}", short(&other.to_string()));
            return show(recorder, &call.id, Told::wrong(message)).await;
        }
        Arguments::Malformed(text) => {
            let message = format!("the arguments are no JSON: {}", short(text));
            return show(recorder, &call.id, Told::wrong(message)).await;
        }
    };
    let text = |key: &str| args.get(key).and_then(Value::as_str).map(str::to_owned);
    let missing = |key: &str| Told::wrong(format!("`{key}` is missing: expected a text"));
    let provenance = source(&planner.settings.name, &recorder.progress());
    let name = planner.settings.name.clone();
    match call.name.as_str() {
        functions::FINISH => {
            let Some(summary) = text("summary") else { return show(recorder, &call.id, missing("summary")).await };
            let noted = shown(&call.id, Told::plain("noted".into(), Provenance::new()));
            recorder.append_both(noted, EventBody::Finished { planner: name, summary, provenance }).await
        }
        functions::GIVE_UP => {
            let Some(why) = text("why") else { return show(recorder, &call.id, missing("why")).await };
            let noted = shown(&call.id, Told::plain("noted".into(), Provenance::new()));
            let (fault, why) = (PlannerFault::Declined, format!("it gives up: {why}"));
            recorder.append_both(noted, EventBody::PlannerFailed { planner: name, fault, why }).await
        }
        functions::ASK => {
            let Some(question) = text("question") else { return show(recorder, &call.id, missing("question")).await };
            let shown = json!({ "task": recorder.task(), "planner": name, "call": call.id, "question": question });
            let ask = Ask {
                digest: approval::digest(&shown),
                about: About::Question,
                approvers: Vec::new(),
                policies: Vec::new(),
                shown,
                until_ms: record::now_ms().saturating_add(recorder.plan().expires_ms),
            };
            recorder.append(EventBody::Asked(Box::new(ask))).await
        }
        functions::PROPOSE => {
            let Some(Value::Array(steps)) = args.get("steps") else {
                return show(recorder, &call.id, Told::wrong("`steps` is missing: expected a list".into())).await;
            };
            add(gate, recorder, name, call, steps.clone(), provenance).await
        }
        tool => match tool.parse::<ToolId>() {
            Ok(id) if gate.tool(&id).is_some() => {
                let turn = recorder.progress().talk.turns();
                let step =
                    json!({ "id": format!("t{turn}_{}", at + 1), "tool": id, "args": args, "on_failure": "continue" });
                add(gate, recorder, name, call, vec![step], provenance).await
            }
            _ => {
                let message = format!("there is no function `{}`", short(tool));
                show(recorder, &call.id, Told::wrong(message)).await
            }
        },
    }
}

/// Adds steps, or says what is wrong with them.
async fn add(
    gate: &Gate,
    recorder: &Recorder,
    planner: String,
    call: &FunctionCall,
    steps: Vec<Value>,
    provenance: Provenance,
) -> Result<(), GateError> {
    // Looked at in a statement of its own: what is known is locked as long as it is looked at.
    let fits = fit(gate, &recorder.progress(), &planner, &steps);
    if let Err(problem) = fits {
        return show(recorder, &call.id, Told::wrong(problem)).await;
    }
    let (by, call) = (By::Planner(planner), Some(call.id.clone()));
    recorder.append(EventBody::Replanned { by, call, add: steps, drop: Vec::new(), provenance }).await
}

/// Everything that can be wrong with steps before any of them runs.
fn fit(gate: &Gate, progress: &Progress, planner: &str, steps: &[Value]) -> Result<(), String> {
    if steps.is_empty() || steps.len() > MAX_STEPS {
        return Err(format!("{} steps are none, or more than {MAX_STEPS}", steps.len()));
    }
    let plan = progress.plan();
    let read = plan.parse_more(planner, steps, &progress.graph.ids());
    let read = read.map_err(|error| error.problems.join("\n"))?;
    let tools = check::catalogue(gate);
    check::check_steps(&read, &progress.graph, plan, &tools).map_err(|unfit| unfit.to_string())
}

fn short(text: &str) -> String {
    text.chars().take(MAX_SHOWN).collect()
}
