//! Starting programs: in the foreground for the reader of the terminal, or quietly for their output.

use std::ffi::OsString;
use std::io::{self, Read};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Error, Result, anyhow, bail};

/// How many of a failed program's last lines its error repeats.
const LAST_LINES: usize = 20;

/// The cargo that runs this program, so that every command uses one toolchain.
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")))
}

/// Runs `command` in the foreground, after showing it; fails when it fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = show(command);
    eprintln!("$ {shown}");
    let status = command.status().map_err(|error| not_started(command, error))?;
    if !status.success() {
        bail!("`{shown}` failed ({status})");
    }
    Ok(())
}

/// Runs `command` out of sight and gives what it printed; fails when it fails or runs longer than `limit`.
///
/// The error ends with the last lines that the program wrote to its standard error.
pub(crate) fn capture(command: &mut Command, limit: Duration) -> Result<String> {
    let shown = show(command);
    let deadline = Instant::now() + limit;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| not_started(command, error))?;
    let pipes = (read_all(child.stdout.take()), read_all(child.stderr.take()));
    let left = || deadline.saturating_duration_since(Instant::now());
    let (Ok(stdout), Ok(stderr)) = (pipes.0.recv_timeout(left()), pipes.1.recv_timeout(left())) else {
        child.kill().with_context(|| format!("cannot stop `{shown}`"))?;
        child.wait().with_context(|| format!("cannot await `{shown}`"))?;
        bail!("`{shown}` was stopped after {} s", limit.as_secs());
    };
    let status = child.wait().with_context(|| format!("cannot await `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` failed ({status}){}", last_lines(&stderr));
    }
    String::from_utf8(stdout).with_context(|| format!("`{shown}` printed what is not UTF-8"))
}

/// Reads a pipe to its end on a thread of its own, as a program stalls when one of its two pipes is full.
fn read_all(pipe: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What was read before an error still explains the failure that the exit status tells of.
            let _ = pipe.read_to_end(&mut bytes);
        }
        // Nobody listens any more once the time is up.
        let _ = sender.send(bytes);
    });
    receiver
}

fn not_started(command: &Command, error: io::Error) -> Error {
    let program = command.get_program().display();
    match error.kind() {
        io::ErrorKind::NotFound => anyhow!("`{program}` is not installed (not found on PATH)"),
        _ => anyhow!(error).context(format!("cannot start `{program}`")),
    }
}

/// The command as one would type it, with the program's name in place of its path.
fn show(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let mut shown = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
    for arg in command.get_args() {
        shown.push(' ');
        shown.push_str(&arg.to_string_lossy());
    }
    shown
}

fn last_lines(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let shown = &lines[lines.len().saturating_sub(LAST_LINES)..];
    shown.iter().map(|line| format!("\n      {line}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GENEROUS: Duration = Duration::from_secs(60);

    #[track_caller]
    fn check(script: &str, limit: Duration, expected: Result<&str, &str>) {
        let got = capture(Command::new("sh").args(["-c", script]), limit).map_err(|error| format!("{error:#}"));
        match (&got, expected) {
            (Ok(printed), Ok(expected)) => assert_eq!(printed, expected),
            (Err(error), Err(part)) => assert!(error.contains(part), "{error}\nlacks\n{part}"),
            _ => panic!("{script}: expected {expected:?}, got {got:?}"),
        }
    }

    #[test]
    fn output_is_what_the_program_printed() {
        check("echo out; echo noise >&2", GENEROUS, Ok("out\n"));
        // More than both pipes hold at once.
        check("head -c 300000 /dev/zero >&2; echo out", GENEROUS, Ok("out\n"));
    }

    #[test]
    fn failures_say_why() {
        check("echo the reason >&2; exit 3", GENEROUS, Err("exit status: 3)\n      the reason"));
        check("exec sleep 600", Duration::from_millis(50), Err("was stopped after 0 s"));
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = capture(&mut Command::new("no-such-program"), GENEROUS).expect_err("it is not there");
        assert_eq!(error.to_string(), "`no-such-program` is not installed (not found on PATH)");
    }

    #[test]
    fn only_the_last_lines_are_repeated() {
        let many: String = (0..50).map(|n| format!("line {n}\n")).collect();
        let shown = last_lines(many.as_bytes());
        assert!(shown.starts_with("\n      line 30\n") && shown.ends_with("line 49"), "{shown}");
    }
}
