use super::*;

#[test]
fn the_terminal_key_is_that_of_the_terminal_secret() {
    let public = HolderKey::from_bytes(&TERMINAL_SECRET).public_key();
    assert_eq!(*public.as_bytes(), TERMINAL_KEY);
}

/// RFC 8410 section 10.3: the same key in both versions, and its public half (section 10.1).
const VERSION_1: &str = "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp-K06_nwoy_HU--CXqI9EdVhC";
const VERSION_2: &str = "MHICAQEwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp-K06_nwoy_HU--CXqI9EdVhCoB8wHQYKKoZIhvcNAQkJFDEPDA1DdXJkbGUgQ2hhaXJzgSEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";
const PUBLIC: &str = "19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1";

#[test]
fn a_key_is_read_from_pkcs8() {
    for text in [VERSION_1, VERSION_2] {
        let der = crate::armor::read_padded(text).unwrap();
        let key = HolderKey::from_pkcs8_der(&der).unwrap();
        assert_eq!(key.public_key().to_string(), PUBLIC);
        let cut = der.split_last().unwrap().1;
        assert_eq!(
            HolderKey::from_pkcs8_der(cut).err(),
            Some(KeyError::NotPkcs8)
        );
    }
    // The public key of another secret.
    let mut wrong = crate::armor::read_padded(VERSION_2).unwrap();
    wrong[20] ^= 1;
    assert!(HolderKey::from_pkcs8_der(&wrong).is_err());
}

#[test]
fn a_public_key_has_one_spelling_as_text() {
    let key: PublicKey = PUBLIC.parse().unwrap();
    assert_eq!(key.to_string(), PUBLIC);
    for wrong in [
        &PUBLIC.to_uppercase(),
        &PUBLIC[2..],
        &[PUBLIC, "00"].concat(),
        "",
    ] {
        assert_eq!(
            wrong.parse::<PublicKey>(),
            Err(KeyError::NotAKey),
            "{wrong}"
        );
    }
}

#[test]
fn a_secret_does_not_show() {
    let shown = format!("{:?}", HolderKey::from_bytes(&[7; 32]));
    assert!(
        !shown.contains("0707") && shown.starts_with("HolderKey("),
        "{shown}"
    );
}
