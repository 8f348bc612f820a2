//! Which mirror this machine's apt is set to use.

use std::fs;

use anyhow::{Result, bail};

const DEB822: &str = "/etc/apt/sources.list.d/debian.sources";
const ONE_LINE: &str = "/etc/apt/sources.list";

/// The first Debian mirror among apt's own sources; a private mirror is thereby honoured.
pub(super) fn configured() -> Result<String> {
    let read = |path| fs::read_to_string(path).ok();
    let found =
        read(DEB822).and_then(|text| in_deb822(&text)).or_else(|| read(ONE_LINE).and_then(|text| in_one_line(&text)));
    match found {
        Some(mirror) => Ok(mirror),
        None => bail!("neither {DEB822} nor {ONE_LINE} names a Debian mirror"),
    }
}

/// The first of the first stanza's `URIs:`.
fn in_deb822(text: &str) -> Option<String> {
    let uris = text.lines().find_map(|line| line.strip_prefix("URIs:"))?;
    uris.split_whitespace().next().map(str::to_owned)
}

/// The address of the first line `deb [options] address suite component…` that is Debian's main archive.
fn in_one_line(text: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let rest = line.trim().strip_prefix("deb ")?.trim_start();
        let rest = match rest.strip_prefix('[') {
            Some(options) => options.split_once(']')?.1,
            None => rest,
        };
        let address = rest.split_whitespace().next()?;
        let is_main = address.contains("debian") && !address.contains("security");
        is_main.then(|| address.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(read: fn(&str) -> Option<String>, text: &str, expected: Option<&str>) {
        assert_eq!(read(text).as_deref(), expected);
    }

    #[test]
    fn deb822() {
        let text = "Types: deb\n# URIs: http://old.example/debian\nURIs: http://one.example/debian http://two.example\nSuites: bookworm\n";
        check(in_deb822, text, Some("http://one.example/debian"));
        check(in_deb822, "Types: deb\nURIs:\n", None);
        check(in_deb822, "", None);
    }

    #[test]
    fn one_line() {
        let text = "# deb http://off.example/debian sid main\n\
                    deb-src http://src.example/debian sid main\n\
                    deb http://security.example/debian-security bookworm-security main\n\
                    deb [arch=amd64 signed-by=/k.gpg]  http://m.example/debian bookworm main\n";
        check(in_one_line, text, Some("http://m.example/debian"));
        check(in_one_line, "deb https://m.example/ubuntu noble main\n", None);
        check(in_one_line, "deb [arch=amd64 http://m.example/debian\n", None);
    }
}
