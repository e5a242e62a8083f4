//! Every limit, on both of its sides; every expiry, the second before and the second itself.

use std::collections::BTreeMap;

use kavach_core::limits::{
    DEPTH_MAX, GRANTS_MAX, INCOMING_MAX, METADATA_ENTRIES_MAX, METADATA_KEY_BYTES_MAX,
    METADATA_VALUE_BYTES_MAX, NAME_BYTES_MAX, SUBJECT_BYTES_MAX,
};
use kavach_core::{
    Action, AgentEdit, AgentId, DelegationId, Edit, Leaf, Name, Reason, Refusal, Subject, Timestamp,
};

use crate::world::{TENANT, World, credential, denied, permissions};

/// Asks in the second before `seconds` are over, in that second, and in the one after.
#[track_caller]
fn ends_after_s(mut world: World, seconds: u64, agent: AgentId, reason: Reason) {
    world.wait_s(seconds - 1);
    assert_eq!(world.ask(agent, "read", "mcp:a"), "allow");
    for _ in 0..2 {
        world.wait_s(1);
        assert_eq!(world.ask(agent, "read", "mcp:a"), denied(reason));
    }
}

#[test]
fn an_agent_ends_at_its_second() {
    let mut world = World::new();
    let mut draft = world.agent_draft("agent", &["read:mcp:*"]);
    draft.expires_at = Some(world.now.plus_s(10));
    let agent = world.create(draft);
    let other = world.agent("other", &[]);
    world.delegate(agent, other, &["read:mcp:a"]);
    ends_after_s(world.clone(), 10, agent, Reason::AgentExpired);
    ends_after_s(world, 10, other, Reason::AncestorExpired);
}

#[test]
fn a_grant_ends_at_its_second() {
    let mut world = World::new();
    let agent = world.agent("agent", &["read:mcp:*?expires=2026-01-01T00:00:10Z"]);
    let other = world.agent("other", &[]);
    world.delegate(agent, other, &["read:mcp:a"]);
    ends_after_s(world.clone(), 10, agent, Reason::GrantExpired);
    ends_after_s(world, 10, other, Reason::GrantExpired);
}

#[test]
fn a_delegation_ends_at_its_second() {
    let mut world = World::new();
    let agent = world.agent("agent", &["read:mcp:*"]);
    let [other, below] = ["other", "below"].map(|name| world.agent(name, &[]));
    let mut draft = world.delegation_draft(agent, other, &["read:mcp:a"]);
    draft.expires_at = Some(world.now.plus_s(10));
    world.try_delegate(draft).unwrap();
    world.delegate(other, below, &["read:mcp:a"]);
    ends_after_s(world.clone(), 10, other, Reason::DelegationExpired);
    ends_after_s(world.clone(), 10, below, Reason::DelegationExpired);
    world.wait_s(10);
    assert_eq!(world.ask(agent, "read", "mcp:a"), "allow");
}

#[test]
fn a_time_that_is_not_after_now_is_refused() {
    let mut world = World::new();
    let agent = world.agent("agent", &["read:mcp:*"]);
    let other = world.agent("other", &[]);
    let tries = |world: &mut World, end: Timestamp| -> Vec<Result<(), Refusal>> {
        let mut created = world.agent_draft("new", &[]);
        created.expires_at = Some(end);
        let mut granted = world.agent_draft("new", &[]);
        granted.permissions = permissions(&[&format!("read:mcp:a?expires={end}")]);
        let mut given = world.delegation_draft(agent, other, &["read:mcp:a"]);
        given.expires_at = Some(end);
        let mut passed_on = world.delegation_draft(agent, other, &[]);
        passed_on.permissions = granted.permissions.clone();
        let mut edit = AgentEdit::default();
        edit.expires_at = Edit::Set(end);
        let graph = &world.graph;
        let changes = [
            graph.create_agent(created, world.now),
            graph.create_agent(granted, world.now),
            graph.delegate(given, world.now),
            graph.delegate(passed_on, world.now),
            graph.update_agent(TENANT, agent, edit, world.now),
        ];
        changes.map(|change| change.map(|_| ())).into()
    };
    let now = world.now;
    for past in [now, Timestamp::from_s(now.as_s() - 1), Timestamp::from_s(0)] {
        for refused in tries(&mut world, past) {
            assert_eq!(refused.unwrap_err().reason, Reason::TimeInPast);
        }
    }
    assert!(tries(&mut world, now.plus_s(1)).iter().all(Result::is_ok));
}

