//! Getting through without a yes, or twice with one.

use std::sync::Arc;

use kavach::{ApprovalState, Decision, Reason, TenantId};
use serde_json::json;
use tokio::task::JoinSet;

use super::{APPROVE, Desk, HOUR_S, call, refused};
use crate::world::{On, name, short, subject};

#[tokio::test]
async fn a_used_approval_lets_nothing_through_again() {
    let desk = Desk::new().await;
    let id = desk.ask().await;
    desk.yes(id, "user:bob").await.unwrap();
    assert_eq!(short(&desk.pay().await), "allow");
    for _ in 0..3 {
        assert_eq!(short(&desk.pay().await), "needs approval");
    }
    assert_eq!(
        refused(desk.yes(id, "user:carol").await),
        Reason::NotFound,
        "what was used is replaced by what was asked anew"
    );
}

#[tokio::test]
async fn of_many_that_use_one_approval_at_once_one_gets_through() {
    for on in [On::Memory, On::Redb] {
        let desk = Desk::on(on, None, "pay:app:bank:*?approve").await;
        let id = desk.ask().await;
        desk.yes(id, "user:bob").await.unwrap();
        let mut racers = JoinSet::new();
        for _ in 0..64 {
            let (kavach, call) = (desk.kavach().clone(), desk.call(json!({"amount": 100})));
            racers.spawn(async move { kavach.authorize_call(call).await.unwrap() });
        }
        let answers = racers.join_all().await;
        let allowed = answers.iter().filter(|answer| answer.is_allowed()).count();
        assert_eq!(allowed, 1);
        let others = answers.iter().filter(|answer| !answer.is_allowed());
        for other in others {
            assert_eq!(other.decision, Decision::NeedsApproval);
            assert_ne!(other.approval, Some(id));
        }
        desk.world.check_log().await;
    }
}

#[tokio::test]
async fn of_many_that_ask_at_once_all_wait_for_one_request() {
    let desk = Desk::new().await;
    let mut racers = JoinSet::new();
    for _ in 0..64 {
        let (kavach, call) = (desk.kavach().clone(), desk.call(json!({"amount": 100})));
        racers.spawn(async move { kavach.authorize_call(call).await.unwrap() });
    }
    let answers = racers.join_all().await;
    let waits: Vec<_> = answers.iter().map(|answer| answer.approval).collect();
    assert!(waits.iter().all(|id| id.is_some() && *id == waits[0]));
    assert_eq!(desk.kavach().approvals().len(), 1);
}

#[tokio::test]
async fn of_many_that_say_yes_at_once_each_person_counts_once() {
    let desk = Desk::with("pay:app:bank:*?approve=2").await;
    let id = desk.ask().await;
    let mut racers = JoinSet::new();
    for _ in 0..16 {
        let kavach = desk.kavach().clone();
        racers.spawn(async move {
            let bob = subject("user:bob");
            kavach.grant_approval(&id, &bob, None).await.is_ok()
        });
    }
    let counted = racers.join_all().await;
    assert_eq!(counted.iter().filter(|counted| **counted).count(), 1);
    assert_eq!(short(&desk.pay().await), "needs approval");
}

#[tokio::test]
async fn one_person_says_yes_once() {
    let desk = Desk::with("pay:app:bank:*?approve=2").await;
    let id = desk.ask().await;
    desk.yes(id, "user:bob").await.unwrap();
    assert_eq!(refused(desk.yes(id, "user:bob").await), Reason::WrongState);
    assert_eq!(short(&desk.pay().await), "needs approval");
}

#[tokio::test]
async fn whom_nobody_let_approve_does_not() {
    let desk = Desk::new().await;
    desk.may_approve(
        "user:eve",
        &["read:app:kavach:approvals", "approve:app:kavach:other"],
    )
    .await;
    let id = desk.ask().await;
    // Alice owns the agent, Eve may do other things, nobody knows Mallory, and systems are no people.
    for person in ["user:alice", "user:eve", "user:mallory", "service:bot"] {
        assert_eq!(
            refused(desk.yes(id, person).await),
            Reason::NotAnApprover,
            "{person}"
        );
        assert_eq!(
            refused(desk.no(id, person).await),
            Reason::NotAnApprover,
            "{person}"
        );
    }
    assert_eq!(desk.request(id).await.votes, []);
    assert_eq!(short(&desk.pay().await), "needs approval");
}

#[tokio::test]
async fn an_agent_approves_nothing_whatever_it_holds() {
    let desk = Desk::new().await;
    let boss = desk.world.agent("boss", &[APPROVE, "*:**"]).await;
    let id = desk.ask().await;
    // A person of the agent's name, or of its id, is not the agent, and holds nothing.
    for person in [
        "user:boss".to_owned(),
        format!("user:{}", boss.id),
        format!("service:{}", boss.id),
    ] {
        assert_eq!(refused(desk.yes(id, &person).await), Reason::NotAnApprover);
    }
    // What it may do as an agent opens no other way.
    assert!(
        desk.kavach()
            .authorize(&boss.id, "approve", "app:kavach:approvals")
            .await
            .unwrap()
            .is_allowed()
    );
    assert_eq!(short(&desk.pay().await), "needs approval");
}

