//! What guests print and say: bounded, kept, and harmless to whoever reads it.

use super::check;
use crate::program::{Place, guest};
use serde_json::json;

#[test]
pub(super) fn stderr_flood() {
    for pieces in ["bytes", "unasked", "zeroes"] {
        let outcome = check("stderr_flood", &[pieces], &["output=20KiB"], 5, r#""limit":"output","value":20480"#);
        assert!(outcome["printed"]["stderr"].as_str().unwrap_or_default().len() <= 20 << 10, "{pieces}");
    }
    // What prints nothing without end takes time, and that is bounded too.
    check("stderr_flood", &["nothing"], &["cpu=50ms"], 5, r#""limit":"cpu","value":50"#);
}

#[test]
pub(super) fn interleaved() {
    for count in ["100", "101"] {
        check("interleaved", &[count], &["output=101"], 0, "exit_code\":0");
    }
    let outcome = check("interleaved", &["102"], &["output=101"], 5, r#""limit":"output","value":101"#);
    assert_eq!(outcome["printed"], json!({ "stdout": "o".repeat(51), "stderr": "e".repeat(50) }));
}

/// What a terminal would do something about, and no text needs.
fn commands(text: &str) -> Vec<char> {
    let odd = |c: &char| {
        c.is_control() && !matches!(c, '\n' | '\t') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().filter(odd).collect()
}

/// Runs a guest as people do, and asserts that nothing of it reaches their terminal but text.
#[track_caller]
fn stays_text(name: &str, args: &[&str], flags: &[&str]) {
    let place = Place::new();
    let (tool, args, package) =
        (format!("{name}.run"), json!({ "args": args }).to_string(), guest(name).display().to_string());
    for json in [&[][..], &["--json"][..]] {
        let ended = place.run(&[&["call", &tool, &args, "--package", &package], flags, json].concat());
        ended.expect(0, &[]);
        let odd = commands(&(ended.stdout.clone() + &ended.stderr));
        assert!(odd.is_empty(), "{name} {json:?}: {odd:?} in {ended:?}");
    }
}

#[test]
pub(super) fn raw_output() {
    // What is no text is replaced where it stands; the rest is as it was, since it may be what was asked for.
    let outcome = check("raw_output", &[], &[], 0, "exit_code\":0");
    let expected =
        "\u{fffd}\u{fffd}|\u{fffd}|\0|\u{1b}[2J\u{1b}]0;title\u{7}|\u{202e}\u{2028}\u{9b}31m|\r\n\u{8}\u{7f}|\u{fffd}";
    assert_eq!(outcome["end"]["value"]["stdout"], expected);
    stays_text("raw_output", &[], &[]);
}

#[test]
pub(super) fn prints_and_traps() {
    // What was handed over is kept, however the call ends; what it kept back went with it.
    let outcome = check("prints_and_traps", &[], &[], 6, "`unreachable` instruction");
    assert_eq!(outcome["printed"], json!({ "stdout": "a whole line\nhanded over", "stderr": "before" }));
}

#[test]
pub(super) fn says() {
    let outcome = check("says", &["flood"], &["logs=50"], 5, r#""limit":"logs","value":50"#);
    assert_eq!(outcome["printed"]["logs"].as_array().map(Vec::len), Some(50));
    // A message that does not fit is not cut, but not kept.
    let outcome = check("says", &["long"], &["output=200KiB"], 5, r#""limit":"output","value":204800"#);
    assert_eq!(outcome["printed"]["logs"].as_array().map(Vec::len), Some(3));
    check("says", &["progress"], &["progress=50"], 5, r#""limit":"progress","value":50"#);
    check("says", &["lies"], &["progress=3"], 0, "exit_code\":0");

    let outcome = check("says", &["escapes"], &[], 0, "exit_code\":0");
    let levels: Vec<_> = outcome["printed"]["logs"].as_array().expect("logs").iter().map(|log| &log["level"]).collect();
    assert_eq!(levels, ["trace", "debug", "info", "warn", "error"]);
    stays_text("says", &["escapes"], &[]);
}
