//! What the trail says of calls that are made with tokens.

use kavach::Revocable;
use kavach::audit::{Detail, Event, EventKind, Outcome, Query};

use super::*;
use crate::world::found;

/// The sentence about an event, with what stands beside it.
async fn sentence(kavach: &Kavach, event: &Event) -> String {
    let private = kavach.private(event).await.unwrap();
    kavach.sentence(event, &private)
}

async fn last(desk: &Desk, kind: EventKind) -> Event {
    let events = desk.world.events().await;
    events
        .into_iter()
        .rfind(|event| event.kind == kind)
        .unwrap()
}

#[tokio::test]
async fn a_call_names_everybody_who_held_the_token() {
    let desk = Desk::new(&[]).await;
    let kavach = desk.kavach();
    let lead = desk.world.agent("lead", &["*:mcp:github:*"]).await.id;
    let given = desk
        .world
        .delegate(&lead, &desk.planner.id, &["*:mcp:github:*"])
        .await;
    let reader = desk.world.agent("reader", &[]).await.id;
    register(kavach, &reader, "reader", 1).await;
    desk.world.clock.advance_s(300);
    let passed = desk.pass(&desk.token().await, 0, &reader.to_string());
    desk.world.clock.advance_s(60);
    let further = desk.pass(&passed, 1, "temp");
    let presentation = desk.present(&further, 2, READ, 7);
    let answer = desk.make(&presentation, READ).await;
    assert_eq!(told(&answer), "allow");
    assert_eq!(answer.line, ["user:alice", "lead", "planner", "reader"]);

    let event = last(&desk, EventKind::Authorize).await;
    assert_eq!(Some(event.id), answer.audit_id);
    assert_eq!(event.agent, Some(reader));
    let line: Vec<_> = event
        .line
        .iter()
        .map(|hop| (hop.agent, hop.delegation))
        .collect();
    let planner = desk.planner.id;
    assert_eq!(
        line,
        [(lead, None), (planner, Some(given.id)), (reader, None)]
    );
    assert_eq!(event.rested_on().len(), 2);
    assert_eq!(event.audience.as_deref(), Some(SERVICE));
    let mut blocks: Vec<String> = further
        .line()
        .iter()
        .map(|hop| hop.block().to_string())
        .collect();
    assert_eq!(event.token_ids[..3], blocks);
    blocks.extend(event.token_ids.get(3).cloned());
    assert_eq!(event.token_ids, blocks);
    let Some(Detail::List(holders)) = event.detail.get("holders") else {
        panic!("no holders");
    };
    let hops = further.line();
    let (at, id, key) = (hops[2].at(), hops[2].id(), hops[2].key());
    assert_eq!(holders[2], format!("{at} {id} {key}"));
    assert!(holders[1].ends_with(&format!(" {} {reader}", public(1))));
    assert_eq!(
        event.detail.get("nonce"),
        Some(&Detail::Text("07".repeat(16)))
    );
    // Names and reasons of others are theirs: beside the event, where they can be erased.
    let encoded = String::from_utf8(event.clone().seal().bytes).unwrap();
    assert!(!encoded.contains("temp") && !encoded.contains("look around"));
    let said = sentence(kavach, &event).await;
    let said = said
        .replace(&reader.to_string(), "agt_R")
        .replace(&planner.to_string(), "agt_P");
    let said = said
        .replace(&lead.to_string(), "agt_L")
        .replace(&public(2).to_string()[..12], "KEY");
    insta::assert_snapshot!(said);

    check_found_by(kavach, [lead, planner, reader]).await;
    let alice = crate::world::subject("user:alice");
    kavach.erase_subject(&alice).await.unwrap();
    assert!(!sentence(kavach, &event).await.contains("temp"));
}

/// The one call is found by each of them.
async fn check_found_by(kavach: &Kavach, agents: [AgentId; 3]) {
    for agent in agents {
        let query = Query {
            under: Some(agent),
            kind: Some(EventKind::Authorize),
            ..Query::default()
        };
        assert_eq!(found(kavach, query).await.len(), 1, "{agent}");
    }
}

#[tokio::test]
async fn a_refusal_says_why_and_whose_it_was_where_that_is_certain() {
    let desk = Desk::new(&["*:mcp:github:*"]).await;
    let kavach = desk.kavach();
    let token = desk.token().await;
    let presentation = desk.present(&token, 0, READ, 1);
    assert_eq!(desk.decide(&presentation, READ).await, "allow");
    assert_eq!(desk.decide(&presentation, READ).await, "refused: replayed");
    let event = last(&desk, EventKind::Authorize).await;
    assert_eq!(
        (event.outcome, event.reason),
        (Outcome::Deny, Reason::TokenRefused)
    );
    let text = |key: &str| match event.detail.get(key) {
        Some(Detail::Text(text)) => text.clone(),
        _ => String::new(),
    };
    assert_eq!(text("token_refusal"), "replayed");
    assert_eq!(
        (event.agent, event.claimed.clone()),
        (Some(desk.planner.id), None)
    );
    assert!(
        sentence(kavach, &event)
            .await
            .contains("the token that was presented does not hold")
    );

    // Signed by nobody we know, it may say what it likes.
    let text = presentation.to_string();
    let place = text.len() - 110;
    let other = if &text[place..=place] == "A" {
        "B"
    } else {
        "A"
    };
    let forged = [&text[..place], other, &text[place + 1..]].concat();
    let forged: Presentation = forged.parse().unwrap();
    assert_eq!(desk.decide(&forged, READ).await, "refused: signature at 1");
    let event = last(&desk, EventKind::Authorize).await;
    assert_eq!(
        (event.agent, event.owner, event.line.len()),
        (None, None, 0)
    );
    assert_eq!(event.claimed, Some(desk.planner.id.to_string()));
}

#[tokio::test]
async fn what_is_made_and_revoked_is_told_in_sentences() {
    let desk = Desk::new(&["*:mcp:github:*"]).await;
    let kavach = desk.kavach();
    let token = desk.token().await;
    kavach
        .revoke_tokens(Revocable::Token(token.line()[0].id()))
        .await
        .unwrap();
    kavach
        .remove_holder_key(&desk.planner.id, &public(0))
        .await
        .unwrap();
    kavach.rotate_root_key(60).await.unwrap();
    let mut said = Vec::new();
    for event in desk.world.events().await {
        if event.kind.code().contains("key") || event.kind.code().contains("token") {
            let text = sentence(kavach, &event).await;
            said.push(masked(&text, &desk.planner.id.to_string()));
        }
    }
    insta::assert_snapshot!(said.join("\n"));
}

/// Without what differs from run to run.
fn masked(text: &str, agent: &str) -> String {
    let text = text.replace(agent, "agt_P");
    let mut words: Vec<String> = Vec::new();
    for word in text.split(' ') {
        let digits = word.trim_matches(|c: char| !c.is_ascii_hexdigit());
        if digits.len() >= 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            words.push(word.replace(digits, "HEX"));
        } else {
            words.push(word.to_owned());
        }
    }
    words.join(" ")
}
