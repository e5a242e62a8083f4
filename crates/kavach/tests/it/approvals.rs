//! Calls that wait for people to say yes.

use std::sync::Arc;

use kavach::{
    AgentId, ApprovalArgs, ApprovalId, ApprovalRequest, ApprovalState, Authorization, Call, Caller,
    ChangeError, Created, Kavach, Reason, Voted,
};
use serde_json::{Value, json};

use crate::world::{On, World, short, subject};

mod attacks;
mod binding;
mod bounds;
mod news;
mod people;
mod private;
mod trail;
#[cfg(feature = "webhook")]
mod webhook;

/// What approvers hold.
const APPROVE: &str = "approve:app:kavach:approvals";
/// How long an approval is open where nothing else is said.
const HOUR_S: u64 = 60 * 60;

/// A node with a transferrer of Alice's that needs approval for each payment, and with people who may give it.
struct Desk {
    world: World,
    payer: Created,
}

impl Desk {
    /// One yes is enough.
    async fn new() -> Self {
        Self::with("pay:app:bank:*?approve").await
    }

    async fn with(permission: &str) -> Self {
        Self::on(On::Memory, None, permission).await
    }

    async fn on(on: On, master_key: Option<u8>, permission: &str) -> Self {
        let world = World::with_master_key(on, master_key).await;
        let payer = world.agent("payer", &[permission]).await;
        let desk = Self { world, payer };
        for person in ["user:bob", "user:carol", "user:dora"] {
            desk.may_approve(person, &[APPROVE]).await;
        }
        desk
    }

    async fn may_approve(&self, person: &str, permissions: &[&str]) {
        let permissions: Vec<_> = permissions
            .iter()
            .map(|text| text.parse().unwrap())
            .collect();
        let granted = self
            .kavach()
            .grant_owner(&subject(person), &permissions)
            .await;
        granted.unwrap();
    }

    fn kavach(&self) -> &Kavach {
        &self.world.kavach
    }

    /// The payment with these arguments.
    fn call(&self, args: Value) -> Call {
        call(self.payer.id, "pay app:bank:acme", args)
    }

    async fn make(&self, call: Call) -> Authorization {
        self.kavach().authorize_call(call).await.unwrap()
    }

    /// Asks for the payment of 100.
    async fn pay(&self) -> Authorization {
        self.make(self.call(json!({"amount": 100}))).await
    }

    /// Asks for it, and is told to wait; for what.
    async fn ask(&self) -> ApprovalId {
        let answer = self.pay().await;
        assert_eq!(short(&answer), "needs approval");
        answer.approval.unwrap()
    }

    async fn yes(&self, id: ApprovalId, by: &str) -> Result<Voted, ChangeError> {
        self.kavach().grant_approval(&id, &subject(by), None).await
    }

    async fn no(&self, id: ApprovalId, by: &str) -> Result<Voted, ChangeError> {
        self.kavach().deny_approval(&id, &subject(by), None).await
    }

    /// How the request stands.
    async fn state(&self, id: ApprovalId) -> ApprovalState {
        self.request(id).await.state
    }

    async fn request(&self, id: ApprovalId) -> ApprovalRequest {
        self.kavach().approval(&id).await.unwrap().unwrap()
    }
}

fn call(who: AgentId, what: &str, args: Value) -> Call {
    let (action, resource) = what.split_once(' ').unwrap();
    let mut call = Call::new(
        Caller::from(who),
        action.parse().unwrap(),
        resource.parse().unwrap(),
    );
    call.context.args = Some(Arc::new(args));
    call
}

