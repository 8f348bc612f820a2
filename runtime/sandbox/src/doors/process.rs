//! Programs as processes, and the streams between them: the interface `gloveport:tool/process`.

use crate::{
    doors::host::HostDoor,
    outside::Launch,
    process::{self, Capture, Exit, Handle, Input, Output, Process, Processes, Streams},
    stage::NotStarted,
};
use policy::LimitKind;
use std::sync::Arc;
use wasmtime::component::{Resource, ResourceTable};
use wasmtime_wasi::{
    async_trait,
    p2::{DynInputStream, DynOutputStream, DynPollable, Pollable, subscribe},
    runtime::spawn,
};

mod bindings {
    wasmtime::component::bindgen!({
        path: "../../sdk/wit",
        world: "gloveport:tool/shell",
        imports: { default: async | trappable },
        with: {
            "wasi:io": wasmtime_wasi::p2::bindings::io,
            "gloveport:tool/process.process": crate::process::Handle,
            "gloveport:tool/process.capture": crate::process::Capture,
            "gloveport:tool/process.input": crate::process::Input,
            "gloveport:tool/process.output": crate::process::Output,
        },
    });
}

pub(crate) use bindings::gloveport::tool::process::add_to_linker;
use bindings::gloveport::tool::process::{
    Command, Exit as GuestExit, Host, HostCapture, HostInput, HostOutput, HostProcess, SpawnError,
};

/// The most bytes that a program's arguments and variables may take together: what Linux allows by default.
const MAX_GIVEN: usize = 2 << 20;

/// One call's way to start programs.
pub(crate) struct ProcessDoor<'a> {
    pub(crate) table: &'a mut ResourceTable,
    pub(crate) host: &'a HostDoor,
    pub(crate) processes: &'a Arc<Processes>,
    /// Where the call itself began.
    pub(crate) cwd: Option<&'a str>,
}

#[async_trait]
impl Pollable for Handle {
    async fn ready(&mut self) {
        self.ended().await;
    }
}

impl ProcessDoor<'_> {
    /// Its own duplicates of the streams that it was given.
    fn streams(&self, command: &Command) -> wasmtime::Result<Streams> {
        let input = |it: &Resource<Input>| self.table.get(it).map(Input::duplicate);
        let output = |it: &Resource<Output>| self.table.get(it).map(Output::duplicate);
        Ok(Streams {
            stdin: command.stdin.as_ref().map(input).transpose()?,
            stdout: command.stdout.as_ref().map(output).transpose()?,
            stderr: command.stderr.as_ref().map(output).transpose()?,
        })
    }
}

/// What is wrong with a command before anybody is asked.
fn unfit(command: &Command) -> Option<String> {
    let env = command.env.iter().map(|(name, value)| name.len() + value.len());
    let given: usize = command.args.iter().map(String::len).chain(env).sum();
    if given > MAX_GIVEN {
        return Some(format!("the arguments and variables take {given} bytes; at most {MAX_GIVEN} are allowed"));
    }
    let mut texts = command.args.iter().chain(command.env.iter().flat_map(|(name, value)| [name, value]));
    if texts.any(|text| text.contains('\0')) {
        return Some("an argument or a variable holds a zero byte".to_owned());
    }
    if command.env.iter().any(|(name, _)| name.is_empty() || name.contains('=')) {
        return Some("a variable's name is empty or holds `=`".to_owned());
    }
    None
}

