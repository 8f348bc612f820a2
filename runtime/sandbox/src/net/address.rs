//! Which addresses are public, and which host a text names.
//!
//! After the IANA registries of special-purpose addresses (RFC 6890 and its updates, as of 2025). What is not listed as
//! globally reachable is not public.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// Whether an address is public; if not, what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    Public,
    /// In words.
    Other(&'static str),
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Public => "public",
            Self::Other(what) => what,
        })
    }
}

/// An IPv4 address that is written as an IPv6 address, as what it is.
pub(crate) fn canonical(ip: IpAddr) -> IpAddr {
    ip.to_canonical()
}

/// What kind of address it is.
pub(crate) fn scope(ip: IpAddr) -> Scope {
    match canonical(ip) {
        IpAddr::V4(ip) => v4(ip),
        IpAddr::V6(ip) => v6(ip),
    }
}

/// Where clouds tell a machine its credentials. Others (Azure, Google, DigitalOcean, Oracle) use the first too.
const METADATA_V4: [Ipv4Addr; 4] = [
    Ipv4Addr::new(169, 254, 169, 254),
    // Amazon: containers and their roles.
    Ipv4Addr::new(169, 254, 170, 2),
    // Alibaba.
    Ipv4Addr::new(100, 100, 100, 200),
    // Azure's wire server: public by its number.
    Ipv4Addr::new(168, 63, 129, 16),
];
/// Amazon's.
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254);

fn v4(ip: Ipv4Addr) -> Scope {
    let [a, b, c, _] = ip.octets();
    let what = match (a, b, c) {
        _ if METADATA_V4.contains(&ip) => "a cloud's metadata",
        (0, ..) => "unspecified",
        (127, ..) => "loopback",
        (10, ..) | (172, 16..=31, _) | (192, 168, _) => "private",
        (100, 64..=127, _) => "shared with a carrier",
        (169, 254, _) => "link-local",
        (192, 0, 0) => "reserved for protocols",
        (192, 0, 2) | (198, 51, 100) | (203, 0, 113) => "for documentation",
        (192, 88, 99) => "a relay of 6to4",
        (198, 18..=19, _) => "for benchmarks",
        (224..=239, ..) => "multicast",
        (255, 255, 255) if ip.is_broadcast() => "broadcast",
        (240.., ..) => "reserved",
        _ => return Scope::Public,
    };
    Scope::Other(what)
}

fn v6(ip: Ipv6Addr) -> Scope {
    let segments @ [.., g, h] = ip.segments();
    let embedded = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    let what = match segments {
        _ if ip == METADATA_V6 => "a cloud's metadata",
        _ if ip.is_loopback() => "loopback",
        _ if ip.is_unspecified() => "unspecified",
        // An IPv4 address inside: translated, or compatible with what nobody uses any more.
        [0, 0, 0, 0, 0, 0, ..] | [0, 0, 0, 0, 0xffff, 0, ..] => return through(embedded(g, h), "a translated address"),
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => return through(embedded(g, h), "behind a translator"),
        [0x64, 0xff9b, 1, ..] => "behind a local translator",
        [0x2002, high, low, ..] => return through(embedded(high, low), "behind 6to4"),
        // Teredo hides the client's address by inverting it, and names a server; neither is who answers.
        [0x2001, 0, ..] => "behind Teredo",
        [0x2001, 0x2, 0, ..] => "for benchmarks",
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0x0fff, ..] => "for documentation",
        [0x2001, 0x10..=0x2f, ..] => "an identifier, not an address",
        [0x2001, 0..=0x1ff, ..] => "reserved for protocols",
        [0xfc00..=0xfdff, ..] => "private",
        [0xfe80..=0xfebf, ..] => "link-local",
        [0xfec0..=0xfeff, ..] => "site-local",
        [0xff00..=0xffff, ..] => "multicast",
        [0x2000..=0x3fff, ..] => return Scope::Public,
        _ => "reserved",
    };
    Scope::Other(what)
}

/// What holds a public IPv4 address leads somewhere that is still not known: it is refused too, by another name.
fn through(inner: Ipv4Addr, what: &'static str) -> Scope {
    match v4(inner) {
        Scope::Public => Scope::Other(what),
        other => other,
    }
}

/// Who a text says a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Host {
    /// In lower case and punycode, without a final dot.
    Name(String),
    /// However it was written.
    Address(IpAddr),
}

