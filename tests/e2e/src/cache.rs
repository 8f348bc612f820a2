//! Compiled code on disk: used, and only if it is what this host wrote.

use crate::program::{Place, guest};
use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

fn count(place: &Place) -> crate::program::Ended {
    let package = guest("odd").display().to_string();
    let line = ["call", "odd.count", "--package", &package];
    let output = place.command(&line).env("GLOVEPORT_CACHE", place.path("cache")).output().expect("the program starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    crate::program::Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn entry(place: &Place) -> PathBuf {
    let files = fs::read_dir(place.path("cache/code")).expect("the cache is there");
    let mut entries =
        files.map(|file| file.expect("a file").path()).filter(|path| path.extension().is_some_and(|it| it == "cwasm"));
    entries.next().expect("an entry")
}

fn changed(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 1;
    bytes
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("a file").permissions().mode() & 0o777
}

#[test]
fn an_entry_that_this_host_did_not_write_is_not_loaded() {
    let place = Place::new();
    count(&place).expect(0, &["1"]);
    let entry = entry(&place);
    assert_eq!((mode(&place.path("cache/code")), mode(&place.path("cache/code/cache.key"))), (0o700, 0o600));
    let whole = fs::read(&entry).expect("a file");
    let attacks: [(&str, Vec<u8>); 6] = [
        ("nothing", Vec::new()),
        ("cut off", whole[..whole.len() / 2].to_vec()),
        ("code changed", changed(&whole, 5_000)),
        ("description changed", changed(&whole, whole.len() - 100)),
        ("its length changed", changed(&whole, whole.len() - 40)),
        ("another MAC", changed(&whole, whole.len() - 1)),
    ];
    for (what, bytes) in attacks {
        fs::write(&entry, &bytes).expect("a file");
        count(&place).expect(0, &["1"]);
        assert_eq!(fs::read(&entry).expect("a file"), whole, "{what}: it was not made anew");
    }
    // Another host's key.
    fs::write(place.path("cache/code/cache.key"), [7; 32]).expect("a file");
    count(&place).expect(0, &["1"]);
    assert_ne!(fs::read(&entry).expect("a file"), whole);
}

#[test]
fn a_cache_that_others_may_enter_is_not_used() {
    let place = Place::new();
    count(&place).expect(0, &["1"]);
    fs::set_permissions(place.path("cache/code"), fs::Permissions::from_mode(0o755)).expect("our own");
    count(&place).expect(0, &["others may enter it (mode 755)", "compiling without a cache"]);
}
