//! The command line.

use crate::commands::serve::ServeArgs;
use clap::{Args, Parser, Subcommand};
use controller::Isolation;
use policy::{Access, Digest, HostPattern, Limits, MountName, Principal, SecretName, ToolId, ToolPattern};
use std::path::PathBuf;

/// Runs an agent's tools as WebAssembly components that can reach only what policy granted to each call.
#[derive(Debug, Parser)]
#[command(name = "gloveport", version, after_help = EXIT_CODES, disable_help_subcommand = true)]
pub(crate) struct Cli {
    /// Where tasks are recorded [default: $GLOVEPORT_STATE, else $XDG_STATE_HOME/gloveport, else ~/.local/state/gloveport]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0   done
  2   bad usage or input
  3   denied, or waiting for an approval
  4   the tool returned an error, or a check failed
  5   a limit was hit, or a budget is spent
  6   the guest trapped
  70  internal error";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs the task of a plan file
    Run(RunArgs),
    /// Continues a task that was stopped, or whose uncertain steps you have a word on
    Resume(ResumeArgs),
    /// Lists tasks
    Tasks(JsonArgs),
    /// Shows a task's steps
    Show(TaskArgs),
    /// Follows a task's events until it ends
    Tail(TaskArgs),
    /// Prints a task's report, in Markdown or as one HTML page
    Report(ReportArgs),
    /// Runs a task's calls again, offline, and says which come to exactly the same
    Replay(ReplayArgs),
    /// Draws where what a step was given came from
    Explain(ExplainArgs),
    /// Shows what taking over a task's staged changes would do
    Diff(TaskArgs),
    /// Takes a task's staged changes over, if they are exactly those of a digest
    Commit(CommitArgs),
    /// Drops a task's staged changes
    Discard(DiscardArgs),
    /// Lists what waits for a person's answer
    Approvals {
        /// Only of this task
        task: Option<String>,
        #[command(flatten)]
        json: JsonArgs,
    },
    /// Lets a task do what it asked for, once, exactly as `approvals` shows it
    Approve(DecideArgs),
    /// Refuses what a task asked for
    Reject {
        #[command(flatten)]
        decide: DecideArgs,
        /// Why, for the record
        #[arg(long, default_value = "")]
        why: String,
    },
    /// Answers a planner's question
    Answer(AnswerArgs),
    /// Lets no further step of a task begin
    Pause(SteerArgs),
    /// Lets steps of a paused task begin again
    Continue(SteerArgs),
    /// Ends a task; calls that run are stopped
    Cancel {
        #[command(flatten)]
        steer: SteerArgs,
        /// Why, for the record
        #[arg(long, default_value = "")]
        why: String,
    },
    /// Says something to a task's planner
    Tell {
        #[command(flatten)]
        steer: SteerArgs,
        /// What
        words: String,
    },
    /// Changes what remains of a task's plan
    Edit(EditArgs),
    /// Puts further rules into force for a task, each of which can only forbid
    Tighten(TightenArgs),
    /// Calls one tool
    Call(CallArgs),
    /// Lists tools
    Tools(ToolsArgs),
    /// Says what a component file is: its tools, schemas, imports, needs and what it could reach
    Inspect(InspectArgs),
    /// Says what an update of a package would newly reach, and what it would break for callers
    DiffPackage(DiffPackageArgs),
    /// Checks policy files, or explains a decision
    Policy {
        #[command(subcommand)]
        command: PolicyCommand,
    },
    /// Writes a starter configuration and policy into a folder
    Init(InitArgs),
    /// Says which walls this machine puts around calls that run in processes of their own
    Doctor(JsonArgs),
    /// Checks records
    Audit {
        #[command(subcommand)]
        command: AuditCommand,
    },
    /// Pins the configuration's packages to the bytes they have now, in its lock file
    #[command(after_help = LOCK)]
    Lock(LockArgs),
    /// Serves the tools over MCP on standard input and output
    Mcp(McpArgs),
    /// Lets people answer and steer tasks over HTTP
    Serve(ServeArgs),
}

