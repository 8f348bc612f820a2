//! `gloveport run` and `gloveport resume`: the task of a plan.

pub(super) mod packages;

use crate::{
    args::{ResumeArgs, RunArgs},
    exit::{Exit, Internal, Refused},
    flags::{self, Callable},
    path, places, planner,
    print::{json_line, line, one_line},
    progress::{self, Audience},
    records, secrets,
    setup::{self, Machine, Offer, Stages},
};
use anyhow::{Context as _, Result, bail};
use controller::{Attended, Failure, Gate, Plan, Setup, Task, TaskEnd, TaskError, Who, Words};
use journal::{EventBody, Journal, MountRecord, Reader, TaskId, TaskStarted, TaskState};
use registry::Sources;
use sandbox::{Isolated, PathPatterns};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The mount that `--workspace` stands for.
const WORKSPACE: &str = "workspace";

pub(crate) async fn run(args: &RunArgs, state: Option<&Path>) -> Result<Exit> {
    let text = fs::read_to_string(&args.plan).with_context(|| format!("plan {}", args.plan.display()))?;
    let mut plan = parse(&args.plan, &text)?;
    outside(&mut plan, &args.plan)?;
    let input = input(&mut plan, &args.input)?;
    let mut sources = setup::sources(args.grants.packages.iter())?;
    let typed = path::add(&args.grants.path, &mut sources)?;
    let names = packages::names(&plan, &args.plan, &typed, &mut sources)?;
    let on_path = packages::path(&plan, &args.plan, &names, &typed)?;
    packages::check_types(&plan, &args.plan, &names, &sources)?;
    let Audience { watch, heard } = progress::watch(args.json);
    let planner = planner::of(&plan, &plan.secrets, &plan.network, heard);
    let planner = planner.with_context(|| format!("plan {}", args.plan.display()))?;
    // What is only looked at leaves nothing behind.
    let scratch = args.check.then(tempfile::tempdir).transpose()?;
    let scratch = scratch.as_ref().map(tempfile::TempDir::path);
    let mounts = mounts(args, &plan, scratch)?;

    // Policy and flags become what the record says of them: `resume` uses the same, whatever the files say by then.
    let mut policy = setup::read_policies(&plan.policy)?;
    let callable = if policy.is_empty() {
        args.grants.packages.iter().filter_map(|path| sources.name_of_file(path)).collect()
    } else {
        Vec::new()
    };
    let flags = flags::policy(&args.grants, &Callable::Packages(callable), typed.iter().map(String::as_str));
    if !flags.is_empty() {
        policy.push((flags::NAME.to_owned(), flags));
    }
    let packages = names.iter().filter_map(|name| sources.get(name));
    setup::check_isolate(&plan.isolate, names.iter().map(String::as_str))?;
    let isolated = setup::isolated(args.grants.isolation, plan.isolation, &plan.isolate, &plan.require)?;
    let started = TaskStarted {
        objective: plan.objective.clone(),
        plan_file: absolute(&args.plan)?,
        plan: text,
        policy,
        tenant: "default".into(),
        principal: plan.principal.clone(),
        roles: plan.roles.clone(),
        mounts,
        env: plan.env.iter().chain(&args.grants.env).cloned().collect(),
        secrets: plan.secrets.clone(),
        network: plan.network.clone(),
        isolation: isolated.as_ref().map(|isolated| isolated.require.iter().map(ToString::to_string).collect()),
        isolate: isolated.into_iter().flat_map(|isolated| isolated.packages).collect(),
        limits: args.grants.limits.clone(),
        clock_ms: controller::now_ms(),
        packages: packages.map(packages::record).collect::<Result<_>>()?,
        path: on_path,
        footprint: serde_json::Value::Null,
        input,
        origin: None,
    };
    plan.limit(&args.grants.limits).context("--limit")?;
    let plan = Arc::new(plan);
    let journal = setup::journal(scratch.or(state))?;
    let task = TaskId::generate();
    let _lease = journal.lease(&task)?;
    let gate = gate(&started, &plan, &sources, Arc::clone(&journal), task)?;
    if args.check {
        return checked(&gate, &plan, args.json);
    }
    gate.check_isolation().await?;
    let attended = Attended { planner, wait: args.wait, words: Words::default() };
    let begun = Task::start(gate, plan, task, started, attended, watch).await.map_err(wrong)?;
    let end = begun.run().await.map_err(wrong)?;
    show(&task, &end, args.json)
}

/// Says what a plan would do, and does nothing.
fn checked(gate: &Gate, plan: &Plan, as_json: bool) -> Result<Exit> {
    controller::check_rules(gate, plan)?;
    let footprint = controller::footprint(gate, plan);
    if as_json {
        json_line(&serde_json::to_value(&footprint)?);
    } else {
        line(&one_line(&footprint.to_string()));
        for (step, why) in &footprint.denied {
            line(&format!("  step `{step}` would be denied: {}", one_line(why)));
        }
    }
    Ok(if footprint.denied.is_empty() { Exit::Done } else { Exit::Denied })
}

