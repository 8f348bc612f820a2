//! What a package's component holds, looked at from outside: the sample crate is built as an author builds his.
#![allow(clippy::disallowed_methods, reason = "builds a package as an author does")]

use serde_json::{Value, json};
use std::{path::Path, process::Command, sync::OnceLock};
use wasmparser::{Parser, Payload};
use wit_component::{DecodedWasm, OutputToString, WitPrinter};
use wit_parser::PackageMetadata;

const TARGET: &str = "wasm32-wasip2";

/// The component that cargo makes of `tests/sample`.
fn sample() -> &'static [u8] {
    static SAMPLE: OnceLock<Vec<u8>> = OnceLock::new();
    SAMPLE.get_or_init(|| {
        // `CARGO_TARGET_TMPDIR` is the folder `tmp` in the target folder that this test came from.
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("a target folder");
        let built = Command::new(env!("CARGO"))
            .args(["build", "--release", "--package", "sample", "--target", TARGET, "--target-dir"])
            .arg(target)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .expect("cargo runs");
        assert!(
            built.status.success(),
            "the sample was not built; if `{TARGET}` is missing, run `rustup target add {TARGET}`:\n{}",
            String::from_utf8_lossy(&built.stderr)
        );
        let file = target.join(TARGET).join("release/sample.wasm");
        std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    })
}

/// The contents of the custom sections called `name`, in the component and in the modules inside it.
fn sections(name: &str) -> Vec<Vec<u8>> {
    let custom = Parser::new(0).parse_all(sample()).filter_map(|payload| match payload.expect("a valid component") {
        Payload::CustomSection(section) if section.name() == name => Some(section.data().to_vec()),
        _ => None,
    });
    custom.collect()
}

fn manifest() -> String {
    let [section] = &sections("gloveport:manifest")[..] else { panic!("expected one manifest") };
    String::from_utf8(section.clone()).expect("the manifest is text")
}

#[test]
fn manifest_is_exact() {
    assert_eq!(
        manifest(),
        r#"{"manifest":1,"namespace":"acme","name":"text-tools","version":"1.2.3","summary":"Finds and measures text","licence":"Apache-2.0","needs":{"fs":"read-write","clock":"real","random":"real","env":["LANG"],"http":["*.example.com:443"],"secrets":["github"],"invoke":["files.read"]}}"#
    );
}

#[test]
fn manifest_fits_the_schema() {
    let schema: Value =
        serde_json::from_str(include_str!("../../wit/manifest.schema.json")).expect("the schema is JSON");
    let schema = jsonschema::validator_for(&schema).expect("the schema is one");
    let manifest: Value = serde_json::from_str(&manifest()).expect("the manifest is JSON");
    let check = |change: fn(&mut Value), expected: bool| {
        let mut changed = manifest.clone();
        change(&mut changed);
        assert_eq!(schema.is_valid(&changed), expected, "{changed}");
    };
    check(|_| {}, true);
    check(|it| it["needs"] = json!({}), true);
    check(|it| drop(it.as_object_mut().and_then(|it| it.remove("summary"))), true);
    check(|it| drop(it.as_object_mut().and_then(|it| it.remove("needs"))), false);
    check(|it| it["manifest"] = json!(2), false);
    check(|it| it["license"] = json!("MIT"), false);
    check(|it| it["name"] = json!("text_tools"), false);
    check(|it| it["version"] = json!("1.2"), false);
    check(|it| it["needs"]["fs"] = json!("write"), false);
    check(|it| it["needs"]["env"] = json!(["A", "A"]), false);
    check(|it| it["needs"]["http"] = json!({}), false);
    for (key, good, bad) in [
        (
            "http",
            &["*", "*:443", "*.a.b", "a_b-c", "127.0.0.1:65535", "[::1]:1"][..],
            &["", "A", "a:0", "a:65536", "::1", "*.*", "a/b", "a..b"][..],
        ),
        ("tcp", &["a"], &["a:"]),
        ("udp", &["a:53"], &["a:053"]),
        ("listen", &["[::1]"], &["[x]"]),
        ("secrets", &["github", "A-1_b"], &["", "a b", "1a", "a.b"]),
        ("invoke", &["*", "files.*", "files.read", "a.b.c"], &["", "files", "*.read", "a.b.*", "a.b.c.d"]),
    ] {
        for (text, expected) in good.iter().map(|text| (text, true)).chain(bad.iter().map(|text| (text, false))) {
            let mut changed = manifest.clone();
            changed["needs"][key] = json!([text]);
            assert_eq!(schema.is_valid(&changed), expected, "{changed}");
        }
    }
}

