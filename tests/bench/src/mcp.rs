//! `gloveport mcp` over pipes: a ping, which is the protocol alone, against a call.

use crate::{cold::program, stats::Times};
use anyhow::Result;
use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{ChildStdin, ChildStdout, Command, Stdio},
    time::Instant,
};

const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"odd.echo","arguments":{"text":"sixteen bytes ok"}}}"#;

struct Client {
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    line: String,
}

impl Client {
    fn ask(&mut self, message: &str) {
        self.write(message);
        self.read();
    }

    fn write(&mut self, message: &str) {
        writeln!(self.input, "{message}").expect("the server reads");
    }

    fn read(&mut self) {
        self.line.clear();
        self.output.read_line(&mut self.line).expect("the server writes");
    }
}

pub(crate) fn run() -> Result<()> {
    println!("\ngloveport mcp over pipes");
    let state = tempfile::tempdir()?;
    let mut child = Command::new(program()?)
        .args(["mcp", "--package", concat!(env!("GUESTS"), "/examples/odd.wasm")])
        .env("GLOVEPORT_STATE", state.path())
        .env("GLOVEPORT_CACHE", state.path().join("cache"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let input = child.stdin.take().expect("piped");
    let output = BufReader::new(child.stdout.take().expect("piped"));
    let mut client = Client { input, output, line: String::new() };
    let params = r#"{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}"#;
    client.ask(&format!(r#"{{"jsonrpc":"2.0","id":0,"method":"initialize","params":{params}}}"#));
    let (ping, call) = Times::in_turn(5_000, &mut client, |client| client.ask(PING), |client| client.ask(CALL));
    ping.print("ping", None);
    call.print("tools/call of an echo, in turn with pings", Some(&ping));

    // 64 in flight: a writer that stays so far ahead of the reader.
    let (total, ahead) = (60_000usize, 64usize);
    let start = Instant::now();
    let call = |id: usize| CALL.replace(r#""id":1,"#, &format!(r#""id":{id},"#));
    for id in 0..ahead {
        client.write(&call(id));
    }
    for n in 0..total {
        client.read();
        if n + ahead < total {
            client.write(&call(n + ahead));
        }
    }
    println!("{:.0} calls a second with {ahead} in flight", total as f64 / start.elapsed().as_secs_f64());
    drop(client);
    child.wait()?;
    Ok(())
}
