//! Files: the doors against plain wasmtime-wasi, doing the same work in the same directory.

use crate::{bare::BareCommand, setup::Bench, stats::Times};
use anyhow::Result;
use serde_json::json;

const LARGE: usize = 64 << 20;
const MANY: usize = 10_000;
const RUNS: usize = 5;

pub(crate) fn run() -> Result<()> {
    println!("\nfiles: the doors against plain wasmtime-wasi, {RUNS} times in turn");
    let package = crate::guest("bin", "file_work")?;
    let folder = tempfile::tempdir()?;
    for (what, amount, name) in [
        ("write", LARGE, "writing 64 MiB"),
        ("read", LARGE, "reading 64 MiB"),
        ("many", MANY, "making, reading, listing and removing 10,000 files"),
    ] {
        for (mount, kind) in [(false, ""), (true, ", staged")] {
            // What is staged is compared with what is not.
            if mount && what == "read" {
                continue;
            }
            let work = folder.path().join(format!("{what}-{mount}"));
            std::fs::create_dir_all(&work)?;
            if what == "read" {
                std::fs::write(work.join("large"), vec![7; LARGE])?;
            }
            let args = ["/out".to_owned(), amount.to_string()];
            let mut bench = Both {
                bare: BareCommand::new(&package.bytes, &work)?,
                ours: Bench::new(&package)?.mount(
                    "out",
                    &work,
                    mount.then(|| folder.path().join(format!("stage-{what}"))),
                )?,
                line: std::iter::once(what.to_owned()).chain(args).collect(),
            };
            let (bare, ours) = Times::in_turn(RUNS, &mut bench, Both::bare, Both::ours);
            bare.print(&format!("{name}: wasmtime-wasi"), None);
            ours.print(&format!("{name}: Gloveport{kind}"), Some(&bare));
        }
    }
    Ok(())
}

struct Both {
    bare: BareCommand,
    ours: Bench,
    line: Vec<String>,
}

impl Both {
    fn bare(&mut self) {
        self.bare.run(&self.line).expect("it works");
    }

    fn ours(&mut self) {
        self.ours.call("file_work.run", json!({ "args": self.line })).expect("it works");
    }
}
