//! What a verifier that follows does when nothing comes, the wrong thing, or something newer.

use super::*;
use crate::claim::Audience;
use crate::key::{HolderKey, RootKey, Sign};
use crate::refusal::Refusal;
use crate::replay::ReplayCache;
use crate::request::Request;
use crate::revocation::{RevocationList, Revocations};
use crate::scene::{ISSUER, SERVICE, audience, call, chain, holder, keys, moment, now, root};

fn verifier(fresh_s: u64, floor: u64) -> Verifier {
    let replays = ReplayCache::danger_first_start(100);
    let revocations = Revocations::following(fresh_s, floor);
    Verifier::new(audience(SERVICE), keys(), revocations, replays)
}

/// A list of this version, made at `at`, that revokes holder 1 if anybody.
fn list(version: u64, at: Timestamp, revoked: &[u8]) -> String {
    let mut list = RevocationList::new();
    for number in revoked {
        list.revoke_key(holder(*number).public_key());
    }
    list.sign(&root(), &keys(), version, at).unwrap()
}

/// What becomes of a fresh call by holder 1 at `at`.
fn called(verifier: &Verifier, nonce: u8, at: Timestamp) -> Option<Refusal> {
    let call = call("read", "mcp:github:repos");
    let made = crate::token::Moment {
        at,
        ..moment(nonce)
    };
    let token = chain(&["read:mcp:github:*"], 1);
    let presentation = token.invoke(&holder(1), &call, made).unwrap();
    let request = Request::new(&call.action, &call.resource, call.arguments);
    verifier.verify(presentation.as_bytes(), &request, at).err()
}

/// Answers one after the other, and keeps the tags that it was asked with.
struct Script {
    answers: Vec<Result<Fetched, FetchError>>,
    asked: Vec<Option<String>>,
}

impl Script {
    fn of(answers: impl IntoIterator<Item = Result<Fetched, FetchError>>) -> Self {
        let mut answers: Vec<_> = answers.into_iter().collect();
        answers.reverse();
        let asked = Vec::new();
        Self { answers, asked }
    }
}

impl DocumentSource for Script {
    fn fetch(&mut self, tag: Option<&str>, _bytes_max: usize) -> Result<Fetched, FetchError> {
        self.asked.push(tag.map(str::to_owned));
        self.answers.pop().unwrap()
    }
}

fn new(text: String) -> Result<Fetched, FetchError> {
    Ok(Fetched::New { text, tag: None })
}

fn tagged(text: String, tag: &str) -> Result<Fetched, FetchError> {
    let tag = Some(tag.to_owned());
    Ok(Fetched::New { text, tag })
}

fn unreachable() -> Result<Fetched, FetchError> {
    Err(FetchError::Status(503))
}

#[test]
fn until_a_list_comes_everything_is_refused() {
    let verifier = verifier(300, 0);
    let mut follower =
        RevocationFollower::new(Script::of([unreachable(), new(list(1, now(), &[]))]));
    let failed = Err(FollowError::Fetch(FetchError::Status(503)));
    assert_eq!(follower.refresh(&verifier, now()), failed);
    assert_eq!(called(&verifier, 1, now()), Some(Refusal::RevocationStale));
    let taken = Ok(Refreshed::Taken { version: 1 });
    assert_eq!(follower.refresh(&verifier, now()), taken);
    assert_eq!(called(&verifier, 1, now()), None);
}

#[test]
fn what_is_revoked_is_refused_from_the_next_call_on() {
    let verifier = verifier(300, 0);
    let lists = [new(list(1, now(), &[])), new(list(2, now(), &[1]))];
    let mut follower = RevocationFollower::new(Script::of(lists));
    follower.refresh(&verifier, now()).unwrap();
    assert_eq!(called(&verifier, 1, now()), None);
    follower.refresh(&verifier, now()).unwrap();
    let revoked = Some(Refusal::Revoked { block: 1 });
    assert_eq!(called(&verifier, 2, now()), revoked);
}

#[test]
fn if_nothing_comes_the_list_stays_until_it_is_too_old_by_its_own_date() {
    let verifier = verifier(300, 0);
    let answers = [new(list(1, now(), &[])), unreachable(), Ok(Fetched::Same)];
    let mut follower = RevocationFollower::new(Script::of(answers));
    follower.refresh(&verifier, now()).unwrap();
    let late = now().plus_s(299);
    assert!(follower.refresh(&verifier, late).is_err());
    assert_eq!(called(&verifier, 1, late), None);
    // That a server has nothing new makes no list younger.
    let over = now().plus_s(300);
    assert_eq!(follower.refresh(&verifier, over), Ok(Refreshed::Same));
    assert_eq!(called(&verifier, 2, over), Some(Refusal::RevocationStale));
}

#[test]
fn an_older_list_is_never_taken_again_and_the_floor_outlives_a_restart() {
    let before = verifier(300, 0);
    let answers = [new(list(7, now(), &[1])), new(list(6, now(), &[]))];
    let mut follower = RevocationFollower::new(Script::of(answers));
    follower.refresh(&before, now()).unwrap();
    let older = FollowError::Revocations(RevocationListError::Older { floor: 7 });
    assert_eq!(follower.refresh(&before, now()), Err(older.clone()));
    assert_eq!(
        called(&before, 1, now()),
        Some(Refusal::Revoked { block: 1 })
    );
    let after = verifier(300, before.revocation_floor());
    let mut follower = RevocationFollower::new(Script::of([new(list(6, now(), &[]))]));
    assert_eq!(follower.refresh(&after, now()), Err(older));
    assert_eq!(called(&after, 1, now()), Some(Refusal::RevocationStale));
}

