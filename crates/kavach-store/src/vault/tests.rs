use proptest::prelude::*;

use super::{MasterKey, VaultError};

const CONTEXT: &[u8] = b"signing_keys/k1";
const NONCE: [u8; 24] = [9; 24];

fn key(byte: u8) -> MasterKey {
    MasterKey::from_bytes([byte; 32])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn another_key_does_not_open() {
    let sealed = key(1).seal(CONTEXT, b"secret", NONCE).unwrap();
    assert_eq!(key(2).open(CONTEXT, &sealed), Err(VaultError::DoesNotOpen));
    assert_eq!(*key(1).open(CONTEXT, &sealed).unwrap(), b"secret");
}

#[test]
fn another_context_does_not_open() {
    let sealed = key(1).seal(CONTEXT, b"secret", NONCE).unwrap();
    for context in [
        &b""[..],
        b"signing_keys/k2",
        b"signing_keys/k",
        b"signing_keys/k11",
    ] {
        assert_eq!(key(1).open(context, &sealed), Err(VaultError::DoesNotOpen));
    }
}

#[test]
fn one_flipped_bit_does_not_open() {
    let sealed = key(1).seal(CONTEXT, b"secret", NONCE).unwrap();
    for place in 0..sealed.len() * 8 {
        let mut flipped = sealed.clone();
        flipped[place / 8] ^= 1 << (place % 8);
        let want = match place / 8 {
            0 => VaultError::UnknownVersion(flipped[0]),
            _ => VaultError::DoesNotOpen,
        };
        assert_eq!(key(1).open(CONTEXT, &flipped), Err(want), "bit {place}");
    }
}

#[test]
fn cut_or_extended_bytes_do_not_open() {
    let sealed = key(1).seal(CONTEXT, b"secret", NONCE).unwrap();
    for length in 0..sealed.len() {
        assert_eq!(
            key(1).open(CONTEXT, &sealed[..length]),
            Err(VaultError::DoesNotOpen)
        );
    }
    let extended = [&sealed[..], &[0]].concat();
    assert_eq!(
        key(1).open(CONTEXT, &extended),
        Err(VaultError::DoesNotOpen)
    );
}

#[test]
fn a_secret_in_the_first_encoding_still_opens() {
    // Golden. Made with libsodium: version and nonce, then `crypto_aead_xchacha20poly1305_ietf_encrypt`
    // with the version and the context as additional data.
    let golden = "01090909090909090909090909090909090909090909090909\
        8088dce43bb21181911bb291a9a645c98c153a3027e3";
    let sealed = key(1).seal(CONTEXT, b"secret", NONCE).unwrap();
    assert_eq!(hex(&sealed), golden);
    assert_eq!(*key(1).open(CONTEXT, &sealed).unwrap(), b"secret");
}

#[test]
fn the_cipher_is_the_one_of_the_draft() {
    // draft-irtf-cfrg-xchacha-03 appendix A.3.1, without its additional data, which we prefix.
    let key: [u8; 32] = std::array::from_fn(|place| 0x80 + place as u8);
    let nonce: [u8; 24] = std::array::from_fn(|place| 0x40 + place as u8);
    let text: &[u8] =
        b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip \
        for the future, sunscreen would be it.";
    let sealed = MasterKey::from_bytes(key).seal(b"", text, nonce).unwrap();
    assert!(hex(&sealed[25..]).starts_with(
        "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f4eda7e39"
    ));
}

#[test]
fn a_key_is_64_digits() {
    let cases = [
        ("", VaultError::NotHex),
        ("no key at all", VaultError::NotHex),
        (&"0g".repeat(32), VaultError::NotHex),
        (&"é".repeat(32), VaultError::NotHex),
        (&"0 ".repeat(32), VaultError::NotHex),
        (&"07".repeat(31), VaultError::Digits(62)),
        (&"7".repeat(63), VaultError::Digits(63)),
        (&"07".repeat(33), VaultError::Digits(66)),
    ];
    for (text, want) in cases {
        assert_eq!(MasterKey::from_hex(text).unwrap_err(), want, "{text:?}");
    }
    let all: [u8; 32] = std::array::from_fn(|place| place as u8 * 8 + 7);
    for text in [
        hex(&all),
        hex(&all).to_uppercase(),
        format!("\n {}\r\n", hex(&all)),
    ] {
        assert_eq!(*MasterKey::from_hex(&text).unwrap().expose(), all);
    }
}

#[test]
fn neither_key_nor_error_prints_the_key() {
    let text = "0123456789abcdef".repeat(4);
    assert_eq!(
        format!("{:?}", MasterKey::from_hex(&text).unwrap()),
        "MasterKey(..)"
    );
    let error = MasterKey::from_hex(&text[1..]).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("0123456789"));
}

proptest! {
    #[test]
    fn what_was_sealed_opens(
        key: [u8; 32], nonce: [u8; 24], context: Vec<u8>, secret: Vec<u8>,
    ) {
        let key = MasterKey::from_bytes(key);
        let sealed = key.seal(&context, &secret, nonce).unwrap();
        prop_assert_eq!(sealed.len(), 1 + 24 + secret.len() + 16);
        prop_assert_eq!(&*key.open(&context, &sealed).unwrap(), &secret);
    }

    #[test]
    fn foreign_bytes_never_open_and_never_panic(context: Vec<u8>, sealed: Vec<u8>) {
        prop_assert!(key(1).open(&context, &sealed).is_err());
    }
}
