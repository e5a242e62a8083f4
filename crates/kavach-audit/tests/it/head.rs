//! The head grows the tree of RFC 9162.

use kavach_audit::limits::{HEAD_BYTES_MAX, LOG_SIZE_MAX};
use kavach_audit::{DecodeError, Event, Hash, Head, SealedEvent, leaf_hash, node_hash};
use proptest::prelude::*;

use crate::sample::{LOG, NOW_NS, typical};

fn hex(hash: &Hash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn head_of(leaves: &[Hash]) -> Head {
    let mut head = Head::empty(LOG);
    for leaf in leaves {
        head.push(leaf, NOW_NS);
    }
    head
}

/// `MTH` as it stands in RFC 9162 section 2.1.1, but for the leaves, which are hashed already.
fn naive_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => {
            let mut nothing = Hash::default();
            let text = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
            for (place, byte) in nothing.iter_mut().enumerate() {
                *byte = u8::from_str_radix(&text[2 * place..2 * place + 2], 16).unwrap();
            }
            nothing
        }
        [leaf] => *leaf,
        _ => {
            let half = leaves.len().next_power_of_two() / 2;
            let (left, right) = leaves.split_at(half);
            node_hash(&naive_root(left), &naive_root(right))
        }
    }
}

#[test]
fn roots_are_those_of_the_naive_definition() {
    let leaves: Vec<Hash> = (0..=300_u32)
        .map(|number| leaf_hash(&number.to_be_bytes()))
        .collect();
    for size in 0..=300 {
        let head = head_of(&leaves[..size]);
        assert_eq!(head.root(), naive_root(&leaves[..size]), "{size}");
        assert_eq!(
            head.frontier().len(),
            usize::try_from(size.count_ones()).unwrap()
        );
        assert_eq!(Head::decode(&head.encode()), Ok(head));
    }
}

/// From certificate-transparency's `merkle_tree_test.cc`.
#[test]
fn roots_are_those_of_certificate_transparency() {
    let inputs: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    let leaves = inputs.map(leaf_hash);
    for (size, want) in [
        (
            0,
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ),
        (
            1,
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        ),
        (
            2,
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        ),
        (
            3,
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        ),
        (
            4,
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ),
        (
            5,
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        ),
        (
            6,
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        ),
        (
            7,
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        ),
        (
            8,
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ),
    ] {
        assert_eq!(hex(&head_of(&leaves[..size]).root()), want, "{size}");
    }
}

#[test]
fn appending_gives_an_event_its_place() {
    let mut head = Head::empty(LOG);
    let mut leaves = Vec::new();
    for (now_ns, want_ns) in [
        (NOW_NS, NOW_NS),
        (NOW_NS - 1, NOW_NS),
        (NOW_NS + 1, NOW_NS + 1),
    ] {
        let (size, before) = (
            head.size(),
            Event {
                index: 9,
                time_ns: 9,
                ..typical()
            },
        );
        let (sealed, leaf) = head.append(before.clone(), now_ns);
        let placed = Event {
            log: LOG,
            index: size,
            time_ns: want_ns,
            ..before
        };
        assert_eq!(sealed, placed.seal());
        assert_eq!(leaf, leaf_hash(&sealed.bytes));
        assert_eq!(SealedEvent::decode(&sealed.bytes), Ok(sealed));
        assert_eq!(
            (head.log(), head.size(), head.time_ns()),
            (LOG, size + 1, want_ns)
        );
        leaves.push(leaf);
    }
    assert_eq!(head.root(), naive_root(&leaves));
}

#[test]
fn a_head_with_too_few_or_too_many_hashes_is_refused() {
    let text = |size: u64, hashes: usize| {
        let hash = format!("\"{}\"", "a5".repeat(32));
        let frontier = vec![hash; hashes].join(",");
        format!(r#"{{"frontier":[{frontier}],"log":"{LOG}","size":"{size}","time_ns":"0","v":1}}"#)
    };
    for (size, hashes) in [(0, 1), (1, 0), (1, 2), (3, 1), (4, 2), (LOG_SIZE_MAX, 62)] {
        let error = Head::decode(text(size, hashes).as_bytes()).unwrap_err();
        assert!(
            error.to_string().contains("hashes"),
            "{size} {hashes}: {error}"
        );
    }
    let error = Head::decode(text(LOG_SIZE_MAX + 1, 1).as_bytes()).unwrap_err();
    assert!(error.to_string().contains("larger than any log"), "{error}");
    for (size, hashes) in [(0, 0), (1, 1), (4, 1), (7, 3), (LOG_SIZE_MAX, 63)] {
        let head = Head::decode(text(size, hashes).as_bytes()).unwrap();
        assert_eq!(head.encode(), text(size, hashes).into_bytes());
        assert!(head.encode().len() <= HEAD_BYTES_MAX);
        kavach_audit::fuzz::head(&head.encode());
    }
}

#[test]
fn other_bytes_are_no_head() {
    let text = String::from_utf8(Head::empty(LOG).encode()).unwrap();
    for (from, to, want) in [
        ("\"v\":1", "\"v\":2", "version 2"),
        ("\"v\":1", "\"v\":1,\"x\":0", "unknown field"),
        ("\"size\":\"0\"", "\"size\":\"00\"", "canonical"),
        ("{", "{ ", "canonical"),
        ("\"frontier\":[],", "", "missing field"),
    ] {
        let error = Head::decode(text.replacen(from, to, 1).as_bytes()).unwrap_err();
        assert!(error.to_string().contains(want), "{error}");
    }
    let error = Head::decode(&vec![b' '; HEAD_BYTES_MAX + 1]).unwrap_err();
    assert!(matches!(error, DecodeError::TooLong { .. }));
}

proptest! {
    #[test]
    fn a_head_read_back_grows_like_the_first(cut in 0_usize..70, more in 0_usize..70) {
        let leaf = |number: usize| leaf_hash(&number.to_be_bytes());
        let leaves: Vec<Hash> = (0..cut + more).map(leaf).collect();
        let mut head = Head::decode(&head_of(&leaves[..cut]).encode()).unwrap();
        for leaf in &leaves[cut..] {
            head.push(leaf, NOW_NS);
        }
        prop_assert_eq!(head.root(), naive_root(&leaves));
    }
}
