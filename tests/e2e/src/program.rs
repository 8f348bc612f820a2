//! The program under test, with a state directory and a workspace of its own.

use serde_json::Value;
use std::{
    ffi::OsStr,
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::LazyLock,
};
use tempfile::TempDir;

/// One cache of compiled code for all tests: compiling is not what most of them are about.
static CACHE: LazyLock<PathBuf> = LazyLock::new(|| {
    let out = Path::new(env!("OUT_DIR"));
    let cache = out.join("compiled");
    fs::create_dir_all(&cache).expect("the build folder can be written");
    cache
});

/// A place where the program has never been before.
pub(crate) struct Place {
    folder: TempDir,
}

/// What the program said.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        for folder in ["workspace/sub", "workspace/docs", "out", "state"] {
            fs::create_dir_all(place.path(folder)).expect("a folder");
        }
        place.write("workspace/file.txt", "unchanged");
        place.write("workspace/secret.txt", "secret");
        place.write("workspace/docs/a.md", "# A");
        place.write("outside.txt", "outside");
        place
    }

    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.folder.path().join(relative)
    }

    pub(crate) fn write(&self, relative: &str, text: &str) {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().expect("below the folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    /// Nobody else can read it, as a file of a secret has to be.
    pub(crate) fn set_private(&self, relative: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(self.path(relative), fs::Permissions::from_mode(0o600)).expect("a file of ours");
    }

    pub(crate) fn read(&self, relative: &str) -> String {
        fs::read_to_string(self.path(relative)).unwrap_or_else(|error| panic!("{relative}: {error}"))
    }

    pub(crate) fn command(&self, args: &[impl AsRef<OsStr>]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gloveport-e2e"));
        command
            .args(args)
            .current_dir(self.root())
            .env_clear()
            .env("GLOVEPORT_STATE", self.path("state"))
            .env("GLOVEPORT_CACHE", &*CACHE)
            .env("HOST_SECRET", "must not be seen");
        // All tests are run for both places where calls can run.
        if let Some(isolation) = std::env::var_os("GLOVEPORT_ISOLATION") {
            command.env("GLOVEPORT_ISOLATION", isolation);
        }
        command
    }

    /// A program that goes on after it has said some words on standard error, and the line with them.
    pub(crate) fn says(&self, args: &[impl AsRef<OsStr>], words: &str) -> (Child, String) {
        let mut command = self.command(args);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let said = BufReader::new(child.stderr.take().expect("piped"));
        let line = said.lines().map(|line| line.expect("UTF-8")).find(|line| line.contains(words));
        (child, line.unwrap_or_else(|| panic!("it ended before it said `{words}`")))
    }

    pub(crate) fn run(&self, args: &[impl AsRef<OsStr>]) -> Ended {
        Ended::of(self.command(args).stdin(Stdio::null()).output().expect("the program starts"))
    }
}

impl Ended {
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the program prints UTF-8");
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Standard output as one JSON value.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// Asserts the exit code, and that one of the two outputs has every one of these texts.
    #[track_caller]
    pub(crate) fn expect(&self, code: i32, texts: &[&str]) -> &Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        for text in texts {
            assert!(self.stdout.contains(text) || self.stderr.contains(text), "`{text}` is not in {self:?}");
        }
        self
    }
}

/// The compiled guest of this name.
pub(crate) fn guest(name: &str) -> PathBuf {
    let folder = Path::new(crate::GUESTS);
    let command = folder.join(format!("{name}.wasm"));
    if command.exists() { command } else { folder.join("examples").join(format!("{name}.wasm")) }
}
