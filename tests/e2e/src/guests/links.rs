//! Second names of files: links of both kinds, renames, and what they lead to.

use super::{READ, WRITE, done, files::furnished, refused, tells};
use crate::program::Place;
use std::{fs, os::unix::fs::symlink};

#[test]
pub(super) fn hard_links() {
    let place = furnished();
    fs::create_dir(place.path("out/dir")).expect("a folder");
    let outcome = tells(
        &place,
        "hard_links",
        &[],
        &[READ, WRITE],
        "within: ok
        onto itself: exist
        over another: exist
        a directory: not-permitted
        what is not there: no-entry
        out of the read-only mount: not-permitted
        into the read-only mount: not-permitted
        from outside: not-permitted
        from outside, absolute: not-permitted
        to outside: not-permitted
        a link: ok
        through a link: invalid
        below a link: not-permitted
        read leak2: not-permitted
        read leaked.txt: no-entry
        read second.txt: ok",
    );
    let expected = ["link out/there.txt out/second.txt", "link out/leak out/leak2", "read out/second.txt"];
    assert_eq!(done(&outcome), expected);
}

#[test]
pub(super) fn moved_links() {
    let place = Place::new();
    place.write("out/there.txt", "there");
    let outcome = tells(
        &place,
        "moved_links",
        &[],
        &[READ, WRITE],
        "absolute: not-permitted
        absolute into the mount: not-permitted
        empty: no-entry
        nul: invalid
        up: ok
        to /proc: not-permitted
        to itself: ok
        over a file: exist
        to outside: not-permitted
        deep: ok
        deep, to outside: ok
        read a/b/link: ok
        move link: ok
        move sly: ok
        read absolute: no-entry
        write absolute: ok
        list absolute: not-directory
        stat absolute: ok
        hash absolute: ok
        read inside: no-entry
        write inside: ok
        list inside: not-directory
        stat inside: ok
        hash inside: ok
        read up: not-permitted
        write up: not-permitted
        list up: not-permitted
        stat up: not-permitted
        hash up: not-permitted
        read proc: no-entry
        write proc: ok
        list proc: not-directory
        stat proc: ok
        hash proc: ok
        read loop: loop
        write loop: loop
        list loop: loop
        stat loop: loop
        hash loop: loop
        read a/link: not-permitted
        write a/link: not-permitted
        list a/link: not-permitted
        stat a/link: not-permitted
        hash a/link: not-permitted
        read a/sly: not-permitted
        write a/sly: not-permitted
        list a/sly: not-permitted
        stat a/sly: not-permitted
        hash a/sly: not-permitted",
    );
    let refused = refused(&outcome);
    for path in ["read out/up", "read out/a/sly", "create out/a/sly", "create planted"] {
        assert!(refused.iter().any(|refused| refused == path), "{path} is not in {refused:?}");
    }
}

#[test]
pub(super) fn renames() {
    let place = furnished();
    let outcome = tells(
        &place,
        "renames",
        &[],
        &[READ, WRITE],
        "dir to there.txt: not-directory
        there.txt to dir: is-directory
        dir to dir/below/itself: invalid
        dir to dir: ok
        there.txt to there.txt: ok
        . to dot: busy
        dir to .: busy
        dir/.. to dot: busy
        .. to up: not-permitted
        dir to ..: not-permitted
        dir to ../planted: not-permitted
        there.txt to ../planted.txt: not-permitted
        ../outside.txt to stolen.txt: not-permitted
        /etc/hostname to stolen.txt: not-permitted
        there.txt to /tmp/planted.txt: not-permitted
        up/outside.txt to stolen.txt: not-permitted
        there.txt to up/planted.txt: not-permitted
        nothing to something: no-entry
        out of the read-only mount: not-permitted
        into the read-only mount: not-permitted
        over the read-only mount's: not-permitted
        up to still-a-link: ok
        there.txt to dir/moved.txt: ok
        dir to moved: ok",
    );
    let done = done(&outcome);
    let moved =
        ["rename out/up out/still-a-link", "rename out/there.txt out/dir/moved.txt", "rename out/dir out/moved"];
    assert!(done.ends_with(&moved.map(str::to_owned)), "{done:?}");
    assert_eq!(place.read("out/moved/moved.txt"), "there");
}

