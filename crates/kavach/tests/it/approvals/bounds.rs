//! How much may wait at a time.

use kavach::{ApprovalState, Authorization};
use serde_json::json;

use super::{Desk, HOUR_S, call};
use crate::world::{scan, short};

/// Calls of one agent that may wait at a time.
const OF_AGENT: u64 = 64;
/// Calls by lines that begin at one agent.
const OF_ROOT: u64 = 512;

async fn pay(desk: &Desk, amount: u64) -> Authorization {
    desk.make(desk.call(json!({ "amount": amount }))).await
}

#[tokio::test]
async fn an_agent_that_floods_is_denied_and_the_others_are_not() {
    let desk = Desk::new().await;
    for amount in 0..OF_AGENT {
        assert_eq!(
            short(&pay(&desk, amount).await),
            "needs approval",
            "{amount}"
        );
    }
    let answer = pay(&desk, OF_AGENT).await;
    assert_eq!(short(&answer), "deny: limit_reached");
    assert_eq!(answer.approval, None);
    // What was asked already is still waited for.
    let waiting = pay(&desk, 0).await;
    assert_eq!(short(&waiting), "needs approval");
    let other = desk.world.agent("other", &["pay:app:bank:*?approve"]).await;
    assert_eq!(
        desk.world.decide(&other.id, "pay app:bank:acme").await,
        "needs approval"
    );

    // What is used up makes room.
    desk.yes(waiting.approval.unwrap(), "user:bob")
        .await
        .unwrap();
    assert_eq!(short(&pay(&desk, 0).await), "allow");
    assert_eq!(short(&pay(&desk, OF_AGENT).await), "needs approval");
}

#[tokio::test]
async fn sub_agents_that_flood_leave_room_for_the_lines_of_others() {
    let desk = Desk::new().await;
    let grants = ["pay:app:bank:*"];
    for clerk in 0..OF_ROOT / OF_AGENT {
        let name = format!("clerk{clerk}");
        let clerk = desk.world.spawn(&desk.payer.id, &name, &grants).await;
        for amount in 0..OF_AGENT {
            let asked = call(clerk.id, "pay app:bank:acme", json!({ "amount": amount }));
            assert_eq!(short(&desk.make(asked).await), "needs approval", "{name}");
        }
    }
    let one_more = desk.world.spawn(&desk.payer.id, "one-more", &grants).await;
    let denied = desk.world.decide(&one_more.id, "pay app:bank:acme").await;
    assert_eq!(denied, "deny: limit_reached");
    assert_eq!(short(&pay(&desk, 0).await), "deny: limit_reached");
    let other = desk.world.agent("other", &["pay:app:bank:*?approve"]).await;
    let waits = desk.world.decide(&other.id, "pay app:bank:acme").await;
    assert_eq!(waits, "needs approval");
}

#[tokio::test]
async fn what_is_over_makes_room_and_is_cleared_away() {
    let desk = Desk::new().await;
    for amount in 0..OF_AGENT {
        let _ = pay(&desk, amount).await;
    }
    desk.world.clock.advance_s(HOUR_S);
    for amount in 0..OF_AGENT {
        let answer = pay(&desk, 1_000 + amount).await;
        assert_eq!(short(&answer), "needs approval");
    }
    let left = desk.kavach().approvals();
    let pending = left
        .iter()
        .filter(|request| request.state == ApprovalState::Pending);
    assert_eq!(pending.count(), usize::try_from(OF_AGENT).unwrap());
    assert_eq!(
        left.len(),
        usize::try_from(OF_AGENT).unwrap(),
        "nothing else is left"
    );
    for space in ["approval", "approval_args"] {
        let found = scan(&*desk.world.store, kavach::store::Space::quiet(space)).await;
        assert_eq!(found.len(), left.len(), "{space}");
    }
}

#[tokio::test]
async fn arguments_that_nobody_would_read_through_are_denied() {
    // 64 KiB in canonical form: `{"text":"…"}` is 11 bytes more than the text.
    for (length, want) in [(65_525, "needs approval"), (65_526, "deny: limit_reached")] {
        let desk = Desk::new().await;
        let text = "x".repeat(length);
        let answer = desk.make(desk.call(json!({ "text": text }))).await;
        assert_eq!(short(&answer), want);
    }
}

#[tokio::test]
async fn a_used_request_leaves_no_arguments_behind() {
    let desk = Desk::new().await;
    let id = desk.ask().await;
    desk.yes(id, "user:bob").await.unwrap();
    assert_eq!(short(&desk.pay().await), "allow");
    let space = kavach::store::Space::quiet("approval_args");
    assert!(scan(&*desk.world.store, space).await.is_empty());
    assert_eq!(desk.request(id).await.args, kavach::ApprovalArgs::NotShown);
}
