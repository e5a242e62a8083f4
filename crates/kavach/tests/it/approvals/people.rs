//! Who may approve, and whether a yes still counts when the call is made.

use std::pin::Pin;

use kavach::{ApprovalState, ChangeError, Kavach, Reason};
use serde_json::json;

use super::{APPROVE, Desk, refused};
use crate::world::{poll_once, short, subject};

#[tokio::test]
async fn an_approver_who_was_stripped_meanwhile_does_not_count() {
    let desk = Desk::new().await;
    let id = desk.ask().await;
    desk.yes(id, "user:bob").await.unwrap();
    desk.may_approve("user:bob", &["approve:app:kavach:other"])
        .await;
    assert_eq!(desk.state(id).await, ApprovalState::Pending);
    assert_eq!(desk.ask().await, id);
    // Somebody else makes up for it.
    desk.yes(id, "user:carol").await.unwrap();
    assert_eq!(short(&desk.pay().await), "allow");
}

#[tokio::test]
async fn an_approver_who_was_off_boarded_meanwhile_does_not_count() {
    let desk = Desk::new().await;
    let bob = subject("user:bob");
    let id = desk.ask().await;
    desk.yes(id, "user:bob").await.unwrap();
    desk.kavach().revoke_owner(&bob).await.unwrap();
    assert_eq!(desk.ask().await, id);
    assert_eq!(
        refused(desk.yes(id, "user:bob").await),
        Reason::NotAnApprover
    );

    // Taken back, they hold nothing; and what they said before does not count again once they do.
    desk.kavach().reinstate_owner(&bob).await.unwrap();
    assert!(desk.kavach().owner(&bob).unwrap().grants.is_empty());
    assert_eq!(
        refused(desk.yes(id, "user:bob").await),
        Reason::NotAnApprover
    );
    desk.may_approve("user:bob", &[APPROVE]).await;
    assert_eq!(desk.ask().await, id);
    desk.yes(id, "user:bob").await.unwrap();
    assert_eq!(desk.request(id).await.votes.len(), 1);
    assert_eq!(short(&desk.pay().await), "allow");
}

#[tokio::test]
async fn an_approver_who_was_erased_and_came_back_is_not_two() {
    let desk = Desk::with("pay:app:bank:*?approve=2").await;
    let id = desk.ask().await;
    desk.yes(id, "user:bob").await.unwrap();
    desk.kavach()
        .erase_subject(&subject("user:bob"))
        .await
        .unwrap();
    assert_eq!(desk.request(id).await.said_yes, 0);
    desk.may_approve("user:bob", &[APPROVE]).await;
    desk.yes(id, "user:bob").await.unwrap();
    assert_eq!(desk.ask().await, id);
    assert_eq!(desk.request(id).await.said_yes, 1);
}

#[tokio::test]
async fn a_permission_that_is_over_approves_nothing() {
    for (second, counts) in [(59, true), (60, false)] {
        let desk = Desk::with("pay:app:bank:*?approve=2").await;
        let until = desk.kavach().now().plus_s(60);
        desk.may_approve("user:bob", &[&format!("{APPROVE}?expires={until}")])
            .await;
        let id = desk.ask().await;
        desk.yes(id, "user:carol").await.unwrap();
        desk.world.clock.advance_s(second);
        let voted = desk.yes(id, "user:bob").await;
        if counts {
            assert_eq!(voted.unwrap().request.state, ApprovalState::Approved);
            // The call is made a second later: the yes no longer counts then.
            desk.world.clock.advance_s(1);
            assert_eq!(desk.ask().await, id);
        } else {
            assert_eq!(refused(voted), Reason::NotAnApprover);
        }
    }
}

#[tokio::test]
async fn outside_their_weekly_times_nobody_approves() {
    // The clock of the tests begins on a Saturday, at ten.
    for (window, counts) in [
        ("sat+10:00-11:00+UTC", true),
        ("sat+09:00-10:00+UTC", false),
        ("fri+10:00-11:00+UTC", false),
    ] {
        let desk = Desk::new().await;
        desk.may_approve("user:bob", &[&format!("{APPROVE}?window={window}")])
            .await;
        let id = desk.ask().await;
        let voted = desk.yes(id, "user:bob").await;
        assert_eq!(voted.is_ok(), counts, "{window}");
    }
}

#[tokio::test]
async fn a_pattern_that_covers_it_will_do() {
    let desk = Desk::new().await;
    for (person, permission, counts) in [
        ("user:a", "approve:app:kavach:*", true),
        ("user:b", "*:app:**", true),
        ("user:c", "approve:app:kavach", false),
        ("user:d", "approve:app:kavach:approvals:x", false),
        ("user:e", "approve,deny:app:kavach:approvals", true),
    ] {
        desk.may_approve(person, &[permission]).await;
        let id = desk.ask().await;
        assert_eq!(desk.no(id, person).await.is_ok(), counts, "{permission}");
        desk.world.clock.advance_s(super::HOUR_S);
    }
}

