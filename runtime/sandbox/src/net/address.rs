//! What an IP address is for: public, or one of the many that a request from outside must not be led to.
//!
//! Follows IANA's special-purpose registries, as of October 2025:
//! <https://www.iana.org/assignments/iana-ipv4-special-registry>,
//! <https://www.iana.org/assignments/iana-ipv6-special-registry>.
//! Stricter in three places, each time because nothing that speaks HTTP is lost: `192.0.0.0/24` and `2001::/23` hold
//! anycast addresses that registries call globally reachable and that a local relay answers; tunnels (6to4, Teredo) are
//! not public, as a host's own tunnel leads back into its network; IPv6 is public in `2000::/3` alone.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Scope {
    /// Globally reachable unicast: the only one that a name from outside may lead to.
    Public,
    /// The host itself.
    Loopback,
    /// RFC 1918.
    Private,
    /// Between a provider and its customers, RFC 6598. Alibaba's clouds and overlay networks use it, too.
    CarrierGradeNat,
    /// One link.
    LinkLocal,
    /// A cloud's service for its instances: it hands credentials to whoever asks.
    Metadata,
    /// RFC 4193: IPv6's private addresses.
    UniqueLocal,
    /// IPv6's private addresses until RFC 3879; some networks still have them.
    SiteLocal,
    /// Many receivers.
    Multicast,
    /// Everyone on a link.
    Broadcast,
    /// No address; connecting to it reaches the host itself.
    Unspecified,
    /// `0.0.0.0/8`, RFC 791: "this network".
    ThisNetwork,
    /// Examples in documents.
    Documentation,
    /// Networks under test.
    Benchmarking,
    /// Blocks that the IETF gives to protocols.
    ProtocolAssignment,
    /// Dropped by routers, RFC 6666.
    DiscardOnly,
    /// Hashes that look like addresses, RFC 7343.
    Orchid,
    /// 6to4 or Teredo, around a public IPv4 address.
    Tunnel,
    /// IPv4 and IPv6 translated within one network, RFC 8215 and RFC 2765.
    Translation,
    /// Segment routing identifiers, RFC 9602.
    SegmentRouting,
    /// Reserved by the IETF, for ever or for later.
    Reserved,
}

impl Scope {
    /// Whether a name from outside may lead there.
    pub(crate) fn is_public(self) -> bool {
        self == Self::Public
    }
}

/// The word for people: "a … address".
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Public => "public",
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::CarrierGradeNat => "carrier-grade NAT",
            Self::LinkLocal => "link-local",
            Self::Metadata => "cloud metadata",
            Self::UniqueLocal => "unique-local",
            Self::SiteLocal => "site-local",
            Self::Multicast => "multicast",
            Self::Broadcast => "broadcast",
            Self::Unspecified => "unspecified",
            Self::ThisNetwork => "this-network",
            Self::Documentation => "documentation",
            Self::Benchmarking => "benchmarking",
            Self::ProtocolAssignment => "protocol assignment",
            Self::DiscardOnly => "discard-only",
            Self::Orchid => "ORCHID",
            Self::Tunnel => "tunnel",
            Self::Translation => "translation",
            Self::SegmentRouting => "segment routing",
            Self::Reserved => "reserved",
        })
    }
}

/// Where clouds answer their instances. Most lie in blocks that are not public anyway, and are listed so that a grant of
/// private addresses does not include them, and so that a refusal says what it was.
const METADATA: [IpAddr; 12] = [
    // Amazon, Google, Azure, Oracle, IBM, DigitalOcean, Hetzner, OpenStack and nearly everyone else
    v4(169, 254, 169, 254),
    // Amazon: ECS task credentials; EKS pod identity
    v4(169, 254, 170, 2),
    v4(169, 254, 170, 23),
    // Tencent; Scaleway
    v4(169, 254, 0, 23),
    v4(169, 254, 42, 42),
    // Azure's WireServer: in public space, and reachable from every virtual machine
    v4(168, 63, 129, 16),
    // Alibaba; Oracle Cloud Classic
    v4(100, 100, 100, 200),
    v4(192, 0, 0, 192),
    // Amazon: instances; EKS pod identity
    v6(0xfd00, 0xec2, 0, 0x254),
    v6(0xfd00, 0xec2, 0, 0x23),
    // Google; Scaleway
    v6(0xfd20, 0xce, 0, 0x254),
    v6(0xfd00, 0x42, 0, 0x42),
];

