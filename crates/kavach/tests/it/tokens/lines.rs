//! What a token allows is never more than what the line behind it gives now.

use kavach::{AgentEdit, DelegationEdit, Leaf, NewGuardrail};

use super::*;
use crate::world::subject;

/// A planner who holds what a lead passed on, and what it passed on itself to a reader.
async fn below() -> (Desk, Created, kavach::DelegationId) {
    let desk = Desk::new(&[]).await;
    let lead = desk.world.agent("lead", &["*:mcp:github:*"]).await;
    let given = desk
        .world
        .delegate(&lead.id, &desk.planner.id, &["*:mcp:github:*"])
        .await;
    (desk, lead, given.id)
}

#[tokio::test]
async fn a_line_that_does_not_hold_any_more_denies() {
    type Step<'a> = (&'a str, &'a str);
    let steps: [Step<'_>; 6] = [
        ("revoke the delegation", "deny: delegation_revoked"),
        ("revoke the lead", "deny: ancestor_revoked"),
        ("suspend the lead", "deny: ancestor_suspended"),
        ("suspend the planner", "deny: agent_suspended"),
        ("revoke the planner", "deny: agent_revoked"),
        ("off-board the owner", "deny: owner_revoked"),
    ];
    for (step, want) in steps {
        let (desk, lead, given) = below().await;
        let kavach = desk.kavach();
        let token = desk.token().await;
        let [before, after] = [1, 2].map(|nonce| desk.present(&token, 0, READ, nonce));
        assert_eq!(desk.decide(&before, READ).await, "allow");
        match step {
            "revoke the delegation" => kavach.revoke_delegation(&given).await.map(drop),
            "revoke the lead" => kavach.revoke_agent(&lead.id).await.map(drop),
            "suspend the lead" => kavach.suspend_agent(&lead.id).await.map(drop),
            "suspend the planner" => kavach.suspend_agent(&desk.planner.id).await.map(drop),
            "revoke the planner" => kavach.revoke_agent(&desk.planner.id).await.map(drop),
            _ => kavach.revoke_owner(&subject("user:alice")).await.map(drop),
        }
        .unwrap();
        assert_eq!(desk.decide(&after, READ).await, want, "{step}");
    }
}

#[tokio::test]
async fn narrowing_the_line_narrows_what_was_passed_on_offline() {
    let (desk, lead, given) = below().await;
    let kavach = desk.kavach();
    let passed = desk.pass(&desk.token().await, 0, "helper");
    let [one, two, three, four] = [1, 2, 3, 4].map(|nonce| desk.present(&passed, 1, READ, nonce));
    assert_eq!(desk.decide(&one, READ).await, "allow");
    let only = |text: &str| Some(vec![text.parse().unwrap()]);
    let mut edit = AgentEdit::default();
    edit.permissions = only("*:mcp:github:issues");
    kavach.update_agent(&lead.id, edit).await.unwrap();
    assert_eq!(desk.decide(&two, READ).await, "deny: ancestor_narrowed");
    let mut edit = AgentEdit::default();
    edit.permissions = only("*:mcp:github:*");
    kavach.update_agent(&lead.id, edit).await.unwrap();
    // Passed on no more: neither here nor offline.
    let mut edit = DelegationEdit::default();
    edit.max_depth = kavach::Edit::Set(0);
    kavach.update_delegation(&given, edit).await.unwrap();
    assert_eq!(desk.decide(&three, READ).await, "deny: too_deep");
    let own = desk.token().await;
    assert_eq!(
        desk.decide(&desk.present(&own, 0, READ, 9), READ).await,
        "allow"
    );
    let mut edit = DelegationEdit::default();
    edit.max_depth = kavach::Edit::Clear;
    kavach.update_delegation(&given, edit).await.unwrap();
    assert_eq!(desk.decide(&four, READ).await, "allow");
}

