//! A guest that starts processes, and says how they go.
#![allow(clippy::disallowed_methods, reason = "in a guest, std is the sandbox's own door")]

/// Processes.
#[gloveport::tools(package = "guests:starter@1.0.0", needs(fs = "read-write", env = ["GRANTED"], exec = ["*"]))]
pub mod starter {
    use gloveport::process::{Command, Exit, Output, Process, SpawnError, collect, find, pipe, programs};
    use std::io::{Read as _, Write as _};

    /// What came of a pipeline.
    pub struct Ended {
        /// What its last process wrote.
        pub stdout: String,
        /// What all of them complained.
        pub stderr: String,
        /// How each ended.
        pub exits: Vec<String>,
    }

    fn said(exit: Exit) -> String {
        match exit {
            Exit::Code(code) => code.to_string(),
            Exit::BrokenPipe => "broken pipe".into(),
            Exit::Killed => "killed".into(),
            Exit::Limit(which) => format!("limit {which}"),
            Exit::Trap => "trap".into(),
        }
    }

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn command(words: &str) -> Command<'static> {
        let mut words = words.split(' ').map(str::to_owned);
        Command::new(words.next().unwrap_or_default()).args(words)
    }

    fn refused(error: SpawnError) -> String {
        error.to_string()
    }

    /// Runs commands at once, each of which reads what the one before it writes.
    pub fn pipeline(
        /// The commands: words with a space between them.
        commands: Vec<String>,
        /// What the first one reads.
        stdin: Option<String>,
        /// The directory that they start in.
        cwd: Option<String>,
        /// A variable that they see, as `NAME=VALUE`.
        env: Option<String>,
    ) -> Result<Ended, String> {
        let (first, mut feed) = pipe();
        let mut input = first;
        let (stdout, output) = collect();
        let (stderr, errors) = collect();
        let mut running = Vec::new();
        let last = commands.len().saturating_sub(1);
        for (at, words) in commands.iter().enumerate() {
            let (next, writing) = pipe();
            let mut starting =
                command(words).stdin(&input).stdout(if at == last { &output } else { &writing }).stderr(&errors);
            if let Some(cwd) = &cwd {
                starting = starting.cwd(cwd.as_str());
            }
            if let Some((name, value)) = env.as_deref().and_then(|env| env.split_once('=')) {
                starting = starting.env(name, value);
            }
            running.push(starting.spawn().map_err(refused)?);
            input = next;
        }
        // Where the first does not read all, nobody is left to read the rest.
        let _ = feed.write_all(stdin.unwrap_or_default().as_bytes());
        drop((input, feed));
        let exits = running.iter().map(|process| said(process.wait())).collect();
        Ok(Ended { stdout: text(stdout.take()), stderr: text(stderr.take()), exits })
    }

    /// Starts commands that wait for input, until one does not start.
    pub fn many(
        /// How many.
        times: u32,
    ) -> Result<u32, String> {
        let (input, feed) = pipe();
        let mut running = Vec::new();
        for started in 0..times {
            match command("program cat").stdin(&input).spawn() {
                Ok(process) => running.push(process),
                Err(error) => return Err(format!("{error} after {started}")),
            }
        }
        drop(feed);
        Ok(u32::try_from(running.iter().filter(|process| process.wait() == Exit::Code(0)).count()).unwrap_or(0))
    }

    /// Runs a command so often, one after the other, and drops what it writes.
    pub fn again(
        /// The command.
        words: String,
        /// How often.
        times: u32,
    ) -> Result<u32, String> {
        let mut failed = 0;
        for _ in 0..times {
            let (_, output) = collect();
            let process = command(&words).stdout(&output).spawn().map_err(refused)?;
            failed += u32::from(process.wait() != Exit::Code(0));
        }
        Ok(failed)
    }

    /// Starts a command, and ends without it.
    pub fn leave(
        /// The command.
        words: String,
    ) -> Result<bool, String> {
        let process = command(&words).spawn().map_err(refused)?;
        Ok(process.exit().is_none())
    }

    /// Starts a command, and kills it.
    pub fn kill(
        /// The command.
        words: String,
    ) -> Result<String, String> {
        let process = command(&words).spawn().map_err(refused)?;
        process.kill();
        process.kill();
        Ok(said(process.wait()))
    }

    /// Reads what a command writes, a part at a time.
    pub fn sip(
        /// The command.
        words: String,
        /// How many bytes.
        bytes: u32,
    ) -> Result<String, String> {
        let (mut reading, writing) = pipe();
        let process = command(&words).stdout(&writing).spawn().map_err(refused)?;
        drop(writing);
        let mut bytes = vec![0; bytes as usize];
        reading.read_exact(&mut bytes).map_err(|error| error.to_string())?;
        drop(reading);
        Ok(format!("{} {}", text(bytes), said(process.wait())))
    }

    /// Commands one after the other, whose output is the call's own, with words of this one between them.
    pub fn aloud(
        /// The commands.
        commands: Vec<String>,
    ) -> Result<Vec<String>, String> {
        let mut output = Output::stdout();
        let mut exits = Vec::new();
        for words in &commands {
            let process: Process = command(words).stdout(&output).spawn().map_err(refused)?;
            exits.push(said(process.wait()));
            output.write_all(b"then ").map_err(|error| error.to_string())?;
        }
        Ok(exits)
    }

    /// The programs that there are, and what `name` leads to.
    pub fn path(
        /// A name.
        name: String,
    ) -> Vec<String> {
        let mut known = programs();
        known.extend(find(&name));
        known
    }

    /// Holds pipes, so many.
    pub fn pipes(
        /// How many.
        times: u32,
    ) -> u32 {
        let held: Vec<_> = (0..times).map(|_| pipe()).collect();
        u32::try_from(held.len()).unwrap_or(0)
    }

    /// Writes to a pipe that nobody reads any more.
    pub fn alone() -> String {
        let (reading, mut writing) = pipe();
        drop(reading);
        match writing.write_all(b"x") {
            Ok(()) => "written".into(),
            Err(error) => format!("{:?}", error.kind()),
        }
    }
}