/// What the operator grants on the command line, and where tools come from.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct GrantArgs {
    /// A component file to add, without installing it; repeatable
    #[arg(long = "package", value_name = "FILE.wasm")]
    pub(crate) packages: Vec<PathBuf>,
    /// Grants a directory as a mount; `:ro` (the default), `:rw`, or `:staged`: written to when a person takes it over; repeatable
    #[arg(long = "mount", value_name = "NAME=DIR[:ro|:rw|:staged]", value_parser = mount)]
    pub(crate) mounts: Vec<MountArg>,
    /// Grants an environment variable; repeatable
    #[arg(long = "env", value_name = "NAME")]
    pub(crate) env: Vec<String>,
    /// Grants requests to a host: `api.example.com`, `*.example.com`, either with `:PORT`; repeatable
    #[arg(long = "http", value_name = "HOST[:PORT]")]
    pub(crate) http: Vec<HostPattern>,
    /// Grants an address, or a range of them, that is not public: `127.0.0.1`, `10.0.0.0/8`; repeatable
    #[arg(long = "reach", value_name = "ADDRESS", value_parser = address)]
    pub(crate) reach: Vec<String>,
    /// Grants a secret of the configuration to requests to one host; repeatable
    #[arg(long = "secret", value_name = "NAME=HOST", value_parser = secret)]
    pub(crate) secrets: Vec<(SecretName, String)>,
    /// Grants that tools call others: `text.grep`, `text.*`, `*`; repeatable
    #[arg(long = "invoke", value_name = "TOOL")]
    pub(crate) invoke: Vec<ToolPattern>,
    /// Puts a package's programs on the path, and grants that tools start them; a file or a package's name; repeatable
    #[arg(long = "path", value_name = "PACKAGE")]
    pub(crate) path: Vec<String>,
    /// Where calls run: `thread` or `process` [default: $GLOVEPORT_ISOLATION, else what is written down, else thread]
    #[arg(long, value_name = "WHERE", value_parser = isolation)]
    pub(crate) isolation: Option<Isolation>,
    /// Sets a limit of each call, such as `cpu=5s` or `memory=64MiB`; repeatable
    #[arg(long = "limit", value_name = "KEY=VALUE", value_parser = limit)]
    pub(crate) limits: Vec<(String, String)>,
}

/// The operator's configuration, and what the command line adds to it. A plan says for itself what a configuration would.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ConfiguredArgs {
    /// The configuration [default: ./gloveport.toml where there is one]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) grants: GrantArgs,
}

/// A mount on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MountArg {
    pub(crate) name: MountName,
    pub(crate) path: PathBuf,
    pub(crate) access: Access,
    pub(crate) staged: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CommitArgs {
    /// The task's id
    pub(crate) task: String,
    /// What `gloveport diff` said of the changes that are meant
    #[arg(long = "diff", value_name = "DIGEST")]
    pub(crate) digest: Digest,
    /// Prints them as JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) by: AsArgs,
}

#[derive(Debug, Args)]
pub(crate) struct DiscardArgs {
    #[command(flatten)]
    pub(crate) task: TaskArgs,
    #[command(flatten)]
    pub(crate) by: AsArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The plan (TOML)
    pub(crate) plan: PathBuf,
    /// The directory of the plan's mount `workspace`, in place of the one it names
    #[arg(long, value_name = "DIR")]
    pub(crate) workspace: Option<PathBuf>,
    /// A value in place of one in the plan's `[input]`: a text where the plan has one, else a JSON value; repeatable
    #[arg(long = "input", value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) input: Vec<(String, String)>,
    #[command(flatten)]
    pub(crate) grants: GrantArgs,
    /// Says what the plan would do at most, checks everything, and runs nothing
    #[arg(long, conflicts_with = "wait")]
    pub(crate) check: bool,
    /// Stays while a person has to say something, instead of ending with exit code 3
    #[arg(long)]
    pub(crate) wait: bool,
    /// Prints events and the end as JSON lines
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// The task's id
    pub(crate) task: String,
    /// A copy of what a mount held when the task began; repeatable. Nothing in it is changed
    #[arg(long = "mount", value_name = "NAME=DIR", value_parser = pair)]
    pub(crate) mounts: Vec<(String, String)>,
    /// Prints a JSON line a call
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    /// The task's id
    pub(crate) task: String,
    /// A step that a crash left uncertain: run it again; repeatable
    #[arg(long = "repeat", value_name = "STEP")]
    pub(crate) repeat: Vec<String>,
    /// A step that a crash left uncertain: count it as failed; repeatable
    #[arg(long = "give-up", value_name = "STEP")]
    pub(crate) give_up: Vec<String>,
    /// Stays while a person has to say something, instead of ending with exit code 3
    #[arg(long)]
    pub(crate) wait: bool,
    /// Prints events and the end as JSON lines
    #[arg(long)]
    pub(crate) json: bool,
}