pub(crate) async fn resume(args: &ResumeArgs, state: Option<&Path>) -> Result<Exit> {
    let task: TaskId = args.task.parse()?;
    let dir = crate::places::state(state)?;
    let reader = Reader::open(&dir)?;
    records::known(&reader, &task)?;
    let journal = setup::journal(Some(&dir))?;
    let _lease = journal.lease(&task)?;
    // Only now: until the lease is taken, another process may go on with the task and add to its events.
    let (started, plan) = beginning(&reader, &task)?;
    if let Some(origin) = &started.origin {
        bail!(
            "{task} is step `{}` of task {}; `gloveport resume {}` goes on with both",
            origin.step,
            origin.task,
            origin.task
        );
    }
    let sources = packages::recorded(&started)?;
    let Audience { watch, heard } = progress::watch(args.json);
    let planner = planner::of(&plan, &started.secrets, &started.network, heard)?;
    let plan = Arc::new(plan);
    let gate = gate(&started, &plan, &sources, journal, task)?;
    gate.check_isolation().await?;
    let words = Words { repeat: args.repeat.clone(), give_up: args.give_up.clone() };
    let attended = Attended { planner, wait: args.wait, words };
    let taken_up = Task::resume(gate, plan, task, attended, watch).await.map_err(wrong)?;
    let end = taken_up.run().await.map_err(wrong)?;
    show(&task, &end, args.json)
}

fn parse(path: &Path, text: &str) -> Result<Plan> {
    Ok(Plan::parse(&path.display().to_string(), text, path.parent().unwrap_or(Path::new("")))?)
}

/// The beginning of a recorded task, and its plan. A person may have spoken before it, so it need not be the first event.
pub(crate) fn beginning(reader: &Reader, task: &TaskId) -> Result<(TaskStarted, Plan)> {
    for event in reader.events(task, 0) {
        if let EventBody::TaskStarted(started) = event?.body {
            let plan = Plan::recorded(&started)?;
            return Ok((*started, plan));
        }
    }
    bail!("{task} is a record of single calls, not of a plan; `gloveport tail {task}` shows them");
}

/// What a plan is given on the command line: values for names that it has. Gives back what is to be recorded.
fn input(plan: &mut Plan, given: &[(String, String)]) -> Result<BTreeMap<String, Value>> {
    let mut input = BTreeMap::new();
    for (name, text) in given {
        let Some(slot) = plan.input.get_mut(name) else {
            let known: Vec<_> = plan.input.keys().map(String::as_str).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            bail!("--input {name}: the plan has no such input; it has: {known}");
        };
        *slot = match slot {
            Value::String(_) => Value::String(text.clone()),
            _ => serde_json::from_str(text).with_context(|| format!("--input {name}: expected a JSON value"))?,
        };
        input.insert(name.clone(), slot.clone());
    }
    Ok(input)
}

/// Makes the files of secrets and certificates absolute, so that the record says where they are from everywhere.
fn outside(plan: &mut Plan, file: &Path) -> Result<()> {
    let folder = std::env::current_dir().context("the current folder")?.join(file.parent().unwrap_or(Path::new("")));
    let own = || format!("plan {}", file.display());
    secrets::resolve(&mut plan.secrets, &folder).with_context(own)?;
    for file in &mut plan.network.certificates {
        *file = absolute(&folder.join(&*file)).with_context(own)?;
    }
    Ok(())
}

/// What is to be made is made in `scratch`, where there is one.
fn mounts(args: &RunArgs, plan: &Plan, scratch: Option<&Path>) -> Result<Vec<MountRecord>> {
    let mut mounts = Vec::new();
    let granted = |name: &policy::MountName| args.grants.mounts.iter().any(|mount| mount.name == *name);
    for (name, mount) in plan.mounts.iter().filter(|(name, _)| !granted(name)) {
        let mut path = match &args.workspace {
            Some(workspace) if name.as_str() == WORKSPACE => workspace.clone(),
            _ => mount.path.clone(),
        };
        if mount.create {
            if let Some(scratch) = scratch.filter(|_| !path.exists()) {
                path = scratch.join("mounts").join(name.as_str());
            }
            fs::create_dir_all(&path).with_context(|| format!("mount `{name}`: {}", path.display()))?;
        }
        let PathPatterns { deny, read_only } = mount.patterns.clone();
        let (access, staged, shared) = (mount.access, mount.staged, mount.shared);
        let (name, path) = (name.clone(), absolute(&path)?);
        mounts.push(MountRecord { name, path, access, deny, read_only, staged, shared });
    }
    if args.workspace.is_some() && !mounts.iter().any(|mount| mount.name.as_str() == WORKSPACE) {
        bail!("--workspace: the plan has no mount `{WORKSPACE}`");
    }
    for granted in &args.grants.mounts {
        let (name, path) = (granted.name.clone(), absolute(&granted.path)?);
        let (access, staged) = (granted.access, granted.staged);
        mounts.push(MountRecord { name, path, access, deny: vec![], read_only: vec![], staged, shared: false });
    }
    Ok(mounts)
}

