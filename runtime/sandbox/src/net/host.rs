//! The host of a URL as a guest writes it, read the way browsers and HTTP clients read it, so that nothing is compared
//! with policy in one form and dialled in another.

use super::address::canonical;
use std::fmt;
use std::net::IpAddr;

/// The longest text that is read, in bytes: a name of 253 bytes has room to be percent-encoded or written in another
/// script, and the work stays bounded.
const MAX_TEXT: usize = 1024;
/// The longest name, in bytes, without the root's dot (RFC 1035 2.3.4: 255 octets on the wire).
const MAX_NAME: usize = 253;
/// The longest label of a name, in bytes (RFC 1035 2.3.4).
const MAX_LABEL: usize = 63;

/// A host in the one form that is compared, recorded and dialled.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Host {
    /// A name: lower case, ASCII (IDNA), without the root's dot, never one that reads as an address.
    Name(String),
    /// An address. An IPv4 address in IPv6's clothes is an IPv4 address here.
    Address(IpAddr),
}

/// As it stands in a URL: an IPv6 address in brackets.
impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// Why a text is no host. It does not repeat the text, which is the guest's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadHost {
    /// Nothing is left of it.
    #[error("the host is empty")]
    Empty,
    /// Too long to be a name in any encoding.
    #[error("the host's name is longer than {MAX_NAME} bytes")]
    TooLong,
    /// Two dots in a row, or one at the start.
    #[error("the host's name has an empty label")]
    EmptyLabel,
    /// A label that DNS cannot carry.
    #[error("a label of the host's name is longer than {MAX_LABEL} bytes")]
    LongLabel,
    /// Something else than letters, digits, `-` and `_`, or letters that IDNA refuses.
    #[error("the host's name has characters that no name may have")]
    Characters,
    /// It begins or ends as an address does, and is none; zone ids are refused so, too.
    #[error("the host is not a valid IP address")]
    Address,
}

/// Reads the host of an authority, without user and port: `example.com`, `192.0.2.1`, `[2001:db8::1]`.
///
/// This is the WHATWG URL standard's host parser (percent-decoding, IDNA, IPv4 in all spellings: `127.1`, `0x7f000001`,
/// `2130706433`), made narrower: names hold only letters, digits, `-` and `_`, and are as short as DNS wants them.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn host(text: &str) -> Result<Host, BadHost> {
    if text.is_empty() {
        return Err(BadHost::Empty);
    }
    if text.len() > MAX_TEXT {
        return Err(BadHost::TooLong);
    }
    match url::Host::parse(text).map_err(BadHost::from)? {
        url::Host::Ipv4(address) => Ok(Host::Address(address.into())),
        url::Host::Ipv6(address) => Ok(Host::Address(canonical(address.into()))),
        url::Host::Domain(name) => named(&name).map(Host::Name),
    }
}

/// A name that the URL standard accepts, as DNS has it.
fn named(name: &str) -> Result<String, BadHost> {
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.is_empty() {
        return Err(BadHost::Empty);
    }
    if name.len() > MAX_NAME {
        return Err(BadHost::TooLong);
    }
    for label in name.split('.') {
        if label.is_empty() {
            return Err(BadHost::EmptyLabel);
        }
        if label.len() > MAX_LABEL {
            return Err(BadHost::LongLabel);
        }
        // The URL standard lets `*`, `!` and others pass, which mean something in a policy's pattern.
        if !label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_'))
        {
            return Err(BadHost::Characters);
        }
    }
    Ok(name.to_owned())
}

