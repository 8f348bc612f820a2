//! A program for processes: what it does is its first argument.
#![allow(clippy::disallowed_methods, reason = "in a guest, std is the sandbox's own door")]

use std::{
    env, fs,
    io::{self, BufRead as _, Read as _, Write as _},
    process::exit,
};

fn main() -> io::Result<()> {
    gloveport::command::enter()?;
    let args: Vec<String> = env::args().collect();
    let arg = |at: usize| args.get(at).map_or("", String::as_str);
    let number = |at: usize| arg(at).parse::<usize>().unwrap_or(0);
    let mut out = io::stdout();
    match arg(1) {
        "yes" => loop {
            out.write_all(&b"yes\n".repeat(1_000))?;
        },
        "head" => {
            for line in io::stdin().lock().lines().take(number(2)) {
                writeln!(out, "{}", line?)?;
            }
        }
        "cat" => drop(io::copy(&mut io::stdin(), &mut out)?),
        "count" => {
            let (mut total, mut buffer) = (0_u64, vec![0; 1 << 16]);
            loop {
                match io::stdin().read(&mut buffer)? {
                    0 => break,
                    read => total += read as u64,
                }
            }
            writeln!(out, "{total}")?;
        }
        "bytes" => {
            let block = vec![b'x'; 1_000];
            for _ in 0..number(2) {
                out.write_all(&block)?;
            }
        }
        "print" => writeln!(out, "{}", args[2..].join(" "))?,
        "complain" => eprintln!("{}", args[2..].join(" ")),
        "exit" => gloveport::command::exit(u8::try_from(number(2)).unwrap_or(u8::MAX)),
        "panic" => panic!("as it was told"),
        "spin" => loop {
            std::hint::black_box(0);
        },
        "memory" => {
            let held = vec![1_u8; number(2) << 20];
            writeln!(out, "{}", held.len())?;
            io::copy(&mut io::stdin(), &mut io::sink())?;
        }
        "write" => fs::write(arg(2), arg(3))?,
        "read" => out.write_all(&fs::read(arg(2))?)?,
        "where" => writeln!(out, "{}", env::current_dir()?.display())?,
        "env" => env::vars().try_for_each(|(name, value)| writeln!(out, "{name}={value}"))?,
        "name" => writeln!(out, "{}", arg(0))?,
        other => {
            eprintln!("there is no `{other}`");
            exit(2);
        }
    }
    Ok(())
}
