//! The one way to a tool: arguments checked, policy asked, the intent recorded, the call run, the outcome recorded.

use crate::{
    budget::{Exhausted, Spent},
    guests::Guests,
    record,
    within::Within,
};
use journal::{Journal, JournalError, Lease, TaskId};
use policy::{
    Annotations, Bounds, Classification, Decision, Denial, Foreseen, Grant, Limits, MountName, Narrow, Policy,
    PolicyError, Principal, Provenance, Request, Source, ToolId,
};
use sandbox::{BadArguments, CallError, Outcome, Package, Progress, Sandbox, Setting, Stage, Tool, World};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    future::poll_fn,
    sync::{
        Arc, Mutex, PoisonError, RwLock, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::Poll,
};

/// On whose behalf calls are made.
#[derive(Debug, Clone)]
pub struct Who {
    /// Whose world it is.
    pub tenant: String,
    /// Who asks.
    pub principal: Principal,
    /// What that principal is, for policy.
    pub roles: Vec<String>,
}

/// Everything that stands between a caller and the tools.
pub struct Gate {
    sandbox: Arc<Sandbox>,
    tools: BTreeMap<ToolId, Arc<Tool>>,
    /// Policy in force; it can only become narrower.
    policy: RwLock<Arc<Policy>>,
    world: World,
    offered: Vec<(MountName, policy::Access)>,
    variables: BTreeSet<String>,
    classification: Arc<Classification>,
    shared: BTreeSet<MountName>,
    who: Who,
    limits: Limits,
    journal: Arc<Journal>,
    /// The record that single calls go into.
    task: TaskId,
    guests: Guests,
    /// The tools that programs' names lead to.
    programs: Arc<BTreeMap<String, ToolId>>,
    /// How many processes were started.
    processes: AtomicU64,
    /// For the calls that tools make, which outlive no gate.
    itself: Weak<Self>,
    watch: Option<ProgressWatch>,
    /// The gates of tasks within this one's: what forbids something here forbids it there.
    within: Mutex<Vec<Weak<Self>>>,
    /// While it is held, nobody takes over or drops what is staged here.
    _lease: Option<Lease>,
}

/// Called whenever a call says how far it has come: the task, the step where there is one, and what it says.
pub type ProgressWatch = Arc<dyn Fn(&TaskId, Option<&str>, &Progress) + Send + Sync>;

/// Who a call is made for, and what led to it.
pub(crate) struct Asker {
    pub(crate) task: TaskId,
    pub(crate) step: Option<String>,
    /// Where all arguments together came from.
    pub(crate) sources: Provenance,
    /// Where the choice of this call came from.
    pub(crate) chosen: Arc<Provenance>,
    pub(crate) spent: Spent,
    /// Whether the budget leaves a further call, which then counts; `None` where there is none.
    pub(crate) admit: Option<Admit>,
}

/// Takes a call out of what a budget leaves.
pub(crate) type Admit = Arc<dyn Fn() -> Result<(), Exhausted> + Send + Sync>;

/// What came of asking for a call.
#[derive(Debug)]
pub enum Answer {
    /// It ran.
    Ran(Box<Outcome>),
    /// Policy said no.
    Denied(Denial),
    /// A person has to agree first.
    Asks {
        /// Who may agree.
        approvers: Vec<String>,
        /// The policies that ask.
        policies: Vec<String>,
    },
    /// The arguments do not fit the tool.
    BadArguments(BadArguments),
    /// The host failed.
    Failed(GateError),
}

/// A fault of the host, not of the call.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// The call could not begin.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The record could not be written: without a record nothing runs.
    #[error("the record could not be written: {0}")]
    Journal(#[from] JournalError),
    /// The threads for guests did not start.
    #[error("the threads for guests could not start: {0}")]
    Threads(std::io::Error),
    /// The thread that ran it panicked.
    #[error("the call broke off: {0}")]
    Broken(#[from] tokio::task::JoinError),
}

impl GateError {
    /// What the caller may know of it.
    pub fn for_caller(&self) -> &'static str {
        match self {
            Self::Call(_) | Self::Threads(_) => "the call could not begin",
            Self::Journal(_) => "the call could not be recorded",
            Self::Broken(_) => "the call broke off",
        }
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("who", &self.who).field("task", &self.task).finish_non_exhaustive()
    }
}