fn absolute(path: &Path) -> Result<String> {
    let path = fs::canonicalize(path).with_context(|| path.display().to_string())?;
    path.into_os_string().into_string().map_err(|path| anyhow::anyhow!("{} is not UTF-8", path.display()))
}

/// A gate to look back at a task with: its tools, its mounts as they are now, no secrets, and a record that nobody keeps.
pub(crate) fn afterwards(started: &TaskStarted, plan: &Plan, scratch: &Path) -> Result<Arc<Gate>> {
    let started = TaskStarted { secrets: Default::default(), ..started.clone() };
    let files: Vec<PathBuf> =
        started.packages.iter().filter_map(|package| package.file.clone()).map(Into::into).collect();
    let sources = setup::sources(files.iter())?;
    let journal = setup::journal(Some(scratch))?;
    gate(&started, plan, &sources, journal, TaskId::generate())
}

/// The gate of a task, from what its record says.
fn gate(
    started: &TaskStarted,
    plan: &Plan,
    sources: &Sources,
    journal: Arc<Journal>,
    task: TaskId,
) -> Result<Arc<Gate>> {
    let named = started.packages.iter().filter_map(|package| sources.get(&package.name));
    let machine = Machine {
        slots: setup::task_slots(plan, !started.path.is_empty()),
        network: setup::network(&started.network),
        fuel: setup::counts(plan.all_limits()),
        isolated: match &started.isolation {
            Some(require) => Some(Isolated {
                require: require.iter().map(|wall| wall.parse()).collect::<Result<_, _>>()?,
                packages: started.isolate.iter().cloned().collect(),
            }),
            None => None,
        },
    };
    let (sandbox, packages, mut policy) = setup::load(machine, named, || setup::parse_policies(&started.policy))?;
    if let Some(rules) = &plan.forbid {
        let tightened = policy.tightened(&[("forbid", rules)]);
        policy = tightened.with_context(|| format!("plan {}, forbid", started.plan_file))?;
    }
    let mounts = started.mounts.iter().map(|mount| Offer {
        name: &mount.name,
        path: Path::new(&mount.path),
        access: mount.access,
        patterns: PathPatterns { deny: mount.deny.clone(), read_only: mount.read_only.clone() },
        staged: mount.staged,
    });
    let stages = Stages { folder: places::staged(journal.folder(), &task), demanded: policy.stages() };
    let mut world = setup::world(mounts, started.env.iter(), &stages)?;
    world.clock_ms = started.clock_ms;
    world.secrets = secrets::read(&started.secrets)?;
    let who =
        Who { tenant: started.tenant.clone(), principal: started.principal.clone(), roles: started.roles.clone() };
    // The lease is held by whoever runs the task.
    let (limits, watch, lease, path) = (plan.limits, None, None, started.path.clone());
    let classification = Arc::new(plan.sources.clone());
    let shared = started.mounts.iter().filter(|mount| mount.shared).map(|mount| mount.name.clone()).collect();
    let setup = Setup {
        sandbox,
        packages,
        policy,
        path,
        world,
        classification,
        shared,
        who,
        limits,
        journal,
        task,
        watch,
        lease,
    };
    Ok(Gate::new(setup))
}

fn wrong(error: TaskError) -> anyhow::Error {
    match error {
        TaskError::Gate(error) => Internal(error.into()).into(),
        error @ TaskError::WouldBeDenied(_) => Refused(error.into()).into(),
        error => error.into(),
    }
}

fn show(task: &TaskId, end: &TaskEnd, as_json: bool) -> Result<Exit> {
    if as_json {
        let nodes = end.progress.graph.nodes().iter().zip(&end.progress.steps);
        let steps =
            nodes.map(|(node, known)| json!({ "step": &*node.id, "state": known.state.word(), "view": known.view }));
        json_line(
            &json!({ "task": task, "state": end.state, "why": end.why, "result": end.result, "steps": steps.collect::<Vec<_>>() }),
        );
    } else {
        let denied = end.progress.steps.iter().filter(|step| step.state.word() == "denied").count();
        if denied > 0 {
            eprintln!("gloveport: {denied} denied; `gloveport report {task}` says what and why");
        }
        if let Some(why) = &end.why {
            eprintln!("gloveport: {}", one_line(why));
        }
        line(task.as_str());
    }
    Ok(match (end.state, end.failure) {
        (TaskState::Done, _) => Exit::Done,
        (TaskState::Waiting, _) | (_, Some(Failure::Denied)) => Exit::Denied,
        (_, Some(Failure::Limit)) => Exit::Limit,
        (_, Some(Failure::Trap)) => Exit::Trap,
        (TaskState::Failed | TaskState::Cancelled, _) => Exit::ToolError,
    })
}
