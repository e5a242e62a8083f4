//! What is not in clear: arguments and notes.

use kavach::audit::{Private, Query};
use kavach::store::Space;
use kavach::{ApprovalArgs, ChangeError, Reason};
use serde_json::json;

use super::{Desk, refused};
use crate::world::{On, found, scan, subject};

const PERMISSION: &str = "pay:app:bank:*?approve=2";
const NOTE: &str = "Mr Miller asked for it on the phone";

/// Whether any byte that the store holds of these spaces spells the text.
async fn spells(desk: &Desk, text: &str) -> bool {
    let mut spelt = false;
    for space in [
        "approval",
        "approval_args",
        "approval_notice",
        "private_field",
    ] {
        let records = scan(&*desk.world.store, Space::quiet(space)).await;
        spelt |= records.values().any(|bytes| {
            bytes
                .windows(text.len())
                .any(|window| window == text.as_bytes())
        });
    }
    let events = found(desk.kavach(), Query::default()).await;
    spelt
        || events.iter().any(|event| {
            event
                .bytes
                .windows(text.len())
                .any(|window| window == text.as_bytes())
        })
}

#[tokio::test]
async fn arguments_are_sealed_where_there_is_a_master_key() {
    for master_key in [None, Some(7)] {
        let desk = Desk::on(On::Memory, master_key, PERMISSION).await;
        let args = json!({"iban": "DE02120300000000202051"});
        let id = desk.make(desk.call(args.clone())).await.approval.unwrap();
        let clear = spells(&desk, "DE02120300000000202051").await;
        assert_eq!(clear, master_key.is_none());
        assert_eq!(desk.request(id).await.args, ApprovalArgs::Shown(args));
    }
}

#[tokio::test]
async fn a_note_is_sealed_for_who_wrote_it_and_shown() {
    let desk = Desk::on(On::Memory, Some(7), PERMISSION).await;
    let id = desk.ask().await;
    let bob = subject("user:bob");
    let voted = desk
        .kavach()
        .grant_approval(&id, &bob, Some(NOTE))
        .await
        .unwrap();
    desk.yes(id, "user:carol").await.unwrap();
    assert!(!spells(&desk, NOTE).await);

    let request = desk.request(id).await;
    assert_eq!(request.votes[0].note.as_deref(), Some(NOTE));
    assert_eq!(request.votes[0].audit_id, voted.audit_id);
    assert_eq!(request.votes[1].note, None);
    assert_eq!(shown(&desk, voted.audit_id).await, Private::Shown(note()));

    // It is Bob's, not the agent's owner's: it goes with Bob.
    desk.kavach()
        .erase_subject(&subject("user:alice"))
        .await
        .unwrap();
    assert_eq!(shown(&desk, voted.audit_id).await, Private::Shown(note()));
    desk.kavach().erase_subject(&bob).await.unwrap();
    assert_eq!(shown(&desk, voted.audit_id).await, Private::Erased);
    let votes = desk.request(id).await.votes;
    assert_eq!(
        (votes[0].name.as_deref(), votes[0].note.as_deref()),
        (None, None)
    );
    desk.world.check_log().await;
}

fn note() -> kavach::audit::PrivateFields {
    kavach::audit::PrivateFields {
        note: Some(NOTE.to_owned()),
        ..Default::default()
    }
}

async fn shown(desk: &Desk, id: kavach::EventId) -> Private {
    let events = desk.world.events().await;
    let event = events.iter().find(|event| event.id == id).unwrap();
    desk.kavach().private(event).await.unwrap()
}

#[tokio::test]
async fn without_a_master_key_a_note_is_kept_nowhere() {
    let desk = Desk::with(PERMISSION).await;
    let id = desk.ask().await;
    let bob = subject("user:bob");
    desk.kavach()
        .grant_approval(&id, &bob, Some(NOTE))
        .await
        .unwrap();
    assert!(!spells(&desk, NOTE).await);
    assert_eq!(desk.request(id).await.votes[0].note, None);
}

#[tokio::test]
async fn a_note_has_a_length() {
    for (length, fits) in [(2_048, true), (2_049, false)] {
        let desk = Desk::on(On::Memory, Some(7), PERMISSION).await;
        let id = desk.ask().await;
        let note = "x".repeat(length);
        let bob = subject("user:bob");
        let voted = desk.kavach().grant_approval(&id, &bob, Some(&note)).await;
        if fits {
            voted.unwrap();
        } else {
            match voted.unwrap_err() {
                ChangeError::Refused(refusal) => assert_eq!(refusal.reason, Reason::LimitReached),
                other => panic!("{other}"),
            }
            assert_eq!(desk.request(id).await.votes, []);
        }
    }
}

#[tokio::test]
async fn erasing_an_owner_takes_the_arguments_of_what_waits() {
    for master_key in [None, Some(7)] {
        let desk = Desk::on(On::Memory, master_key, PERMISSION).await;
        let id = desk.ask().await;
        let before = scan(&*desk.world.store, Space::quiet("approval_args")).await;
        assert_eq!(before.len(), 1);
        desk.kavach()
            .erase_subject(&subject("user:alice"))
            .await
            .unwrap();
        assert_eq!(desk.request(id).await.args, ApprovalArgs::NotShown);
        let after = scan(&*desk.world.store, Space::quiet("approval_args")).await;
        assert!(after.is_empty());
        // Nobody says yes to what nobody sees; no is safe.
        assert_eq!(refused(desk.yes(id, "user:bob").await), Reason::WrongState);
        desk.no(id, "user:bob").await.unwrap();
    }
}
