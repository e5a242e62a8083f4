//! What was revoked, and what is known about it.

use super::*;
use crate::id::TokenId;
use crate::key::RootKey;
use crate::revocation::{RevocationList, RevocationListError};
use crate::token::{Moment, Token};

const FRESH_S: u64 = 300;

fn follower() -> Verifier {
    let replays = ReplayCache::danger_first_start(100);
    let revocations = Revocations::following(FRESH_S, 0);
    Verifier::new(audience(SERVICE), keys(), revocations, replays)
}

fn following(list: &mut RevocationList, version: u64) -> Verifier {
    let verifier = follower();
    let text = list.sign(&root(), &keys(), version, now()).unwrap();
    verifier.update_revocations(&text, now()).unwrap();
    verifier
}

fn present(verifier: &Verifier, nonce: u8, at: Timestamp) -> Result<(), Refusal> {
    let moment = Moment {
        at,
        ..moment(nonce)
    };
    let presentation = chain(ALL, 2).invoke(&holder(2), &read(), moment).unwrap();
    let call = read();
    let request = Request::new(&call.action, &call.resource, call.arguments);
    verifier
        .verify(presentation.as_bytes(), &request, at)
        .map(|_| ())
}

#[test]
fn a_revoked_block_key_or_name_takes_everything_below_with_it() {
    for (index, hop) in chain(ALL, 2).line().iter().enumerate() {
        let mut lists = [(); 3].map(|()| RevocationList::new());
        lists[0].revoke_block(hop.block());
        lists[1].revoke_key(*hop.key());
        lists[2].revoke_token(hop.id());
        for mut list in lists {
            let refused = Err(Refusal::Revoked { block: index });
            assert_eq!(present(&following(&mut list, 1), 1, now()), refused);
        }
    }
}

#[test]
fn what_is_revoked_elsewhere_stops_nobody_here() {
    let mut list = RevocationList::new();
    list.revoke_key(holder(3).public_key());
    list.revoke_block(BlockId::from_bytes([1; 32]));
    list.revoke_token(TokenId::from_bytes([99; 16]));
    assert_eq!(present(&following(&mut list, 1), 1, now()), Ok(()));
}

#[test]
fn a_remembered_chain_is_looked_up_on_each_call() {
    let mut list = RevocationList::new();
    let verifier = following(&mut list, 1);
    assert_eq!(present(&verifier, 1, now()), Ok(()));
    list.revoke_key(holder(1).public_key());
    let text = list.sign(&root(), &keys(), 2, now()).unwrap();
    assert_eq!(verifier.update_revocations(&text, now()), Ok(2));
    assert_eq!(
        present(&verifier, 2, now()),
        Err(Refusal::Revoked { block: 1 })
    );
}

#[test]
fn without_a_fresh_list_nothing_is_accepted() {
    assert_eq!(
        present(&follower(), 1, now()),
        Err(Refusal::RevocationStale)
    );
    let verifier = following(&mut RevocationList::new(), 1);
    let stale = now().plus_s(FRESH_S);
    assert_eq!(present(&verifier, 1, stale), Err(Refusal::RevocationStale));
    let fresh = now().plus_s(FRESH_S - 1);
    assert_eq!(present(&verifier, 1, fresh), Ok(()));
}

#[test]
fn an_older_list_is_not_taken_after_a_newer_one() {
    let mut list = RevocationList::new();
    let old = list.sign(&root(), &keys(), 6, now()).unwrap();
    let verifier = following(&mut list, 7);
    let refused = Err(RevocationListError::Older { floor: 7 });
    assert_eq!(verifier.update_revocations(&old, now()), refused);
}

