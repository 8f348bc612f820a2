//! `gloveport mcp` over pipes: a ping, which is the protocol alone, against a call.

use crate::{cold::program, stats::Times};
use anyhow::Result;
use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Command, Stdio},
    time::Instant,
};

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
    let mut input = child.stdin.take().expect("piped");
    let mut output = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    let mut ask = |message: &str| {
        writeln!(input, "{message}").expect("the server reads");
        line.clear();
        output.read_line(&mut line).expect("the server writes");
        line.len()
    };
    let params = r#"{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}"#;
    ask(&format!(r#"{{"jsonrpc":"2.0","id":0,"method":"initialize","params":{params}}}"#));
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"odd.echo","arguments":{"text":"sixteen bytes ok"}}}"#;
    let ping = Times::of(5_000, || _ = ask(ping));
    ping.print("ping", None);
    Times::of(5_000, || _ = ask(call)).print("tools/call of an echo, sequentially", Some(&ping));

    // 64 in flight: a writer that stays so far ahead of the reader.
    let (total, ahead) = (60_000usize, 64usize);
    let start = Instant::now();
    let call = |id: usize| call.replace(r#""id":1,"#, &format!(r#""id":{id},"#));
    for id in 0..ahead {
        writeln!(input, "{}", call(id))?;
    }
    for n in 0..total {
        line.clear();
        output.read_line(&mut line)?;
        if n + ahead < total {
            writeln!(input, "{}", call(n + ahead))?;
        }
    }
    println!("{:.0} calls a second with {ahead} in flight", total as f64 / start.elapsed().as_secs_f64());
    drop(input);
    child.wait()?;
    Ok(())
}