/// How two more end: OpenStack answers at `fe80::a9fe:a9fe`, Oracle at `fd00:c1::a9fe:a9fe`, which is 169.254.169.254.
const METADATA_END: u128 = 0xa9fe_a9fe;

const fn v4(a: u8, b: u8, c: u8, d: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(a, b, c, d))
}

const fn v6(a: u16, b: u16, c: u16, h: u16) -> IpAddr {
    IpAddr::V6(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, h))
}

/// The first address of a block of IPv6, by its first three segments.
const fn block(a: u16, b: u16, c: u16) -> Ipv6Addr {
    Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0)
}

/// What blocks of IPv4 mean: first address, length of the prefix, meaning. The first that fits counts.
const V4: [(Ipv4Addr, u32, Scope); 18] = [
    (Ipv4Addr::UNSPECIFIED, 32, Scope::Unspecified),
    (Ipv4Addr::new(0, 0, 0, 0), 8, Scope::ThisNetwork),
    (Ipv4Addr::new(10, 0, 0, 0), 8, Scope::Private),
    (Ipv4Addr::new(100, 64, 0, 0), 10, Scope::CarrierGradeNat),
    (Ipv4Addr::new(127, 0, 0, 0), 8, Scope::Loopback),
    (Ipv4Addr::new(169, 254, 0, 0), 16, Scope::LinkLocal),
    (Ipv4Addr::new(172, 16, 0, 0), 12, Scope::Private),
    (Ipv4Addr::new(192, 0, 0, 0), 24, Scope::ProtocolAssignment),
    (Ipv4Addr::new(192, 0, 2, 0), 24, Scope::Documentation),
    // The anycast relay of 6to4, deprecated by RFC 7526.
    (Ipv4Addr::new(192, 88, 99, 0), 24, Scope::Tunnel),
    (Ipv4Addr::new(192, 168, 0, 0), 16, Scope::Private),
    (Ipv4Addr::new(198, 18, 0, 0), 15, Scope::Benchmarking),
    (Ipv4Addr::new(198, 51, 100, 0), 24, Scope::Documentation),
    (Ipv4Addr::new(203, 0, 113, 0), 24, Scope::Documentation),
    (Ipv4Addr::new(224, 0, 0, 0), 4, Scope::Multicast),
    (Ipv4Addr::BROADCAST, 32, Scope::Broadcast),
    (Ipv4Addr::new(240, 0, 0, 0), 4, Scope::Reserved),
    (Ipv4Addr::UNSPECIFIED, 0, Scope::Public),
];

/// What a block of IPv6 means.
#[derive(Clone, Copy)]
enum Meaning {
    /// This.
    Is(Scope),
    /// What the IPv4 address means that begins at this bit (0 is the highest); where that one is public, the scope.
    Holds(u32, Scope),
    /// The server's IPv4 address at bit 32, and the client's at the end with all its bits inverted (RFC 4380 4).
    Teredo,
}

/// What blocks of IPv6 mean: first address, length of the prefix, meaning. The first that fits counts, and what fits none
/// is reserved.
const V6: [(Ipv6Addr, u32, Meaning); 21] = [
    (Ipv6Addr::UNSPECIFIED, 128, Meaning::Is(Scope::Unspecified)),
    (Ipv6Addr::LOCALHOST, 128, Meaning::Is(Scope::Loopback)),
    // IPv4-compatible, deprecated by RFC 4291 2.5.5.1.
    (Ipv6Addr::UNSPECIFIED, 96, Meaning::Holds(96, Scope::Reserved)),
    (Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, 0, 0), 96, Meaning::Holds(96, Scope::Translation)),
    // NAT64's well-known prefix (RFC 6052): how hosts that have IPv6 alone reach public IPv4.
    (block(0x64, 0xff9b, 0), 96, Meaning::Holds(96, Scope::Public)),
    // One network's own NAT64; where the IPv4 address stands is that network's choice.
    (block(0x64, 0xff9b, 1), 48, Meaning::Holds(96, Scope::Translation)),
    (block(0x100, 0, 0), 64, Meaning::Is(Scope::DiscardOnly)),
    (block(0x2001, 0, 0), 32, Meaning::Teredo),
    (block(0x2001, 2, 0), 48, Meaning::Is(Scope::Benchmarking)),
    (block(0x2001, 0x10, 0), 28, Meaning::Is(Scope::Orchid)),
    (block(0x2001, 0x20, 0), 28, Meaning::Is(Scope::Orchid)),
    (block(0x2001, 0, 0), 23, Meaning::Is(Scope::ProtocolAssignment)),
    (block(0x2001, 0xdb8, 0), 32, Meaning::Is(Scope::Documentation)),
    (block(0x2002, 0, 0), 16, Meaning::Holds(16, Scope::Tunnel)),
    (block(0x3fff, 0, 0), 20, Meaning::Is(Scope::Documentation)),
    (block(0x2000, 0, 0), 3, Meaning::Is(Scope::Public)),
    (block(0x5f00, 0, 0), 16, Meaning::Is(Scope::SegmentRouting)),
    (block(0xfc00, 0, 0), 7, Meaning::Is(Scope::UniqueLocal)),
    (block(0xfe80, 0, 0), 10, Meaning::Is(Scope::LinkLocal)),
    (block(0xfec0, 0, 0), 10, Meaning::Is(Scope::SiteLocal)),
    (block(0xff00, 0, 0), 8, Meaning::Is(Scope::Multicast)),
];

