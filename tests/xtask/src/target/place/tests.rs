use super::*;

const RUSTC: &str = "rustc 1.95.0 (59807616e 2026-04-14)";
const COMPLETE: [&str; 4] =
    ["libstd-0123.rlib", "self-contained/crt1-command.o", "self-contained/crt1-reactor.o", "self-contained/libc.a"];

/// A toolchain's folder for the target whose `lib` holds the given empty files, if any.
fn place(files: &[&str]) -> (tempfile::TempDir, Place) {
    let parent = tempfile::tempdir().expect("a temporary directory");
    let libdir = parent.path().join("lib");
    fill(&libdir, files);
    (parent, Place::new(libdir, RUSTC))
}

fn fill(folder: &Path, files: &[&str]) {
    for file in files {
        let path = folder.join(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, "").expect("a file");
    }
}

#[track_caller]
fn check_missing(files: &[&str], expected: &[&str]) {
    let (_parent, place) = place(files);
    assert_eq!(place.missing(), expected);
}

#[test]
fn a_target_is_complete_only_with_all_its_parts() {
    check_missing(&COMPLETE, &[]);
    check_missing(
        &[],
        &["libstd-*.rlib", "self-contained/crt1-command.o", "self-contained/crt1-reactor.o", "self-contained/libc.a"],
    );
    check_missing(&["libcore-1.rlib", "libstd-1.rmeta", COMPLETE[1], COMPLETE[2], COMPLETE[3]], &["libstd-*.rlib"]);
    check_missing(&COMPLETE[..3], &["self-contained/libc.a"]);
}

#[test]
fn libraries_of_another_compiler_do_not_count() {
    let (_parent, place) = place(&COMPLETE);
    let stamp = place.libdir().join(STAMP);
    fs::write(&stamp, format!("{RUSTC}\n")).expect("a stamp");
    assert_eq!(place.missing(), Vec::<String>::new());
    fs::write(&stamp, "rustc 1.94.0").expect("a stamp");
    assert_eq!(place.missing(), [format!("libraries for {RUSTC} (they are for rustc 1.94.0)")]);
}

/// Installs from a build that left `built`, and gives the error, if any.
fn install(place: &Place, built: &[&str]) -> Option<String> {
    let build = tempfile::tempdir().expect("a temporary directory");
    fill(build.path(), built);
    let rlibs: Vec<PathBuf> =
        built.iter().filter(|file| file.ends_with(".rlib")).map(|file| build.path().join(file)).collect();
    let libc = build.path().join(SELF_CONTAINED);
    place.install(&rlibs, &libc, RUSTC).err().map(|error| format!("{error:#}"))
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}

#[test]
fn an_install_replaces_what_a_killed_one_left() {
    let (parent, place) = place(&["libcore-old.rlib", "self-contained/libc.a"]);
    fill(parent.path(), &[".lib.incoming/libcore-0.rlib", ".lib.outgoing/libcore-0.rlib"]);
    assert_eq!(install(&place, &COMPLETE), None);
    assert_eq!(place.missing(), Vec::<String>::new());
    assert_eq!(sorted(names_in(place.libdir())), [STAMP, "libstd-0123.rlib", SELF_CONTAINED]);
    assert_eq!(names_in(parent.path()), ["lib"]);
}

#[track_caller]
fn check_refused(before: &[&str], built: &[&str], part: &str) {
    let (_parent, place) = place(before);
    let names = sorted(names_in(place.libdir()));
    let error = install(&place, built).expect("it is refused");
    assert!(error.contains(part), "{error}\nlacks\n{part}");
    assert_eq!(sorted(names_in(place.libdir())), names, "the folder was touched");
}

#[test]
fn a_failed_install_leaves_the_folder_as_it_was() {
    let half = ["libcore-old.rlib"];
    check_refused(&half, &COMPLETE[..3], "libc.a");
    check_refused(
        &half,
        &["libcore-0.rlib", COMPLETE[1], COMPLETE[2], COMPLETE[3]],
        "what was built lacks libstd-*.rlib",
    );
    check_refused(&[], &COMPLETE[1..], "what was built lacks libstd-*.rlib");
}

#[test]
fn a_folder_that_is_no_target_is_not_replaced() {
    check_refused(&["thesis.tex"], &COMPLETE, "holds thesis.tex, which is no part of a target");
}
