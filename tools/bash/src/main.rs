//! `bash` and `sh`: the language is brush's, and commands are processes that the host starts.

mod builtins;
mod files;
mod options;
mod pump;
mod system;

use brush_core::{
    Error, ExecutionResult, Shell, SourceInfo, error,
    extensions::{ErrorFormatter, ShellExtensions, ShellExtensionsImpl},
    openfiles::{OpenFile, OpenFiles},
};
use files::File;
use gloveport::process::{Input, Output};
use options::{Options, Run};
use std::{
    io::{Read as _, Write as _},
    sync::Arc,
};

gloveport::command!(package = "gloveport:bash");

/// The variables that are set where the caller gave none.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";
/// The version of the language, which scripts ask for.
const VERSION: &str = "GNU bash, version 5.2.37(1)-release (wasm32-wasip2)";

/// Errors read as those of bash.
#[derive(Clone, Default)]
struct Messages;

impl ErrorFormatter for Messages {
    fn format_error(&self, error: &Error, shell: &Shell<impl ShellExtensions>) -> String {
        let name = shell.current_shell_name().map_or_else(|| "bash".into(), |name| name.into_owned());
        format!("{name}: {error}\n")
    }
}

type Extensions = ShellExtensionsImpl<Messages>;

fn main() {
    let mut args = std::env::args();
    let name = args.next().unwrap_or_else(|| "bash".to_owned());
    let name = name.rsplit('/').next().unwrap_or("bash").to_owned();
    let entered = gloveport::command::enter();
    brush_core::sys::host::install(system::System);
    let code = match (Options::parse(&name, args), entered) {
        (Err(error), _) => fail(&format!("{name}: {error}"), 2),
        (_, Err(error)) => fail(&format!("{name}: the starting directory: {error}"), 126),
        (Ok(options), Ok(())) => pump::run(run(options)),
    };
    pump::run(system::settled());
    pump::finish();
    gloveport::command::exit(code);
}

fn fail(text: &str, code: u8) -> u8 {
    let _ = writeln!(std::io::stderr(), "{text}");
    code
}

/// The files that the shell itself was started with.
fn standard_files() -> [(i32, OpenFile); 3] {
    let output = |output: Output| File::Output(Arc::new(output)).open();
    [
        (OpenFiles::STDIN_FD, File::Input(Arc::new(Input::stdin())).open()),
        (OpenFiles::STDOUT_FD, output(Output::stdout())),
        (OpenFiles::STDERR_FD, output(Output::stderr())),
    ]
}

async fn run(options: Options) -> u8 {
    let result = match options.run {
        Run::Version => {
            let _ = writeln!(std::io::stdout(), "{VERSION}");
            return 0;
        }
        Run::Resume(ref state) => {
            return match Shell::<Extensions>::resume(state, builtins::all(), standard_files().into_iter()) {
                Ok((mut shell, work)) => {
                    let code = work.run(&mut shell).await;
                    let _ = shell.on_exit().await;
                    code
                }
                Err(error) => fail(&format!("bash: the state to go on from: {error}"), 2),
            };
        }
        _ => script(options).await,
    };
    result.unwrap_or_else(|error| fail(&format!("bash: {error}"), 1))
}

async fn script(options: Options) -> Result<u8, Error> {
    let Options { name, run, args, set, unset, shopt_set, shopt_unset, posix } = options;
    let mut shell = Shell::builder_with_extensions::<Extensions>()
        .enable_options(set)
        .disable_options(unset)
        .enable_shopt_options(shopt_set)
        .disable_shopt_options(shopt_unset)
        .builtins(builtins::all())
        .fds(standard_files().into_iter().collect())
        .shell_name(name)
        .shell_args(args)
        .posix(posix)
        .sh_mode(posix)
        .profile(brush_core::ProfileLoadBehavior::Skip)
        .rc(brush_core::RcLoadBehavior::Skip)
        .build()
        .await?;
    if shell.env_str("PATH").is_none_or(|path| path.is_empty()) {
        let mut path = brush_core::ShellVariable::new(PATH);
        path.export();
        shell.env_mut().set_global("PATH", path)?;
    }
    let result: ExecutionResult = match run {
        Run::Text(text) => shell.run_dash_c_command(text).await?,
        Run::File(path) => shell.run_script(path, std::iter::empty::<String>()).await?,
        _ => {
            let mut text = Vec::new();
            File::of(&standard_files()[0].1).read_to_end(&mut text).map_err(error::Error::from)?;
            let text = String::from_utf8_lossy(&text).into_owned();
            let params = shell.default_exec_params();
            let result = shell.run_string(text, &SourceInfo::from("main"), &params).await?;
            let _ = shell.on_exit().await;
            result
        }
    };
    Ok(result.exit_code.into())
}