/// What a gate is made of.
pub struct Setup {
    /// The engine, which gates of several tenants can share: each tenant gets an equal part of it.
    pub sandbox: Arc<Sandbox>,
    /// The packages whose tools can be called.
    pub packages: Vec<Package>,
    /// Who may do what.
    pub policy: Policy,
    /// The names of packages whose programs can be started as processes, the first that has a name before the others.
    pub path: Vec<String>,
    /// What grants choose from.
    pub world: World,
    /// What goes for sources.
    pub classification: Arc<Classification>,
    /// The mounts in which others see what is written.
    pub shared: BTreeSet<MountName>,
    /// On whose behalf calls are made.
    pub who: Who,
    /// The bounds of single calls.
    pub limits: Limits,
    /// Where everything is recorded.
    pub journal: Arc<Journal>,
    /// The record that single calls go into.
    pub task: TaskId,
    /// Whom to tell how far calls have come.
    pub watch: Option<ProgressWatch>,
    /// The right to drive that record's task, where somebody else could come in between.
    pub lease: Option<Lease>,
}

/// A call that policy is asked about.
#[derive(Debug)]
pub struct Proposal<'a> {
    /// What is called.
    pub tool: &'a Tool,
    /// With what.
    pub args: &'a Value,
    /// Where each argument came from.
    pub provenance: &'a BTreeMap<String, Provenance>,
    /// Where the choice of this call came from.
    pub chosen: &'a Provenance,
    /// What the caller gives up.
    pub narrow: &'a Narrow,
    /// The bounds of the call that makes this one, where one does.
    pub within: Option<&'a Bounds>,
    /// The bounds of the call.
    pub limits: Limits,
    /// What its task has spent.
    pub spent: Spent,
}

impl Gate {
    /// Puts it together.
    pub fn new(setup: Setup) -> Arc<Self> {
        let programs = Arc::new(programs(&setup.packages, &setup.path));
        let tools = setup.packages.iter().flat_map(|package| package.tools.values());
        Arc::new_cyclic(|itself| Self {
            itself: itself.clone(),
            watch: setup.watch,
            _lease: setup.lease,
            tools: tools.map(|tool| (tool.id.clone(), Arc::clone(tool))).collect(),
            offered: setup.world.mounts.iter().map(|(name, mount)| (name.clone(), mount.access())).collect(),
            variables: setup.world.env.keys().cloned().collect(),
            classification: setup.classification,
            shared: setup.shared,
            sandbox: setup.sandbox,
            policy: RwLock::new(Arc::new(setup.policy)),
            world: World { tenant: setup.who.tenant.as_str().into(), ..setup.world },
            who: setup.who,
            limits: setup.limits,
            journal: setup.journal,
            task: setup.task,
            guests: Guests::default(),
            programs,
            processes: AtomicU64::new(0),
            within: Mutex::default(),
        })
    }

    /// The same gate for a task within the task, with further rules. Single calls are not made through it.
    ///
    /// # Errors
    /// Where the rules are not valid, or permit something.
    pub(crate) fn narrowed(&self, name: &str, forbid: Option<&str>) -> Result<Arc<Self>, PolicyError> {
        let rules: Vec<_> = forbid.map(|rules| (format!("{name}.forbid.cedar"), rules)).into_iter().collect();
        // Rules that are added meanwhile are either in the policy already, or are added to this gate as well.
        let mut within = self.within.lock().unwrap_or_else(PoisonError::into_inner);
        let policy = self.policy().tightened(&rules)?;
        let inner = Arc::new_cyclic(|itself| Self {
            itself: itself.clone(),
            watch: self.watch.clone(),
            _lease: None,
            tools: self.tools.clone(),
            offered: self.offered.clone(),
            variables: self.variables.clone(),
            classification: Arc::clone(&self.classification),
            shared: self.shared.clone(),
            sandbox: Arc::clone(&self.sandbox),
            policy: RwLock::new(Arc::new(policy)),
            world: self.world.clone(),
            who: self.who.clone(),
            limits: self.limits,
            journal: Arc::clone(&self.journal),
            task: self.task,
            guests: Guests::default(),
            programs: Arc::clone(&self.programs),
            processes: AtomicU64::new(0),
            within: Mutex::default(),
        });
        within.retain(|gate| gate.strong_count() > 0);
        within.push(Arc::downgrade(&inner));
        Ok(inner)
    }

    /// The tools, by id.
    pub fn tools(&self) -> impl Iterator<Item = &Arc<Tool>> {
        self.tools.values()
    }

    /// The tool of this id.
    pub fn tool(&self, id: &ToolId) -> Option<&Arc<Tool>> {
        self.tools.get(id)
    }

