//! What a token states as to be asked is asked, exactly.

use kavach::ApprovalId;

use super::*;
use crate::world::subject;

#[tokio::test]
async fn a_rate_that_a_hop_states_counts_over_all_presentations() {
    let desk = Desk::new(&["*:mcp:github:*"]).await;
    let limited = desk.pass_some(
        &desk.token().await,
        0,
        "helper",
        Some(&["read:mcp:github:*?rate=2/m"]),
    );
    let decide = async |nonce| {
        let presentation = desk.present(&limited, 1, READ, nonce);
        desk.decide(&presentation, READ).await
    };
    assert_eq!(decide(1).await, "allow");
    assert_eq!(decide(2).await, "allow");
    let answer = desk.make(&desk.present(&limited, 1, READ, 3), READ).await;
    assert_eq!(short(&answer), "deny: rate_used_up");
    // A denied call burnt nothing, and a minute later there is room again.
    desk.world.clock.advance_s(60);
    assert_eq!(decide(4).await, "allow");
    // Another hop that says the same has a counter of its own.
    let other = desk.pass_some(
        &desk.token().await,
        0,
        "helper",
        Some(&["read:mcp:github:*?rate=2/m"]),
    );
    let presentation = desk.present(&other, 1, READ, 5);
    assert_eq!(desk.decide(&presentation, READ).await, "allow");
    // And the planner's own calls are bound by none of it.
    for nonce in 10..14 {
        let own = desk.present(&desk.token().await, 0, READ, nonce);
        assert_eq!(desk.decide(&own, READ).await, "allow");
    }
}

#[tokio::test]
async fn each_right_of_a_hop_has_counters_of_its_own() {
    let desk = Desk::new(&["*:mcp:github:*"]).await;
    let rights = [
        "read:mcp:github:repos?rate=1/m",
        "read:mcp:github:issues?rate=1/m",
    ];
    let limited = desk.pass_some(&desk.token().await, 0, "helper", Some(&rights));
    let issues = "read mcp:github:issues";
    for (nonce, what, want) in [
        (1, READ, "allow"),
        (2, READ, "deny: rate_used_up"),
        (3, issues, "allow"),
        (4, issues, "deny: rate_used_up"),
    ] {
        let presentation = desk.present(&limited, 1, what, nonce);
        assert_eq!(desk.decide(&presentation, what).await, want, "{what}");
    }
}

#[tokio::test]
async fn limits_of_the_line_and_of_the_token_are_charged_together_or_not_at_all() {
    let desk = Desk::new(&["read:mcp:github:*?rate=3/m"]).await;
    let token = desk.token().await;
    let one = desk.pass_some(&token, 0, "helper", Some(&["read:mcp:github:*?rate=1/m"]));
    let decide = async |token: &Token, number, nonce| {
        let presentation = desk.present(token, number, READ, nonce);
        desk.decide(&presentation, READ).await
    };
    assert_eq!(decide(&one, 1, 1).await, "allow");
    // The helper's own limit says no, which takes nothing from the planner's.
    for nonce in 2..6 {
        assert_eq!(decide(&one, 1, nonce).await, "deny: rate_used_up");
    }
    assert_eq!(decide(&token, 0, 10).await, "allow");
    assert_eq!(decide(&token, 0, 11).await, "allow");
    assert_eq!(decide(&token, 0, 12).await, "deny: rate_used_up");
    // And the other way round: nothing was taken from a hop's limit while the line had no room.
    let other = desk.pass_some(&token, 0, "other", Some(&["read:mcp:github:*?rate=1/h"]));
    assert_eq!(decide(&other, 1, 13).await, "deny: rate_used_up");
    desk.world.clock.advance_s(60);
    assert_eq!(decide(&other, 1, 14).await, "allow");
    assert_eq!(decide(&other, 1, 15).await, "deny: rate_used_up");
}

