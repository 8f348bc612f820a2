//! What is said of tools before they are called: derived, whatever they say of themselves.

use crate::{
    guests::wat,
    mcp::Client,
    program::{Place, guest},
};
use serde_json::{Value, json};

/// The annotations that hold, in the order of MCP's schema.
fn holding(annotations: &Value, keys: [&str; 4]) -> String {
    let holds = |key: &&str| {
        let value = &annotations[*key];
        value.as_bool().unwrap_or_else(|| panic!("{key} is not said: {annotations}"))
    };
    keys.into_iter().filter(holds).collect::<Vec<_>>().join(" ")
}

const KEYS: [&str; 4] = ["read_only", "destructive", "idempotent", "open_world"];
const HINTS: [&str; 4] = ["readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"];

const SAME: &str = "read_only idempotent";
const CHANGES: &str = "destructive";

#[test]
fn inspect_derives_them_from_the_bytes() {
    let place = Place::new();
    let check = |file: &str, expected: &str, text: &str| {
        let json = place.run(&["inspect", file, "--json"]).json();
        let tools = json["tools"].as_array().expect("tools");
        assert!(!tools.is_empty());
        for tool in tools {
            assert_eq!(holding(&tool["annotations"], KEYS), expected, "{tool}");
        }
        place.run(&["inspect", file]).expect(0, &[&format!("wherever it is made)\n  {text}\n")]);
    };
    let guest = |name| guest(name).display().to_string();
    check("text", SAME, "read-only, idempotent");
    check("files", CHANGES, "destructive");
    check(&guest("odd"), SAME, "read-only, idempotent");
    check(&guest("notes_1"), SAME, "read-only, idempotent");
    check(&guest("notes_2"), CHANGES, "destructive");
    check(&guest("claims_read_only"), CHANGES, "destructive");
    check(&guest("asks_for_nothing"), SAME, "read-only, idempotent");
    // Without a manifest it could be granted whatever its imports could use.
    check(&guest("write_read_only"), CHANGES, "destructive");
}

#[test]
fn tools_and_mcp_know_what_the_world_offers() {
    let place = Place::new();
    place.write("rw.toml", "[mounts.out]\npath = \"out\"\naccess = \"read-write\"\n");
    let package = guest("claims_read_only").display().to_string();
    let check = |flags: &[&str], expected: &str| {
        let line = [&["tools", "claims-read-only.peek", "--json", "--package", &package], flags].concat();
        let tool = place.run(&line).json();
        assert_eq!(holding(&tool["annotations"], KEYS), expected, "{flags:?}");
        let line: Vec<_> = line.iter().filter(|word| **word != "--json").collect();
        place.run(&line).expect(0, &[&expected.replace("read_only", "read-only").replace(' ', ", ")]);

        let mut client = Client::of_revision(&place, "2025-06-18", &[&["--package", &package], flags].concat());
        client.request(1, "tools/list", &json!({}));
        let answer = client.answer(1);
        let tools = answer["result"]["tools"].as_array().expect("tools");
        let tool = tools.iter().find(|tool| tool["name"] == "claims-read-only.peek").expect("it is listed");
        let hints = expected.replace("read_only", "readOnlyHint").replace("destructive", "destructiveHint");
        assert_eq!(holding(&tool["annotations"], HINTS), hints.replace("idempotent", "idempotentHint"), "{flags:?}");
    };
    check(&[], SAME);
    check(&["--mount", "out=out"], SAME);
    check(&["--mount", "out=out:rw"], CHANGES);
    check(&["--mount", "workspace=workspace", "--mount", "out=out:rw"], CHANGES);
    check(&["--config", "rw.toml"], CHANGES);
    // A flag takes the place of what the configuration says of the same name.
    check(&["--config", "rw.toml", "--mount", "out=out"], SAME);
}

/// What it is said to be able to do, it does, whatever it says; and what it is said not to be able to, it cannot.
#[test]
pub(crate) fn claims_read_only() {
    let place = Place::new();
    let package = guest("claims_read_only").display().to_string();
    let call = |mount: &str| {
        let args = r#"{"path": "workspace/file.txt"}"#;
        place.run(&["call", "claims-read-only.peek", args, "--package", &package, "--mount", mount])
    };
    call("workspace=workspace").expect(4, &[]);
    assert_eq!(place.read("workspace/file.txt"), "unchanged");
    call("workspace=workspace:rw").expect(0, &["changed"]);
    assert_eq!(place.read("workspace/file.txt"), "changed");
}

#[test]
pub(crate) fn asks_for_nothing() {
    let place = Place::new();
    let package = guest("asks_for_nothing").display().to_string();
    let call = |tool: &str, args: &str| {
        place.run(&["call", tool, args, "--package", &package, "--mount", "workspace=workspace:rw"])
    };
    call("asks-for-nothing.change", r#"{"path": "workspace/file.txt"}"#).expect(4, &[]);
    assert_eq!(place.read("workspace/file.txt"), "unchanged");
    // The same arguments, the same result.
    let first = call("asks-for-nothing.elapsed", "{}");
    first.expect(0, &[]);
    assert_eq!(first.stdout, call("asks-for-nothing.elapsed", "{}").stdout);
}

#[test]
pub(crate) fn claims_annotations() {
    let place = Place::new();
    let package = wat(&place, "claims_annotations").display().to_string();
    place.run(&["inspect", &package]).expect(2, &["section `gloveport:manifest`: unknown field `annotations`"]);
}
