//! `gloveport call`, `tools`, `inspect`, `policy` and `init`: what is granted, what is denied, what is said.

use crate::program::{Place, guest};
use serde_json::Value;

#[test]
fn a_package_on_the_command_line_may_be_called_and_is_granted_nothing() {
    let place = Place::new();
    let package = guest("environment").display().to_string();
    let ended = place.run(&["call", "environment.run", "--package", &package]);
    ended.expect(0, &["arg environment"]);
    assert!(!ended.stdout.contains("env "), "{ended:?}");
    // A bundled tool has no mount without a flag.
    place.run(&["call", "files.read", r#"{"path": "workspace/file.txt"}"#]).expect(4, &["workspace/file.txt"]);
}

#[test]
fn flags_grant_what_they_say() {
    let place = Place::new();
    let read = ["call", "files.read", "--arg", "path=workspace/file.txt", "--mount", "workspace=workspace"];
    place.run(&read).expect(0, &["unchanged"]);
    let write = |access: &str| {
        let mount = format!("out=out:{access}");
        place.run(&["call", "files.write", r#"{"path":"out/a.txt","content":"A","mode":"create"}"#, "--mount", &mount])
    };
    write("ro").expect(4, &["out/a.txt"]);
    assert!(!place.path("out/a.txt").exists());
    write("rw").expect(0, &[]);
    assert_eq!(place.read("out/a.txt"), "A");
}

#[test]
fn an_argument_is_a_text_where_the_tool_takes_one() {
    let place = Place::new();
    let check = |args: &[&str], code: i32, expected: &str| {
        let flags = args.iter().flat_map(|arg| ["--arg", *arg]);
        place.run(&["call", "text.grep"].into_iter().chain(flags).collect::<Vec<_>>()).expect(code, &[expected]);
    };
    check(&["text=a 1", "pattern=1"], 0, r#""text":"a 1""#);
    check(&["text=\"a\"", "pattern=a"], 0, r#""text":"\"a\"""#);
    check(&["text=null", "pattern=null", "max=null"], 0, r#""text":"null""#);
    check(&["text=A", "pattern=a", "ignore_case=true"], 0, r#""total":1"#);
    check(
        &["text=A", "pattern=a", "ignore_case=yes"],
        2,
        r#"argument `ignore_case`: expected true or false, got "yes""#,
    );
    check(&["text=A", "pattern=a", "pattern=b"], 2, "--arg pattern is given twice");
}

#[test]
fn a_flag_stays_a_name_in_the_policy_that_it_becomes() {
    let place = Place::new();
    let name = "A\")\npermit (principal, action, resource);\n//";
    place.write(
        "plan.toml",
        "objective = \"x\"\ntools = [\"text\"]\n[[step]]\nid = \"a\"\ntool = \"text.count\"\nargs = { text = \"a\" }",
    );
    let output = place.command(&["run", "plan.toml", "--env", name]).env(name, "v").output().expect("it starts");
    assert_eq!(output.status.code(), Some(3), "{output:?}");
}

#[test]
fn what_a_guest_says_stays_on_its_line() {
    let place = Place::new();
    let text = |text: &str| serde_json::json!({ "text": text, "by": { "at": " " } }).to_string();
    let ended = place.run(&["call", "text.split", &text("a\u{9b}31mred \u{202e}b")]);
    ended.expect(0, &[r#"["a\u009b31mred","\u202eb"]"#]);
    let package = guest("odd").display().to_string();
    place.write("p.cedar", "permit (principal, action, resource);");
    place.write("plan.toml", &format!("objective = \"x\"\npolicy = [\"p.cedar\"]\ntools = [{package:?}]\n[[step]]\nid = \"a\"\ntool = \"odd.deep_panic\"\nargs = {{ depth = 1, message = \"m\\n  done       b\" }}\n"));
    let task = place.run(&["run", "plan.toml"]).expect(6, &[]).stdout.trim().to_owned();
    let shown = place.run(&["show", &task]);
    assert!(!shown.stdout.lines().any(|line| line.starts_with("  done")), "{shown:?}");
}

#[test]
fn policy_decides_and_says_why() {
    let place = Place::new();
    place.run(&["init", "."]).expect(0, &["wrote ./gloveport.toml", "wrote ./policy.cedar"]);
    place.run(&["init", "."]).expect(2, &["is there already; nothing was written"]);
    place.run(&["policy", "check", "policy.cedar"]).expect(0, &["fit the schema"]);
    place.run(&["call", "files.read", "--arg", "path=workspace/workspace/file.txt"]).expect(0, &["unchanged"]);

    // What policy forbids, with the policy's name for the operator.
    place.run(&["call", "files.read", "--arg", "path=workspace/key.pem"]).expect(3, &["denied", "no-keys"]);
    // What nothing permits, with what would.
    let package = guest("odd").display().to_string();
    let odd = ["odd.count", "--package", &package];
    place.run(&[&["call"], &odd[..]].concat()).expect(
        3,
        &["permit(principal == Agent::\"operator\", action == Action::\"call\", resource == Tool::\"odd.count\");"],
    );
    place.run(&[&["policy", "explain"], &odd[..]].concat()).expect(3, &["odd.count"]);
    place.run(&["policy", "explain", "files.read", "--arg", "path=a"]).expect(0, &["bundled-tools", "read-workspace"]);

    place.write("ask.cedar", "@approval(\"alice\") permit (principal, action == Action::\"call\", resource);");
    place.write("ask.toml", "policy = [\"ask.cedar\"]");
    place.run(&["call", "text.count", "--arg", "text=a", "--config", "ask.toml"]).expect(3, &["approval of alice"]);
}

#[test]
fn a_policy_that_fails_denies() {
    let place = Place::new();
    place.write("gloveport.toml", "policy = [\"p.cedar\"]");
    for effect in ["permit", "forbid"] {
        let fails = "when { context.spent.calls + 9223372036854775807 + 1 > 0 }";
        place.write("p.cedar", &format!("@id(\"all\") permit (principal, action, resource);\n@id(\"fails\") {effect} (principal, action, resource) {fails};"));
        place.run(&["call", "text.count", "--arg", "text=a"]).expect(3, &["fails"]);
    }
}

#[test]
fn tools_document_themselves() {
    let place = Place::new();
    let listed = place.run(&["tools", "--json"]);
    listed.expect(0, &[]);
    let mut count = 0;
    for line in listed.stdout.lines() {
        let tool: Value = serde_json::from_str(line).expect("JSON");
        let id = tool["id"].as_str().expect("an id");
        assert!(tool["description"].as_str().is_some_and(|docs| docs.len() > 20), "{id} has no documentation");
        for (name, property) in tool["input_schema"]["properties"].as_object().expect("an object") {
            assert!(property["description"].is_string(), "{id}: argument `{name}` has no documentation");
        }
        for side in ["input_schema", "output_schema"] {
            jsonschema::draft202012::meta::validate(&tool[side]).unwrap_or_else(|error| panic!("{id}: {error}"));
        }
        count += 1;
    }
    assert!(count >= 25, "{count}");
    place.run(&["tools", "text."]).expect(0, &["text.grep"]);
}

#[test]
fn inspect_says_what_a_component_is() {
    let place = Place::new();
    let package = guest("odd").display().to_string();
    place
        .run(&["inspect", &package])
        .expect(0, &["guests:odd@1.2.3", "sha256:", "needs", "nothing", "odd.mirror", "Gives back a record."]);
    let json = place.run(&["inspect", &package, "--json"]).json();
    let echo = json["tools"].as_array().expect("tools").iter().find(|tool| tool["id"] == "odd.echo").expect("odd.echo");
    assert_eq!(
        echo["input_schema"].to_string(),
        r#"{"type":"object","properties":{"text":{"type":"string","description":"Anything."}},"required":["text"],"additionalProperties":false}"#
    );
    let mirror =
        json["tools"].as_array().expect("tools").iter().find(|tool| tool["id"] == "odd.mirror").expect("odd.mirror");
    let text = mirror["input_schema"].to_string();
    for expected in
        ["Everything that a record can hold.", "Yes or no.", "Something inside.", "Like blood.", "With a radius."]
    {
        assert!(text.contains(expected), "{expected} is not in {text}");
    }
    place
        .run(&["inspect", "files"])
        .expect(0, &["files.read", "fs       read-write", "files in the mounts that a call is granted"]);
}

#[test]
fn the_first_party_tools_work_in_the_sandbox() {
    let place = Place::new();
    place.write("workspace/notes.txt", "one\ntwo\nthree\n");
    place.write("workspace/table.csv", "name,n\na,1\nb,2\n");
    let check = |tool: &str, args: &str, expected: &str| {
        place.run(&["call", tool, args, "--mount", "workspace=workspace:rw"]).expect(0, &[expected]);
    };
    check("files.list", r#"{"path": "workspace"}"#, "notes.txt");
    check("files.glob", r#"{"root": "workspace", "pattern": "**/*.md"}"#, "a.md");
    check("files.search", r#"{"root": "workspace", "pattern": "tw."}"#, "notes.txt");
    check("files.stat", r#"{"path": "workspace/notes.txt"}"#, "14");
    check("files.tree", r#"{"path": "workspace"}"#, "docs");
    check("files.edit", r#"{"path": "workspace/notes.txt", "edits": [{"old": "two", "new": "2"}]}"#, "");
    assert_eq!(place.read("workspace/notes.txt"), "one\n2\nthree\n");
    check("text.grep", r#"{"pattern": "t.o", "text": "one\ntwo\n"}"#, r#""line":2"#);
    check(
        "text.hash",
        r#"{"text": "abc", "algorithm": "sha256"}"#,
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    );
    check("data.query", r#"{"input": "{\"a\": [1, 2]}", "filter": ".a[]"}"#, "2");
}