#[test]
fn a_line_has_8_delegations_and_no_9th() {
    let mut world = World::new();
    let first = world.agent("first", &["read:mcp:*"]);
    let mut from = first;
    for depth in 1..=DEPTH_MAX {
        let to = world.agent(&format!("agent-{depth}"), &[]);
        let id = world.delegate(from, to, &["read:mcp:*"]);
        assert_eq!(world.graph.delegation(TENANT, id).unwrap().depth, depth);
        assert_eq!(world.ask(to, "read", "mcp:a"), "allow");
        from = to;
    }
    let last = world.agent("last", &[]);
    assert_eq!(
        world.refused(from, last, &["read:mcp:*"]).reason,
        Reason::TooDeep
    );
    let line = world.graph.delegations_to(TENANT, from).next().unwrap().id;
    assert_eq!(
        world
            .graph
            .line(TENANT, Leaf::Delegation(line))
            .unwrap()
            .hops
            .len(),
        9
    );
    let change = world.graph.revoke_agent(TENANT, first);
    world.commit(change).unwrap();
    assert_eq!(
        world.ask(from, "read", "mcp:a"),
        denied(Reason::AncestorRevoked)
    );
}

#[test]
fn a_grant_reaches_as_many_hops_as_its_depth() {
    for depth in 0..=4_u8 {
        let mut world = World::new();
        let mut from = world.agent("first", &[&format!("read:mcp:*?depth={depth}")]);
        for hop in 1..=depth {
            let to = world.agent(&format!("agent-{hop}"), &[]);
            world.delegate(from, to, &["read:mcp:*"]);
            assert_eq!(world.ask(to, "read", "mcp:a"), "allow");
            from = to;
        }
        let to = world.agent("last", &[]);
        assert_eq!(
            world.refused(from, to, &["read:mcp:*"]).reason,
            Reason::TooDeep
        );
    }
}

#[test]
fn a_depth_that_is_lowered_later_cuts_what_hangs_too_low() {
    let mut world = World::new();
    let first = world.agent("first", &["read:mcp:*"]);
    let [second, third] = ["second", "third"].map(|name| world.agent(name, &[]));
    world.delegate(first, second, &["read:mcp:*"]);
    world.delegate(second, third, &["read:mcp:*"]);
    let mut edit = AgentEdit::default();
    edit.permissions = Some(permissions(&["read:mcp:*?depth=1"]));
    let change = world.graph.update_agent(TENANT, first, edit, world.now);
    world.commit(change).unwrap();
    assert_eq!(world.ask(second, "read", "mcp:a"), "allow");
    assert_eq!(world.ask(third, "read", "mcp:a"), denied(Reason::TooDeep));
    assert_eq!(world.holds(second), ["read:mcp:*?depth=0"]);
    assert_eq!(world.holds(third), [""]);
}

/// An agent with as many delegations from another as there may be.
fn crowded(world: &mut World) -> (AgentId, AgentId, Vec<DelegationId>) {
    let giver = world.agent("giver", &["read:mcp:*"]);
    let receiver = world.agent("receiver", &[]);
    let given = (0..INCOMING_MAX).map(|number| {
        let mut draft = world.delegation_draft(giver, receiver, &[&format!("read:mcp:a{number}")]);
        draft.expires_at = (number % 2 == 0).then(|| world.now.plus_s(10));
        world.try_delegate(draft).unwrap()
    });
    let given = given.collect();
    assert_eq!(
        world.refused(giver, receiver, &["read:mcp:a"]).reason,
        Reason::LimitReached
    );
    (giver, receiver, given)
}

#[test]
fn an_agent_receives_64_delegations_and_a_65th_once_one_is_over() {
    let mut world = World::new();
    let (giver, receiver, given) = crowded(&mut world);

    let mut expired = world.clone();
    expired.wait_s(9);
    let refusal = expired.refused(giver, receiver, &["read:mcp:a"]);
    assert_eq!(refusal.reason, Reason::LimitReached);
    expired.wait_s(1);
    for _ in 0..INCOMING_MAX / 2 {
        expired.delegate(giver, receiver, &["read:mcp:new"]);
    }
    let refusal = expired.refused(giver, receiver, &["read:mcp:a"]);
    assert_eq!(refusal.reason, Reason::LimitReached);

    for line in &given {
        let change = world.graph.revoke_delegation(TENANT, *line);
        world.commit(change).unwrap();
        world.delegate(giver, receiver, &["read:mcp:new"]);
        let refusal = world.refused(giver, receiver, &["read:mcp:a"]);
        assert_eq!(refusal.reason, Reason::LimitReached);
    }
    // However often that is done, a decision looks at 64 lines at most.
    for _ in 0..3 * INCOMING_MAX {
        let line = world
            .graph
            .delegations_to(TENANT, receiver)
            .find(|known| !known.revoked);
        let change = world.graph.revoke_delegation(TENANT, line.unwrap().id);
        world.commit(change).unwrap();
        world.delegate(giver, receiver, &["read:mcp:new"]);
        assert!(world.graph.delegations_to(TENANT, receiver).count() <= INCOMING_MAX);
    }
    assert_eq!(world.ask(receiver, "read", "mcp:new"), "allow");
    assert_eq!(
        world.ask(receiver, "read", "mcp:a0"),
        denied(Reason::NoMatchingGrant)
    );
}

