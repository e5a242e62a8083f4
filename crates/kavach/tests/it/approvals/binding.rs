//! What a yes is bound to: change any of it, and it is another call.

use kavach::{AgentEdit, ApprovalId, Call, DelegationEdit};
use serde_json::json;

use super::{Desk, call};
use crate::world::short;

/// A clerk below the payer, with an approved payment.
struct Approved {
    desk: Desk,
    clerk: kavach::Spawned,
    id: ApprovalId,
}

impl Approved {
    async fn new() -> Self {
        let desk = Desk::new().await;
        let clerk = desk
            .world
            .spawn(&desk.payer.id, "clerk", &["pay:app:bank:*"])
            .await;
        let mut approved = Self {
            desk,
            clerk,
            id: ApprovalId::from_parts(0, 0),
        };
        approved.id = approved.desk.make(approved.call()).await.approval.unwrap();
        approved.desk.yes(approved.id, "user:bob").await.unwrap();
        approved
    }

    fn call(&self) -> Call {
        let mut call = call(self.clerk.id, "pay app:bank:acme", json!({"amount": 100}));
        call.context.request_id = Some("one".into());
        call.context.cost = Some(3);
        call.context.audience = Some("https://bank.example".into());
        call
    }

    /// Makes another call, and is told to wait for another yes; then the approved one, and goes through.
    async fn check(&self, what: &str, other: Call) {
        let answer = self.desk.make(other).await;
        assert_eq!(short(&answer), "needs approval", "{what}");
        assert_ne!(answer.approval, Some(self.id), "{what}");
    }
}

#[tokio::test]
async fn each_part_of_a_call_makes_another_call_of_it() {
    type Change = fn(&mut Call);
    let approved = Approved::new().await;
    let changes: [(&str, Change); 7] = [
        ("resource", |call| {
            call.resource = "app:bank:other".parse().unwrap()
        }),
        ("arguments", |call| call.context.args = None),
        ("another request id", |call| {
            call.context.request_id = Some("two".into())
        }),
        ("no request id", |call| call.context.request_id = None),
        ("cost", |call| call.context.cost = Some(4)),
        ("no cost", |call| call.context.cost = None),
        ("audience", |call| call.context.audience = None),
    ];
    for (what, change) in changes {
        let mut other = approved.call();
        change(&mut other);
        approved.check(what, other).await;
    }
    // Where it comes from, and what it must be as fresh as, is not part of what was approved.
    let mut moved = approved.call();
    moved.context.ip = Some("192.0.2.7".parse().unwrap());
    moved.at_least = Some(1);
    assert_eq!(short(&approved.desk.make(moved).await), "allow");
}

#[tokio::test]
async fn another_action_is_another_call() {
    let desk = Desk::with("pay,refund:app:bank:*?approve").await;
    let id = desk.ask().await;
    desk.yes(id, "user:bob").await.unwrap();
    let other = call(
        desk.payer.id,
        "refund app:bank:acme",
        json!({"amount": 100}),
    );
    let answer = desk.make(other).await;
    assert_eq!(short(&answer), "needs approval");
    assert_ne!(answer.approval, Some(id));
}

#[tokio::test]
async fn an_edited_grant_is_another_line_whoever_holds_it() {
    // At the leaf.
    let approved = Approved::new().await;
    let mut edit = DelegationEdit::default();
    edit.permissions = Some(vec!["pay:app:bank:acme".parse().unwrap()]);
    let delegation = approved.clerk.delegation;
    approved
        .desk
        .kavach()
        .update_delegation(&delegation, edit)
        .await
        .unwrap();
    approved.check("edited at the leaf", approved.call()).await;

    // Above it.
    let approved = Approved::new().await;
    let mut edit = AgentEdit::default();
    edit.permissions = Some(vec!["pay:app:**?approve".parse().unwrap()]);
    let payer = approved.desk.payer.id;
    approved
        .desk
        .kavach()
        .update_agent(&payer, edit)
        .await
        .unwrap();
    approved.check("edited above it", approved.call()).await;
}

#[tokio::test]
async fn what_decides_nothing_about_the_line_may_change() {
    let approved = Approved::new().await;
    let kavach = approved.desk.kavach();
    let mut edit = AgentEdit::default();
    edit.metadata = Some([("team".to_owned(), "search".to_owned())].into());
    kavach
        .update_agent(&approved.desk.payer.id, edit)
        .await
        .unwrap();
    kavach
        .rotate_credential(&approved.clerk.id, 60)
        .await
        .unwrap();
    kavach.suspend_agent(&approved.desk.payer.id).await.unwrap();
    kavach.resume_agent(&approved.desk.payer.id).await.unwrap();
    approved
        .desk
        .world
        .agent("unrelated", &["read:app:x"])
        .await;
    assert_eq!(short(&approved.desk.make(approved.call()).await), "allow");
}
