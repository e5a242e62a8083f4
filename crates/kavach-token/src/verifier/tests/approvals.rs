//! Yes by a third party.

use super::*;
use crate::approval::Approval;
use crate::block::{BlockWriter, Term};
use crate::error::SignError;
use crate::id::TokenId;
use crate::key::Signature;
use crate::profile::Profiled;
use crate::proposal::Proposal;
use crate::receipt::{Outcome, Receipt};
use crate::scene::{minted, narrowing};
use crate::token::Token;

const REFUSED: Option<Refusal> = Some(Refusal::Approval { block: 2 });

fn approver() -> HolderKey {
    HolderKey::from_bytes(&[200; 32])
}

fn with_approver() -> Verifier {
    verifier().with_approvers([approver().public_key(), holder(8).public_key()])
}

fn verify(verifier: &Verifier, presentation: &[u8], at: Timestamp) -> Result<Verified, Refusal> {
    let call = read();
    let request = Request::new(&call.action, &call.resource, call.arguments);
    verifier.verify(presentation, &request, at)
}

fn proposal(token: &Token) -> Proposal<'_> {
    token.propose(read(), Nonce::from_bytes([1; 16]))
}

/// The refusal of a call by a chain of one, approved at `made` for `ttl_s`, and made at `at`.
fn approved(
    verifier: &Verifier,
    by: &HolderKey,
    made: Timestamp,
    ttl_s: u64,
    at: Timestamp,
) -> Option<Refusal> {
    let token = chain(ALL, 1);
    let yes = proposal(&token).request().approve(by, made, ttl_s).unwrap();
    let proposal = proposal(&token).approved(&holder(1), &yes).unwrap();
    let presentation = proposal.invoke(&holder(1), at, 60).unwrap();
    verify(verifier, presentation.as_bytes(), at).err()
}

#[test]
fn an_approved_call_says_who_said_yes() {
    let token = chain(ALL, 1);
    let proposal = proposal(&token);
    let yes = proposal.request().approve(&approver(), now(), 600).unwrap();
    let proposal = proposal.approved(&holder(1), &yes).unwrap();
    let second = proposal.request().approve(&holder(8), now(), 60).unwrap();
    let proposal = proposal.approved(&holder(1), &second).unwrap();
    let presentation = proposal.invoke(&holder(1), now(), 60).unwrap();
    let verified = verify(&with_approver(), presentation.as_bytes(), now()).unwrap();
    let keys: Vec<_> = verified
        .approvals()
        .iter()
        .map(|approved| approved.key)
        .collect();
    assert_eq!(keys, [approver().public_key(), holder(8).public_key()]);
}

#[test]
fn a_yes_by_a_key_that_is_no_approvers_is_refused() {
    assert_eq!(
        approved(&with_approver(), &holder(7), now(), 600, now()),
        REFUSED
    );
    assert_eq!(
        approved(&verifier(), &approver(), now(), 600, now()),
        REFUSED
    );
    assert_eq!(
        approved(&with_approver(), &approver(), now(), 600, now()),
        None
    );
}

#[test]
fn a_yes_is_over_at_its_end_and_does_not_come_from_the_future() {
    let at = |s: i64| Timestamp::from_s(now().as_s() + s);
    for (made, ttl_s, want) in [
        (at(-600), 600, REFUSED),
        (at(-599), 600, None),
        (at(31), 600, REFUSED),
        (at(30), 600, None),
    ] {
        assert_eq!(
            approved(&with_approver(), &approver(), made, ttl_s, now()),
            want
        );
    }
    let token = chain(ALL, 1);
    let request = proposal(&token).request();
    assert!(request.approve(&approver(), now(), 86_401).is_err());
    assert!(request.approve(&approver(), now(), 0).is_err());
}

#[test]
fn a_yes_counts_once_although_it_lasts_longer_than_its_invocation() {
    let verifier = with_approver();
    assert_eq!(approved(&verifier, &approver(), now(), 600, now()), None);
    // Something else is used in between, so that what is over is forgotten.
    let token = chain(ALL, 1);
    let moment = crate::token::Moment {
        at: now().plus_s(90),
        ..moment(2)
    };
    let between = token.invoke(&holder(1), &read(), moment).unwrap();
    assert!(verify(&verifier, between.as_bytes(), moment.at).is_ok());
    let later = now().plus_s(120);
    assert_eq!(
        approved(&verifier, &approver(), now(), 600, later),
        Some(Refusal::Replayed)
    );
}