#[test]
fn a_tag_is_kept_only_of_what_was_taken() {
    let verifier = verifier(300, 0);
    let answers = [
        tagged(list(3, now(), &[]), "\"three\""),
        tagged("nonsense".to_owned(), "\"bad\""),
        Ok(Fetched::Same),
    ];
    let mut follower = RevocationFollower::new(Script::of(answers));
    follower.refresh(&verifier, now()).unwrap();
    let wrong = FollowError::Revocations(RevocationListError::NotSigned);
    assert_eq!(follower.refresh(&verifier, now()), Err(wrong));
    assert_eq!(follower.refresh(&verifier, now()), Ok(Refreshed::Same));
    let three = Some("\"three\"".to_owned());
    assert_eq!(follower.feed.source.asked, [None, three.clone(), three]);
}

#[test]
fn more_bytes_than_a_document_may_have_are_refused_whoever_brings_them() {
    let verifier = verifier(300, 0);
    let long = "a".repeat(REVOCATION_LIST_BYTES_MAX + 1);
    let mut follower = RevocationFollower::new(Script::of([new(long)]));
    let refused = Err(FollowError::Fetch(FetchError::TooLarge));
    assert_eq!(follower.refresh(&verifier, now()), refused);
    let long = "a".repeat(KEY_SET_BYTES_MAX + 1);
    let mut follower = KeySetFollower::new(Script::of([new(long)]), 60);
    assert_eq!(follower.refresh(&verifier, now()), refused);
}

#[test]
fn a_key_set_is_rotated_and_a_key_that_was_taken_out_counts_no_more() {
    let verifier = verifier(300, 0);
    verifier
        .update_revocations(&list(1, now(), &[]), now())
        .unwrap();
    let mut rotated = keys();
    let second = RootKey::new(2, HolderKey::from_bytes(&[98; 32]));
    rotated.rotate(second.public_key(), now(), 3600).unwrap();
    let mut without = rotated.clone();
    assert!(without.remove(1));
    let answers = [new(rotated.to_json()), new(without.to_json())];
    let mut follower = KeySetFollower::new(Script::of(answers), 600);
    follower.refresh(&verifier, now()).unwrap();
    assert_eq!(called(&verifier, 1, now()), None);
    follower.refresh(&verifier, now()).unwrap();
    assert_eq!(called(&verifier, 2, now()), Some(Refusal::UnknownRootKey));
}

#[test]
fn keys_that_nobody_looked_after_are_too_old_at_last() {
    let verifier = verifier(3600, 0);
    verifier
        .update_revocations(&list(1, now(), &[]), now())
        .unwrap();
    let answers = [new(keys().to_json()), unreachable(), Ok(Fetched::Same)];
    let mut follower = KeySetFollower::new(Script::of(answers), 600);
    follower.refresh(&verifier, now()).unwrap();
    let last = now().plus_s(599);
    assert_eq!(called(&verifier, 1, last), None);
    let over = now().plus_s(600);
    assert!(follower.refresh(&verifier, over).is_err());
    assert_eq!(called(&verifier, 2, over), Some(Refusal::KeysStale));
    assert_eq!(follower.refresh(&verifier, over), Ok(Refreshed::Same));
    assert_eq!(called(&verifier, 2, over), None);
}

#[test]
fn a_key_set_of_somebody_else_is_refused() {
    let verifier = verifier(300, 0);
    let issuer: Audience = "https://evil.example".parse().unwrap();
    let tenant = kavach_core::TenantId::DEFAULT;
    let evil = HolderKey::from_bytes(&[66; 32]).public_key();
    let other = KeySet::new(issuer, tenant, evil, now());
    let elsewhere = kavach_core::TenantId::from_parts(1, 1);
    let foreign = KeySet::new(audience(ISSUER), elsewhere, evil, now());
    let answers = [
        new(other.to_json()),
        new(foreign.to_json()),
        new("{}".to_owned()),
    ];
    let mut follower = KeySetFollower::new(Script::of(answers), 600);
    assert_eq!(follower.refresh(&verifier, now()), Err(FollowError::Issuer));
    assert_eq!(follower.refresh(&verifier, now()), Err(FollowError::Issuer));
    let none = Err(FollowError::Keys(KeySetError::NotAKeySet));
    assert_eq!(follower.refresh(&verifier, now()), none);
}

#[test]
fn a_file_is_read_anew_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("revocations.jws");
    let verifier = verifier(300, 0);
    let mut follower = RevocationFollower::new(FileSource::new(&path));
    let missing = follower.refresh(&verifier, now());
    assert!(
        matches!(missing, Err(FollowError::Fetch(FetchError::Failed(_)))),
        "{missing:?}"
    );
    for (version, revoked, want) in [
        (1, &[][..], None),
        (2, &[1][..], Some(Refusal::Revoked { block: 1 })),
    ] {
        std::fs::write(&path, list(version, now(), revoked)).unwrap();
        assert_eq!(
            follower.refresh(&verifier, now()),
            Ok(Refreshed::Taken { version })
        );
        assert_eq!(
            called(&verifier, u8::try_from(version).unwrap(), now()),
            want
        );
    }
    std::fs::write(&path, [0xff]).unwrap();
    let refused = Err(FollowError::Fetch(FetchError::NotText));
    assert_eq!(follower.refresh(&verifier, now()), refused);
    let mut file = FileSource::new(&path);
    std::fs::write(&path, "abc").unwrap();
    assert_eq!(file.fetch(None, 2), Err(FetchError::TooLarge));
    assert_eq!(file.fetch(None, 3), new("abc".to_owned()));
}

#[cfg(feature = "http")]
mod http;