#[test]
fn the_floor_outlives_a_restart() {
    let mut list = RevocationList::new();
    let old = list.sign(&root(), &keys(), 6, now()).unwrap();
    let same = list.sign(&root(), &keys(), 7, now()).unwrap();
    let mut revocations = Revocations::following(FRESH_S, 7);
    let refused = Err(RevocationListError::Older { floor: 7 });
    assert_eq!(revocations.update(&old, &keys(), now()), refused);
    assert_eq!(revocations.update(&same, &keys(), now()), Ok(7));
    assert_eq!(revocations.floor(), 7);
}

#[test]
fn a_version_says_one_thing() {
    let mut list = RevocationList::new();
    let verifier = following(&mut list, 7);
    let later = now().plus_s(200);
    let same = list.sign(&root(), &keys(), 7, later).unwrap();
    assert_eq!(verifier.update_revocations(&same, later), Ok(7));
    assert_eq!(present(&verifier, 1, now().plus_s(FRESH_S + 100)), Ok(()));
    list.revoke_key(holder(1).public_key());
    let other = list.sign(&root(), &keys(), 7, later).unwrap();
    let refused = Err(RevocationListError::Changed);
    assert_eq!(verifier.update_revocations(&other, later), refused);
}

#[test]
fn the_same_list_signed_earlier_does_not_make_it_stale() {
    let mut list = RevocationList::new();
    let old = list.sign(&root(), &keys(), 1, now()).unwrap();
    let later = now().plus_s(200);
    let new = list.sign(&root(), &keys(), 1, later).unwrap();
    let verifier = follower();
    assert_eq!(verifier.update_revocations(&new, later), Ok(1));
    assert_eq!(verifier.update_revocations(&old, later), Ok(1));
    assert_eq!(present(&verifier, 1, now().plus_s(FRESH_S + 100)), Ok(()));
}

#[test]
fn a_list_by_another_key_of_another_tenant_or_changed_is_not_taken() {
    let mut list = RevocationList::new();
    list.revoke_key(holder(3).public_key());
    let good = list.sign(&root(), &keys(), 1, now()).unwrap();
    assert_eq!(
        RevocationList::open(&good, &keys(), now()),
        Ok(list.clone())
    );
    let stranger = RootKey::new(1, HolderKey::from_bytes(&[55; 32]));
    let forged = list.sign(&stranger, &keys(), 1, now()).unwrap();
    let refused = Err(RevocationListError::NotSigned);
    assert_eq!(RevocationList::open(&forged, &keys(), now()), refused);
    let (issuer, tenant) = (keys().issuer().clone(), TenantId::from_parts(1, 1));
    let elsewhere = KeySet::new(issuer, tenant, root().public_key(), Timestamp::from_s(0));
    let foreign = list.sign(&root(), &elsewhere, 1, now()).unwrap();
    let refused = Err(RevocationListError::Tenant);
    assert_eq!(RevocationList::open(&foreign, &keys(), now()), refused);
    for (at, bit) in (0..good.len()).flat_map(|at| (0..7).map(move |bit| (at, bit))) {
        let mut bytes = good.clone().into_bytes();
        bytes[at] ^= 1 << bit;
        let changed = String::from_utf8(bytes).unwrap();
        let opened = RevocationList::open(&changed, &keys(), now());
        assert!(opened.is_err(), "byte {at}, bit {bit}");
    }
}

#[test]
fn a_list_from_the_future_is_not_taken() {
    let mut list = RevocationList::new();
    for (ahead_s, want) in [(31, Err(RevocationListError::Ahead)), (30, Ok(()))] {
        let text = list
            .sign(&root(), &keys(), 1, now().plus_s(ahead_s))
            .unwrap();
        assert_eq!(
            RevocationList::open(&text, &keys(), now()).map(|_| ()),
            want
        );
    }
}

