use std::collections::HashSet;

use super::*;

#[test]
fn a_secret_is_kv_and_fifty_two_characters_and_reads_back() {
    let mut seen = HashSet::new();
    for _ in 0..200 {
        let secret = Secret::generate().unwrap();
        let text = secret.expose().to_owned();
        assert_eq!(text.len(), 55);
        assert!(text.starts_with("kv_"));
        // 256 bits are 51 digits and one bit of the last.
        assert!(text.ends_with(['0', 'g']), "{text}");
        let parsed: Secret = text.parse().unwrap();
        assert_eq!(parsed.expose(), text);
        assert_eq!(parsed.hash(), secret.hash());
        assert!(seen.insert(text));
    }
    // Every digit occurs at every place but the last: no bits are lost.
    for place in 3..54 {
        let digits: HashSet<u8> = seen.iter().map(|text| text.as_bytes()[place]).collect();
        assert!(digits.len() > 24, "place {place}: {} digits", digits.len());
    }
}

#[test]
fn what_is_stored_of_a_secret_is_its_hash_and_its_beginning() {
    let secret: Secret = format!("kv_{}", "0".repeat(52)).parse().unwrap();
    let record = secret.record(Timestamp::from_s(7));
    // Computed with `printf 'kv_%052d' 0 | sha256sum`.
    let hash = "6626e5b54b320906402e5fd9fce292eeac04b75480f438ad8716eeccb63ae754";
    assert_eq!(record.hash.to_string(), hash);
    assert_eq!(
        (record.prefix.as_str(), record.expires_at),
        ("kv_00000", None)
    );
    assert_eq!(record.created_at, Timestamp::from_s(7));
}

#[test]
fn what_is_no_secret_is_refused_without_being_repeated() {
    let good = format!("kv_{}", "0".repeat(52));
    let cases = [
        String::new(),
        "kv_".to_owned(),
        good[..54].to_owned(),
        format!("{good}0"),
        format!(" {good}"),
        format!("{good}\n"),
        good.replacen("kv_", "KV_", 1),
        good.replacen("kv_0", "kv_i", 1),
        good.replacen("kv_0", "kv_A", 1),
        good.replacen("kv_0", "kv_é", 1),
    ];
    for text in cases {
        let error = text.parse::<Secret>().unwrap_err();
        assert!(!error.to_string().contains("0000"), "{text:?}");
    }
}

#[test]
fn a_secret_does_not_print() {
    let secret: Secret = format!("kv_{}", "7".repeat(52)).parse().unwrap();
    assert_eq!(format!("{secret:?} {secret:#?}"), "kv_… kv_…");
}