#[test]
pub(super) fn exclusive() {
    let place = furnished();
    fs::create_dir(place.path("out/dir")).expect("a folder");
    let outcome = tells(
        &place,
        "exclusive",
        &[],
        &[WRITE],
        "there.txt as it is: exist
        dir as it is: exist
        dangling as it is: exist
        leak as it is: exist
        up/new.txt as it is: not-permitted
        ../new.txt as it is: not-permitted
        . as it is: exist
        there.txt followed: exist
        dir followed: exist
        dangling followed: exist
        leak followed: not-permitted
        up/new.txt followed: not-permitted
        ../new.txt followed: not-permitted
        . followed: exist
        once: ok
        twice: exist
        exclusive and truncate: exist
        exclusive alone: ok
        exclusive alone, new: ok
        create through a link that leads nowhere: ok",
    );
    assert_eq!(place.read("out/there.txt"), "there");
    assert_eq!(done(&outcome), ["create out/new.txt", "create out/nowhere"]);
}

#[test]
pub(super) fn metadata_probe() {
    let place = Place::new();
    let absolute = place.path("workspace/file.txt").display().to_string();
    for (to, path) in [("/etc", "escape"), ("..", "up"), (absolute.as_str(), "absolute"), ("/proc/self/fd", "fd")] {
        symlink(to, place.path("workspace").join(path)).expect("a link");
    }
    let paths = [
        "../outside.txt",
        "..",
        "/",
        "/etc/passwd",
        "docs/../../outside.txt",
        "escape",
        "escape/passwd",
        "up/outside.txt",
        "fd/0",
    ];
    let tried = paths.map(|path| ["stat", "hash", "open"].map(|way| format!("{way} {path}: not-permitted\n")).concat());
    let rest = "readlink escape: not-permitted
        readlink up: ..
        readlink absolute: not-permitted
        readlink ../state: not-permitted
        readlink file.txt: invalid
        readlink nothing: no-entry
        link DescriptorType::SymbolicLink
        same true
        other false";
    let outcome = tells(&place, "metadata_probe", &[], &[READ], &(tried.concat() + rest));
    let refused = refused(&outcome);
    for path in ["read outside.txt", "read /", "read /etc/passwd", "read workspace/escape", "read workspace/fd/0"] {
        assert!(refused.iter().any(|refused| refused == path), "{path} is not in {refused:?}");
    }
    assert!(!outcome.to_string().contains(&absolute), "{outcome}");
}

#[test]
pub(super) fn disguises() {
    let place = Place::new();
    let outcome = tells(&place, "disguises", &[], &[WRITE], "done");
    let expected = [
        "create out/real",
        "create out/real/deep",
        "create out/alias",
        "create out/short",
        "create out/file",
        "create out/real/a.txt",
        "write out/real/a.txt",
        "create out/real/behind.txt",
        "write out/real/behind.txt",
        "create out/real/b.txt",
        "write out/real/b.txt",
        "create out/real/deep/c.txt",
        "write out/real/deep/c.txt",
        "create out/real/dir",
        "create out/real/dir2",
        "create out/real/link",
        "link out/real/a.txt out/real/deep/second.txt",
        "rename out/real/b.txt out/real/deep/moved.txt",
        "remove out/real/deep/c.txt",
        "remove out/real/dir",
        "rename out/real out/renamed",
        "create out/renamed/deep/d.txt",
        "write out/renamed/deep/d.txt",
        "create out/renamed/deep/e",
    ];
    assert_eq!(done(&outcome), expected);
}