#[tokio::test]
async fn a_rate_of_a_hop_counts_over_a_restart() {
    let desk = Desk::on(On::Redb, &["*:mcp:github:*"]).await;
    let limited = desk.pass_some(
        &desk.token().await,
        0,
        "helper",
        Some(&["read:mcp:github:*?rate=1/h"]),
    );
    let [one, two] = [1, 2].map(|nonce| desk.present(&limited, 1, READ, nonce));
    assert_eq!(desk.decide(&one, READ).await, "allow");
    let Desk { world, planner } = desk;
    let world = world.reopen().await;
    let desk = Desk { world, planner };
    assert_eq!(desk.decide(&two, READ).await, "deny: rate_used_up");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hops_rate_is_never_passed_by_many_at_once() {
    let desk = Desk::new(&["*:mcp:github:*"]).await;
    let limited = desk.pass_some(
        &desk.token().await,
        0,
        "helper",
        Some(&["read:mcp:github:*?rate=5/m"]),
    );
    let racers = (0..40).map(|nonce| {
        let presentation = desk.present(&limited, 1, READ, nonce);
        let kavach = desk.kavach().clone();
        tokio::spawn(async move { make(&kavach, &presentation, READ).await.is_allowed() })
    });
    let racers: Vec<_> = racers.collect();
    let mut allowed = 0;
    for racer in racers {
        allowed += usize::from(racer.await.unwrap());
    }
    assert_eq!(allowed, 5);
}

#[tokio::test]
async fn a_budget_of_a_hop_is_charged_and_settled() {
    let desk = Desk::new(&["*:mcp:github:*"]).await;
    let limited = desk.pass_some(
        &desk.token().await,
        0,
        "helper",
        Some(&["read:mcp:github:*?budget=10/day"]),
    );
    let make = async |nonce, cost| {
        let mut call = call(&desk.present(&limited, 1, READ, nonce), READ);
        call.context.cost = Some(cost);
        desk.kavach().authorize_call(call).await.unwrap()
    };
    let first = make(1, 8).await;
    assert_eq!(short(&first), "allow");
    assert_eq!(first.obligations, ["settle"]);
    assert_eq!(short(&make(2, 8).await), "deny: budget_used_up");
    let settled = desk
        .kavach()
        .settle(first.audit_id.unwrap(), 2)
        .await
        .unwrap();
    assert_eq!(settled.reserved, 8);
    assert_eq!(short(&make(3, 8).await), "allow");
    assert_eq!(short(&make(4, 1).await), "deny: budget_used_up");
}

#[tokio::test]
async fn an_approval_that_a_hop_asks_for_is_asked_for_and_used_once() {
    let desk = Desk::new(&["*:mcp:github:*"]).await;
    let kavach = desk.kavach();
    let bob = subject("user:bob");
    kavach
        .grant_owner(&bob, &["approve:app:kavach:approvals".parse().unwrap()])
        .await
        .unwrap();
    let token = desk.token().await;
    let asking = desk.pass_some(&token, 0, "helper", Some(&["read:mcp:github:*?approve"]));
    let make = async |token: &Token, nonce| {
        let presentation = desk.present(token, 1, READ, nonce);
        desk.make(&presentation, READ).await
    };
    let waits = make(&asking, 1).await;
    assert_eq!(short(&waits), "needs approval");
    let id: ApprovalId = waits.approval.unwrap();
    // Whoever is asked sees who calls, by what is certain: not what somebody calls them.
    let request = kavach.approval(&id).await.unwrap().unwrap();
    let now = kavach.now();
    let planner = desk.planner.id;
    let holders = [
        format!("{planner} since {now}"),
        format!("key {} since {now}", public(1)),
    ];
    assert_eq!(request.holders, holders);
    // Used up all the same: a yes is for the next one.
    let presentation = desk.present(&asking, 1, READ, 1);
    assert_eq!(desk.decide(&presentation, READ).await, "refused: replayed");
    assert_eq!(make(&asking, 2).await.approval, Some(id));
    // By another token of the same words somebody else asks.
    let other = desk.pass_some(&token, 0, "helper", Some(&["read:mcp:github:*?approve"]));
    let other = Desk::pass(&desk, &other, 1, "third");
    let presentation = desk.present(&other, 2, READ, 3);
    let waits = desk.make(&presentation, READ).await;
    assert_eq!(short(&waits), "needs approval");
    assert_ne!(waits.approval, Some(id));
    kavach.grant_approval(&id, &bob, None).await.unwrap();
    let presentation = desk.present(&other, 2, READ, 4);
    assert_eq!(
        short(&desk.make(&presentation, READ).await),
        "needs approval"
    );
    // The planner itself would not need one, and cannot use it up.
    let own = desk.present(&token, 0, READ, 5);
    assert_eq!(desk.decide(&own, READ).await, "allow");
    let allowed = make(&asking, 6).await;
    assert_eq!(
        (short(&allowed).as_str(), allowed.approval),
        ("allow", Some(id))
    );
    assert_eq!(short(&make(&asking, 7).await), "needs approval");
}

#[tokio::test]
async fn an_approval_that_the_line_asks_for_is_bound_to_the_token() {
    let desk = Desk::new(&["read:mcp:github:*?approve"]).await;
    let kavach = desk.kavach();
    let bob = subject("user:bob");
    kavach
        .grant_owner(&bob, &["approve:app:kavach:approvals".parse().unwrap()])
        .await
        .unwrap();
    // Bob says yes to the planner's own call: that is none by a token.
    let own = desk.world.authorize(&desk.planner.id, READ).await;
    kavach
        .grant_approval(&own.approval.unwrap(), &bob, None)
        .await
        .unwrap();
    let token = desk.token().await;
    let presented = desk.make(&desk.present(&token, 0, READ, 1), READ).await;
    assert_eq!(short(&presented), "needs approval");
    kavach
        .grant_approval(&presented.approval.unwrap(), &bob, None)
        .await
        .unwrap();
    let presented = desk.make(&desk.present(&token, 0, READ, 2), READ).await;
    assert_eq!(short(&presented), "allow");
    let own = desk.world.authorize(&desk.planner.id, READ).await;
    assert_eq!(short(&own), "allow");
}

#[tokio::test]
async fn trust_is_that_of_the_least_trusted_holder() {
    let desk = Desk::new(&["read:mcp:github:*?min_trust=limited", "write:mcp:github:*"]).await;
    let kavach = desk.kavach();
    let reader = desk.world.agent("reader", &["read:app:nothing"]).await;
    register(kavach, &reader.id, "reader", 1).await;
    let token = desk.token().await;
    let write = "write mcp:github:repos";
    // The planner and the reader are known; whoever comes after is not.
    let passed = desk.pass(&token, 0, &reader.id.to_string());
    let further = desk.pass(&passed, 1, "next");
    for (token, number, what, want) in [
        (&token, 0, READ, "allow"),
        (&passed, 1, READ, "allow"),
        (&further, 2, write, "allow"),
        (&further, 2, READ, "deny: trust_too_low"),
    ] {
        let presentation = desk.present(token, number, what, 10 + number);
        let told = desk.decide(&presentation, what).await;
        assert_eq!(told, want, "{number} {what}");
        desk.world.clock.advance_s(120);
    }
    // A hop that states it by itself is held to it too.
    let least = ["write:mcp:github:*?min_trust=limited"];
    let stated = desk.pass_some(&token, 0, "reader", Some(&least));
    let presentation = desk.present(&stated, 1, write, 30);
    assert_eq!(desk.decide(&presentation, write).await, "allow");
    let stated = desk.pass_some(&passed, 1, "next", Some(&least));
    let presentation = desk.present(&stated, 2, write, 31);
    assert_eq!(
        desk.decide(&presentation, write).await,
        "deny: trust_too_low"
    );
}

#[tokio::test]
async fn what_no_server_can_be_asked_is_looked_at_natively() {
    let desk = Desk::new(&["*:mcp:github:*"]).await;
    let passed = desk.pass_some(
        &desk.token().await,
        0,
        "helper",
        Some(&["read:mcp:github:*?ip=10.0.0.0/8"]),
    );
    for (nonce, ip, want) in [
        (1, None, "refused: condition at 1"),
        (2, Some("192.0.2.1"), "refused: condition at 1"),
        (3, Some("10.1.2.3"), "allow"),
    ] {
        let mut call = call(&desk.present(&passed, 1, READ, nonce), READ);
        call.context.ip = ip.map(|ip| ip.parse().unwrap());
        assert_eq!(
            told(&desk.kavach().authorize_call(call).await.unwrap()),
            want
        );
    }
}