#[test]
fn a_crowded_agent_gets_the_same_answers_from_records_in_any_order() {
    let mut world = World::new();
    let (giver, receiver, given) = crowded(&mut world);
    for line in &given[..40] {
        let change = world.graph.revoke_delegation(TENANT, *line);
        world.commit(change).unwrap();
    }
    world.wait_s(10);
    for number in 0..40 {
        world.delegate(giver, receiver, &[&format!("read:mcp:b{number}")]);
    }
    let mut records = world.records();
    for mask in [0, 0xff] {
        // Any two orders that have nothing to do with when each record came about.
        records.sort_by_cached_key(|(record, _)| {
            let key = format!("{:?}", record.key());
            let hash: Vec<u8> = key.bytes().rev().map(|byte| byte ^ mask).collect();
            (record.rank(), hash)
        });
        let mut other = World::new();
        for (record, stamp) in &records {
            other.graph.apply(record.clone(), *stamp).unwrap();
        }
        other.now = world.now;
        assert!(other.graph.delegations_to(TENANT, receiver).count() <= INCOMING_MAX);
        for number in 0..INCOMING_MAX {
            for resource in [format!("mcp:a{number}"), format!("mcp:b{number}")] {
                let answers =
                    [&world, &other].map(|world| world.answer(receiver, "read", &resource));
                let [before, after] = answers.map(|verdict| verdict.decision.is_allow());
                assert_eq!(before, after, "{resource}");
                let live = match resource.split_once(':') {
                    Some((_, name)) if name.starts_with('b') => number < 40,
                    _ => number >= 40 && number % 2 == 1,
                };
                assert_eq!(after, live, "{resource}");
            }
        }
    }
}

#[test]
fn a_holder_has_256_grants_and_no_257th() {
    let mut world = World::new();
    let texts: Vec<String> = (0..=GRANTS_MAX)
        .map(|number| format!("read:mcp:a{number}"))
        .collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let draft = world.agent_draft("agent", &texts);
    let refusal = world.graph.create_agent(draft, world.now).unwrap_err();
    assert_eq!(refusal.reason, Reason::LimitReached);
    let agent = world.agent("agent", &texts[..GRANTS_MAX]);
    assert_eq!(world.ask(agent, "read", "mcp:a255"), "allow");
    assert_eq!(
        world.ask(agent, "read", "mcp:a256"),
        denied(Reason::NoMatchingGrant)
    );
    let mut edit = AgentEdit::default();
    edit.permissions = Some(permissions(&texts));
    let refusal = world
        .graph
        .update_agent(TENANT, agent, edit, world.now)
        .unwrap_err();
    assert_eq!(refusal.reason, Reason::LimitReached);
    let giver = world.agent("giver", &["read:mcp:*"]);
    assert_eq!(
        world.refused(giver, agent, &texts).reason,
        Reason::LimitReached
    );
    world.delegate(giver, agent, &texts[..GRANTS_MAX]);
}

#[test]
fn a_depth_that_no_store_could_read_back_is_refused() {
    let mut world = World::new();
    let mut draft = world.agent_draft("agent", &["read:mcp:a?depth=8"]);
    assert!(world.graph.create_agent(draft.clone(), world.now).is_ok());
    draft.permissions[0].constraints.max_depth = Some(9);
    let refusal = world.graph.create_agent(draft, world.now).unwrap_err();
    assert_eq!(refusal.reason, Reason::LimitReached);
    assert_eq!(
        refusal.message,
        "`read:mcp:a?depth=9` is too deep; name a depth up to 8"
    );
}

