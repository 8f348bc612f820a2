//! Sources from a Debian mirror: `rust-src` of exactly the compiler's version, and `wasi-libc`, which comes compiled.
//!
//! Nothing is installed: apt runs with lists of its own in a temporary folder, and verifies signatures as ever; the packages
//! are only unpacked.

mod mirror;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};

use super::TRIPLE;
use super::rustc::Rustc;
use super::sources::Sources;
use crate::process;

/// Where recent compilers are found, the stable release's additions first.
const SUITES: [&str; 3] = ["trixie-backports", "forky", "sid"];

/// For each apt command; lists and packages are up to 30 MB.
const LIMIT: Duration = Duration::from_secs(180);

/// The keys of Debian's archive, where newer systems no longer trust them for every source.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Downloads and unpacks both packages from the first suite that offers this rustc's version.
pub(super) fn fetch(rustc: &Rustc, work: &Path) -> Result<Sources> {
    let mirror = mirror::configured()?;
    let mut failures = String::new();
    for suite in SUITES {
        match Apt::new(&mirror, suite, &work.join(suite)).and_then(|apt| apt.sources(rustc)) {
            Ok(sources) => return Ok(sources),
            Err(error) => failures.push_str(&format!("\n    {suite}: {error:#}")),
        }
    }
    bail!("{mirror} does not help:{failures}");
}

/// apt with one suite of one mirror as its only source.
struct Apt {
    folder: PathBuf,
    suite: String,
}

impl Apt {
    /// Prepares the folder that apt works in, and loads the suite's list.
    fn new(mirror: &str, suite: &str, folder: &Path) -> Result<Self> {
        let lists = folder.join("lists/partial");
        fs::create_dir_all(&lists).with_context(|| format!("cannot make {}", lists.display()))?;
        let signed_by = if Path::new(KEYRING).is_file() { format!("[signed-by={KEYRING}] ") } else { String::new() };
        let list = folder.join("sources.list");
        fs::write(&list, format!("deb {signed_by}{mirror} {suite} main\n"))
            .with_context(|| format!("cannot write {}", list.display()))?;
        let apt = Self { folder: folder.to_owned(), suite: suite.to_owned() };
        process::capture(apt.command("apt-get").args(["-qq", "update"]), LIMIT)?;
        Ok(apt)
    }

    fn sources(&self, rustc: &Rustc) -> Result<Sources> {
        let offered = process::capture(self.command("apt-cache").args(["madison", "rust-src"]), LIMIT)?;
        let version = version_for(&offered, &rustc.version)
            .ok_or_else(|| anyhow!("offers no rust-src {}{}", rustc.version, offers(&offered)))?;
        let package = format!("rust-src={version}");
        process::capture(self.command("apt-get").args(["-qq", "download", &package, "wasi-libc"]), LIMIT)?;
        let unpacked = self.folder.join("unpacked");
        for package in self.packages()? {
            process::capture(Command::new("dpkg").arg("-x").args([&package, &unpacked]), LIMIT)?;
        }
        let library = unpacked.join(format!("usr/src/rustc-{}/library", rustc.version));
        let origin = format!("Debian's {package} and wasi-libc of {}", self.suite);
        Sources::new(&library, &unpacked.join("usr/lib").join(TRIPLE), origin)
    }

    /// What `apt-get download` left in the folder.
    fn packages(&self) -> Result<Vec<PathBuf>> {
        let listing = || format!("cannot list {}", self.folder.display());
        let mut packages = Vec::new();
        for entry in fs::read_dir(&self.folder).with_context(listing)? {
            let path = entry.with_context(listing)?.path();
            if path.extension().is_some_and(|extension| extension == "deb") {
                packages.push(path);
            }
        }
        Ok(packages)
    }

    /// An apt program that sees this suite alone and writes to this folder alone.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.folder);
        let (list, lists) = (self.folder.join("sources.list"), self.folder.join("lists"));
        for option in [
            &format!("Dir::Etc::sourcelist={}", list.display()),
            "Dir::Etc::sourceparts=-",
            &format!("Dir::State::lists={}", lists.display()),
            "Dir::Cache::pkgcache=",
            "Dir::Cache::srcpkgcache=",
            "Acquire::Languages=none",
            "Acquire::http::Timeout=20",
            // A failed download is an error, not a warning that leaves an empty list.
            "APT::Update::Error-Mode=any",
            // The unprivileged user that apt takes for downloads as root cannot enter a private temporary folder.
            "APT::Sandbox::User=root",
        ] {
            command.args(["-o", option]);
        }
        command
    }
}

/// The Debian version of the first package in `apt-cache madison`'s table that packs this release of Rust, and not a
/// pre-release or a later patch of it.
fn version_for(madison: &str, release: &str) -> Option<String> {
    versions(madison)
        .find(|version| {
            let rest = version.strip_prefix(release);
            rest.is_some_and(|rest| rest.starts_with(['+', '-']))
        })
        .map(str::to_owned)
}

/// The second column of `package | version | source`.
fn versions(madison: &str) -> impl Iterator<Item = &str> {
    madison.lines().filter_map(|line| line.split('|').nth(1)).map(str::trim)
}

fn offers(madison: &str) -> String {
    let all: Vec<&str> = versions(madison).collect();
    if all.is_empty() { String::new() } else { format!(", only {}", all.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKPORTS: &str = "\
  rust-src | 1.96.1+dfsg1-2~bpo13+1 | http://deb.debian.org/debian trixie-backports/main amd64 Packages
  rust-src | 1.95.0+dfsg1-2~bpo13+1 | http://deb.debian.org/debian trixie-backports/main amd64 Packages
  rust-src | 1.95.0+dfsg1-1~bpo13+1 | http://deb.debian.org/debian trixie-backports/main amd64 Packages
";
    const EXPERIMENTAL: &str = "rust-src | 1.95.0~beta.3+dfsg1-1 | m x/main\nrust-src | 1.95.01+dfsg1-1 | m x/main\n";

    #[track_caller]
    fn check(madison: &str, release: &str, expected: Option<&str>) {
        assert_eq!(version_for(madison, release).as_deref(), expected);
    }

    #[test]
    fn exactly_the_compilers_version_is_chosen() {
        check(BACKPORTS, "1.95.0", Some("1.95.0+dfsg1-2~bpo13+1"));
        check(BACKPORTS, "1.96.1", Some("1.96.1+dfsg1-2~bpo13+1"));
        check(BACKPORTS, "1.96.0", None);
        check(BACKPORTS, "1.9", None);
        check("rust-src | 1.95.0-1 | m sid/main\n", "1.95.0", Some("1.95.0-1"));
    }

    #[test]
    fn pre_releases_and_longer_numbers_are_not_the_version() {
        check(EXPERIMENTAL, "1.95.0", None);
    }

    #[test]
    fn odd_tables_offer_nothing() {
        check("", "1.95.0", None);
        check("N: Unable to locate package rust-src\n", "1.95.0", None);
    }

    #[test]
    fn the_offer_is_named_where_it_does_not_fit() {
        assert_eq!(offers(EXPERIMENTAL), ", only 1.95.0~beta.3+dfsg1-1, 1.95.01+dfsg1-1");
        assert_eq!(offers(""), "");
    }
}