#[test]
fn a_yes_to_another_call_nonce_or_token_is_of_no_use() {
    let token = chain(ALL, 1);
    let yes = proposal(&token)
        .request()
        .approve(&approver(), now(), 600)
        .unwrap();
    let write = call("write", "mcp:github:repos");
    let other_call = token.propose(write, Nonce::from_bytes([1; 16]));
    let other_nonce = token.propose(read(), Nonce::from_bytes([2; 16]));
    assert!(other_call.approved(&holder(1), &yes).is_err());
    assert!(other_nonce.approved(&holder(1), &yes).is_err());
    let deeper = chain(ALL, 2);
    assert!(proposal(&deeper).approved(&holder(2), &yes).is_err());
    // And if the holder puts it in all the same: `invocation` has another nonce.
    let next = *holder(1).public_key().as_bytes();
    let forge = Forge::after(&token).then_third(yes.payload(), &approver(), &holder(1), &next);
    let presentation = forge.invocation(1, &invocation(&read(), 1)).present();
    assert_eq!(
        verify(&with_approver(), &presentation, now()).err(),
        REFUSED
    );
}

#[test]
fn a_third_party_says_nothing_but_yes() {
    let next = *holder(1).public_key().as_bytes();
    let nothing = Symbols::default();
    let mut out = BlockWriter::after(&nothing, 5);
    out.fact("ge3", &[Term::Text("mcp")]);
    let payload = out.finish().payload;
    let forge = Forge::after(&chain(ALL, 1)).then_third(&payload, &approver(), &holder(1), &next);
    let presentation = forge.invocation(1, &invocation(&read(), 1)).present();
    let refused = verify(&with_approver(), &presentation, now()).err();
    assert_eq!(refused, Some(Refusal::ThirdParty { block: 2 }));
}

#[test]
fn a_yes_does_not_change_hands_and_stands_after_all_delegations() {
    let token = chain(ALL, 1);
    let yes = proposal(&token)
        .request()
        .approve(&approver(), now(), 600)
        .unwrap();
    let after = |next: &HolderKey| {
        let next = *next.public_key().as_bytes();
        Forge::after(&token).then_third(yes.payload(), &approver(), &holder(1), &next)
    };
    let given = after(&holder(2));
    let presentation = given.invocation(2, &invocation(&read(), 1)).present();
    let refused = verify(&with_approver(), &presentation, now()).err();
    assert_eq!(refused, Some(Refusal::Holder { block: 2 }));
    let before = after(&holder(1)).delegation(2, &delegation(2, ALL));
    let presentation = before.invocation(2, &invocation(&read(), 2)).present();
    let refused = verify(&with_approver(), &presentation, now()).err();
    assert_eq!(refused, Some(Refusal::ThirdParty { block: 3 }));
}

#[test]
fn a_presentation_carries_at_most_four_approvals() {
    let token = chain(ALL, 1);
    let mut proposal = proposal(&token);
    for number in 0..5 {
        let yes = proposal.request().approve(&approver(), now(), 600).unwrap();
        let next = proposal.clone().approved(&holder(1), &yes);
        assert_eq!(next.is_ok(), number < 4);
        proposal = next.unwrap_or(proposal);
    }
    let presentation = proposal.invoke(&holder(1), now(), 60).unwrap();
    assert!(verify(&with_approver(), presentation.as_bytes(), now()).is_ok());
}

#[test]
fn an_invocation_by_a_third_party_is_none() {
    let forge = Forge::authority(&authority(ALL));
    let written = invocation(&read(), 0).write(&forge.symbols);
    let forge = forge.then_third(&written.payload, &approver(), &holder(0), &TERMINAL_KEY);
    let refused = verify(&with_approver(), &forge.present(), now()).err();
    assert_eq!(refused, Some(Refusal::ThirdParty { block: 1 }));
}

#[test]
fn a_yes_travels_as_bytes_and_only_as_an_answer_to_its_question() {
    let token = chain(ALL, 1);
    let request = proposal(&token).request();
    let yes = request.approve(&approver(), now(), 600).unwrap();
    let bytes = yes.to_bytes();
    assert_eq!(Approval::from_bytes(&bytes, &request), Ok(yes));
    let deeper = chain(ALL, 2);
    assert!(Approval::from_bytes(&bytes, &proposal(&deeper).request()).is_err());
    for (at, bit) in (0..bytes.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << bit;
        assert!(
            Approval::from_bytes(&changed, &request).is_err(),
            "byte {at}, bit {bit}"
        );
    }
}