/// What an address is for.
pub(crate) fn scope(address: IpAddr) -> Scope {
    let address = canonical(address);
    if METADATA.contains(&address) {
        return Scope::Metadata;
    }
    match address {
        IpAddr::V4(address) => scope_v4(address),
        IpAddr::V6(address) => match scope_v6(address) {
            Scope::Public => Scope::Public,
            _ if address.to_bits() & u128::from(u32::MAX) == METADATA_END => Scope::Metadata,
            other => other,
        },
    }
}

/// The address that a socket takes this one for: `::ffff:192.0.2.1` is `192.0.2.1`.
pub(crate) fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

fn scope_v4(address: Ipv4Addr) -> Scope {
    let fits = |first: Ipv4Addr, length| {
        let differing = address.to_bits() ^ first.to_bits();
        // A shift by the whole width is no shift at all, hence `checked`.
        differing.checked_shr(32 - length).is_none_or(|rest| rest == 0)
    };
    V4.iter().find(|(first, length, _)| fits(*first, *length)).map_or(Scope::Reserved, |(_, _, scope)| *scope)
}

fn scope_v6(address: Ipv6Addr) -> Scope {
    let bits = address.to_bits();
    let fits = |first: Ipv6Addr, length| (bits ^ first.to_bits()) >> (128 - length) == 0;
    let meaning = V6.iter().find(|(first, length, _)| fits(*first, *length)).map(|(_, _, meaning)| *meaning);
    match meaning {
        None => Scope::Reserved,
        Some(Meaning::Is(scope)) => scope,
        Some(Meaning::Holds(at, at_best)) => held(bits, at, at_best),
        Some(Meaning::Teredo) => held(!bits, 96, held(bits, 32, Scope::Tunnel)),
    }
}