/// Why an answer of a person was refused.
#[track_caller]
fn refused(voted: Result<Voted, ChangeError>) -> Reason {
    match voted {
        Err(ChangeError::Refused(refusal)) => refusal.reason,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[tokio::test]
async fn an_approved_call_made_again_goes_through_once() {
    for on in [On::Memory, On::Redb] {
        let desk = Desk::on(on, Some(7), "pay:app:bank:*?approve").await;
        let id = desk.ask().await;
        assert_eq!(desk.state(id).await, ApprovalState::Pending);
        // Asking again asks nobody anew, and gets nobody's yes.
        assert_eq!(desk.ask().await, id);

        let voted = desk.yes(id, "user:bob").await.unwrap();
        assert_eq!(voted.request.state, ApprovalState::Approved);
        let answer = desk.pay().await;
        assert_eq!(
            (short(&answer), answer.approval),
            ("allow".into(), Some(id))
        );
        let request = desk.request(id).await;
        assert_eq!(request.state, ApprovalState::Used);
        assert_eq!(request.used_by, answer.audit_id);

        let next = desk.ask().await;
        assert_ne!(next, id, "what was used once is asked anew");
        desk.world.check_log().await;
    }
}

#[tokio::test]
async fn an_approval_lasts_through_a_restart() {
    let Desk { world, payer } = Desk::on(On::Redb, Some(7), "pay:app:bank:*?approve=2").await;
    let desk = Desk { world, payer };
    let id = desk.ask().await;
    desk.yes(id, "user:bob").await.unwrap();

    let Desk { world, payer } = desk;
    let desk = Desk {
        world: world.reopen().await,
        payer,
    };
    assert_eq!(desk.ask().await, id);
    assert_eq!(
        desk.request(id).await.args,
        ApprovalArgs::Shown(json!({"amount": 100}))
    );
    desk.yes(id, "user:carol").await.unwrap();

    let Desk { world, payer } = desk;
    let desk = Desk {
        world: world.reopen().await,
        payer,
    };
    assert_eq!(short(&desk.pay().await), "allow");

    let Desk { world, payer } = desk;
    let desk = Desk {
        world: world.reopen().await,
        payer,
    };
    assert_ne!(desk.ask().await, id, "spent for good");
}

#[tokio::test]
async fn who_approves_sees_the_call_and_the_line() {
    let desk = Desk::new().await;
    let child = desk
        .world
        .spawn(&desk.payer.id, "clerk", &["pay:app:bank:acme"])
        .await;
    let mut asked = call(
        child.id,
        "pay app:bank:acme",
        json!({"amount": 5, "to": "acme"}),
    );
    asked.context.request_id = Some("req-1".into());
    asked.context.audience = Some("https://bank.example".into());
    asked.context.cost = Some(u64::MAX);
    let id = desk.make(asked).await.approval.unwrap();

    let request = desk.request(id).await;
    assert_eq!(request.agent, child.id);
    assert_eq!(request.line, ["user:alice", "payer", "clerk"]);
    assert_eq!(request.hops.len(), 2);
    assert_eq!(request.hops[1].delegation, Some(child.delegation));
    assert_eq!(request.action.as_str(), "pay");
    assert_eq!(request.resource.as_str(), "app:bank:acme");
    assert_eq!(
        request.args,
        ApprovalArgs::Shown(json!({"amount": 5, "to": "acme"}))
    );
    assert_eq!(request.request_id.as_deref(), Some("req-1"));
    assert_eq!(request.audience.as_deref(), Some("https://bank.example"));
    assert_eq!(request.cost, Some(u64::MAX));
    assert_eq!((request.needed, request.said_yes), (1, 0));
    assert_eq!(request.asked_at, desk.kavach().now());
    assert_eq!(request.expires_at, desk.kavach().now().plus_s(HOUR_S));

    // A list has all of it but the arguments.
    let mut listed = request;
    listed.args = ApprovalArgs::NotShown;
    assert_eq!(desk.kavach().approvals(), [listed]);
}

#[tokio::test]
async fn a_call_without_arguments_waits_too() {
    let desk = Desk::new().await;
    let bare = || {
        let mut call = desk.call(Value::Null);
        call.context.args = None;
        call
    };
    let id = desk.make(bare()).await.approval.unwrap();
    assert_eq!(desk.request(id).await.args, ApprovalArgs::None);
    let null = desk.make(desk.call(Value::Null)).await.approval.unwrap();
    assert_ne!(null, id, "no arguments, and null, are two calls");
    assert_eq!(
        desk.request(null).await.args,
        ApprovalArgs::Shown(Value::Null)
    );
    desk.yes(id, "user:bob").await.unwrap();
    assert_eq!(short(&desk.make(bare()).await), "allow");
}

#[tokio::test]
async fn one_no_denies_the_call_until_the_request_is_over() {
    let desk = Desk::with("pay:app:bank:*?approve=2").await;
    let id = desk.ask().await;
    desk.yes(id, "user:bob").await.unwrap();
    let voted = desk.no(id, "user:carol").await.unwrap();
    assert_eq!(voted.request.state, ApprovalState::Denied);

    let answer = desk.pay().await;
    assert_eq!(short(&answer), "deny: approval_denied");
    assert_eq!(answer.approval, Some(id));
    assert_eq!(refused(desk.yes(id, "user:dora").await), Reason::WrongState);

    desk.world.clock.advance_s(HOUR_S - 1);
    assert_eq!(short(&desk.pay().await), "deny: approval_denied");
    desk.world.clock.advance_s(1);
    assert_ne!(desk.ask().await, id);
}

#[tokio::test]
async fn somebody_may_say_no_to_what_is_approved_and_not_made() {
    let desk = Desk::new().await;
    let id = desk.ask().await;
    desk.yes(id, "user:bob").await.unwrap();
    // Bob had second thoughts.
    desk.no(id, "user:bob").await.unwrap();
    assert_eq!(short(&desk.pay().await), "deny: approval_denied");
}

#[tokio::test]
async fn as_many_people_must_say_yes_as_the_line_needs() {
    let desk = Desk::with("pay:app:bank:*?approve=3").await;
    let id = desk.ask().await;
    for (person, state) in [
        ("user:bob", ApprovalState::Pending),
        ("user:carol", ApprovalState::Pending),
        ("user:dora", ApprovalState::Approved),
    ] {
        assert_eq!(
            short(&desk.pay().await),
            "needs approval",
            "before {person}"
        );
        let voted = desk.yes(id, person).await.unwrap();
        assert_eq!(voted.request.state, state, "after {person}");
    }
    assert_eq!(short(&desk.pay().await), "allow");
}

#[tokio::test]
async fn an_approved_call_still_meets_every_other_bound() {
    let desk = Desk::with("pay:app:bank:*?approve&rate=1/h").await;
    let second = || desk.call(json!({"amount": 200}));
    let (one, two) = (
        desk.ask().await,
        desk.make(second()).await.approval.unwrap(),
    );
    for id in [one, two] {
        desk.yes(id, "user:bob").await.unwrap();
    }
    assert_eq!(short(&desk.pay().await), "allow");
    // The rate is used up, and a denied call spends no approval.
    assert_eq!(short(&desk.make(second()).await), "deny: rate_used_up");
    assert_eq!(desk.state(two).await, ApprovalState::Approved);
    desk.world.clock.advance_s(HOUR_S - 1);
    assert_eq!(short(&desk.make(second()).await), "deny: rate_used_up");
}

#[tokio::test]
async fn a_yes_counts_by_its_own_line_when_another_has_become_the_better_one() {
    let desk = Desk::with("pay:app:bank:*?approve&rate=1/h&budget=100/total").await;
    let simpler = ["pay:app:bank:*?approve&rate=1/h"];
    let helper = desk.world.agent("helper", &simpler).await;
    desk.world
        .delegate(&desk.payer.id, &helper.id, &["pay:app:bank:*"])
        .await;
    let pay = |amount| call(helper.id, "pay app:bank:acme", json!({ "amount": amount }));
    // The helper's own line is the simpler one, and its rate is used up.
    let first = desk.make(pay(1)).await.approval.unwrap();
    assert_eq!(desk.request(first).await.hops.len(), 1);
    desk.yes(first, "user:bob").await.unwrap();
    assert_eq!(short(&desk.make(pay(1)).await), "allow");

    desk.world.clock.advance_s(HOUR_S / 2);
    let second = desk.make(pay(2)).await.approval.unwrap();
    assert_eq!(desk.request(second).await.hops.len(), 2);
    desk.yes(second, "user:bob").await.unwrap();
    // Now the simpler line has room again, and nobody said yes to the call by that one.
    desk.world.clock.advance_s(HOUR_S / 2);
    let answer = desk.make(pay(2)).await;
    assert_eq!(short(&answer), "allow");
    assert_eq!((answer.approval, answer.hops.len()), (Some(second), 2));
}