/// Who speaks.
#[derive(Debug, Args)]
pub(crate) struct AsArgs {
    /// The name under which you act, as policies name approvers [default: $USER]
    #[arg(long = "as", value_name = "NAME")]
    pub(crate) name: Option<Principal>,
}

#[derive(Debug, Args)]
pub(crate) struct DecideArgs {
    /// The task's id
    pub(crate) task: String,
    /// The digest under which it was asked, as `gloveport approvals` shows it
    pub(crate) digest: Digest,
    #[command(flatten)]
    pub(crate) by: AsArgs,
}

#[derive(Debug, Args)]
pub(crate) struct AnswerArgs {
    /// The task's id
    pub(crate) task: String,
    /// The digest of the question
    pub(crate) digest: Digest,
    /// The answer
    pub(crate) words: String,
    #[command(flatten)]
    pub(crate) by: AsArgs,
}

#[derive(Debug, Args)]
pub(crate) struct SteerArgs {
    /// The task's id
    pub(crate) task: String,
    #[command(flatten)]
    pub(crate) by: AsArgs,
}

#[derive(Debug, Args)]
pub(crate) struct EditArgs {
    /// The task's id
    pub(crate) task: String,
    /// A step that is not to begin any more; repeatable
    #[arg(long = "drop", value_name = "STEP")]
    pub(crate) drop: Vec<String>,
    /// A file of `[[step]]`s to add (TOML), in the form of a plan; repeatable
    #[arg(long = "add", value_name = "FILE")]
    pub(crate) add: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) by: AsArgs,
}

#[derive(Debug, Args)]
pub(crate) struct TightenArgs {
    /// The task's id
    pub(crate) task: String,
    /// The rules (Cedar): `forbid` only
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) by: AsArgs,
}

