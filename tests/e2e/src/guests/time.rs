//! Clocks, waits and random numbers.

use super::{READ, check, check_wat, tells};
use crate::program::Place;

#[test]
pub(super) fn waits() {
    let place = Place::new();
    let over = "past: true\nnothing: true\nhour: true\nend: true\nstill: true";
    tells(&place, "waits", &["ends"], &["wall=20s"], over);
    // Each takes handles: the wait, what stands for it, and what is lent for the time of the call.
    tells(&place, "waits", &["many", "250"], &["handles=500"], "250");
    for (count, limit) in [("250", 100), ("100000", 500), ("1000000", 4096)] {
        let hit = format!(r#""limit":"handles","value":{limit}"#);
        check("waits", &["many", count], &[&format!("handles={limit}")], 5, &hit);
    }
    check("waits", &["empty"], &[], 6, "empty poll list");
}

/// Two runs of the same call give the same bytes, whatever the guest looks at.
#[test]
pub(super) fn same_twice() {
    let place = Place::new();
    let run = || super::check_in(&place, "same_twice", &[], &[READ], 0, "exit_code\":0");
    let (mut first, mut second) = (run(), run());
    let text = first["end"]["value"]["stdout"].as_str().expect("text").to_owned();
    for line in ["environment {}", "file Some(\"unchanged\")", "directory Some(\"/\")", "wall goes 0 1000"] {
        assert!(text.lines().any(|said| said == line), "{line} is not in {text}");
    }
    // Real time is the host's own, in what was used.
    for outcome in [&mut first, &mut second] {
        for key in ["cpu_us", "wall_us"] {
            outcome["usage"][key].take();
        }
    }
    assert_eq!(first.to_string(), second.to_string());
}

#[test]
pub(super) fn timezone() {
    check_wat("timezone", &[], 2, &["imports do not fit this host", "wasi:clocks/timezone@0.2.0"]);
}