#[test]
fn a_receipt_is_for_one_presentation() {
    let token = chain(ALL, 1);
    let one = token.invoke(&holder(1), &read(), moment(1)).unwrap();
    let other = token.invoke(&holder(1), &read(), moment(2)).unwrap();
    let result = ArgumentsHash::of(b"[]");
    let receipt = Receipt::sign(&holder(8), &one, Outcome::Done, result, now()).unwrap();
    let bytes = receipt.to_bytes();
    assert!(Receipt::from_bytes(&bytes, &other).is_err());
    let read = Receipt::from_bytes(&bytes, &one).unwrap();
    assert_eq!(
        (read.outcome(), read.result(), read.at()),
        (Outcome::Done, result, now())
    );
    assert_eq!(*read.key(), holder(8).public_key());
}

#[test]
fn two_yeses_by_one_approver_count_as_one() {
    let token = chain(&["*:mcp:github:*?approve=2"], 1);
    for (second, want) in [
        (approver(), Some(Refusal::CannotAsk { block: 0 })),
        (holder(8), None),
    ] {
        let mut proposal = proposal(&token);
        for by in [approver(), second] {
            let yes = proposal.request().approve(&by, now(), 600).unwrap();
            proposal = proposal.approved(&holder(1), &yes).unwrap();
        }
        let presentation = proposal.invoke(&holder(1), now(), 60).unwrap();
        let verified = verify(&with_approver(), presentation.as_bytes(), now());
        assert_eq!(verified.err(), want);
    }
}

/// The contents of a yes to what [`invocation`] calls, for `ttl_s`.
fn yes_for(ttl_s: u64) -> Vec<u8> {
    let approval = ApprovalBlock {
        call: read().hash(&invocation(&read(), 1).nonce),
        at: now(),
        until: now().plus_s(ttl_s),
    };
    approval.write(&Symbols::default()).payload
}

/// The refusal of a call by a chain of one, with `count` yeses of these contents by `third`.
fn forged(count: usize, payload: &[u8], third: &dyn Sign) -> Option<Refusal> {
    let next = *holder(1).public_key().as_bytes();
    let forge = (0..count).fold(Forge::after(&chain(ALL, 1)), |forge, _| {
        forge.then_third(payload, third, &holder(1), &next)
    });
    let presentation = forge.invocation(1, &invocation(&read(), 1)).present();
    verify(&with_approver(), &presentation, now()).err()
}

#[test]
fn a_yes_for_more_than_a_day_is_none() {
    // Nobody makes one with this library: see `ApprovalRequest::approve`.
    for (ttl_s, want) in [(86_401, REFUSED), (86_400, None)] {
        assert_eq!(forged(1, &yes_for(ttl_s), &approver()), want);
    }
}

#[test]
fn a_fifth_approval_is_refused_although_its_signatures_hold() {
    let fifth = Some(Refusal::ThirdParty { block: 7 });
    for (count, want) in [(5, fifth), (4, None)] {
        assert_eq!(forged(count, &yes_for(600), &approver()), want);
    }
}

/// Gives out a signature as the approver's, whatever there is to sign.
struct Said(Signature);

impl Sign for Said {
    fn public_key(&self) -> PublicKey {
        approver().public_key()
    }

    fn sign(&self, _message: &[u8]) -> Result<Signature, SignError> {
        Ok(self.0)
    }
}

#[test]
fn a_yes_is_signed_by_the_approver_it_names_and_over_this_very_chain() {
    let payload = yes_for(600);
    let refused = Some(Refusal::Signature { block: 2 });
    let mut elsewhere = narrowing(1);
    elsewhere.id = TokenId::from_bytes([77; 16]);
    let key = holder(1).public_key();
    let elsewhere = minted(ALL).delegate(&holder(0), &key, elsewhere).unwrap();
    let here = chain(ALL, 1);
    for (by, token, want) in [
        (holder(7), &here, refused),
        (approver(), &elsewhere, refused),
        (approver(), &here, None),
    ] {
        let message = envelope::external_payload(&payload, &token.chain().last_signature);
        let said = Said(by.sign(&message).unwrap());
        assert_eq!(forged(1, &payload, &said), want);
    }
}