#[test]
fn root_keys_rotate_with_an_overlap() {
    let next = HolderKey::from_bytes(&[98; 32]);
    let mut keys = keys();
    assert_eq!(keys.rotate(next.public_key(), now(), 3600), Ok(2));
    let mut long = crate::scene::mint(ALL);
    long.expires_at = now().plus_s(7200);
    let old = Token::mint(&root(), long.clone()).unwrap();
    let new = Token::mint(&RootKey::new(2, next), long).unwrap();
    let over = now().plus_s(3600);
    let call = read();
    let request = Request::new(&call.action, &call.resource, call.arguments);
    // One verifier that remembers both chains, and a new one for each.
    let warm = verifier();
    warm.set_keys(keys.clone());
    for (nonce, token, at, want) in [
        (1, &new, Timestamp::from_s(now().as_s()), None),
        (2, &old, Timestamp::from_s(over.as_s() - 1), None),
        (3, &old, over, Some(Refusal::RootKeyTime)),
        (4, &new, over, None),
    ] {
        let moment = Moment {
            at,
            ..moment(nonce)
        };
        let presentation = token.invoke(&holder(0), &call, moment).unwrap();
        let cold = verifier();
        cold.set_keys(keys.clone());
        for verifier in [&warm, &cold] {
            let verified = verifier.verify(presentation.as_bytes(), &request, at);
            assert_eq!(verified.err(), want);
        }
    }
    // Out at once, where a key was stolen.
    assert!(keys.remove(1));
    warm.set_keys(keys);
    let presentation = old.invoke(&holder(0), &call, moment(5)).unwrap();
    let verified = warm.verify(presentation.as_bytes(), &request, now());
    assert_eq!(verified.err(), Some(Refusal::UnknownRootKey));
}

#[test]
fn a_key_that_does_not_count_yet_signs_nothing() {
    let later = KeySet::new(
        keys().issuer().clone(),
        TenantId::DEFAULT,
        root().public_key(),
        now().plus_s(1),
    );
    let verifier = verifier();
    verifier.set_keys(later);
    assert_eq!(present(&verifier, 1, now()), Err(Refusal::RootKeyTime));
    assert_eq!(present(&verifier, 1, now().plus_s(1)), Ok(()));
}

#[test]
fn a_remembered_chain_is_of_the_key_that_signed_it() {
    let verifier = verifier();
    assert_eq!(present(&verifier, 1, now()), Ok(()));
    // Another key, under the number of the one before.
    let other = HolderKey::from_bytes(&[55; 32]).public_key();
    let start = Timestamp::from_s(0);
    let issuer = keys().issuer().clone();
    verifier.set_keys(KeySet::new(issuer, TenantId::DEFAULT, other, start));
    let refused = Err(Refusal::Signature { block: 0 });
    assert_eq!(present(&verifier, 2, now()), refused);
}

#[test]
fn a_list_of_another_issuer_is_not_taken_although_key_and_tenant_are_the_same() {
    let (issuer, start) = (audience("https://other.example"), Timestamp::from_s(0));
    let elsewhere = KeySet::new(issuer, keys().tenant(), root().public_key(), start);
    let mut list = RevocationList::new();
    let foreign = list.sign(&root(), &elsewhere, 1, now()).unwrap();
    let refused = Err(RevocationListError::Tenant);
    assert_eq!(RevocationList::open(&foreign, &keys(), now()), refused);
    assert!(RevocationList::open(&foreign, &elsewhere, now()).is_ok());
}

#[test]
fn a_list_has_at_most_100_000_entries_of_all_kinds_together() {
    let mut list = RevocationList::new();
    list.revoke_key(holder(3).public_key());
    for number in 1..100_000_u32 {
        let mut id = [0; 16];
        id[..4].copy_from_slice(&number.to_be_bytes());
        list.revoke_token(TokenId::from_bytes(id));
    }
    let opened = |list: &mut RevocationList| {
        let text = list.sign(&root(), &keys(), 1, now()).unwrap();
        RevocationList::open(&text, &keys(), now()).map(|opened| opened.len())
    };
    assert_eq!(opened(&mut list), Ok(100_000));
    list.revoke_block(BlockId::from_bytes([1; 32]));
    assert_eq!(opened(&mut list), Err(RevocationListError::Full));
}