    /// The tools that programs' names lead to.
    pub(crate) fn programs(&self) -> &BTreeMap<String, ToolId> {
        &self.programs
    }

    /// A number that no other process of this gate has.
    pub(crate) fn next_process(&self) -> u64 {
        self.processes.fetch_add(1, Relaxed)
    }

    pub(crate) fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    pub(crate) fn world(&self) -> &World {
        &self.world
    }

    /// A call says how far it has come.
    pub(crate) fn tell(&self, task: &TaskId, step: Option<&str>, progress: &Progress) {
        if let Some(watch) = &self.watch {
            watch(task, step, progress);
        }
    }

    /// What can be said of every call of a tool that could be granted here.
    pub fn annotations(&self, tool: &Tool) -> Annotations {
        Annotations::offered(tool.needs(), self.offered.iter().map(|(_, access)| *access))
    }

    /// Whether what isolation requires is there, before the first call needs it.
    ///
    /// # Errors
    /// Names the walls that are missing, and why.
    pub async fn check_isolation(&self) -> Result<(), sandbox::WorkerError> {
        self.sandbox.check_isolation().await
    }

    /// Whether something is staged by now.
    pub fn stages_changes(&self) -> bool {
        self.world.staged().any(|staged| !staged.diff().is_ok_and(|diff| diff.is_empty()))
    }

    pub(crate) fn journal(&self) -> &Arc<Journal> {
        &self.journal
    }

    fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.policy.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts further rules into force, which can all but forbid. Calls that are under way end under those that they began
    /// with.
    ///
    /// # Errors
    /// Where they are not valid, or permit something. Nothing has changed then.
    pub(crate) fn tighten(&self, rules: &[(String, String)]) -> Result<(), PolicyError> {
        let within = self.within.lock().unwrap_or_else(PoisonError::into_inner);
        let tightened = self.policy().tightened(rules)?;
        *self.policy.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(tightened);
        within.iter().filter_map(Weak::upgrade).try_for_each(|gate| gate.tighten(rules))
    }

    /// What policy says of a call.
    pub fn decide(&self, proposal: &Proposal<'_>) -> Decision {
        self.policy().decide(&self.request(proposal))
    }

    /// What policy says of a call to which these have agreed.
    pub(crate) fn decide_approved(&self, proposal: &Proposal<'_>, agreed: &BTreeSet<String>) -> Decision {
        self.policy().decide_approved(&self.request(proposal), agreed)
    }

    /// What would come of a call if everybody agreed who has to.
    pub(crate) fn foresee(&self, proposal: &Proposal<'_>) -> Result<Foreseen, Denial> {
        self.policy().foresee(&self.request(proposal))
    }

    /// Whether a planner may see a result of these sources; the policies that say so, or why not.
    pub(crate) fn reveal(&self, tool: &Tool, sources: &Provenance) -> Result<policy::Asked, policy::Refusal> {
        let (provenance, chosen, narrow) = (BTreeMap::new(), Provenance::new(), Narrow::default());
        let request = self.request(&Proposal {
            tool,
            args: &Value::Null,
            provenance: &provenance,
            chosen: &chosen,
            narrow: &narrow,
            within: None,
            limits: self.limits,
            spent: Spent::default(),
        });
        self.policy().reveal(&request, sources)
    }

    /// Why policy says so.
    pub fn explain(&self, proposal: &Proposal<'_>) -> policy::Explanation {
        self.policy().explain(&self.request(proposal))
    }

    fn request<'a>(&'a self, proposal: &Proposal<'a>) -> Request<'a> {
        Request {
            tenant: &self.who.tenant,
            roles: &self.who.roles,
            principal: &self.who.principal,
            tool: &proposal.tool.id,
            digest: &proposal.tool.digest_text,
            needs: proposal.tool.needs(),
            mounts: &self.offered,
            env: &self.variables,
            narrow: proposal.narrow,
            within: proposal.within,
            limits: proposal.limits,
            args: proposal.args,
            provenance: proposal.provenance,
            chosen: proposal.chosen,
            classification: &self.classification,
            shared: &self.shared,
            spent: policy::Spent {
                calls: proposal.spent.calls,
                cpu_ms: proposal.spent.cpu_us / 1_000,
                written_bytes: proposal.spent.written,
            },
        }
    }

