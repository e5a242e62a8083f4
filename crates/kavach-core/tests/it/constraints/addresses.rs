//! Blocks of addresses, at their first and last, and met with each other.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use kavach_core::AddressSet;

use super::{NOWHERE, allows, from};

#[test]
fn the_first_and_the_last_address_are_in_a_block_and_their_neighbours_are_not() {
    for (block, before, first, last, after) in [
        (
            "10.0.0.0/8",
            "9.255.255.255",
            "10.0.0.0",
            "10.255.255.255",
            "11.0.0.0",
        ),
        (
            "192.168.4.0/22",
            "192.168.3.255",
            "192.168.4.0",
            "192.168.7.255",
            "192.168.8.0",
        ),
        (
            "203.0.113.7",
            "203.0.113.6",
            "203.0.113.7",
            "203.0.113.7",
            "203.0.113.8",
        ),
        (
            "128.0.0.0/1",
            "127.255.255.255",
            "128.0.0.0",
            "255.255.255.255",
            "::",
        ),
        (
            "2001:db8::/32",
            "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff",
            "2001:db8::",
            "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
            "2001:db9::",
        ),
        (
            "2001:db8::8/125",
            "2001:db8::7",
            "2001:db8::8",
            "2001:db8::f",
            "2001:db8::10",
        ),
        ("::1", "::", "::1", "::1", "::2"),
        // Addresses of IPv4 that are written as IPv6, on both sides.
        (
            "::ffff:10.0.0.0/104",
            "9.255.255.255",
            "10.0.0.0",
            "::ffff:10.255.255.255",
            "::ffff:11.0.0.0",
        ),
        (
            "10.0.0.0/8",
            "::ffff:9.255.255.255",
            "::ffff:10.0.0.0",
            "::ffff:a00:1",
            "::10.0.0.1",
        ),
    ] {
        let text = format!("ip={block}");
        for (address, want) in [(before, false), (first, true), (last, true), (after, false)] {
            assert_eq!(allows(&text, from(address)), want, "{block} {address}");
        }
    }
}

#[test]
fn a_call_from_nowhere_known_is_denied_and_so_is_any_from_an_empty_list() {
    assert!(!allows("ip=0.0.0.0/0,::/0", NOWHERE));
    for address in ["10.0.0.1", "::1"] {
        assert!(allows("ip=0.0.0.0/0,::/0", from(address)));
        assert!(!allows("ip=none", from(address)));
    }
    assert!(!allows("ip=::/0", from("10.0.0.1")));
    assert!(!allows("ip=::/0", from("::ffff:10.0.0.1")));
    assert!(!AddressSet::default().has("10.0.0.1".parse().unwrap()));
}

/// Every block of the 16 addresses from this one on, which is the first of a block of them, with a bit for
/// each of the addresses that it has.
fn blocks_of_16(first: IpAddr) -> Vec<(String, u16)> {
    let mut blocks = Vec::new();
    for length in 0..=4_u32 {
        for place in 0..1_u32 << length {
            let offset = place << (4 - length);
            let (address, most) = shifted(first, offset);
            let has = (u16::MAX >> (16 - (16 >> length))) << offset;
            blocks.push((format!("{address}/{}", most - 4 + length), has));
        }
    }
    blocks
}

/// An address so much further on, and how long its prefixes may be.
fn shifted(first: IpAddr, offset: u32) -> (IpAddr, u32) {
    match first {
        IpAddr::V4(first) => (Ipv4Addr::from_bits(first.to_bits() + offset).into(), 32),
        IpAddr::V6(first) => (
            Ipv6Addr::from_bits(first.to_bits() + u128::from(offset)).into(),
            128,
        ),
    }
}

#[test]
fn two_sets_meet_in_what_both_have_for_every_small_pair() {
    for first in ["10.0.0.16", "2001:db8::10"] {
        let first: IpAddr = first.parse().unwrap();
        let blocks = blocks_of_16(first);
        assert_eq!(blocks.len(), 31);
        let all: Vec<IpAddr> = (0..16).map(|offset| shifted(first, offset).0).collect();
        let mut sets: Vec<(AddressSet, u16)> = vec![(AddressSet::default(), 0)];
        for (one, its) in &blocks {
            for (other, others) in &blocks {
                let set: AddressSet = format!("{one},{other}").parse().unwrap();
                let bits = all
                    .iter()
                    .rev()
                    .fold(0, |bits, address| bits << 1 | u16::from(set.has(*address)));
                assert_eq!(bits, its | others, "{one},{other}");
                sets.push((set, bits));
            }
        }
        sets.sort_unstable();
        sets.dedup();
        // One spelling for each set.
        let mut bits: Vec<u16> = sets.iter().map(|(_, bits)| *bits).collect();
        bits.sort_unstable();
        assert!(bits.is_sorted_by(|one, next| one < next));
        for (one, its) in &sets {
            for (other, others) in &sets {
                let met = one.meet(other);
                let found = all
                    .iter()
                    .rev()
                    .fold(0, |bits, address| bits << 1 | u16::from(met.has(*address)));
                assert_eq!(found, its & others, "{one} {other}");
                assert_eq!(
                    one.contains(other),
                    its & others == *others,
                    "{one} {other}"
                );
                assert_eq!(met, other.meet(one));
                assert_eq!(met.to_string().parse().as_ref(), Ok(&met));
            }
        }
    }
}

#[test]
fn a_set_is_spelled_in_one_way() {
    for (written, want) in [
        ("10.0.0.0/9,10.128.0.0/9", "10.0.0.0/8"),
        ("10.128.0.0/9,10.0.0.0/10,10.64.0.0/10", "10.0.0.0/8"),
        ("10.0.0.0/8,10.1.2.3", "10.0.0.0/8"),
        ("10.0.0.1,10.0.0.2", "10.0.0.1,10.0.0.2"),
        ("10.0.0.2,10.0.0.3", "10.0.0.2/31"),
        ("10.0.0.1/32", "10.0.0.1"),
        ("2001:DB8:0:0::/32", "2001:db8::/32"),
        ("::/1,8000::/1", "::/0"),
        ("0.0.0.0/1,128.0.0.0/1", "0.0.0.0/0"),
        ("::1,10.0.0.1", "10.0.0.1,::1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
        ("255.255.255.255,::", "255.255.255.255,::"),
    ] {
        let set: AddressSet = written.parse().unwrap();
        assert_eq!(set.to_string(), want, "{written}");
    }
}