/// Reads the host of an authority, as the URL standard of WHATWG does: `0x7f.1` and `2130706433` are addresses too.
pub(crate) fn host(text: &str) -> Result<Host, url::ParseError> {
    let name = match url::Host::parse(text)? {
        url::Host::Ipv4(ip) => return Ok(Host::Address(ip.into())),
        url::Host::Ipv6(ip) => return Ok(Host::Address(canonical(ip.into()))),
        url::Host::Domain(name) => name,
    };
    let name = name.strip_suffix('.').unwrap_or(&name);
    let label = |label: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (1..=63).contains(&label.len()) && label.bytes().all(plain)
    };
    if name.len() <= 253 && name.split('.').all(label) {
        Ok(Host::Name(name.to_owned()))
    } else {
        Err(url::ParseError::InvalidDomainCharacter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_public() {
        let check = |text: &str, expected: &str| {
            let ip: IpAddr = text.parse().expect(text);
            assert_eq!(scope(ip).to_string(), expected, "{text}");
        };
        for text in ["1.1.1.1", "8.8.8.8", "172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1", "192.0.1.1"] {
            check(text, "public");
        }
        for text in ["198.17.0.1", "198.20.0.1", "223.255.255.255", "::ffff:1.1.1.1", "2606:4700::1111", "2001:200::1"]
        {
            check(text, "public");
        }
        check("0.0.0.0", "unspecified");
        check("0.1.2.3", "unspecified");
        check("127.255.0.1", "loopback");
        check("10.0.0.1", "private");
        check("172.16.0.1", "private");
        check("172.31.255.255", "private");
        check("192.168.255.1", "private");
        check("100.64.0.1", "shared with a carrier");
        check("100.100.100.200", "a cloud's metadata");
        check("169.254.169.254", "a cloud's metadata");
        check("169.254.1.1", "link-local");
        check("168.63.129.16", "a cloud's metadata");
        check("192.0.0.8", "reserved for protocols");
        check("192.0.2.1", "for documentation");
        check("198.18.0.1", "for benchmarks");
        check("224.0.0.1", "multicast");
        check("255.255.255.255", "broadcast");
        check("240.0.0.1", "reserved");
        check("::1", "loopback");
        check("::", "unspecified");
        check("::ffff:127.0.0.1", "loopback");
        check("::ffff:a9fe:a9fe", "a cloud's metadata");
        check("::127.0.0.1", "loopback");
        check("::1.1.1.1", "a translated address");
        check("::ffff:0:10.0.0.1", "private");
        check("64:ff9b::a9fe:a9fe", "a cloud's metadata");
        check("64:ff9b::1.1.1.1", "behind a translator");
        check("64:ff9b:1::1", "behind a local translator");
        check("2002:7f00:1::", "loopback");
        check("2002:101:101::1", "behind 6to4");
        check("2001:0:1::1", "behind Teredo");
        check("2001:db8::1", "for documentation");
        check("3fff::1", "for documentation");
        check("2001:20::1", "an identifier, not an address");
        check("2001:1::1", "reserved for protocols");
        check("fc00::1", "private");
        check("fd00:ec2::254", "a cloud's metadata");
        check("fe80::1", "link-local");
        check("fec0::1", "site-local");
        check("ff02::1", "multicast");
        check("100::1", "reserved");
        check("5f00::1", "reserved");
        check("4000::1", "reserved");
    }

    #[test]
    fn hosts_have_one_form() {
        let check = |text: &str, expected: &str| {
            let got = match host(text) {
                Ok(Host::Name(name)) => name,
                Ok(Host::Address(ip)) => format!("ip {ip}"),
                Err(_) => "no".to_owned(),
            };
            assert_eq!(got, expected, "{text}");
        };
        check("Example.COM", "example.com");
        check("LOCALHOST.", "localhost");
        check("münchen.de", "xn--mnchen-3ya.de");
        check("a_b.example", "a_b.example");
        for text in
            ["127.0.0.1", "127.0.0.1.", "0x7f.1", "0177.0.0.1", "127.1", "2130706433", "0x7f000001", "１２７.0.0.1"]
        {
            check(text, "ip 127.0.0.1");
        }
        check("0", "ip 0.0.0.0");
        check("0x0", "ip 0.0.0.0");
        check("%31%32%37.0.0.1", "ip 127.0.0.1");
        check("[::1]", "ip ::1");
        check("[::ffff:127.0.0.1]", "ip 127.0.0.1");
        check("[::ffff:7f00:1]", "ip 127.0.0.1");
        for text in
            ["", ".", "a..b", ".a", "[::1%eth0]", "::1", "a b", "a/b", "a@b", "a:1", "256.1.1.1", "1.2.3.4.5", "%00"]
        {
            check(text, "no");
        }
        check(&format!("{}.com", "a".repeat(64)), "no");
        check(&format!("{}com", "abc.".repeat(63)), "no");
    }
}
