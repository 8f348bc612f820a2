//! What the README promises: its commands run, its tables are the code's.

use crate::program::Place;
use policy::LIMITS;
use std::{fs, path::Path, process::Command};

fn readme() -> String {
    fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md")).expect("the README")
}

/// The code blocks of one language.
fn blocks(language: &str) -> Vec<String> {
    let text = readme();
    let parts: Vec<&str> = text.split("```").collect();
    // Every other part is inside of a fence.
    let inside = parts.iter().skip(1).step_by(2);
    inside.filter_map(|block| block.strip_prefix(&format!("{language}\n")).map(str::to_owned)).collect()
}

/// Splits a line as a shell does, as far as the README's lines need it.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    for c in line.chars() {
        match (c, quote) {
            ('\'' | '"', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            (' ', None) => words.extend((!word.is_empty()).then(|| std::mem::take(&mut word))),
            (c, _) => word.push(c),
        }
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}

#[test]
fn its_commands_run() {
    let place = Place::new();
    let plan = "objective = \"count\"\npolicy = [\"p.cedar\"]\ntools = [\"text\"]\n[[step]]\nid = \"a\"\ntool = \"text.count\"\nargs = { text = \"a\" }\n";
    place.write("plan.toml", plan);
    place.write("p.cedar", "permit (principal, action, resource);");
    let mut task = String::new();
    let mut count = 0;
    for line in blocks("console").iter().flat_map(|block| block.lines()) {
        let line = line.split(" # ").next().expect("a line").trim().replace("TASK", &task);
        let line = line.replace("DIGEST", &format!("sha256:{}", "0".repeat(64)));
        let mut words = words(line.strip_prefix("$ gloveport ").expect("a command"));
        words.retain(|word| !word.is_empty());
        let ended = place.run(&words);
        // Four of them show what is refused, or that there is nothing left to do.
        let expected = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            // Nobody listens here.
            ["call", "files.write" | "http.get", ..] | ["diff-package", ..] => 4,
            ["policy", "explain", ..] => 3,
            // Whatever this machine lacks is what it says.
            ["doctor"] => ended.code.filter(|code| *code == 3).unwrap_or(0),
            // It stages nothing.
            ["resume" | "commit" | "discard", ..] => 2,
            _ => 0,
        };
        ended.expect(expected, &[]);
        if words[0] == "run" {
            task = ended.stdout.trim().to_owned();
        }
        count += 1;
    }
    assert!(count >= 12, "{count}");
}

#[test]
fn its_own_tool_builds_and_runs() {
    let place = Place::new();
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the checkout");
    let manifest = blocks("toml").remove(0).replace("../gloveport", &checkout.display().to_string());
    place.write(
        "gloves/Cargo.toml",
        &format!("[package]\nname = \"gloves\"\nversion = \"0.1.0\"\nedition = \"2024\"\n{manifest}\n[workspace]\n"),
    );
    place.write("gloves/src/lib.rs", &blocks("rust").remove(0));
    // The versions of this checkout, which are on this machine already.
    fs::copy(checkout.join("Cargo.lock"), place.path("gloves/Cargo.lock")).expect("the lock file");
    let line = blocks("sh").into_iter().flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>());
    let build = line.clone().find(|line| line.starts_with("cargo build")).expect("a build");
    let target = Path::new(crate::GUESTS).join("../../readme");
    let built = Command::new(env!("CARGO"))
        .args(words(&build).into_iter().skip(1))
        .args(["--offline", "--quiet", "--target-dir"])
        .arg(&target)
        .current_dir(place.path("gloves"))
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .output()
        .expect("cargo starts");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    for line in line.filter(|line| line.starts_with("gloveport ")) {
        let line = line.replace("target/wasm32-wasip2", &target.join("wasm32-wasip2").display().to_string());
        let ended = place.run(&words(&line)[1..]);
        ended.expect(0, &[]);
        if line.contains("call") {
            assert_eq!(ended.stdout, "2\n");
        }
    }
}

#[test]
fn its_limits_are_the_code_s() {
    let text = readme();
    for limit in LIMITS {
        let (default, max) = (limit.kind.show(limit.default), limit.kind.show(limit.max));
        let row = text.lines().find(|line| line.starts_with(&format!("| `{}` |", limit.key))).expect(limit.key);
        assert!(row.ends_with(&format!("| {default} | {max} |")), "{row}");
    }
    assert_eq!(
        text.lines()
            .filter(|line| LIMITS.iter().any(|limit| line.starts_with(&format!("| `{}` |", limit.key))))
            .count(),
        LIMITS.len()
    );
}

#[test]
fn its_map_names_every_folder() {
    let text = readme();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for top in ["runtime", "sdk", "tests", "tools"] {
        for entry in fs::read_dir(root.join(top)).expect("a folder") {
            let entry = entry.expect("an entry");
            let name = entry.file_name().into_string().expect("UTF-8");
            if entry.path().is_dir() {
                assert!(
                    text.contains(&format!("{name}/")) || text.contains(&format!("{name},")),
                    "{top}/{name} is not on the map"
                );
            }
        }
    }
}
