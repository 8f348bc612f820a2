//! Hosts as a guest writes them, and addresses as a resolver gives them.

use sandbox::examine;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A host has one form, in which it reads as itself; an address means the same in every clothing.
pub fn run(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        host(text);
    }
    if let Some(bits) = data.first_chunk::<4>() {
        address_v4(Ipv4Addr::from(*bits));
    }
    if let Some(bits) = data.first_chunk::<16>() {
        address(Ipv6Addr::from(*bits).into());
    }
}

fn host(text: &str) {
    let Ok(examined) = examine(text) else { return };
    assert_eq!(examine(&examined.host).as_ref(), Ok(&examined), "{text:?} does not stay what it was read as");
    assert_eq!(examine(&examined.host.to_ascii_uppercase()).as_ref(), Ok(&examined), "{text:?} depends on its case");
    match examined.address {
        // No resolver may take a name for an address: the check of addresses would have been passed by.
        None => assert!(looks_like_a_name(&examined.host), "{text:?} became {:?}", examined.host),
        Some((address, ..)) => assert_eq!(address, address.to_canonical(), "{text:?}"),
    }
}

fn looks_like_a_name(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or_default();
    let number = last.bytes().all(|byte| byte.is_ascii_digit())
        || last.strip_prefix("0x").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.');
    !number && host.parse::<IpAddr>().is_err() && host.len() <= 253 && host.bytes().all(allowed)
}

fn address(address: IpAddr) -> (String, bool) {
    let shown = if address.is_ipv6() { format!("[{address}]") } else { address.to_string() };
    let examined = examine(&shown).expect("an address is a host");
    let (_, scope, public) = examined.address.expect("an address reads as one");
    if address.is_loopback() || address.is_multicast() || address.is_unspecified() {
        assert!(!public, "{address}");
    }
    if let IpAddr::V6(address) = address.to_canonical() {
        let global = address.segments()[0] & 0xe000 == 0x2000;
        let translated = address.segments()[..6] == [0x64, 0xff9b, 0, 0, 0, 0];
        assert!(!public || global || translated, "{address}");
        assert!(!public || !address.is_unique_local() && !address.is_unicast_link_local(), "{address}");
    }
    (scope, public)
}

fn address_v4(bare: Ipv4Addr) {
    let (scope, public) = address(bare.into());
    assert!(!public || !bare.is_private() && !bare.is_link_local() && !bare.is_broadcast(), "{bare}");
    assert!(!public || !bare.is_documentation() && bare.octets()[0] != 0 && bare.octets()[0] < 224, "{bare}");
    let bits = u128::from(bare.to_bits());
    let within = |prefix: Ipv6Addr| address(Ipv6Addr::from_bits(prefix.to_bits() | bits).into());
    let mapped = Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0);
    let nat64 = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0);
    assert_eq!([within(mapped), within(nat64)], [(scope.clone(), public), (scope, public)], "{bare}");
    let tunnelled = Ipv6Addr::from_bits(0x2002 << 112 | bits << 80 | 1);
    let compatible = Ipv6Addr::from_bits(bits);
    let local = Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0);
    for clothed in [tunnelled, compatible, Ipv6Addr::from_bits(local.to_bits() | bits)] {
        assert!(!address(clothed.into()).1, "{clothed}");
    }
}

/// Hosts in all spellings.
pub fn seeds() -> Vec<Vec<u8>> {
    [
        "example.com",
        "EXAMPLE.com.",
        "bücher.example",
        "xn--bcher-kva.example",
        "127.0.0.1",
        "0x7f.1",
        "0177.0.0.1",
        "2130706433",
        "127.1",
        "１２７.０.０.１",
        "%31%32%37%2e1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::a00:1]",
        "0",
        "localhost",
        "169.254.169.254",
        "_a.b-c",
        "a\u{ad}b.c",
        "[fe80::1%25eth0]",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}
