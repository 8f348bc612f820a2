//! The shell does as bash does: cases that were recorded from real bash and GNU programs, `tests/corpus/shell`, and what is hostile.
//! Processes run on threads for now, wherever other calls do.

use crate::{mcp::Client, program::Place};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// A package that `cargo xtask tools` builds.
fn package(name: &str) -> String {
    let target = Path::new(env!("CARGO_BIN_EXE_gloveport-e2e")).ancestors().nth(2).expect("the target folder");
    let path = target.join("tools").join(format!("{name}.wasm"));
    assert!(path.is_file(), "{} is not there: build it with `cargo xtask tools {name}`", path.display());
    path.display().to_string()
}

/// A shell, and a mount `/work` for it.
struct Shell {
    place: Place,
    client: Client,
    calls: u64,
}

/// How a script ended: `None` where the call was stopped, with the words that say why.
type Said = Result<(i64, String, String), String>;

impl Shell {
    fn start(limits: &[&str]) -> Self {
        let place = Place::new();
        fs::create_dir(place.path("work")).expect("a folder");
        let (bash, coreutils) = (package("bash"), package("coreutils"));
        let mut flags = vec!["--isolation", "thread", "--mount", "work=work:rw", "--path", &bash, "--path", &coreutils];
        flags.extend(limits.iter().flat_map(|limit| ["--limit", limit]));
        let client = Client::of_revision(&place, "2025-06-18", &flags);
        Self { place, client, calls: 0 }
    }

    fn run(&mut self, args: &[&str], stdin: &str) -> Said {
        self.calls += 1;
        let args = json!({ "name": "bash.bash", "arguments": { "args": args, "stdin": stdin } });
        self.client.request(self.calls, "tools/call", &args);
        let answer = self.client.answer(self.calls);
        let result = &answer["result"];
        let text = result["content"][0]["text"].as_str().unwrap_or_default();
        let ended = match &result["structuredContent"] {
            Value::Null => serde_json::from_str(text).map_err(|_| text.to_owned())?,
            value => value.clone(),
        };
        let part = |name: &str| ended[name].as_str().unwrap_or_default().to_owned();
        match ended["exit_code"].as_i64() {
            Some(code) => Ok((code, part("stdout"), part("stderr"))),
            None => Err(answer.to_string()),
        }
    }
}

#[derive(Deserialize)]
struct Topic {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    script: String,
    #[serde(default)]
    stdin: String,
    #[serde(default)]
    files: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Expected {
    stdout: String,
    code: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Differences {
    missing: BTreeSet<String>,
    reasons: BTreeMap<String, String>,
}

fn read<T: for<'a> Deserialize<'a>>(path: &Path) -> T {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn as_bash_does() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus/shell");
    let expected = fs::read(corpus.join("expected.json")).expect("what bash said");
    let mut expected: BTreeMap<String, Expected> = serde_json::from_slice(&expected).expect("what bash said");
    let differences: Differences = read(&corpus.join("differences.toml"));
    let mut shell = Shell::start(&[]);
    let mut topics: Vec<PathBuf> =
        fs::read_dir(&corpus).expect("a folder").flatten().map(|entry| entry.path()).collect();
    topics.retain(|path| path.extension().is_some_and(|it| it == "toml") && !path.ends_with("differences.toml"));
    topics.sort();
    let (mut same, mut differing, mut asked, mut wrong) = (0, BTreeSet::new(), BTreeSet::new(), Vec::new());
    for path in &topics {
        let topic = path.file_stem().and_then(|stem| stem.to_str()).expect("UTF-8");
        for (number, case) in read::<Topic>(path).case.iter().enumerate() {
            let (name, folder) = (format!("{topic}: {}", case.name), format!("work/{topic}{number}"));
            let recorded = expected.remove(&name).unwrap_or_else(|| panic!("`{name}` was not recorded"));
            fs::create_dir(shell.place.path(&folder)).expect("a folder");
            for (file, text) in &case.files {
                shell.place.write(&format!("{folder}/{file}"), text);
            }
            shell.place.write(&format!("{folder}.sh"), &case.script);
            // As they were recorded: in the case's folder, a script in a file elsewhere.
            let line = format!("export HOME=/work LC_ALL=C.UTF-8; cd /{folder} && exec bash /{folder}.sh");
            let said = shell.run(&["-c", &line], &case.stdin);
            let is_same =
                matches!(&said, Ok((code, stdout, _)) if (*code, stdout) == (recorded.code, &recorded.stdout));
            let missing = match &said {
                Ok((_, _, stderr)) => differences.missing.iter().find(|program| lacks(stderr, program)),
                Err(_) => None,
            };
            match (is_same, missing) {
                (true, _) => same += 1,
                (false, Some(program)) => drop(asked.insert(program.clone())),
                (false, None) if differences.reasons.contains_key(&name) => drop(differing.insert(name)),
                (false, None) => {
                    wrong.push(format!("{name}: expected {} {:?}, got {said:?}", recorded.code, recorded.stdout));
                }
            }
        }
    }
    println!("{same} as bash, {} that differ, programs that are not there: {asked:?}", differing.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let listed: BTreeSet<String> = differences.reasons.into_keys().collect();
    assert_eq!(differing, listed, "what is listed as different is");
    assert!(expected.is_empty(), "recorded, but no case: {:?}", expected.keys());
}

/// Whether a script did not find a program.
fn lacks(stderr: &str, program: &str) -> bool {
    stderr.lines().any(|line| line.strip_suffix(program).is_some_and(|line| line.ends_with("command not found: ")))
        || stderr.lines().any(|line| line.ends_with(&format!("command not found: /usr/bin/{program}")))
}

#[test]
fn what_is_hostile_ends_and_the_next_call_works() {
    let mut shell = Shell::start(&["cpu=2s", "wall=20s", "processes=16", "started=300"]);
    let mut check = |script: &str, expected: &str| {
        let said = match shell.run(&["-c", script], "") {
            Ok((code, stdout, stderr)) => format!("{code} {stdout}{stderr}"),
            Err(text) => text,
        };
        assert!(said.contains(expected), "{script}: expected `{expected}` in {said:?}");
        let next = shell.run(&["-c", "echo next"], "");
        assert_eq!(next, Ok((0, "next\n".to_owned(), String::new())), "after {script}");
    };
    check("while :; do :; done", "limit `cpu` of 2s was hit");
    check("f() { f; }; f", "");
    check(":(){ :|:& };:; wait", "");
    check("while :; do bash -c true & done", "limit `started`");
    check("x=x; while :; do x=$x$x; done", "");
    check("cat /etc/passwd", "No such file");
    check("echo > /etc/new", "1 ");
    check("cat < /work/../../etc/passwd", "1 ");
    check("echo $HOST_SECRET; printenv HOST_SECRET; echo $?", "0 \n1\n");
    check("kill -9 1; kill -9 -1; echo $?", "0 1\n");
    check("exec /work/../proc/self/exe", "126 ");
    check("yes > /work/big", "limit `");
    check("nope-nope", "127 ");
    check("syntax ( error", "2 ");
}
