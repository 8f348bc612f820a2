//! The program `gloveport`, as a function: the binary is one line around it, and so is the one that tests run.
//!
//! The only crate that knows argv, the terminal and the process environment.
#![allow(clippy::disallowed_methods, reason = "argv, environment and files named by the operator are this crate's job")]

mod args;
mod commands;
mod config;
mod exit;
mod flags;
mod graph;
mod path;
mod places;
mod planner;
mod print;
mod progress;
mod records;
mod secrets;
mod setup;
mod update;

use args::{AuditCommand, Cli, Command};
use clap::Parser as _;
use journal::{Answer, EventBody, Steering};
use std::{io, process::ExitCode, sync::OnceLock};
use tokio::runtime::{Builder, Runtime};

/// Told of every event of a task, after it is recorded and before anything follows from it.
type OnEvent = Box<dyn Fn(&EventBody) + Send + Sync>;

static ON_EVENT: OnceLock<OnEvent> = OnceLock::new();

/// Runs the command line, and tells somebody of every event of the task that it works on, right after it is recorded.
pub fn main_watched(on_event: impl Fn(&EventBody) + Send + Sync + 'static) -> ExitCode {
    // A process runs one command line.
    let _ = ON_EVENT.set(Box::new(on_event));
    main()
}

/// Runs the command line.
pub fn main() -> ExitCode {
    if let Some(code) = sandbox::serve_as_worker() {
        return code;
    }
    // clap's own exit code for bad usage is 2, as ours.
    let cli = Cli::parse();
    let result = match runtime(&cli.command) {
        Ok(runtime) => {
            let result = runtime.block_on(run(&cli));
            // A read of standard input that nobody waits for any more must not keep the process.
            runtime.shutdown_background();
            result
        }
        Err(error) => Err(exit::Internal(error.into()).into()),
    };
    match result {
        Ok(exit) => exit.into(),
        Err(error) => {
            eprintln!("gloveport: {}", print::harmless(&format!("{error:#}")));
            exit::of(&error).into()
        }
    }
}

/// Threads for what does several things at once; anything else starts faster without.
fn runtime(command: &Command) -> io::Result<Runtime> {
    let mut builder = match command {
        Command::Run(_) | Command::Resume(_) | Command::Replay(_) | Command::Mcp(_) | Command::Serve(_) => {
            Builder::new_multi_thread()
        }
        _ => Builder::new_current_thread(),
    };
    builder.enable_all().build()
}

async fn run(cli: &Cli) -> anyhow::Result<exit::Exit> {
    let state = cli.state.as_deref();
    match &cli.command {
        Command::Run(args) => commands::run::run(args, state).await,
        Command::Resume(args) => commands::run::resume(args, state).await,
        Command::Tasks(args) => commands::tasks::list(args, state),
        Command::Show(args) => commands::tasks::show(args, state),
        Command::Tail(args) => commands::tail::run(args, state),
        Command::Report(args) => commands::report::run(args, state),
        Command::Replay(args) => commands::replay::run(args, state).await,
        Command::Explain(args) => commands::report::explain(args, state),
        Command::Diff(args) => commands::staged::diff(args, state),
        Command::Commit(args) => commands::staged::commit(args, state).await,
        Command::Discard(args) => commands::staged::discard(args, state).await,
        Command::Approvals { task, json } => commands::people::approvals(task.as_deref(), json, state),
        Command::Approve(args) => commands::people::decide(args, Answer::Approve, state).await,
        Command::Reject { decide, why } => commands::people::decide(decide, Answer::Reject(why.clone()), state).await,
        Command::Answer(args) => commands::people::answer(args, state).await,
        Command::Pause(args) => commands::people::steer(args, Steering::Pause, state).await,
        Command::Continue(args) => commands::people::steer(args, Steering::Continue, state).await,
        Command::Cancel { steer, why } => commands::people::steer(steer, Steering::Cancel(why.clone()), state).await,
        Command::Tell { steer, words } => commands::people::steer(steer, Steering::Tell(words.clone()), state).await,
        Command::Edit(args) => commands::people::edit(args, state).await,
        Command::Tighten(args) => commands::people::tighten(args, state).await,
        Command::Call(args) => commands::call::run(args, state).await,
        Command::Tools(args) => commands::tools::run(args),
        Command::Inspect(args) => commands::inspect::run(args),
        Command::DiffPackage(args) => commands::diff_package::run(args),
        Command::Policy { command } => commands::policy::run(command, state),
        Command::Doctor(args) => commands::doctor::run(args).await,
        Command::Init(args) => commands::init::run(args),
        Command::Audit { command: AuditCommand::Verify { task, head, json } } => {
            commands::audit::verify(task.as_deref(), *head, *json, state)
        }
        Command::Lock(args) => commands::lock::run(args),
        Command::Mcp(args) => commands::mcp::run(args, state).await,
        Command::Serve(args) => commands::serve::run(args, state).await,
    }
}