/// What the IPv4 address at a bit means, or `at_best` where that one is public.
fn held(bits: u128, at: u32, at_best: Scope) -> Scope {
    let address = Ipv4Addr::from_bits((bits >> (96 - at) & u128::from(u32::MAX)) as u32);
    match scope(address.into()) {
        Scope::Public => at_best,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(addresses: &str, expected: &str) {
        for text in addresses.split_whitespace() {
            let address: IpAddr = text.parse().expect(text);
            let scope = scope(address);
            assert_eq!(scope.to_string(), expected, "{text}");
            assert_eq!(scope.is_public(), expected == "public", "{text}");
        }
    }

    /// The first and the last of each block, and their neighbours outside.
    #[test]
    fn ipv4_blocks() {
        check("0.0.0.0", "unspecified");
        check("0.0.0.1 0.255.255.255", "this-network");
        check("10.0.0.0 10.255.255.255 172.16.0.0 172.31.255.255 192.168.0.0 192.168.255.255", "private");
        check("100.64.0.0 100.127.255.255", "carrier-grade NAT");
        check("127.0.0.0 127.0.0.1 127.255.255.255", "loopback");
        check("169.254.0.0 169.254.255.255", "link-local");
        check("192.0.0.0 192.0.0.9 192.0.0.255", "protocol assignment");
        check("192.0.2.0 192.0.2.255 198.51.100.1 203.0.113.255", "documentation");
        check("192.88.99.1", "tunnel");
        check("198.18.0.0 198.19.255.255", "benchmarking");
        check("224.0.0.0 239.255.255.255 233.252.0.1", "multicast");
        check("240.0.0.0 255.255.255.254", "reserved");
        check("255.255.255.255", "broadcast");
        check(
            "1.0.0.0 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 169.253.255.255
             169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.0 192.0.3.0 192.88.98.255 192.88.100.0 192.167.255.255
             192.169.0.0 198.17.255.255 198.20.0.0 198.51.99.255 203.0.114.0 223.255.255.255",
            "public",
        );
    }

    #[test]
    fn ipv6_blocks() {
        check("::", "unspecified");
        check("::1", "loopback");
        check("100:: 100::ffff:ffff:ffff:ffff", "discard-only");
        check("2001:2:: 2001:2:0:ffff::", "benchmarking");
        check("2001:10:: 2001:1f:: 2001:20:: 2001:2f:ffff::", "ORCHID");
        check("2001:1::1 2001:3:: 2001:4:112:: 2001:30:: 2001:1ff:ffff::", "protocol assignment");
        check("2001:db8:: 2001:db8:ffff:: 3fff:: 3fff:fff:ffff::", "documentation");
        check("5f00:: 5f00:ffff::", "segment routing");
        check("fc00:: fdff:ffff::1 fd00:1234::1", "unique-local");
        check("fe80:: febf:ffff::1", "link-local");
        check("fec0:: feff:ffff::1", "site-local");
        check("ff00:: ff02::1 ffff:ffff::1", "multicast");
        check(
            "100:0:0:1:: 101:: 200:: 400:: 1000:: 1fff:ffff:: 4000:: 5eff:: 5f01:: 6000:: e000:: fbff:: fe00:: fe7f::1
             0:1:: 64:ff9a:: 64:ff9b:2::",
            "reserved",
        );
        check(
            "2000:: 2001:200:: 2001:4860:4860::8888 2001:db7:: 2001:db9:: 2003:: 2606:4700::1111 3ffe:: 3fff:1000::",
            "public",
        );
    }

    #[test]
    fn ipv4_within_ipv6_counts() {
        for (prefix, public) in [
            ("::ffff:", "public"),
            ("64:ff9b::", "public"),
            ("64:ff9b:1::", "translation"),
            ("::ffff:0:", "translation"),
            ("::", "reserved"),
        ] {
            check(&format!("{prefix}8.8.8.8"), public);
            check(&format!("{prefix}10.0.0.1"), "private");
            check(&format!("{prefix}169.254.169.254"), "cloud metadata");
            check(&format!("{prefix}168.63.129.16"), "cloud metadata");
            check(&format!("{prefix}127.0.0.1"), "loopback");
            check(&format!("{prefix}255.255.255.255"), "broadcast");
        }
        check("64:ff9b:0:0:0:1:: 64:ff9b::1:808:808", "reserved");
        check("2002:808:808:: 2002:808:808::1", "tunnel");
        check("2002:7f00:1:: 2002:7f00:1:1:2:3:4:5", "loopback");
        check("2002:a9fe:a9fe:: ", "cloud metadata");
        check("2002:c0a8:101::", "private");
        // Server 65.54.227.120 and client 192.0.2.45 are RFC 4380's own example.
        check("2001:0:4136:e378:8000:63bf:3fff:fdd2", "documentation");
        check("2001:0:4136:e378:8000:63bf:f7f7:f7f7", "tunnel");
        check("2001:0:4136:e378:8000:63bf:80ff:fffe", "loopback");
        check("2001:0:7f00:1:8000:63bf:f7f7:f7f7", "loopback");
    }

    #[test]
    fn metadata_is_known_everywhere() {
        for address in METADATA {
            check(&address.to_string(), "cloud metadata");
        }
        check("fe80::a9fe:a9fe fd00:c1::a9fe:a9fe 64:ff9b:1:2:3:4:a9fe:a9fe", "cloud metadata");
        check("169.254.169.253 169.254.169.255", "link-local");
        check("168.63.129.15 168.63.129.17 2606:4700::a9fe:a9fe", "public");
    }

    #[test]
    fn mapped_addresses_are_ipv4_and_no_others() {
        let check = |given: &str, expected: &str| {
            assert_eq!(canonical(given.parse().expect(given)).to_string(), expected, "{given}");
        };
        check("::ffff:127.0.0.1", "127.0.0.1");
        check("127.0.0.1", "127.0.0.1");
        check("::127.0.0.1", "::7f00:1");
        check("::ffff:0:127.0.0.1", "::ffff:0:7f00:1");
        check("64:ff9b::7f00:1", "64:ff9b::7f00:1");
        check("::1", "::1");
    }
}
