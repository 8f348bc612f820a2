//! Does to paths of the mount `workspace` what its arguments say, and prints what came of each: `read A`, `rename A B`…
#![allow(clippy::disallowed_methods, reason = "in a guest, std is the sandbox's own door")]

use std::{env, fs, io::Write as _};
use wasip2::filesystem::{
    preopens,
    types::{DescriptorFlags, ErrorCode, NewTimestamp, OpenFlags, PathFlags},
};

fn main() {
    let args: Vec<_> = env::args().skip(1).collect();
    for line in &args {
        let words: Vec<_> = line.split(' ').collect();
        match one(&words) {
            Ok(text) => println!("{line}: ok {text}"),
            Err(error) => println!("{line}: {error}"),
        }
    }
}

fn one(words: &[&str]) -> Result<String, String> {
    let at = |path: &str| format!("/workspace/{path}");
    let said = |error: std::io::Error| format!("{:?}", error.kind());
    let done = |result: std::io::Result<()>| result.map(|()| String::new()).map_err(said);
    let raw = |error: ErrorCode| error.name().to_owned();
    let root = || preopens::get_directories().into_iter().find(|(_, path)| path == "/workspace").expect("a mount").0;
    match *words {
        ["read", path] => fs::read_to_string(at(path)).map_err(said),
        ["write", path] => done(fs::write(at(path), "changed")),
        ["append", path] => {
            let file = fs::OpenOptions::new().append(true).create(true).open(at(path));
            done(file.and_then(|mut file| file.write_all(b"more")))
        }
        ["truncate", path] => {
            let opened = root().open_at(PathFlags::empty(), path, OpenFlags::TRUNCATE, DescriptorFlags::WRITE);
            opened.map(|_| String::new()).map_err(raw)
        }
        ["stat", path] => fs::metadata(at(path)).map(|_| String::new()).map_err(said),
        ["list", path] => {
            let entries = fs::read_dir(at(path)).map_err(said)?;
            let mut names: Vec<_> = entries
                .map(|entry| entry.map(|entry| entry.file_name().into_string().expect("UTF-8")))
                .collect::<Result<_, _>>()
                .map_err(said)?;
            names.sort();
            Ok(names.join(","))
        }
        ["mkdir", path] => done(fs::create_dir(at(path))),
        ["remove", path] => done(fs::remove_file(at(path))),
        ["rmdir", path] => done(fs::remove_dir(at(path))),
        ["rename", from, to] => done(fs::rename(at(from), at(to))),
        ["link", from, to] => done(fs::hard_link(at(from), at(to))),
        ["symlink", to, path] => root().symlink_at(to, path).map(|()| String::new()).map_err(raw),
        ["readlink", path] => root().readlink_at(path).map_err(raw),
        ["times", path] => {
            let now = NewTimestamp::Now;
            root().set_times_at(PathFlags::SYMLINK_FOLLOW, path, now, now).map(|()| String::new()).map_err(raw)
        }
        // By a handle to a directory that is renamed meanwhile.
        ["held", directory, to, path] => {
            let root = root();
            let flags = DescriptorFlags::READ | DescriptorFlags::MUTATE_DIRECTORY;
            let held = root.open_at(PathFlags::empty(), directory, OpenFlags::DIRECTORY, flags).map_err(raw)?;
            root.rename_at(directory, &root, to).map_err(raw)?;
            let opened = held.open_at(PathFlags::empty(), path, OpenFlags::CREATE, DescriptorFlags::WRITE);
            opened.map(|_| String::new()).map_err(raw)
        }
        // Again and again, while somebody else changes what stands there.
        ["race", path] => {
            let mut seen = std::collections::BTreeSet::new();
            for _ in 0..2_000 {
                seen.insert(fs::read_to_string(at(path)).unwrap_or_default());
            }
            Ok(seen.into_iter().collect::<Vec<_>>().join("|"))
        }
        _ => panic!("unknown words {words:?}"),
    }
}