#[test]
fn a_name_has_128_bytes_and_a_subject_256() {
    let long = "a".repeat(NAME_BYTES_MAX);
    assert!(long.parse::<Name>().is_ok());
    for (text, words) in [
        (
            format!("{long}a").as_str(),
            "it is longer than 128 bytes; shorten it",
        ),
        ("", "it is empty; write something"),
        ("-a", "start it with a letter or a digit"),
        (".a", "start it with a letter or a digit"),
        ("a b", "write only letters, digits and `_-.~@+`"),
        ("a:b", "write only letters, digits and `_-.~@+`"),
        ("a\n", "write only letters, digits and `_-.~@+`"),
        ("\u{430}lice", "write only letters, digits and `_-.~@+`"),
    ] {
        let error = text.parse::<Name>().unwrap_err().to_string();
        assert!(error.ends_with(words), "{error}");
    }
    for reserved in ["agt_", "agt_x", "kv_x"] {
        assert!(reserved.parse::<Name>().is_err(), "{reserved}");
    }
    let most = "a".repeat(SUBJECT_BYTES_MAX - "user:".len());
    assert_eq!(
        Subject::user(&most).unwrap().as_str().len(),
        SUBJECT_BYTES_MAX
    );
    assert!(Subject::user(&format!("{most}a")).is_err());
    assert!(Subject::service(&most).is_err());
    for text in [
        "alice",
        "User:alice",
        "agent:a",
        "user:",
        "user:a:b",
        "user:a b",
        ":a",
    ] {
        assert!(text.parse::<Subject>().is_err(), "{text}");
    }
}

#[test]
fn an_action_has_64_bytes() {
    assert!("a".repeat(64).parse::<Action>().is_ok());
    assert!("a".repeat(65).parse::<Action>().is_err());
}

#[test]
fn metadata_has_its_limits() {
    let many = |count: usize| {
        (0..count)
            .map(|n| (format!("key-{n}"), String::new()))
            .collect()
    };
    let one = |key: &str, value: &str| BTreeMap::from([(key.into(), value.into())]);
    let mut world = World::new();
    let agent = world.agent("agent", &[]);
    let mut accepted = |metadata: BTreeMap<String, String>| {
        let mut draft = world.agent_draft("new", &[]);
        draft.metadata = metadata.clone();
        let created = world.graph.create_agent(draft, world.now);
        let mut edit = AgentEdit::default();
        edit.metadata = Some(metadata);
        let edited = world.graph.update_agent(TENANT, agent, edit, world.now);
        let outcomes = [created, edited].map(|change| change.map(|_| ()));
        for refusal in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
            assert_eq!(refusal.reason, Reason::LimitReached);
        }
        outcomes.iter().all(Result::is_ok)
    };
    assert!(accepted(many(METADATA_ENTRIES_MAX)));
    assert!(!accepted(many(METADATA_ENTRIES_MAX + 1)));
    assert!(accepted(one(&"k".repeat(METADATA_KEY_BYTES_MAX), "")));
    assert!(!accepted(one(&"k".repeat(METADATA_KEY_BYTES_MAX + 1), "")));
    assert!(accepted(one("k", &"v".repeat(METADATA_VALUE_BYTES_MAX))));
    assert!(!accepted(one(
        "k",
        &"v".repeat(METADATA_VALUE_BYTES_MAX + 1)
    )));
    for key in ["", "a b", "a/b", "\u{e9}", "a\n"] {
        assert!(!accepted(one(key, "")), "{key:?}");
    }
}

#[test]
fn credentials_overlap_up_to_four_at_a_time() {
    let mut world = World::new();
    let agent = world.agent("agent", &[]);
    let rotate = |world: &mut World, overlap_s| {
        let number = world.draw();
        let new = credential(number, world.now);
        let hash = new.hash;
        let change = world.graph.rotate_credential(TENANT, agent, new, overlap_s);
        world.commit(change).map(|()| hash)
    };
    let kept = |world: &World| world.graph.agent(TENANT, agent).unwrap().credentials.len();
    for count in 2..=4 {
        rotate(&mut world, 100).unwrap();
        assert_eq!(kept(&world), count);
    }
    assert_eq!(
        rotate(&mut world, 100).unwrap_err().reason,
        Reason::LimitReached
    );
    world.wait_s(99);
    assert_eq!(
        rotate(&mut world, 100).unwrap_err().reason,
        Reason::LimitReached
    );
    // At their second the overlaps are over, but the present one's overlap begins.
    world.wait_s(1);
    let new = rotate(&mut world, 100).unwrap();
    assert_eq!(kept(&world), 2);
    // Without overlap only the new one is left, and the graph forgets the others.
    let last = rotate(&mut world, 0).unwrap();
    assert_eq!(kept(&world), 1);
    assert!(world.graph.agent_by_credential(&new).is_none());
    assert_eq!(world.graph.agent_by_credential(&last).unwrap().id, agent);
    let change = world.graph.revoke_agent(TENANT, agent);
    world.commit(change).unwrap();
    assert!(world.graph.agent_by_credential(&last).is_none());
}