impl From<url::ParseError> for BadHost {
    fn from(error: url::ParseError) -> Self {
        match error {
            url::ParseError::EmptyHost => Self::Empty,
            url::ParseError::InvalidIpv4Address | url::ParseError::InvalidIpv6Address => Self::Address,
            // The host parser gives no other, but the type has them, and may get more.
            _ => Self::Characters,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let got = match host(text) {
            Ok(Host::Name(name)) => format!("name {name}"),
            Ok(host @ Host::Address(_)) => format!("address {host}"),
            Err(error) => error.to_string(),
        };
        assert_eq!(got, expected, "{text:?}");
    }

    const EMPTY: &str = "the host is empty";
    const LABEL: &str = "the host's name has an empty label";
    const CHARACTERS: &str = "the host's name has characters that no name may have";
    const ADDRESS: &str = "the host is not a valid IP address";

    #[test]
    fn names_have_one_form() {
        check("example.com", "name example.com");
        check("EXAMPLE.Com.", "name example.com");
        check("localhost", "name localhost");
        check("LOCALHOST.", "name localhost");
        check("ex%61mple.com", "name example.com");
        check("example%2Ecom", "name example.com");
        check("ｅｘａｍｐｌｅ。com", "name example.com");
        check("ex\u{ad}ample.com", "name example.com");
        check("bücher.example", "name xn--bcher-kva.example");
        check("XN--BCHER-KVA.example", "name xn--bcher-kva.example");
        check("_dmarc.example.com", "name _dmarc.example.com");
        check("127.0.0.1.example.com", "name 127.0.0.1.example.com");
        check("0x7g", "name 0x7g");
        check("1e3", "name 1e3");
    }

    #[test]
    fn addresses_are_known_in_every_spelling() {
        for text in [
            "127.0.0.1",
            "127.0.0.1.",
            "127.1",
            "127.0.1",
            "2130706433",
            "0177.0.0.1",
            "017700000001",
            "0x7f.1",
            "0x7F.0.0.0x1",
            "0x7f000001",
            "0x0000000007f000001",
            "%31%32%37%2e1",
            "１２７.０.０.１",
            "127。0。0。1",
            "⑫7.1",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[0:0:0:0:0:FFFF:7F00:0001]",
        ] {
            check(text, "address 127.0.0.1");
        }
        check("0", "address 0.0.0.0");
        check("0x0", "address 0.0.0.0");
        check("0x", "address 0.0.0.0");
        check("169.254.43518", "address 169.254.169.254");
        check("[::1]", "address [::1]");
        check("[::]", "address [::]");
        check("[2001:DB8::1]", "address [2001:db8::1]");
        check("[64:ff9b::127.0.0.1]", "address [64:ff9b::7f00:1]");
    }

    #[test]
    fn what_reads_as_an_address_and_is_none_is_refused() {
        for text in ["256.0.0.1", "1.2.3.4.5", "4294967296", "0x100000000", "08", "example.1", "1.2.3.0x", "[::1", "[]"]
        {
            let expected = if text == "1.2.3.0x" { "address 1.2.3.0" } else { ADDRESS };
            check(text, expected);
        }
        for text in ["[::1%eth0]", "[::1%25eth0]", "[fe80::1%1]", "[127.0.0.1]", "[::1].", "[1::2::3]", "[v1.x]"] {
            check(text, ADDRESS);
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        check("", EMPTY);
        check(".", EMPTY);
        check("\u{ad}", EMPTY);
        check("..", LABEL);
        check(".example.com", LABEL);
        check("example..com", LABEL);
        check("example.com..", LABEL);
        check("127.0.0.1..", LABEL);
        for text in [
            "::1",
            "a b",
            "a/b",
            "a\\b",
            "a@b",
            "a:80",
            "a?b",
            "a#b",
            "a%00b",
            "a%",
            "a\u{0}",
            "a\n",
            "*.example.com",
            "a,b",
            "a'b",
            "a%2fb",
            "%ff",
            "a\u{200b}\u{e000}",
            "xn--a",
        ] {
            check(text, CHARACTERS);
        }
    }

    #[test]
    fn names_are_as_short_as_dns_wants_them() {
        let label = "a".repeat(MAX_LABEL);
        check(&label, &format!("name {label}"));
        check(&format!("{label}a"), "a label of the host's name is longer than 63 bytes");
        let name = [&*label, &label, &label, &"b".repeat(61)].join(".");
        assert_eq!(name.len(), MAX_NAME);
        check(&name, &format!("name {name}"));
        check(&format!("{name}."), &format!("name {name}"));
        check(&format!("{name}b"), "the host's name is longer than 253 bytes");
        check(&"a.".repeat(MAX_TEXT), "the host's name is longer than 253 bytes");
    }
}
