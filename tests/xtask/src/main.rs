//! Developer commands, run as `cargo xtask <command>`: what a contributor, the CI and a curious visitor type.

#![allow(
    clippy::disallowed_methods,
    reason = "a developer command reads the checkout, asks the environment and starts cargo: that is its job"
)]

mod commands;
mod process;
mod target;
mod tools;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

/// Developer commands of this repository.
///
/// Each first installs Rust's wasm32-wasip2 target when it is not there.
#[derive(Parser)]
#[command(name = "xtask", bin_name = "cargo xtask")]
enum Xtask {
    /// Run the example task over this checkout and say where its report is.
    Demo,
    /// Run the tests of the whole workspace, or those whose names contain a filter.
    Test {
        /// Parts of test names; a test runs when it contains any of them.
        filters: Vec<String>,
    },
    /// Check the format and the lints of host and guest code; every warning is an error.
    Lint,
    /// Do nothing but see to the wasm32-wasip2 target.
    Target,
    /// Run the fuzz targets, or one of them, for a minute each or `--seconds N`, over inputs that tests have not seen.
    Fuzz {
        /// Passed to the fuzzing program as they are: `[TARGET] [--seconds N] [--seed N]`, `TARGET --input FILE`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Kill tasks at every event and at any moment, at least 500 times, and see that each comes to the same end.
    Crash,
    /// Build the packages that are too large to be a part of the program, or those of these names, into `target/tools`.
    Tools {
        /// Names of folders in `tools/`.
        names: Vec<String>,
    },
    /// Run the benchmarks on a release build.
    Bench {
        /// Passed to the benchmark program as they are.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
}

fn main() -> ExitCode {
    match run(Xtask::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Xtask) -> Result<()> {
    target::ensure()?;
    match command {
        Xtask::Demo => commands::demo(),
        Xtask::Test { filters } => commands::test(&filters),
        Xtask::Lint => commands::lint(),
        Xtask::Target => Ok(()),
        Xtask::Fuzz { args } => commands::fuzz(&args),
        Xtask::Tools { names } => tools::build(&names),
        Xtask::Crash => commands::crash(),
        Xtask::Bench { args } => commands::bench(&args),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_bench(argv: &[&str], expected: &[&str]) {
        let parsed = Xtask::try_parse_from(argv).expect("the command line is good");
        let Xtask::Bench { args } = parsed else {
            panic!("{argv:?} is not read as bench");
        };
        assert_eq!(args, expected);
    }

    #[test]
    fn bench_arguments_reach_the_benchmark_untouched() {
        check_bench(&["xtask", "bench"], &[]);
        check_bench(&["xtask", "bench", "calls"], &["calls"]);
        check_bench(&["xtask", "bench", "--rounds", "3", "calls"], &["--rounds", "3", "calls"]);
    }

    #[test]
    fn fuzz_arguments_reach_the_program_untouched() {
        let parsed =
            Xtask::try_parse_from(["xtask", "fuzz", "plans", "--seconds", "3"]).expect("the command line is good");
        assert!(matches!(parsed, Xtask::Fuzz { args } if args == ["plans", "--seconds", "3"]));
    }

    #[test]
    fn unknown_options_are_refused() {
        for argv in [["xtask", "lint", "--fix"], ["xtask", "demo", "now"]] {
            assert!(Xtask::try_parse_from(argv).is_err(), "{argv:?}");
        }
    }
}
