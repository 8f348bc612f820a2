//! Where packages come from, and what is none.

use crate::{BUNDLED, bundled, folder, paths};
use registry::{MAX_PACKAGE_BYTES, Origin, Package, Sources};
use std::fs::File;

#[test]
fn what_is_no_package_is_named() {
    let check = |bytes: &[u8], expected: &str| {
        let folder = folder(&[("tool.wasm", bytes)]);
        let path = folder.path().join("tool.wasm");
        let got = match Package::from_file(&path) {
            Ok(package) => {
                assert_eq!(*package.bytes, *bytes);
                assert_eq!(package.digest, registry::digest(bytes));
                assert_eq!(package.origin, Origin::File(path));
                package.name
            }
            Err(error) => error.to_string().replace(&format!("package {}: ", path.display()), ""),
        };
        assert!(got.starts_with(expected), "got: {got}\nwant: {expected}");
    };
    check(b"\0asm\x0d\0\x01\0", "tool");
    check(b"", "the file is empty");
    check(b"\0as", "this is not WebAssembly");
    check(b"hello", "this is not WebAssembly");
    check(b"  \n(component)", "this is WebAssembly in its text format");
    check(b";; text\n(module)", "this is WebAssembly in its text format");
    check(b"\x7fELF\x02", "this is an ELF program");
    check(b"MZ\x90", "this is a Windows program");
    check(b"\xcf\xfa\xed\xfe", "this is a macOS program");
    check(b"#!/bin/sh\n", "this is a script");
    check(b"\x1f\x8b\x08", "this is a gzip file");
    check(b"PK\x03\x04", "this is a zip archive");
}

#[test]
fn a_path_that_is_no_file_is_named() {
    let folder = folder(&[("a.wasm/file", b"")]);
    let check = |name: &str, expected: &str| {
        let error = Package::from_file(&folder.path().join(name)).expect_err(name).to_string();
        assert!(error.contains(name) && error.ends_with(expected), "{error}");
    };
    check("a.wasm", "expected a file, found a folder");
    check("b.wasm", "there is no such file");
    check("a.wasm/file/c.wasm", "Not a directory (os error 20)");
    if cfg!(target_os = "linux") {
        let error = Package::from_file("/dev/zero".as_ref()).expect_err("a device").to_string();
        assert!(error.ends_with("expected a file, found a device, pipe or socket"), "{error}");
    }
}

#[test]
fn packages_have_a_largest_size() {
    let folder = folder(&[("a.wasm", b"\0asm")]);
    let path = folder.path().join("a.wasm");
    let file = File::options().write(true).open(&path).expect("a file");
    file.set_len(MAX_PACKAGE_BYTES).expect("a sparse file");
    assert_eq!(Package::from_file(&path).expect("just small enough").bytes.len() as u64, MAX_PACKAGE_BYTES);
    file.set_len(MAX_PACKAGE_BYTES + 1).expect("a sparse file");
    let error = Package::from_file(&path).expect_err("too large").to_string();
    assert!(error.ends_with("the file is larger than 256 MiB"), "{error}");
}

/// The packages' names and origins, then what is shadowed.
fn show(sources: &Sources, root: &str) -> String {
    let packages = sources.packages().map(|package| format!("{}={}", package.name, package.origin));
    let shadowed = sources.shadowed().iter().map(ToString::to_string);
    packages.chain(shadowed).collect::<Vec<_>>().join("; ").replace(root, "")
}

#[test]
fn what_was_named_goes_before_what_was_found() {
    let folder = folder(&[
        ("f/files.wasm", b"\0asm f"),
        ("f/text.wasm", b"\0asm text"),
        ("f/notes.txt", b"no package"),
        ("f/inner/deep.wasm", b"\0asm deep"),
        ("g/text.wasm", b"\0asm other"),
        ("files.wasm", b"\0asm named"),
        ("same.wasm", b"\0asm text name=text"),
        ("copy.wasm", b"\0asm bundled"),
        ("x.wasm", b"\0asm name=json"),
        ("y.wasm", b"\0asm other name=json"),
        ("empty/notes.txt", b""),
        ("bad/a.wasm", b"hello"),
    ]);
    let root = format!("{}/", folder.path().display());
    let check = |named: &[&str], expected: &str| {
        let mut sources = bundled();
        let mut added = Ok(());
        for path in paths(&folder, named) {
            let one = if path.is_dir() { sources.add_folder(&path) } else { sources.add_file(&path).map(drop) };
            added = added.and(one);
        }
        let got = added.map_or_else(|error| error.to_string().replace(&root, ""), |()| show(&sources, &root));
        assert_eq!(got, expected, "{named:?}");
    };
    check(&[], "files=the bundled one");
    check(&["x.wasm"], "files=the bundled one; json=x.wasm");
    check(&["x.wasm", "x.wasm"], "files=the bundled one; json=x.wasm");
    check(&["files.wasm"], "files=files.wasm; package `files`: files.wasm is used instead of the bundled one");
    check(
        &["f"],
        "files=f/files.wasm; text=f/text.wasm; package `files`: f/files.wasm is used instead of the bundled one",
    );
    for order in [["files.wasm", "f"], ["f", "files.wasm"]] {
        let mut sources = bundled();
        for path in paths(&folder, &order) {
            let added = if path.is_dir() { sources.add_folder(&path) } else { sources.add_file(&path).map(drop) };
            added.expect("packages");
        }
        assert_eq!(*sources.get("files").expect("there").bytes, *b"\0asm named", "{order:?}");
        assert_eq!(sources.shadowed().len(), 2, "{order:?}");
    }
    check(
        &["x.wasm", "y.wasm"],
        "package `json` is there twice with different bytes: x.wasm and y.wasm; leave one out",
    );
    check(
        &["f", "g"],
        "package `text` is there twice with different bytes: f/text.wasm and g/text.wasm; leave one out",
    );
    check(&["empty"], "there is no package in the folder empty: expected files whose names end in `.wasm`");
    check(&["bad"], "package bad/a.wasm: this is not WebAssembly: it does not begin with the bytes 00 61 73 6d");
    check(&["none.wasm"], "package none.wasm: there is no such file");
}

#[test]
fn files_are_known_by_the_names_of_their_packages() {
    let folder = folder(&[("x.wasm", b"\0asm name=json"), ("y.wasm", b"\0asm name=json"), ("files.wasm", BUNDLED)]);
    let mut sources = bundled();
    let files = paths(&folder, &["x.wasm", "y.wasm", "files.wasm"]);
    assert_eq!(sources.add_file(&files[0]).expect("a package").name, "json");
    assert_eq!(sources.add_file(&files[1]).expect("the same once more").origin, Origin::File(files[0].clone()));
    // The bytes of the bundled one, named: nothing is hidden, but it counts as named.
    assert_eq!(sources.add_file(&files[2]).expect("a package").origin, Origin::File(files[2].clone()));
    assert!(sources.shadowed().is_empty());
    let names: Vec<_> = files.iter().map(|path| sources.name_of_file(path)).collect();
    assert_eq!(names, [Some("json"), Some("json"), Some("files")]);
    assert_eq!(sources.name_of_file("z.wasm".as_ref()), None);
}