#[tokio::test]
async fn a_system_is_never_let_approve() {
    let desk = Desk::new().await;
    let bot = subject("service:bot");
    let granted = desk
        .kavach()
        .grant_owner(&bot, &[APPROVE.parse().unwrap()])
        .await;
    let refusal = match granted.unwrap_err() {
        kavach::ChangeError::Refused(refusal) => refusal,
        other => panic!("{other}"),
    };
    assert_eq!(refusal.reason, Reason::WrongState);
}

#[tokio::test]
async fn swapped_arguments_are_another_call() {
    let desk = Desk::new().await;
    let id = desk.ask().await;
    desk.yes(id, "user:bob").await.unwrap();
    for args in [
        json!({"amount": 101}),
        json!({"amount": "100"}),
        json!({"amount": 100, "to": "mallory"}),
        json!({}),
        json!(null),
        json!([100]),
    ] {
        let answer = desk.make(desk.call(args.clone())).await;
        assert_eq!(short(&answer), "needs approval", "{args}");
        assert_ne!(answer.approval, Some(id));
    }
    // The same arguments in other words are the same.
    let same = serde_json::from_str(r#"{ "amount" : 1e2 }"#).unwrap();
    assert_eq!(short(&desk.make(desk.call(same)).await), "allow");
}

#[tokio::test]
async fn a_revoked_line_is_not_let_through_by_an_earlier_yes() {
    let desk = Desk::new().await;
    let child = desk
        .world
        .spawn(&desk.payer.id, "clerk", &["pay:app:bank:acme"])
        .await;
    let pay = || call(child.id, "pay app:bank:acme", json!({"amount": 1}));
    let id = desk.make(pay()).await.approval.unwrap();
    desk.yes(id, "user:bob").await.unwrap();
    desk.kavach()
        .revoke_delegation(&child.delegation)
        .await
        .unwrap();
    assert_eq!(short(&desk.make(pay()).await), "deny: delegation_revoked");

    // Made again, it is another line: what was said of the first does not count.
    desk.world
        .delegate(&desk.payer.id, &child.id, &["pay:app:bank:acme"])
        .await;
    let answer = desk.make(pay()).await;
    assert_eq!(short(&answer), "needs approval");
    assert_ne!(answer.approval, Some(id));
}

#[tokio::test]
async fn a_revoked_agent_and_an_off_boarded_owner_are_not_let_through() {
    let desk = Desk::new().await;
    let id = desk.ask().await;
    desk.yes(id, "user:bob").await.unwrap();
    desk.kavach().suspend_agent(&desk.payer.id).await.unwrap();
    assert_eq!(short(&desk.pay().await), "deny: agent_suspended");
    assert_eq!(
        desk.state(id).await,
        ApprovalState::Approved,
        "nothing was spent"
    );
    desk.kavach().resume_agent(&desk.payer.id).await.unwrap();
    desk.kavach()
        .revoke_owner(&subject("user:alice"))
        .await
        .unwrap();
    assert_eq!(short(&desk.pay().await), "deny: owner_revoked");
}

#[tokio::test]
async fn at_its_last_second_an_approval_is_over() {
    for second in [HOUR_S - 1, HOUR_S] {
        let desk = Desk::new().await;
        let id = desk.ask().await;
        desk.yes(id, "user:bob").await.unwrap();
        desk.world.clock.advance_s(second);
        let answer = desk.pay().await;
        if second < HOUR_S {
            assert_eq!(short(&answer), "allow");
        } else {
            assert_eq!(short(&answer), "needs approval");
            assert_ne!(answer.approval, Some(id));
        }
    }
}

#[tokio::test]
async fn at_its_last_second_nobody_may_answer() {
    for second in [HOUR_S - 1, HOUR_S] {
        let desk = Desk::new().await;
        let id = desk.ask().await;
        desk.world.clock.advance_s(second);
        let voted = desk.yes(id, "user:bob").await;
        if second < HOUR_S {
            voted.unwrap();
        } else {
            assert_eq!(refused(voted), Reason::AlreadyExpired);
            assert_eq!(
                refused(desk.no(id, "user:bob").await),
                Reason::AlreadyExpired
            );
            assert_eq!(desk.state(id).await, ApprovalState::Expired);
        }
    }
}

#[tokio::test]
async fn a_made_up_id_is_nobodys_request() {
    let desk = Desk::new().await;
    desk.ask().await;
    let forged = kavach::ApprovalId::from_parts(1_795_255_200_000, 7);
    assert_eq!(
        refused(desk.yes(forged, "user:bob").await),
        Reason::NotFound
    );
    assert_eq!(refused(desk.no(forged, "user:bob").await), Reason::NotFound);
    assert_eq!(desk.kavach().approval(&forged).await.unwrap(), None);
    for text in ["apr_", "apr_1", "agt_01jd3v5q4cf7v8e9qk2m5x7y3z", ""] {
        assert!(text.parse::<kavach::ApprovalId>().is_err(), "{text}");
    }
}

#[tokio::test]
async fn nothing_of_another_tenant_is_seen_or_answered() {
    let desk = Desk::new().await;
    let id = desk.ask().await;
    let other = desk.kavach().in_tenant(TenantId::from_parts(1, 2));
    let bob = subject("user:bob");
    other
        .grant_owner(&bob, &[APPROVE.parse().unwrap()])
        .await
        .unwrap();
    assert_eq!(
        refused(other.grant_approval(&id, &bob, None).await),
        Reason::NotFound
    );
    assert_eq!(
        refused(other.deny_approval(&id, &bob, None).await),
        Reason::NotFound
    );
    assert_eq!(other.approval(&id).await.unwrap(), None);
    assert_eq!(other.approvals(), []);
    assert_eq!(desk.state(id).await, ApprovalState::Pending);
}

#[tokio::test]
async fn an_approver_of_another_tenant_is_nobody_here() {
    let desk = Desk::new().await;
    let id = desk.ask().await;
    let other = desk.kavach().in_tenant(TenantId::from_parts(1, 2));
    let zoe = subject("user:zoe");
    other
        .grant_owner(&zoe, &[APPROVE.parse().unwrap()])
        .await
        .unwrap();
    assert_eq!(
        refused(desk.yes(id, "user:zoe").await),
        Reason::NotAnApprover
    );
}

#[tokio::test]
async fn a_yes_to_one_line_opens_no_other() {
    // Two lines of one agent; the shorter list of approvals is taken, and a yes to it is no yes to the other.
    let desk = Desk::new().await;
    let helper = desk.world.agent("helper", &["read:app:other"]).await;
    let strict = desk
        .world
        .agent("strict", &["pay:app:bank:*?approve=2"])
        .await;
    let pay = || call(helper.id, "pay app:bank:acme", json!({"amount": 1}));
    let loose = desk
        .world
        .delegate(&desk.payer.id, &helper.id, &["pay:app:bank:acme"])
        .await;
    desk.world
        .delegate(&strict.id, &helper.id, &["pay:app:bank:acme"])
        .await;
    let id = desk.make(pay()).await.approval.unwrap();
    assert_eq!(desk.request(id).await.needed, 1);
    desk.yes(id, "user:bob").await.unwrap();
    desk.kavach().revoke_delegation(&loose.id).await.unwrap();

    let answer = desk.make(pay()).await;
    assert_eq!(short(&answer), "needs approval");
    let other = answer.approval.unwrap();
    assert_ne!(other, id);
    assert_eq!(
        (
            desk.request(other).await.needed,
            desk.request(other).await.said_yes
        ),
        (2, 0)
    );
}

#[tokio::test]
async fn looking_asks_nobody_and_spends_nothing() {
    let desk = Desk::new().await;
    let simulate = || {
        desk.kavach()
            .simulate(&desk.call(json!({"amount": 100})), None)
            .unwrap()
    };
    assert_eq!(short(&simulate()), "needs approval");
    assert_eq!(desk.kavach().approvals(), []);
    let id = desk.ask().await;
    desk.yes(id, "user:bob").await.unwrap();
    let _ = simulate();
    assert_eq!(desk.state(id).await, ApprovalState::Approved);
    assert_eq!(short(&desk.pay().await), "allow");
}

#[tokio::test]
async fn a_suspended_agents_twin_of_the_same_name_uses_nothing_of_it() {
    let desk = Desk::new().await;
    let id = desk.ask().await;
    desk.yes(id, "user:bob").await.unwrap();
    desk.kavach().revoke_agent(&desk.payer.id).await.unwrap();
    let twin = crate::world::new_agent("user:alice", "payer", &["pay:app:bank:*?approve"]);
    let twin = desk.kavach().create_agent(twin.recreate()).await.unwrap();
    let mut again = desk.call(json!({"amount": 100}));
    again.caller = kavach::Caller::from(&name("payer"));
    let answer = desk.make(again).await;
    assert_eq!(answer.agent, Some(twin.id));
    assert_eq!(short(&answer), "needs approval");
    assert_ne!(answer.approval, Some(id));
}

#[tokio::test]
async fn a_yes_races_a_use_and_neither_is_lost() {
    for _ in 0..32 {
        let desk = Desk::with("pay:app:bank:*?approve").await;
        let id = desk.ask().await;
        let desk = Arc::new(desk);
        let voter = tokio::spawn({
            let desk = Arc::clone(&desk);
            async move { desk.yes(id, "user:bob").await }
        });
        let first = desk.pay().await;
        voter.await.unwrap().unwrap();
        let second = desk.pay().await;
        let allowed = [&first, &second]
            .iter()
            .filter(|answer| answer.is_allowed())
            .count();
        assert_eq!(allowed, 1);
    }
}
