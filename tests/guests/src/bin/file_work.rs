//! Works on files as programs do: writes and reads one large file, or many small ones. What it costs is measured.
#![allow(clippy::disallowed_methods, reason = "in a guest, std is the sandbox's own door")]

use std::{
    env, fs,
    io::{Read as _, Write as _},
};

const CHUNK: usize = 64 << 10;

fn main() -> std::io::Result<()> {
    let args: Vec<_> = env::args().skip(1).collect();
    let (what, folder, amount) = (args[0].as_str(), args[1].as_str(), args[2].parse::<usize>().expect("a number"));
    let large = format!("{folder}/large");
    match what {
        "write" => {
            let (mut file, chunk) = (fs::File::create(large)?, vec![7; CHUNK]);
            for _ in 0..amount / CHUNK {
                file.write_all(&chunk)?;
            }
        }
        "read" => {
            let (mut file, mut chunk, mut sum) = (fs::File::open(large)?, vec![0; CHUNK], 0);
            loop {
                let read = file.read(&mut chunk)?;
                if read == 0 {
                    break;
                }
                sum += read;
            }
            println!("{sum}");
        }
        // Made, read, listed, removed.
        "many" => {
            for index in 0..amount {
                fs::write(format!("{folder}/{index}"), "a small file")?;
            }
            let mut sum = 0;
            for index in 0..amount {
                sum += fs::read(format!("{folder}/{index}"))?.len();
            }
            let listed = fs::read_dir(folder)?.count();
            for index in 0..amount {
                fs::remove_file(format!("{folder}/{index}"))?;
            }
            println!("{sum} {listed}");
        }
        other => panic!("unknown work {other}"),
    }
    Ok(())
}
