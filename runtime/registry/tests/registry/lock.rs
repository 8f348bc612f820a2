//! Pins.

use crate::{bundled, folder};
use policy::{Digest, Needs, Reach, Signature, Surface};
use registry::Lock;
use std::fs;

const DIGEST: &str = "sha256:0707070707070707070707070707070707070707070707070707070707070707";

/// A surface with a little of everything.
fn surface() -> Surface {
    let needs = Needs { env: None, ..Needs::default() };
    let params = [("text".to_owned(), "option<string>".to_owned())].into();
    let read = Signature { params, result: "u32".into(), docs: Digest([7; 32]) };
    let other = Signature { params: [].into(), result: "()".into(), docs: Digest([7; 32]) };
    let reach = Reach::new(&needs, ["wasi:cli/environment".to_owned(), "odd \"\n\0\\\u{9b}".to_owned()]);
    Surface { reach, tools: [("read".to_owned(), read), ("lines.read".to_owned(), other)].into() }
}

#[test]
fn lock_files_are_read_or_refused_by_line() {
    let check = |text: &str, expected: &str| {
        let folder = folder(&[("gloveport.lock", text.as_bytes())]);
        let path = folder.path().join("gloveport.lock");
        let got = match Lock::read(&path) {
            Ok(lock) => lock.get("files").map_or("not pinned".to_owned(), |pin| {
                format!("{}; {}; {}", pin.digest, pin.surface.reach, pin.surface.tools.len())
            }),
            Err(error) => error.to_string().replace(&path.display().to_string(), ""),
        };
        assert!(got.starts_with(expected), "{text}\n got: {got}\nwant: {expected}");
    };
    let pin = format!("[[package]]\nname = \"files\"\ndigest = \"{DIGEST}\"\nreach = [\"fs read\"]\n");
    let tool = format!("[package.tools.read]\nresult = \"u32\"\ndocs = \"{DIGEST}\"\n");
    let all = format!("{pin}{tool}");
    check("version = 2", "not pinned");
    check(&format!("version = 2\n{all}"), &format!("{DIGEST}; fs read; 1"));
    check("", "lock file :1: missing field `version`");
    check("# older\nversion = 1\n", "lock file :2: version 1 is not known here; expected 2: move the file away");
    check("version = 3\nof = \"the future\"\n", "lock file :1: version 3 is not known here; expected 2");
    check(&format!("version = 2\n{all}{all}"), "lock file :10: package `files` is pinned twice");
    check(&format!("version = 2\n{pin}size = 3\n"), "lock file :6: unknown field `size`");
    check(&format!("version = 2\n{all}size = 3\n"), "lock file :9: unknown field `size`");
    check(&format!("version = 2\n{pin}"), "lock file :2: missing field `tools`");
    check("version = 2\npackages = []\n", "lock file :2: unknown field `packages`");
    check("version = 2\n[[package]]\nname = \"files\"\n", "lock file :2: missing field `digest`");
    check(
        &format!("version = 2\n[[package]]\nname = \"files\"\ndigest = \"{DIGEST}\"\n{tool}"),
        "lock file :2: missing field `reach`",
    );
    check(&format!("version = 2\n{}", all.replace("[\"fs read\"]", "\"fs read\"")), "lock file :5: invalid type");
    check(
        "version = 2\n\n[[package]]\nname = \"files\"\ndigest = \"sha256:07\"\n",
        "lock file :5: `sha256:07` is not a digest",
    );
    check("version = 2\nwhat\n", "lock file :2: ");
    let error = Lock::read("/nowhere/gloveport.lock".as_ref()).expect_err("no file").to_string();
    assert!(error.starts_with("lock file /nowhere/gloveport.lock: No such file"), "{error}");
}

#[test]
fn what_is_written_is_read_again() {
    let folder = folder(&[("b.wasm", b"\0asm name=b \"quoted\"\\ \n"), ("a.wasm", b"\0asm a")]);
    let mut sources = bundled();
    sources.add_folder(folder.path()).expect("packages");
    let mut lock = Lock::default();
    sources.packages().for_each(|package| lock.pin(package, surface()));
    let path = folder.path().join("gloveport.lock");
    lock.write(&path).expect("written");
    let text = fs::read_to_string(&path).expect("a file");
    assert!(text.starts_with("version = 2\n\n[[package]]\nname = \"a\"\ndigest = \"sha256:"), "{text}");
    assert_eq!(Lock::read(&path).expect("what was written"), lock);
    lock.write(&path).expect("written again");
    assert_eq!(fs::read_to_string(&path).expect("a file"), text);
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 3, "nothing is left behind");
    sources.check(&lock).expect("nothing changed");

    let error = lock.write(&folder.path().join("none/gloveport.lock")).expect_err("no folder").to_string();
    assert!(error.contains("none/gloveport.lock: "), "{error}");
}

#[test]
fn a_package_that_changed_is_refused_with_both_digests() {
    let folder = folder(&[("a.wasm", b"\0asm one"), ("b.wasm", b"\0asm two")]);
    let mut sources = bundled();
    sources.add_folder(folder.path()).expect("packages");
    let mut lock = Lock::default();
    lock.pin(sources.get("a").expect("there"), surface());
    lock.pin(sources.get("files").expect("there"), surface());
    sources.check(&lock).expect("nothing changed, and `b` is not pinned");

    fs::write(folder.path().join("a.wasm"), b"\0asm changed").expect("changed");
    let mut sources = bundled();
    sources.add_folder(folder.path()).expect("packages");
    let drift = sources.check(&lock).expect_err("it changed");
    let (pinned, found) = (registry::digest(b"\0asm one"), registry::digest(b"\0asm changed"));
    assert_eq!((drift.0.len(), drift.0[0].pinned, drift.0[0].found), (1, pinned, found));
    let path = folder.path().join("a.wasm");
    let text = format!(
        "package `a` ({}) has the digest {found}, but is pinned to {pinned}; `gloveport lock` says what",
        path.display()
    );
    assert!(drift.to_string().starts_with(&text), "{drift}");

    lock.pin(sources.get("a").expect("there"), surface());
    sources.check(&lock).expect("accepted");
}
