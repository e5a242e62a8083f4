//! What the trail says about approvals.

use kavach::Reason;
use kavach::audit::{Detail, Event, EventKind, Outcome};

use super::{Desk, refused};

fn text<'a>(event: &'a Event, field: &str) -> Option<&'a str> {
    match event.detail.get(field) {
        Some(Detail::Text(text)) => Some(text),
        _ => None,
    }
}

#[tokio::test]
async fn every_step_is_an_event_with_who_and_when() {
    let desk = Desk::with("pay:app:bank:*?approve=2").await;
    let before = desk.world.events().await.len();
    let id = desk.ask().await;
    desk.world.clock.advance_s(5);
    desk.yes(id, "user:bob").await.unwrap();
    assert_eq!(
        refused(desk.yes(id, "user:mallory").await),
        Reason::NotAnApprover
    );
    desk.yes(id, "user:carol").await.unwrap();
    let used = desk.pay().await;

    let events = desk.world.events().await;
    let events = &events[before..];
    let kinds: Vec<_> = events
        .iter()
        .map(|event| (event.kind, event.outcome))
        .collect();
    use EventKind::{ApprovalGranted, ApprovalRequested, Authorize};
    assert_eq!(
        kinds,
        [
            (Authorize, Outcome::NeedsApproval),
            (ApprovalRequested, Outcome::Done),
            (ApprovalGranted, Outcome::Done),
            (ApprovalGranted, Outcome::Refused),
            (ApprovalGranted, Outcome::Done),
            (Authorize, Outcome::Allow),
        ]
    );
    let id = id.to_string();
    for event in events {
        assert_eq!(text(event, "approval"), Some(id.as_str()), "{}", event.kind);
        assert_eq!(event.action.as_ref().unwrap().as_str(), "pay");
        assert_eq!(event.resource.as_ref().unwrap().as_str(), "app:bank:acme");
        assert_eq!(event.agent, Some(desk.payer.id));
    }
    let bob = desk
        .kavach()
        .subject_id(&crate::world::subject("user:bob"))
        .unwrap();
    assert_eq!(text(&events[2], "by"), Some(bob.to_string().as_str()));
    assert_eq!(events[2].at(), events[0].at().plus_s(5));
    assert_eq!(text(&events[3], "by"), None);
    assert_eq!(used.audit_id, Some(events[5].id));
}

#[tokio::test]
async fn the_trail_says_it_in_sentences() {
    let desk = Desk::with("pay:app:bank:*?approve=2").await;
    let id = desk.ask().await;
    desk.yes(id, "user:bob").await.unwrap();
    refused(desk.yes(id, "user:bob").await);
    desk.no(id, "user:carol").await.unwrap();
    let _ = desk.pay().await;
    let mut said = Vec::new();
    for event in desk.world.events().await {
        let sentence = desk
            .kavach()
            .sentence(&event, &kavach::audit::Private::None);
        said.push(
            sentence
                .replace(&id.to_string(), "apr_1")
                .replace(&desk.payer.id.to_string(), "agt_1"),
        );
    }
    insta::assert_snapshot!(said.join("\n"));
}