impl Host for ProcessDoor<'_> {
    async fn spawn(&mut self, command: Command) -> wasmtime::Result<Result<Resource<Handle>, SpawnError>> {
        // Also what is refused counts: a guest that tries all names is stopped.
        self.host.ledger.start()?;
        let streams = self.streams(&command)?;
        if let Some(why) = unfit(&command) {
            return Ok(Err(SpawnError::Invalid(why)));
        }
        if self.host.depth > self.host.limits.get(LimitKind::Depth) {
            return Err(self.host.ledger.hit(LimitKind::Depth).into());
        }
        let Some(place) = self.host.ledger.process() else { return Ok(Err(SpawnError::TooMany)) };
        let (handle, prepared, leash) = self.processes.prepare();
        let Command { name, args, env, cwd, .. } = command;
        let cwd = cwd.or_else(|| self.cwd.map(str::to_owned));
        let launch = Launch { args, process: Process { name, env, cwd, streams, leash }, left: self.host.left() };
        // As a task of its own: here the guest's stack is under foot, on which policy has no room.
        match spawn(self.host.outside.start(launch)).await {
            Ok(running) => {
                let running = async move {
                    let _place = place;
                    running.await
                };
                self.processes.run(prepared, Box::pin(running));
                Ok(Ok(self.table.push(handle)?))
            }
            Err(why) => Ok(Err(match why {
                NotStarted::NotFound => SpawnError::NotFound,
                NotStarted::Denied(text) => SpawnError::Denied(text),
                NotStarted::Invalid(text) => SpawnError::Invalid(text),
                NotStarted::TooMany => SpawnError::TooMany,
                NotStarted::Failed => SpawnError::Failed,
            })),
        }
    }

    async fn pipe(&mut self) -> wasmtime::Result<(Resource<Input>, Resource<Output>)> {
        let (reading, writing) = process::pipe();
        Ok((self.table.push(Input::Pipe(reading))?, self.table.push(Output::Pipe(writing))?))
    }

    async fn collect(&mut self) -> wasmtime::Result<(Resource<Capture>, Resource<Output>)> {
        let (capture, sink) = process::capture(&self.host.ledger);
        Ok((self.table.push(capture)?, self.table.push(Output::new(Box::new(sink)))?))
    }

    async fn find(&mut self, name: String) -> wasmtime::Result<Option<String>> {
        Ok(spawn(self.host.outside.find(name)).await)
    }

    async fn programs(&mut self) -> wasmtime::Result<Vec<String>> {
        Ok(spawn(self.host.outside.programs()).await)
    }
}

impl HostProcess for ProcessDoor<'_> {
    async fn subscribe(&mut self, process: Resource<Handle>) -> wasmtime::Result<Resource<DynPollable>> {
        subscribe(self.table, process)
    }

    async fn exit(&mut self, process: Resource<Handle>) -> wasmtime::Result<Option<GuestExit>> {
        Ok(self.table.get(&process)?.exit().map(guest))
    }

    async fn wait(&mut self, process: Resource<Handle>) -> wasmtime::Result<GuestExit> {
        Ok(guest(self.table.get_mut(&process)?.ended().await))
    }

    async fn kill(&mut self, process: Resource<Handle>) -> wasmtime::Result<()> {
        self.table.get(&process)?.kill();
        Ok(())
    }

    async fn drop(&mut self, process: Resource<Handle>) -> wasmtime::Result<()> {
        self.table.delete(process)?;
        Ok(())
    }
}

impl HostInput for ProcessDoor<'_> {
    async fn new(&mut self, stream: Resource<DynInputStream>) -> wasmtime::Result<Resource<Input>> {
        let stream = self.table.delete(stream)?;
        Ok(self.table.push(Input::new(stream))?)
    }

    async fn stream(&mut self, input: Resource<Input>) -> wasmtime::Result<Resource<DynInputStream>> {
        let stream = self.table.get(&input)?.stream();
        Ok(self.table.push(stream)?)
    }

    async fn drop(&mut self, input: Resource<Input>) -> wasmtime::Result<()> {
        self.table.delete(input)?;
        Ok(())
    }
}

impl HostOutput for ProcessDoor<'_> {
    async fn new(&mut self, stream: Resource<DynOutputStream>) -> wasmtime::Result<Resource<Output>> {
        let stream = self.table.delete(stream)?;
        Ok(self.table.push(Output::new(stream))?)
    }

    async fn stream(&mut self, output: Resource<Output>) -> wasmtime::Result<Resource<DynOutputStream>> {
        let stream = self.table.get(&output)?.stream();
        Ok(self.table.push(stream)?)
    }

    async fn drop(&mut self, output: Resource<Output>) -> wasmtime::Result<()> {
        self.table.delete(output)?;
        Ok(())
    }
}

impl HostCapture for ProcessDoor<'_> {
    async fn take(&mut self, capture: Resource<Capture>) -> wasmtime::Result<Vec<u8>> {
        Ok(self.table.get(&capture)?.take())
    }

    async fn drop(&mut self, capture: Resource<Capture>) -> wasmtime::Result<()> {
        self.table.delete(capture)?;
        Ok(())
    }
}

fn guest(exit: Exit) -> GuestExit {
    match exit {
        Exit::Code(code) => GuestExit::Code(code),
        Exit::BrokenPipe => GuestExit::BrokenPipe,
        Exit::Killed => GuestExit::Killed,
        Exit::Limit(which) => GuestExit::Limit(which),
        Exit::Trap => GuestExit::Trap,
    }
}