#[tokio::test]
async fn people_get_no_bound_that_says_nothing_about_people() {
    let desk = Desk::new().await;
    for bound in [
        "rate=1/h",
        "budget=5/day",
        "ip=10.0.0.0/8",
        "approve",
        "min_trust=standard",
        "depth=1",
        "args/amount.max=5",
    ] {
        let permission = format!("{APPROVE}?{bound}").parse().unwrap();
        let granted = desk
            .kavach()
            .grant_owner(&subject("user:bob"), &[permission])
            .await;
        match granted.unwrap_err() {
            ChangeError::Refused(refusal) => {
                assert_eq!(refusal.reason, Reason::WrongState, "{bound}")
            }
            other => panic!("{bound}: {other}"),
        }
    }
    // A refusal changes nothing.
    let id = desk.ask().await;
    desk.yes(id, "user:bob").await.unwrap();
}

#[tokio::test]
async fn a_persons_permissions_give_their_agents_nothing() {
    let desk = Desk::new().await;
    desk.may_approve("user:alice", &["*:**"]).await;
    let what = ["approve app:kavach:approvals", "read app:other"];
    for what in what {
        assert_eq!(
            desk.world.decide(&desk.payer.id, what).await,
            "deny: no_matching_grant"
        );
    }
    // She may say yes to her own agent's call: she is a person, and was let.
    let id = desk.ask().await;
    desk.yes(id, "user:alice").await.unwrap();
    assert_eq!(short(&desk.pay().await), "allow");
}

#[tokio::test]
async fn who_was_off_boarded_is_let_approve_nothing() {
    let desk = Desk::new().await;
    let bob = subject("user:bob");
    desk.kavach().revoke_owner(&bob).await.unwrap();
    let granted = desk
        .kavach()
        .grant_owner(&bob, &[APPROVE.parse().unwrap()])
        .await;
    match granted.unwrap_err() {
        ChangeError::Refused(refusal) => assert_eq!(refusal.reason, Reason::OwnerRevoked),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn an_approver_who_is_stripped_while_the_call_is_made_does_not_count() {
    // Whichever lands first: an allow never leaves after the stripping has returned.
    for round in 0..64_u64 {
        let desk = Desk::new().await;
        let id = desk.ask().await;
        desk.yes(id, "user:bob").await.unwrap();
        let kavach = desk.kavach().clone();
        let strip = tokio::spawn(async move {
            for _ in 0..round % 4 {
                tokio::task::yield_now().await;
            }
            kavach
                .grant_owner(&subject("user:bob"), &[])
                .await
                .unwrap()
                .revision
        });
        let answer = desk.pay().await;
        let stripped = strip.await.unwrap();
        if answer.is_allowed() {
            assert!(answer.revision <= stripped);
        } else {
            assert_eq!(short(&answer), "needs approval");
        }
        assert_eq!(short(&desk.pay().await), "needs approval");
    }
}

/// What can happen to an approver.
type Happens = Pin<Box<dyn Future<Output = ()>>>;

/// Bob loses the right to approve, in each way there is.
fn losses(kavach: &Kavach) -> [(&'static str, Happens); 3] {
    let [one, two, three] = [kavach.clone(), kavach.clone(), kavach.clone()];
    let bob = || subject("user:bob");
    [
        (
            "stripped",
            Box::pin(async move {
                one.grant_owner(&bob(), &[]).await.unwrap();
            }),
        ),
        (
            "off-boarded",
            Box::pin(async move {
                two.revoke_owner(&bob()).await.unwrap();
            }),
        ),
        (
            "erased",
            Box::pin(async move {
                three.erase_subject(&bob()).await.unwrap();
            }),
        ),
    ]
}

#[tokio::test]
async fn a_yes_that_is_lost_before_the_call_lands_does_not_count() {
    for place in 0..3 {
        let desk = Desk::new().await;
        let id = desk.ask().await;
        desk.yes(id, "user:bob").await.unwrap();
        let (what, mut loss) = losses(desk.kavach()).into_iter().nth(place).unwrap();
        // Both wait for the store; the loss came first, and the call was decided before it landed.
        assert!(poll_once(&mut loss).is_pending(), "{what}");
        let kavach = desk.kavach().clone();
        let call = desk.call(json!({"amount": 100}));
        let mut pay: Pin<Box<dyn Future<Output = _>>> =
            Box::pin(async move { kavach.authorize_call(call).await.unwrap() });
        assert!(poll_once(&mut pay).is_pending(), "{what}");
        let (answer, ()) = tokio::join!(pay, loss);
        if what == "erased" {
            // Erasing takes several steps, of which the first takes only what is sealed.
            assert_eq!(short(&desk.pay().await), "needs approval", "{what}");
        } else {
            assert_eq!(short(&answer), "needs approval", "{what}");
        }
    }
}

#[tokio::test]
async fn an_answer_of_who_loses_the_right_before_it_lands_is_refused() {
    for place in 0..2 {
        let desk = Desk::new().await;
        let id = desk.ask().await;
        let (what, mut loss) = losses(desk.kavach()).into_iter().nth(place).unwrap();
        assert!(poll_once(&mut loss).is_pending(), "{what}");
        let voted = desk.yes(id, "user:bob").await;
        assert_eq!(refused(voted), Reason::NotAnApprover, "{what}");
        loss.await;
        assert_eq!(desk.request(id).await.votes, [], "{what}");
    }
}
