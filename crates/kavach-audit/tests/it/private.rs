//! Private fields open with the right key, for the right event, unaltered; and in no other case.

use kavach_audit::limits::PRIVATE_BYTES_MAX;
use kavach_audit::{Hash, OpenError, PersonKey, PrivateFields, SealError, SealedPrivate};
use kavach_core::EventId;
use proptest::prelude::*;

const EVENT: EventId = EventId::from_u128(1);
const SALT: [u8; 32] = [3; 32];
const NONCE: [u8; 12] = [4; 12];

fn key() -> PersonKey {
    PersonKey::new([5; 32])
}

fn fields() -> PrivateFields {
    PrivateFields {
        address: Some("203.0.113.7".to_owned()),
        note: Some("Alice's \"quarterly\" run\n".to_owned()),
    }
}

fn sealed() -> SealedPrivate {
    fields().seal(&key(), EVENT, SALT, NONCE).unwrap()
}

#[track_caller]
fn check(ciphertext: &[u8], key: &PersonKey, event: EventId, committed: &Hash, want: OpenError) {
    assert_eq!(
        PrivateFields::open(ciphertext, key, event, committed),
        Err(want)
    );
}

#[test]
fn nothing_opens_that_is_not_just_what_was_sealed() {
    let SealedPrivate {
        commitment,
        ciphertext,
    } = sealed();
    let no = OpenError::Undecryptable;
    check(
        &ciphertext,
        &PersonKey::new([6; 32]),
        EVENT,
        &commitment,
        no.clone(),
    );
    check(
        &ciphertext,
        &key(),
        EventId::from_u128(2),
        &commitment,
        no.clone(),
    );
    for place in 1..ciphertext.len() {
        let mut flipped = ciphertext.clone();
        flipped[place] ^= 1;
        check(&flipped, &key(), EVENT, &commitment, no.clone());
        check(&ciphertext[..place], &key(), EVENT, &commitment, no.clone());
    }
    check(&[], &key(), EVENT, &commitment, no.clone());
    check(
        &[&ciphertext, &[0][..]].concat(),
        &key(),
        EVENT,
        &commitment,
        no,
    );
    let opened = PrivateFields::open(&ciphertext, &key(), EVENT, &commitment);
    assert_eq!(opened, Ok(fields()));
}

#[test]
fn what_the_event_does_not_commit_to_is_not_shown() {
    let other = PrivateFields::default()
        .seal(&key(), EVENT, SALT, NONCE)
        .unwrap();
    let other_salt = fields().seal(&key(), EVENT, [9; 32], NONCE).unwrap();
    for committed in [other.commitment, other_salt.commitment, [0; 32]] {
        let want = OpenError::CommitmentMismatch;
        check(&sealed().ciphertext, &key(), EVENT, &committed, want);
    }
}

#[test]
fn a_newer_version_is_named() {
    let mut newer = sealed();
    newer.ciphertext[0] = 2;
    check(
        &newer.ciphertext,
        &key(),
        EVENT,
        &newer.commitment,
        OpenError::NewerVersion(2),
    );
    newer.ciphertext[0] = 0;
    check(
        &newer.ciphertext,
        &key(),
        EVENT,
        &newer.commitment,
        OpenError::Undecryptable,
    );
}

#[test]
fn the_bytes_are_as_ever() {
    // Made once more with Python's `cryptography` and `hashlib`.
    let SealedPrivate {
        commitment,
        ciphertext,
    } = sealed();
    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    assert_eq!(
        hex(&commitment),
        "0f4f2c1ac767d62d947ef9474bb6ff3652340c25aa2e89067291818d0e674e62"
    );
    assert_eq!(
        hex(&ciphertext),
        "010404040404040404040404041b7a6475f1e2cf1e3248cccbefe6c3226c592b0f756393d812f677157d35e9cc86a9ed4de9245b45b7b6766e33a37464b9455f04c2d829580f53bdf05ae55da390190bf18e6dd5a5f280c88c4faf2f35018ecf431b8c33b76de22e4c515c1e3f3018167a62a8baf50cc4f7ee023d"
    );
}

#[test]
fn a_note_has_an_end() {
    let of = |bytes| PrivateFields {
        address: None,
        note: Some("x".repeat(bytes)),
    };
    let around = r#"{"note":""}"#.len();
    let longest = of(PRIVATE_BYTES_MAX - around);
    let sealed = longest.seal(&key(), EVENT, SALT, NONCE).unwrap();
    let opened = PrivateFields::open(&sealed.ciphertext, &key(), EVENT, &sealed.commitment);
    assert_eq!(opened, Ok(longest));
    let longer = of(PRIVATE_BYTES_MAX - around + 1).seal(&key(), EVENT, SALT, NONCE);
    assert_eq!(longer, Err(SealError::TooLong(PRIVATE_BYTES_MAX + 1)));
}

#[test]
fn nothing_of_it_is_printed_for_debugging() {
    assert_eq!(
        format!("{:?} {:?}", key(), fields()),
        "PersonKey(..) PrivateFields(..)"
    );
    assert!(!format!("{:?}", kavach_audit::Private::Shown(fields())).contains("203"));
}

proptest! {
    #[test]
    fn whatever_is_sealed_opens(address: Option<String>, note: Option<String>, event: u128) {
        let (fields, event) = (PrivateFields { address, note }, EventId::from_u128(event));
        let sealed = fields.seal(&key(), event, SALT, NONCE).unwrap();
        let opened = PrivateFields::open(&sealed.ciphertext, &key(), event, &sealed.commitment);
        prop_assert_eq!(opened, Ok(fields));
    }
}