#[derive(Debug, Args)]
pub(crate) struct JsonArgs {
    /// Prints JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TaskArgs {
    /// The task's id
    pub(crate) task: String,
    /// Prints JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// The task's id
    pub(crate) task: String,
    /// As one HTML page that needs nothing else
    #[arg(long)]
    pub(crate) html: bool,
    /// Writes it to a file instead of standard output
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The task's id
    pub(crate) task: String,
    /// The step's id
    pub(crate) step: String,
    /// Prints JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CallArgs {
    /// The tool's id, such as `files.read`
    pub(crate) tool: ToolId,
    /// The arguments as a JSON object; `-` reads them from standard input
    pub(crate) json_args: Option<String>,
    /// One argument: a text where the tool takes one, else a JSON value; repeatable
    #[arg(long = "arg", value_name = "KEY=VALUE", value_parser = pair, conflicts_with = "json_args")]
    pub(crate) args: Vec<(String, String)>,
    #[command(flatten)]
    pub(crate) configured: ConfiguredArgs,
    /// Prints the whole outcome as JSON: result, usage, effects
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ToolsArgs {
    /// Only tools whose id begins with this
    pub(crate) prefix: Option<String>,
    #[command(flatten)]
    pub(crate) configured: ConfiguredArgs,
    /// Prints JSON, with schemas
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// A component file, or the name of a bundled package
    pub(crate) file: PathBuf,
    /// Prints JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = DIFF)]
pub(crate) struct DiffPackageArgs {
    /// The old one: a component file, or the name of a bundled package
    pub(crate) old: PathBuf,
    /// The new one
    pub(crate) new: PathBuf,
    /// Prints JSON
    #[arg(long)]
    pub(crate) json: bool,
}

const DIFF: &str = "\
Both are compared by their bytes alone: what could be reached, and the types of the tools.
  +  newly reached, or added       -  not reached any more
  !  breaks callers                ~  changed otherwise
Exit codes: 0 it reaches no more, and breaks no caller; 4 it does.";

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Checks policy files against the schema
    Check {
        /// The files (Cedar)
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Says what would be decided for a call, and why, without running it
    Explain(Box<CallArgs>),
    /// Says which recorded decisions other policies would change
    Backtest {
        /// The files (Cedar) that would be in force instead
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Only decisions of this task; repeatable
        #[arg(long = "task", value_name = "TASK")]
        tasks: Vec<String>,
        #[command(flatten)]
        json: JsonArgs,
    },
    /// Proposes the least policy that would have allowed what a task asked for
    Learn {
        /// The task's id
        task: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// Where to write
    #[arg(default_value = ".")]
    pub(crate) folder: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Recomputes the hash chain of a task, or of all tasks
    Verify {
        /// The task's id; absent for all
        task: Option<String>,
        /// The digest that the chain must end with, noted elsewhere before
        #[arg(long, requires = "task", value_name = "DIGEST")]
        head: Option<Digest>,
        /// Prints JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct LockArgs {
    /// A package whose changed bytes are accepted, if they reach no more and break no caller; repeatable
    #[arg(long = "accept", value_name = "NAME")]
    pub(crate) accept: Vec<String>,
    /// A package of which exactly these bytes are accepted, whatever they reach or break; repeatable
    #[arg(long = "widen", value_name = "NAME=DIGEST", value_parser = pinned)]
    pub(crate) widen: Vec<(String, Digest)>,
    /// The configuration [default: ./gloveport.toml]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

const LOCK: &str = "\
The first time, it pins every package. From then on it says what a changed or added package would newly reach and what
it would break, and refuses it: nothing is written. `--accept NAME` takes new bytes that do neither. What does needs
`--widen NAME=DIGEST`, with the digest that was shown, so that no script accepts what nobody has seen.
Exit codes: 0 all are pinned; 4 one was refused.";

#[derive(Debug, Args)]
pub(crate) struct McpArgs {
    #[command(flatten)]
    pub(crate) configured: ConfiguredArgs,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or_else(|| format!("expected KEY=VALUE, got `{text}`"))?;
    if key.is_empty() {
        return Err(format!("expected KEY=VALUE, got `{text}`"));
    }
    Ok((key.to_owned(), value.to_owned()))
}

/// An address, or a range in the notation of CIDR.
fn address(text: &str) -> Result<String, String> {
    let refuse = || format!("expected an address or a range, such as `127.0.0.1` or `10.0.0.0/8`, got `{text}`");
    let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
    let address: std::net::IpAddr = address.parse().map_err(|_| refuse())?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    match bits {
        Some(bits) if bits.parse().is_ok_and(|bits: u8| bits <= most) => Ok(text.to_owned()),
        Some(_) => Err(refuse()),
        None => Ok(text.to_owned()),
    }
}

fn secret(text: &str) -> Result<(SecretName, String), String> {
    let (name, host) = pair(text)?;
    let name = name.parse().map_err(|error: policy::IdError| error.to_string())?;
    host.parse::<HostPattern>().map_err(|error| error.to_string())?;
    Ok((name, host))
}

fn pinned(text: &str) -> Result<(String, Digest), String> {
    let (name, digest) = text.split_once('=').ok_or_else(|| format!("expected NAME=DIGEST, got `{text}`"))?;
    Ok((name.to_owned(), digest.parse().map_err(|error: policy::DigestError| error.to_string())?))
}

fn limit(text: &str) -> Result<(String, String), String> {
    let (key, value) = pair(text)?;
    Limits::default().with(&key, &value).map_err(|error| error.to_string())?;
    Ok((key, value))
}

fn isolation(text: &str) -> Result<Isolation, String> {
    text.parse().map_err(|error: controller::NoIsolation| error.to_string())
}

fn mount(text: &str) -> Result<MountArg, String> {
    let refuse = || format!("expected NAME=DIR[:ro|:rw|:staged], got `{text}`");
    let (name, path) = text.split_once('=').ok_or_else(refuse)?;
    let (path, access, staged) = match path.rsplit_once(':') {
        Some((path, "ro")) => (path, Access::Read, false),
        Some((path, "rw")) => (path, Access::ReadWrite, false),
        Some((path, "staged")) => (path, Access::ReadWrite, true),
        _ => (path, Access::Read, false),
    };
    if path.is_empty() {
        return Err(refuse());
    }
    let name = name.parse().map_err(|error: policy::IdError| error.to_string())?;
    Ok(MountArg { name, path: path.into(), access, staged })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }

    #[test]
    fn mounts_are_read_from_their_flag() {
        let check = |text: &str, expected: &str| {
            let got = mount(text).map_or_else(
                |error| error,
                |mount| format!("{} {} {}", mount.name, mount.path.display(), mount.access),
            );
            assert!(got.contains(expected), "{text}: {got}");
        };
        check("work=.", "work . read");
        check("work=/a:b:rw", "work /a:b read-write");
        check("work=dir:ro", "work dir read");
        check("work", "expected NAME=");
        check("work=:rw", "expected NAME=");
        check("wo/rk=.", "not a mount name");
    }
}