#[tokio::test]
async fn a_token_is_for_one_line_and_takes_nothing_from_another() {
    let (desk, lead, given) = below().await;
    let other = desk
        .world
        .delegate(&lead.id, &desk.planner.id, &["read:mcp:github:*"])
        .await;
    let refused = desk.kavach().mint(&desk.new_token()).await;
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("several delegations")
    );
    let via = |leaf| desk.new_token().via(Leaf::Delegation(leaf));
    let [one, two] = [given, other.id].map(via);
    let one = desk.kavach().mint(&one).await.unwrap().token;
    let two = desk.kavach().mint(&two).await.unwrap().token;
    desk.kavach().revoke_delegation(&given).await.unwrap();
    let denied = desk.present(&one, 0, READ, 1);
    assert_eq!(desk.decide(&denied, READ).await, "deny: delegation_revoked");
    let allowed = desk.present(&two, 0, READ, 2);
    assert_eq!(desk.decide(&allowed, READ).await, "allow");
}

#[tokio::test]
async fn who_was_suspended_or_revoked_holds_no_token_by_any_name() {
    let desk = Desk::new(&["*:mcp:github:*"]).await;
    let reader = desk.world.agent("reader", &["read:app:nothing"]).await;
    register(desk.kavach(), &reader.id, "reader", 1).await;
    let token = desk.token().await;
    let [by_id, by_name] =
        [reader.id.to_string(), "innocent".to_owned()].map(|called| desk.pass(&token, 0, &called));
    desk.kavach().suspend_agent(&reader.id).await.unwrap();
    for (nonce, passed) in [(1, &by_id), (2, &by_name)] {
        let presentation = desk.present(passed, 1, READ, nonce);
        assert_eq!(
            desk.decide(&presentation, READ).await,
            "deny: agent_suspended"
        );
    }
    // Not even in the middle.
    let further = desk.pass(&by_name, 1, "next");
    let presentation = desk.present(&further, 2, READ, 3);
    assert_eq!(
        desk.decide(&presentation, READ).await,
        "deny: agent_suspended"
    );
    desk.kavach().resume_agent(&reader.id).await.unwrap();
    let presentation = desk.present(&further, 2, READ, 4);
    assert_eq!(desk.decide(&presentation, READ).await, "allow");
    desk.kavach().revoke_agent(&reader.id).await.unwrap();
    let presentation = desk.present(&further, 2, READ, 5);
    assert_eq!(
        desk.decide(&presentation, READ).await,
        "deny: agent_revoked"
    );
}

#[tokio::test]
async fn a_guardrail_for_any_holder_applies() {
    use kavach::Guarded;
    let desk = Desk::new(&["*:mcp:github:*"]).await;
    let kavach = desk.kavach();
    let reader = desk.world.agent("reader", &["read:app:nothing"]).await;
    register(kavach, &reader.id, "reader", 1).await;
    let passed = desk.pass(&desk.token().await, 0, &reader.id.to_string());
    let further = desk.pass(&passed, 1, "next");
    let guardrail = NewGuardrail::new("no-writing", "write:mcp:github:*").unwrap();
    let guardrail = guardrail.agents(Guarded::Agents(vec![crate::world::name("reader")]));
    kavach.set_guardrail(&guardrail).await.unwrap();
    let write = "write mcp:github:repos";
    for (number, token, nonce) in [(1, &passed, 1), (2, &further, 2)] {
        let answer = desk
            .make(&desk.present(token, number, write, nonce), write)
            .await;
        assert_eq!(told(&answer), "deny: guardrail_applies");
        assert_eq!(answer.guardrail.unwrap().as_str(), "no-writing");
    }
    // The planner is none of those it names, and reading is nothing that it speaks of.
    let own = desk.token().await;
    assert_eq!(
        desk.decide(&desk.present(&own, 0, write, 3), write).await,
        "allow"
    );
    assert_eq!(
        desk.decide(&desk.present(&passed, 1, READ, 4), READ).await,
        "allow"
    );
}