#[test]
fn docs_section_is_exact() {
    let [section] = &sections("gloveport:docs")[..] else { panic!("expected one section of docs") };
    let (version, text) = section.split_first().expect("a version");
    assert_eq!(*version, 1);
    let expected = json!({ "interfaces": { "text": {
        "docs": "Finds and measures text.",
        "funcs": {
            "grep": { "docs": "Finds the lines that contain a pattern.\n\n# Parameters\n\n- `pattern`: A literal, or a regular expression.\n- `max`: At most this many." },
            "area": { "docs": "The area that a shape covers." },
            "turn": { "docs": "Turns shapes about:\n\n* squares stay as they are;\n* rectangles lie down." },
            "all-scalars": { "docs": "Writes every kind of scalar." },
            "type": { "docs": "Refuses what is too long.\n\n# Parameters\n\n- `bytes`: Any content." },
            "utf8-length": { "docs": "Counts bytes." },
            "nothing": { "docs": "Does nothing." },
        },
        "types": {
            "match": { "docs": "One matching line.", "items": {
                "line": "1-based.",
                "text": "The line,\nwithout its end.",
                "type": "A name that is a keyword in both languages.",
            } },
            "shape": { "docs": "What can be measured.", "items": {
                "empty": "Nothing.",
                "square": "By its side.",
                "rectangle": "By both sides.",
                "circle": "Around a point.",
                "drawn": "Found in a text.",
            } },
            "shape-circle": { "docs": "Around a point.", "items": { "radius": "In metres." } },
            "error": { "docs": "What can go wrong.", "items": { "too-long": "Over the limit.", "other": "In words." } },
            "error-too-long": { "docs": "Over the limit.", "items": { "limit": "The limit." } },
            "kind": { "docs": "How a line matched.", "items": {
                "literal": "The pattern as it stands.",
                "whole-line": "Nothing beside the pattern.",
            } },
        },
    } } });
    assert_eq!(serde_json::from_slice::<Value>(text).expect("docs are JSON"), expected);
}

/// A package gets what it uses: of the SDK's imports, none that it does not call.
#[test]
fn imports_are_those_of_std_alone() {
    let DecodedWasm::Component(resolve, world) = wit_component::decode(sample()).expect("a component") else {
        panic!("expected a component");
    };
    let names: Vec<_> = resolve.worlds[world].imports.keys().map(|key| resolve.name_world_key(key)).collect();
    assert!(!names.is_empty());
    let other: Vec<_> =
        names.iter().filter(|name| !name.starts_with("wasi:") || name.starts_with("wasi:http")).collect();
    assert!(other.is_empty(), "{other:?}");
}

/// Other tools read the docs too: the component's WIT, with the section put in, is the author's module.
#[test]
fn interface_is_the_module() {
    let DecodedWasm::Component(mut resolve, _) = wit_component::decode(sample()).expect("a component") else {
        panic!("expected a component");
    };
    let package = resolve.packages.iter().find(|(_, package)| package.name.namespace == "acme");
    let (package, _) = package.expect("the component exports its package");
    let [docs] = &sections("gloveport:docs")[..] else { panic!("expected one section of docs") };
    let docs = PackageMetadata::decode(docs).expect("docs in the format of wit-parser");
    docs.inject(&mut resolve, package).expect("docs of what there is");
    let mut printer = WitPrinter::new(OutputToString::default());
    printer.print(&resolve, package, &[]).expect("WIT prints");
    assert_eq!(printer.output.to_string().trim_end(), include_str!("sample/sample.wit").trim_end());
}
