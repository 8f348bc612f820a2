//! Other tools, the operator's log, and progress: the interface `gloveport:tool/host`.

use crate::{
    ledger::Ledger,
    meter::Meter,
    outcome::{Action, Effect, Level},
    outside::{Launch, Outside},
    stage::{Account, Chain, Invocation, NotInvoked, NotStarted, Progress, Running, Stage, Start},
};
use policy::{Bounds, LimitKind, Limits, Standing, ToolId};
use serde_json::Value;
use std::sync::Arc;
use wasmtime::component::HasData;
use wasmtime_wasi::runtime::spawn;

mod bindings {
    wasmtime::component::bindgen!({
        path: "../../sdk/wit",
        world: "gloveport:tool/tool",
        imports: { default: async | trappable },
    });
}

use bindings::gloveport::tool::host;
pub(crate) use host::{InvokeError, add_to_linker};

/// One call's way to other tools and to the operator.
pub(crate) struct HostDoor {
    pub(crate) outside: Arc<dyn Outside>,
    pub(crate) limits: Limits,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) meter: Arc<Meter>,
    /// The tool that runs, and how many calls are under way within each other.
    pub(crate) tool: ToolId,
    pub(crate) depth: u64,
}

pub(crate) struct HostData;

impl HasData for HostData {
    type Data<'a> = &'a mut HostDoor;
}

/// What it takes to ask for another call, apart from the guest.
#[derive(Clone)]
pub(crate) struct Asking {
    pub(crate) standing: Option<Arc<Standing>>,
    /// Who makes the calls; `None` where nobody does, and all are refused.
    pub(crate) stage: Option<Arc<dyn Stage>>,
    /// What the calls that it makes can be granted at most.
    pub(crate) bounds: Bounds,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) chain: Chain,
}

impl Asking {
    pub(crate) async fn invoke(self, tool: ToolId, arguments: Value, limits: Limits) -> Result<String, InvokeError> {
        let stage = self.prepare(&tool)?;
        let id = tool.to_string();
        self.ledger.done(Action::Invoke, id.clone());
        let invocation = Invocation {
            tool,
            arguments,
            read: self.ledger.read(),
            within: self.bounds,
            limits,
            chain: self.chain,
            account: Account { ledger: Arc::clone(&self.ledger), meter: self.meter },
        };
        let answer = stage.invoke(invocation).await;
        self.ledger.used(&id);
        answer.map_err(|error| match error {
            NotInvoked::Denied(text) => InvokeError::Denied(text),
            NotInvoked::Invalid(text) => InvokeError::Invalid(text),
            NotInvoked::Failed(value) => InvokeError::Failed(value.to_string()),
            NotInvoked::Stopped(text) => InvokeError::Stopped(text),
        })
    }

    /// Starts a program as a process, once policy allows it.
    pub(crate) async fn start(self, launch: Launch) -> Result<Running, NotStarted> {
        let Launch { args, process, left: limits } = launch;
        let (name, read) = (process.name.clone(), self.ledger.read());
        let (Some(standing), Some(stage)) = (&self.standing, &self.stage) else {
            self.ledger.refused(Action::Exec, name.clone());
            return Err(NotStarted::Denied(format!("start {name}")));
        };
        let Some(tool) = stage.find(&name) else { return Err(NotStarted::NotFound) };
        if let Err(refusal) = standing.exec(&name, &tool, &read) {
            self.ledger.denied(Action::Exec, tool.to_string(), &refusal);
            return Err(NotStarted::Denied(format!("start {name}")));
        }
        self.ledger.done(Action::Exec, tool.to_string());
        let account = Account { ledger: Arc::clone(&self.ledger), meter: self.meter };
        stage.start(Start { tool, args, process, read, within: self.bounds, limits, chain: self.chain, account }).await
    }

    /// What is decided before anybody is asked to make the call.
    fn prepare(&self, id: &ToolId) -> Result<Arc<dyn Stage>, InvokeError> {
        let refuse = || InvokeError::Denied(format!("invoke {id}"));
        let (Some(standing), Some(stage)) = (&self.standing, &self.stage) else {
            self.ledger.refused(Action::Invoke, id.to_string());
            return Err(refuse());
        };
        if let Err(refusal) = standing.invoke(id, &self.ledger.read()) {
            self.ledger.denied(Action::Invoke, id.to_string(), &refusal);
            return Err(refuse());
        }
        if self.chain.holds(id) {
            let why = Some(format!("it is running already: {}", self.chain));
            self.ledger.note(false, Effect { why, ..Effect::new(Action::Invoke, id.to_string()) });
            return Err(InvokeError::Denied(format!("invoke {id}: it would call itself")));
        }
        Ok(Arc::clone(stage))
    }
}

impl HostDoor {
    /// What is left of the call's own limits.
    pub(crate) fn left(&self) -> Limits {
        let used = u64::try_from(self.meter.cpu().as_millis()).unwrap_or(u64::MAX);
        let cpu = self.limits.get(LimitKind::Cpu).saturating_sub(used).max(1);
        let used = u64::try_from(self.meter.wall().as_millis()).unwrap_or(u64::MAX);
        let wall = self.limits.get(LimitKind::Wall).saturating_sub(used).max(1);
        self.limits.at_most(LimitKind::Cpu, cpu).at_most(LimitKind::Wall, wall)
    }
}

impl host::Host for HostDoor {
    async fn invoke(&mut self, tool: String, arguments: String) -> wasmtime::Result<Result<String, InvokeError>> {
        // Also what is refused counts: a guest that tries all names is stopped.
        self.ledger.invocation()?;
        let id = match tool.parse::<ToolId>() {
            Ok(id) => id,
            Err(error) => return Ok(Err(InvokeError::Invalid(error.to_string()))),
        };
        if self.depth > self.limits.get(LimitKind::Depth) {
            return Err(self.ledger.hit(LimitKind::Depth).into());
        }
        let arguments = match serde_json::from_str(&arguments) {
            Ok(arguments @ Value::Object(_)) => arguments,
            Ok(_) => return Ok(Err(InvokeError::Invalid("the arguments are no JSON object".into()))),
            Err(error) => return Ok(Err(InvokeError::Invalid(format!("the arguments are not JSON: {error}")))),
        };
        // As a task of its own: here the guest's stack is under foot, on which neither policy nor another call has room.
        // When the guest is dropped, it ends too.
        Ok(spawn(self.outside.invoke(id, arguments, self.left())).await)
    }

    async fn log(&mut self, level: host::Level, message: String) -> wasmtime::Result<()> {
        let level = match level {
            host::Level::Trace => Level::Trace,
            host::Level::Debug => Level::Debug,
            host::Level::Info => Level::Info,
            host::Level::Warn => Level::Warn,
            host::Level::Error => Level::Error,
        };
        Ok(self.ledger.log(level, message)?)
    }

    async fn progress(&mut self, done: u64, total: Option<u64>, message: String) -> wasmtime::Result<()> {
        self.ledger.progress(&message)?;
        self.outside.progress(Progress { tool: self.tool.clone(), done, total, message });
        Ok(())
    }
}
