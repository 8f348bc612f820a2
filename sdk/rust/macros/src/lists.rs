//! The needs, and the programs, that are lists: what each may hold. The rules are the contract's, as the host reads them.

use crate::{
    errors::Errors,
    settings::{Entry, Given},
};

/// One setting that is a list.
pub(crate) struct List {
    /// With `needs.` before the name of a need.
    pub(crate) key: &'static str,
    /// What it lists.
    of: &'static str,
    example: &'static str,
    /// What one entry is.
    one: &'static str,
    expected: &'static str,
    fits: fn(&str) -> bool,
}

const HOST: &str = "`*`, `*.example.com`, `api.example.com` or an address, in lower case and punycode, and `:PORT` where only one is meant";

/// All of them, in the order of the manifest.
pub(crate) const LISTS: [List; 8] = [
    List {
        key: "needs.env",
        of: "names",
        example: "LANG",
        one: "variable",
        expected: "letters, digits and `_`",
        fits: is_variable,
    },
    hosts("needs.http", "api.example.com"),
    hosts("needs.tcp", "db.example.com:5432"),
    hosts("needs.udp", "*.example.com:53"),
    hosts("needs.listen", "127.0.0.1:8080"),
    List {
        key: "needs.secrets",
        of: "names",
        example: "github",
        one: "name of a secret",
        expected: "1 to 64 letters, digits, `-` or `_`, starting with a letter",
        fits: is_word,
    },
    List {
        key: "needs.invoke",
        of: "tools",
        example: "files.read",
        one: "pattern of tools",
        expected: "`*`, `package.*` or `package.function`",
        fits: is_tools,
    },
    List {
        key: "needs.exec",
        of: "programs",
        example: "grep",
        one: "pattern of programs",
        expected: "`*` or a program's name, in lower case",
        fits: is_programs,
    },
];

/// What a command goes by: not a need, but a list all the same.
pub(crate) const PROGRAMS: List = List {
    key: "programs",
    of: "names",
    example: "grep",
    one: "name of a program",
    expected: "1 to 64 lower-case letters, digits, `-` or `_`, starting with a letter",
    fits: is_program,
};

const fn hosts(key: &'static str, example: &'static str) -> List {
    List { key, of: "hosts", example, one: "pattern of hosts", expected: HOST, fits: is_hosts }
}

impl List {
    /// The key in the manifest.
    pub(crate) fn name(&self) -> &'static str {
        self.key.strip_prefix("needs.").unwrap_or(self.key)
    }

    /// The entries of a setting; what is wrong with them is reported.
    pub(crate) fn read(&self, entry: Entry, errors: &mut Errors) -> Option<Vec<String>> {
        let Self { key, of, example, one, expected, .. } = self;
        let Some(Given::List(texts)) = entry.value else {
            let name = self.name();
            errors.at_span(entry.span, format!("`{key}` takes a list of {of}, such as `{name} = [\"{example}\"]`"));
            return None;
        };
        for (at, text) in texts.iter().enumerate() {
            if !(self.fits)(text) {
                errors.at_span(entry.span, format!("`{key}` names `{text}`, which is no {one}: expected {expected}"));
            }
            if texts[..at].contains(text) {
                errors.at_span(entry.span, format!("`{key}` names `{text}` twice; keep one"));
            }
        }
        Some(texts)
    }
}

fn is_variable(text: &str) -> bool {
    let first = text.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    first && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn is_word(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

fn is_tools(text: &str) -> bool {
    match text.strip_suffix(".*") {
        _ if text == "*" => true,
        Some(package) => is_word(package),
        None => (2..=3).contains(&text.split('.').count()) && text.split('.').all(is_word),
    }
}

fn is_program(text: &str) -> bool {
    is_word(text) && !text.contains(|c: char| c.is_ascii_uppercase())
}

fn is_programs(text: &str) -> bool {
    text == "*" || is_program(text)
}

fn is_hosts(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        // The colons of an address stand in brackets.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let port_fits = |port: &str| port.parse().is_ok_and(|number: u16| number > 0 && number.to_string() == port);
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host_fits = match address {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host == "*" || is_host_name(host.strip_prefix("*.").unwrap_or(host)),
    };
    host_fits && port.is_none_or(port_fits)
}

fn is_host_name(text: &str) -> bool {
    let of_label = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    let is_label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(of_label);
    // RFC 1035, section 2.3.4, without the final dot.
    text.len() <= 253 && text.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(fits: fn(&str) -> bool, good: &[&str], bad: &[&str]) {
        let refused: Vec<_> = good.iter().filter(|text| !fits(text)).collect();
        let taken: Vec<_> = bad.iter().filter(|text| fits(text)).collect();
        assert!(refused.is_empty() && taken.is_empty(), "refused {refused:?}, taken {taken:?}");
    }

    #[test]
    fn hosts() {
        let label = "a".repeat(63);
        let long = [label.as_str(); 4].join(".");
        check(
            is_hosts,
            &["*", "*:443", "example.com", "*.example.com", "127.0.0.1:8080", "[::1]:8080", "[::1]", "a_b-c.d", &label],
            &[
                "",
                "Example.com",
                "a..b",
                "*.*",
                "a*",
                "*.",
                "a:0",
                "a:08",
                "a:99999",
                "::1",
                "[::1",
                "é.com",
                "a/b",
                "a.",
                &long,
            ],
        );
        check(is_hosts, &[&long[2..]], &["a:", "a:+1", ":80", "[a]", "*:*", &format!("{label}a"), "https://a"]);
    }

    #[test]
    fn tools() {
        check(
            is_tools,
            &["*", "files.*", "files.read", "files.a.read", "A-1_b.c"],
            &["", "files", ".*", "*.read", "files.*.*", "a.b.*", "a.b.c.d", "1.b", "a.", "a b.c"],
        );
    }

    #[test]
    fn names() {
        let long = "a".repeat(64);
        check(is_word, &["github", "A-1_b", &long], &["", "1a", "a.b", "a b", "é", &format!("{long}a")]);
        check(is_program, &["grep", "c-1_b"], &["", "*", "Grep", "[", "7z"]);
        check(is_programs, &["*", "grep"], &["", "gr*"]);
        check(is_variable, &["LANG", "_a1"], &["", "1", "A-B", "A B"]);
    }
}