    /// Runs a call that was granted.
    pub(crate) async fn run(
        &self,
        tool: &Tool,
        arguments: sandbox::Arguments,
        grant: Grant,
        asker: Asker,
        cancel: impl Future<Output = ()>,
    ) -> Result<Outcome, CallError> {
        let Asker { task, step, sources, chosen, spent, admit } = asker;
        let stage: Arc<dyn Stage> =
            Arc::new(Within { gate: self.itself.clone(), task, step, sources, chosen, spent, admit });
        // The same call draws the same virtual random numbers.
        let setting = Setting { world: &self.world, seed: 0, stage: Some(stage), within: None, process: None };
        self.sandbox.call(tool, arguments, grant, setting, cancel).await
    }

    /// Makes one call outside of a plan.
    pub async fn call(&self, tool: &Tool, args: Value, cancel: impl Future<Output = ()>) -> Answer {
        self.try_call(tool, args, cancel).await.unwrap_or_else(Answer::Failed)
    }

    /// Makes one call outside of a plan, on the guests' own threads.
    ///
    /// It begins on the thread that asks: most calls are over before their first tick, a millisecond at most, and
    /// waking another thread would cost several times what they do. What has not ended by then moves.
    pub async fn call_apart(
        self: Arc<Self>,
        tool: Arc<Tool>,
        args: Value,
        cancel: impl Future<Output = ()> + Send + 'static,
    ) -> Answer {
        let gate = Arc::clone(&self);
        let mut call = Box::pin(async move { gate.call(&tool, args, cancel).await });
        match poll_fn(|context| Poll::Ready(call.as_mut().poll(context))).await {
            Poll::Ready(answer) => answer,
            Poll::Pending => match self.guests.spawn(call) {
                Ok(running) => running.await.unwrap_or_else(|error| Answer::Failed(error.into())),
                Err(error) => Answer::Failed(GateError::Threads(error)),
            },
        }
    }

    async fn try_call(&self, tool: &Tool, args: Value, cancel: impl Future<Output = ()>) -> Result<Answer, GateError> {
        let arguments = match tool.arguments(&args, self.limits.get(policy::LimitKind::Arguments)) {
            Ok(arguments) => arguments,
            Err(bad) => return Ok(Answer::BadArguments(bad)),
        };
        let caller = Provenance::from_iter([Source::Caller]);
        let keys = args.as_object().into_iter().flat_map(serde_json::Map::keys);
        let provenance = keys.map(|key| (key.clone(), caller.clone())).collect();
        let decision = self.decide(&Proposal {
            tool,
            args: &args,
            provenance: &provenance,
            chosen: &caller,
            narrow: &Narrow::default(),
            within: None,
            limits: self.limits,
            spent: Spent::default(),
        });
        let mut call = record::Single::new(tool, args, &decision);
        let grant = match decision {
            Decision::Allow { grant } => grant,
            Decision::Ask { approvers, policies } => {
                self.journal.append(&self.task, call.refused(), record::now_ms()).await?;
                return Ok(Answer::Asks { approvers, policies });
            }
            Decision::Deny(denial) => {
                self.journal.append(&self.task, call.refused(), record::now_ms()).await?;
                return Ok(Answer::Denied(denial));
            }
        };
        // What can change something is recorded before it begins, and its outcome before anybody hears of it. What
        // cannot leaves nothing behind that its record could be missing for.
        let changes = grant.can_change();
        if changes && let Some(event) = call.begun() {
            self.journal.append(&self.task, event, record::now_ms()).await?;
        }
        let chosen = Arc::new(caller.clone());
        let asker =
            Asker { task: self.task, step: None, sources: caller, chosen, spent: Spent::default(), admit: None };
        let outcome = match self.run(tool, arguments, grant, asker, cancel).await {
            Ok(outcome) => outcome,
            Err(error) => {
                // Nothing ran; what was said to begin has ended.
                self.journal.append(&self.task, call.refused(), record::now_ms()).await?;
                return Err(error.into());
            }
        };
        let event = call.ended(&outcome);
        if changes {
            self.journal.append(&self.task, event, record::now_ms()).await?;
        } else {
            self.journal.append_unwaited(&self.task, event, record::now_ms()).await?;
        }
        Ok(Answer::Ran(Box::new(outcome)))
    }
}

/// The commands of the packages on the path, by the names under which they are started.
fn programs(packages: &[Package], path: &[String]) -> BTreeMap<String, ToolId> {
    let mut programs = BTreeMap::new();
    for package in path.iter().filter_map(|name| packages.iter().find(|package| package.name() == name)) {
        for tool in package.tools.values().filter(|tool| tool.is_command()) {
            programs.entry(tool.program().to_owned()).or_insert_with(|| tool.id.clone());
        }
    }
    programs
}
