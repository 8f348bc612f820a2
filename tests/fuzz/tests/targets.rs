//! Every target holds for its inputs and some more, and what fails is found, told and kept.
#![allow(clippy::disallowed_methods, reason = "tests make files")]

use fuzz::{Bounds, Failure, TARGETS, Target, drive};
use std::path::Path;
use std::time::Duration;

/// The same inputs each time: `cargo xtask fuzz` is for new ones.
const SEED: u64 = 1;

fn corpus() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

fn holds(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).expect(name);
    let tried = drive(target, &corpus(), Bounds::Inputs(target.tried_in_tests), SEED);
    let tried = tried.unwrap_or_else(|failure| panic!("{failure}"));
    assert!(tried >= target.tried_in_tests);
}

macro_rules! holds {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            holds(stringify!($name));
        })*

        #[test]
        fn every_target_has_a_test() {
            let tested = [$(stringify!($name)),*];
            assert_eq!(TARGETS.map(|target| target.name).to_vec(), tested);
        }
    };
}

holds!(arguments components events hosts interfaces manifests modules plans policies redaction);

#[test]
fn every_target_has_a_program_for_cargo_fuzz() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("libfuzzer");
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).expect("a manifest");
    for target in TARGETS {
        let path = format!("fuzz_targets/{}.rs", target.name);
        let program = std::fs::read_to_string(folder.join(&path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert!(program.contains(&format!("fuzz::targets::{}::run(data)", target.name)), "{program}");
        assert!(manifest.contains(&path), "{path} is not in its manifest");
    }
}

fn good() -> Vec<Vec<u8>> {
    vec![b"first".to_vec(), b"second".to_vec()]
}

fn fails(data: &[u8]) {
    assert!(data != b"second", "not this one");
}

fn fails_when_changed(data: &[u8]) {
    assert!(data.starts_with(b"first") || data.starts_with(b"second"), "changed");
}

fn hangs(data: &[u8]) {
    if data == b"second" {
        loop {
            std::thread::park();
        }
    }
}

#[track_caller]
fn check(run: fn(&[u8]), patience: Duration, expected: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let target = Target { name: "odd", run, seeds: good, tried_in_tests: 0, patience };
    let again = || drive(&target, folder.path(), Bounds::Inputs(1000), SEED).expect_err("it fails");
    let first = again();
    let (text, path) = match &first {
        Failure::Panic { message, input, .. } => (format!("panic: {message}"), input),
        Failure::Hang { input, .. } => ("hang".into(), input),
        Failure::File { .. } => panic!("{first}"),
    };
    assert_eq!(text, expected);
    assert!(first.to_string().ends_with(&format!("cargo xtask fuzz odd --input {}", path.display())), "{first}");
    let kept: Vec<_> = std::fs::read_dir(folder.path().join("odd")).expect("a folder").collect();
    assert_eq!(kept.len(), 1, "only what failed is kept");
    let bytes = std::fs::read(path).expect("the input");
    assert!(std::panic::catch_unwind(|| fails(&bytes)).is_err() || !good().contains(&bytes));
    // It comes first from now on.
    let (Failure::Panic { input, .. } | Failure::Hang { input, .. }) = again() else { panic!("another failure") };
    assert_eq!(input, *path);
}

#[test]
fn failures_are_told_and_kept() {
    const LONG: Duration = Duration::from_secs(60);
    check(fails, LONG, "panic: not this one");
    check(fails_when_changed, LONG, "panic: changed");
    check(hangs, Duration::from_millis(50), "hang");
}
