//! Encodings that must never change, and where things lie.

use kavach_core::DelegationId;
use kavach_token::{HolderKey, Sign, SourceRecord};

use super::*;

#[track_caller]
fn check<T>(record: &T, golden: &str)
where
    T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let bytes = encode(record).unwrap();
    assert_eq!(String::from_utf8_lossy(&bytes), golden);
    assert_eq!(&decode::<T>(golden.as_bytes()).unwrap(), record);
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_s(seconds)
}

#[test]
fn records_of_version_1_are_as_ever() {
    let mut holder = HolderRecord {
        agent: AgentId::from_parts(1, 2),
        added_at: at(0),
        removed_at: None,
    };
    check(
        &holder,
        r#"{"record":{"added_at":"1970-01-01T00:00:00Z","agent":"agt_0000000001e008000000000002"},"v":1}"#,
    );
    holder.removed_at = Some(at(1));
    check(
        &holder,
        r#"{"record":{"added_at":"1970-01-01T00:00:00Z","agent":"agt_0000000001e008000000000002","removed_at":"1970-01-01T00:00:01Z"},"v":1}"#,
    );
    let revoked = RevokedRecord { at: at(2) };
    check(
        &revoked,
        r#"{"record":{"at":"1970-01-01T00:00:02Z"},"v":1}"#,
    );
    let used = UseRecord { until: at(3) };
    check(
        &used,
        r#"{"record":{"until":"1970-01-01T00:00:03Z"},"v":1}"#,
    );
    let minted = MintedRecord::new(Source {
        record: SourceRecord::Delegation(DelegationId::from_parts(1, 2)),
        generation: 4,
    });
    check(
        &minted,
        r#"{"record":{"generation":4,"source":"dlg_0000000001e008000000000002"},"v":1}"#,
    );
    let list = ListRecord::new(u64::MAX, "00".to_owned());
    check(
        &list,
        r#"{"record":{"entries":"00","version":"18446744073709551615"},"v":1}"#,
    );
    let public = HolderKey::from_bytes(&[1; 32]).public_key();
    let keys = KeySet::new("urn:x".parse().unwrap(), TenantId::DEFAULT, public, at(5));
    let roots = RootsRecord::of(&keys);
    assert_eq!(roots.key_set().unwrap(), keys);
    assert!(
        encode(&roots)
            .unwrap()
            .starts_with(br#"{"record":{"keys":"{\"issuer\":\"urn:x\""#)
    );
}

#[test]
fn what_is_not_a_record_is_told() {
    let newer = decode::<UseRecord>(br#"{"record":{},"v":2}"#).unwrap_err();
    assert_eq!(*newer.kind(), StoreErrorKind::SchemaTooNew);
    for bytes in [
        "",
        "{}",
        r#"{"record":{"until":"x"},"v":1}"#,
        r#"{"record":{"until":"1970-01-01T00:00:03Z"},"v":0}"#,
    ] {
        let error = decode::<UseRecord>(bytes.as_bytes()).unwrap_err();
        assert_eq!(*error.kind(), StoreErrorKind::Corrupt, "{bytes}");
    }
}

#[test]
fn keys_are_read_as_they_are_written() {
    let (tenant, key) = (
        TenantId::from_u128(7),
        HolderKey::from_bytes(&[1; 32]).public_key(),
    );
    for what in [
        Revocable::Block(BlockId::from_bytes([1; 32])),
        Revocable::Key(key),
        Revocable::Token(TokenId::from_bytes([2; 16])),
    ] {
        let place = revoked_key(tenant, &what);
        let (found, rest) = tenant_of(place.bytes()).unwrap();
        assert_eq!((found, revocable_at(rest).unwrap()), (tenant, what));
    }
    for rest in [&[][..], &[3; 33], &[0; 32], &[2; 33]] {
        assert!(revocable_at(rest).is_err(), "{rest:?}");
    }
    let nonce = Nonce::from_bytes([3; 16]);
    let used = Use {
        key,
        nonce,
        until: at(9),
    };
    let [place, end] = use_keys(tenant, &used);
    assert_eq!(use_keys_at(end.bytes()), Some([place, end]));
    let minted = minted_key(tenant, at(9), TokenId::from_bytes([4; 16]));
    assert_eq!(
        minted_id(minted.bytes()),
        Some(TokenId::from_bytes([4; 16]))
    );
    assert!(minted.bytes() >= minted_from(tenant, at(9)).as_slice());
    assert!(minted.bytes() < minted_from(tenant, at(10)).as_slice());
}

#[test]
fn spaces_are_apart() {
    let spaces = TOKEN_SPACES.into_iter().chain(QUIET_TOKEN_SPACES);
    let spaces: Vec<Space> = spaces.collect();
    let names: std::collections::BTreeSet<&str> = spaces.iter().map(Space::name).collect();
    assert_eq!(names.len(), spaces.len());
}
