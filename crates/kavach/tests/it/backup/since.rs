//! What was taken away since the backup, and is taken away again.

use kavach::core::DelegationEdit;
use kavach::{AgentEdit, AgentKind, AgentStatus, Edit, Guarded, NewGuardrail};

use super::*;
use crate::world::time;

const READ: &str = "read mcp:github:repos";
const WRITE: &str = "write mcp:github:repos";

/// Two agents: the planner, and the helper that it passed something on to; and a bystander.
async fn three(world: &World) {
    let planner = world
        .agent("planner", &["read,write:mcp:github:*", "read:mcp:jira:*"])
        .await;
    world
        .spawn(&planner.id, "helper", &["read,write:mcp:github:*"])
        .await;
    world.agent("bystander", &["read,write:mcp:github:*"]).await;
    // Not in the default tenant.
    let other = world.kavach.in_tenant(TenantId::from_u128(0));
    drop(other);
}

fn id(world: &World, called: &str) -> kavach::AgentId {
    world.kavach.find_agent(called).unwrap().id
}

async fn told(world: &World) -> String {
    let mut told = Vec::new();
    for who in ["planner", "helper", "bystander"] {
        for what in [READ, WRITE] {
            let answer = world.decide(&name(who), what).await;
            told.push(format!(
                "{who} {}: {answer}",
                what.split(' ').next().unwrap()
            ));
        }
    }
    told.join("\n")
}

/// After this happened, and the store was lost and made anew and reopened with exports, the answers are those.
async fn check(since: impl AsyncFnOnce(&World), want: &[(&str, &str)], stricter: usize) -> Lost {
    let lost = Lost::after(three, since).await;
    for who in ["planner", "helper", "bystander"] {
        let answer = lost.now.decide(&name(who), READ).await;
        assert_eq!(answer, "deny: store_restored", "before it was reopened");
    }
    let reopened = lost.reopen().await.unwrap();
    assert_eq!(reopened.missing, []);
    assert_eq!(reopened.stricter.len(), stricter, "{:?}", reopened.stricter);
    let all = told(&lost.now).await;
    let mut wanted = String::new();
    for who in ["planner", "helper", "bystander"] {
        for what in ["read", "write"] {
            let subject = format!("{who} {what}");
            let known = want.iter().find(|(known, _)| *known == subject);
            let answer = known.map_or("allow", |(_, answer)| *answer);
            wanted.push_str(&format!("{subject}: {answer}\n"));
        }
    }
    assert_eq!(format!("{all}\n"), wanted);
    lost
}

const PLANNER_GONE: [(&str, &str); 4] = [
    ("planner read", "deny: agent_revoked"),
    ("planner write", "deny: agent_revoked"),
    ("helper read", "deny: ancestor_revoked"),
    ("helper write", "deny: ancestor_revoked"),
];

#[tokio::test]
async fn a_revoked_agent_stays_revoked_and_the_others_go_on() {
    let lost = check(
        async |world| {
            let id = id(world, "planner");
            world.kavach.revoke_agent(&id).await.unwrap();
        },
        &PLANNER_GONE,
        0,
    )
    .await;
    // The trail says by which event it was revoked the first time.
    let revoked = events(&lost.now.kavach, EventKind::AgentRevoked).await;
    assert_eq!(revoked.len(), 2);
    let again = revoked[1].detail["again"].clone();
    assert_eq!(
        again,
        kavach::audit::Detail::Text(revoked[0].id.to_string())
    );
}

#[tokio::test]
async fn a_suspended_agent_stays_suspended_and_one_that_was_resumed_does_not() {
    let suspended = [
        ("planner read", "deny: agent_suspended"),
        ("planner write", "deny: agent_suspended"),
        ("helper read", "deny: ancestor_suspended"),
        ("helper write", "deny: ancestor_suspended"),
    ];
    let suspend = async |world: &World| {
        world
            .kavach
            .suspend_agent(&id(world, "planner"))
            .await
            .unwrap();
    };
    check(suspend, &suspended, 0).await;
    let and_back = async |world: &World| {
        suspend(world).await;
        let id = id(world, "planner");
        world.kavach.resume_agent(&id).await.unwrap();
    };
    check(and_back, &[], 0).await;
}

async fn edit(world: &World, edit: AgentEdit) {
    let id = id(world, "planner");
    world.kavach.update_agent(&id, edit).await.unwrap();
}

fn granting(permissions: &[&str]) -> AgentEdit {
    let mut edit = AgentEdit::default();
    edit.permissions = Some(
        permissions
            .iter()
            .map(|text| text.parse().unwrap())
            .collect(),
    );
    edit
}

#[tokio::test]
async fn narrowed_grants_are_narrowed_and_widened_ones_are_not_widened() {
    let no_write = [
        ("planner write", "deny: no_matching_grant"),
        ("helper write", "deny: ancestor_narrowed"),
    ];
    let narrow = async |world: &World| edit(world, granting(&["read:mcp:github:*"])).await;
    check(narrow, &no_write, 0).await;
    // Narrowed and widened again, in one step each: what it had in the end.
    let and_back = async |world: &World| {
        edit(world, granting(&[])).await;
        edit(world, granting(&["read,write:mcp:github:*", "*:data:**"])).await;
    };
    let lost = check(and_back, &[], 0).await;
    let planner = name("planner");
    let answer = lost.now.decide(&planner, "read data:crm:x").await;
    assert_eq!(answer, "deny: no_matching_grant", "given since");
    let answer = lost.now.decide(&planner, "read mcp:jira:board").await;
    assert_eq!(answer, "deny: no_matching_grant", "taken since");
    let nothing = async |world: &World| edit(world, granting(&[])).await;
    let none = [
        ("planner read", "deny: no_grants"),
        ("planner write", "deny: no_grants"),
        ("helper read", "deny: ancestor_narrowed"),
        ("helper write", "deny: ancestor_narrowed"),
    ];
    check(nothing, &none, 0).await;
}

#[tokio::test]
async fn an_end_is_set_again_and_one_that_is_over_ends_it_at_once() {
    let ends = |text: &str| {
        let mut edit = AgentEdit::default();
        edit.expires_at = Edit::Set(time(text));
        edit
    };
    let later = async |world: &World| edit(world, ends("2026-11-21T11:00:00Z")).await;
    let lost = check(later, &[], 0).await;
    let planner = lost.now.kavach.find_agent("planner").unwrap();
    assert_eq!(planner.expires_at, Some(time("2026-11-21T11:00:00Z")));
    let over = async |world: &World| {
        edit(world, ends("2026-11-21T10:02:00Z")).await;
        world.clock.advance_s(60);
    };
    check(over, &PLANNER_GONE, 1).await;
    // An end that was lifted is nothing that was taken.
    let lifted = async |world: &World| {
        edit(world, ends("2026-11-21T10:02:00Z")).await;
        let mut never = AgentEdit::default();
        never.expires_at = Edit::Clear;
        edit(world, never).await;
        world.clock.advance_s(60);
    };
    check(lifted, &[], 0).await;
}

#[tokio::test]
async fn what_cannot_be_repeated_suspends_and_is_told() {
    let other_kind = async |world: &World| {
        let mut other = AgentEdit::default();
        other.kind = Some(AgentKind::Service);
        edit(world, other).await;
    };
    let lost = check(
        other_kind,
        &[
            ("planner read", "deny: agent_suspended"),
            ("planner write", "deny: agent_suspended"),
            ("helper read", "deny: ancestor_suspended"),
            ("helper write", "deny: ancestor_suspended"),
        ],
        1,
    )
    .await;
    // And an operator lets it go on.
    let id = id(&lost.now, "planner");
    lost.now.kavach.resume_agent(&id).await.unwrap();
    assert_eq!(lost.now.decide(id, READ).await, "allow");
}

#[tokio::test]
async fn a_credential_that_was_replaced_does_not_count() {
    let world = world().await;
    let old = world.agent("planner", &["read:mcp:github:*"]).await;
    let file = taken(&*world.store, &world.clock).await;
    let new = world.kavach.rotate_credential(&old.id, 3600).await.unwrap();
    let trail = exported(&world.kavach, TenantId::DEFAULT).await;
    let (store, _) = made(&file, &world.clock).await;
    let now = World::over(store, Arc::clone(&world.clock), Some(KEY)).await;
    let reopened = now.kavach.reopen(by_alice().export(export(&trail))).await;
    let told = reopened.unwrap().stricter;
    assert!(told[0].contains("rotate it"), "{told:?}");
    for (secret, want) in [
        (&old.credential, "deny: unknown_agent"),
        (&new.credential, "deny: unknown_agent"),
    ] {
        let caller = kavach::Caller::parse(secret.expose()).unwrap();
        assert_eq!(now.decide(caller, READ).await, want);
    }
    let fresh = now.kavach.rotate_credential(&old.id, 0).await.unwrap();
    let caller = kavach::Caller::parse(fresh.credential.expose()).unwrap();
    assert_eq!(now.decide(caller, READ).await, "allow");
}

#[tokio::test]
async fn delegations_that_were_revoked_or_changed_are_revoked() {
    let gone = [
        ("helper read", "deny: delegation_revoked"),
        ("helper write", "deny: delegation_revoked"),
    ];
    let revoke = async |world: &World| {
        let delegation = world.kavach.delegations()[0].id;
        world.kavach.revoke_delegation(&delegation).await.unwrap();
    };
    check(revoke, &gone, 0).await;
    let narrow = async |world: &World| {
        let delegation = world.kavach.delegations()[0].id;
        let mut edit = DelegationEdit::default();
        edit.permissions = Some(vec!["read:mcp:github:*".parse().unwrap()]);
        let changed = world.kavach.update_delegation(&delegation, edit).await;
        changed.unwrap();
    };
    check(narrow, &gone, 1).await;
}

#[tokio::test]
async fn an_off_boarded_owner_stays_so_and_a_reinstated_one_has_to_be_reinstated_again() {
    let all_gone = ["planner", "helper", "bystander"]
        .map(|who| ["read", "write"].map(|what| (format!("{who} {what}"), "deny: owner_revoked")));
    let all_gone = all_gone.into_iter().flatten().collect::<Vec<_>>();
    let all_gone: Vec<(&str, &str)> = all_gone
        .iter()
        .map(|(who, answer)| (who.as_str(), *answer))
        .collect();
    let revoke = async |world: &World| {
        let alice = subject("user:alice");
        world.kavach.revoke_owner(&alice).await.unwrap();
    };
    check(revoke, &all_gone, 0).await;
    let and_back = async |world: &World| {
        revoke(world).await;
        let alice = subject("user:alice");
        world.kavach.reinstate_owner(&alice).await.unwrap();
    };
    let lost = check(and_back, &all_gone, 0).await;
    let new = new_agent("user:alice", "another", &[]);
    assert!(lost.now.kavach.create_agent(new).await.is_err());
}

#[tokio::test]
async fn what_a_person_may_do_in_kavach_is_taken_again_and_not_given() {
    let alice = subject("user:alice");
    let approve: kavach::Permission = "approve:app:kavach:approvals".parse().unwrap();
    let other: kavach::Permission = "read:app:kavach:trail".parse().unwrap();
    let lost = Lost::after(
        async |world| {
            let both = [approve.clone()];
            world.kavach.grant_owner(&alice, &both).await.unwrap();
        },
        async |world| {
            let other = [other.clone()];
            world.kavach.grant_owner(&alice, &other).await.unwrap();
        },
    )
    .await;
    lost.reopen().await.unwrap();
    let left = lost.now.kavach.owner(&alice).unwrap().grants;
    assert_eq!(left.permissions().count(), 0, "{left:?}");
}

#[tokio::test]
async fn a_person_who_was_erased_is_erased() {
    let bob = subject("user:bob");
    let lost = Lost::after(
        async |world| {
            let new = new_agent("user:bob", "bobs", &["read:mcp:github:*"]);
            world.kavach.create_agent(new).await.unwrap();
        },
        async |world| {
            world.kavach.erase_subject(&bob).await.unwrap();
        },
    )
    .await;
    assert!(lost.now.kavach.subject_id(&bob).is_some());
    lost.reopen().await.unwrap();
    assert_eq!(lost.now.kavach.subject_id(&bob), None);
}

fn never(called: &str, what: &str) -> NewGuardrail {
    NewGuardrail::new(called, what).unwrap()
}

#[tokio::test]
async fn guardrails_hold_again_and_none_that_held_is_loosened() {
    let no_write = ["planner", "helper", "bystander"].map(|who| format!("{who} write"));
    let no_write: Vec<(&str, &str)> = no_write
        .iter()
        .map(|who| (who.as_str(), "deny: guardrail_applies"))
        .collect();
    let set = async |world: &World| {
        let guardrail = never("no-writes", "write:mcp:github:*");
        world.kavach.set_guardrail(&guardrail).await.unwrap();
    };
    check(set, &no_write, 0).await;
    let and_removed = async |world: &World| {
        set(world).await;
        let removed = world.kavach.remove_guardrail(&name("no-writes")).await;
        removed.unwrap();
    };
    check(and_removed, &[], 0).await;
    let only_noting = async |world: &World| {
        let guardrail = never("no-writes", "write:mcp:github:*").shadow();
        world.kavach.set_guardrail(&guardrail).await.unwrap();
    };
    check(only_noting, &[], 0).await;
    let for_some = async |world: &World| {
        let mut guardrail = never("no-writes", "write:mcp:github:*");
        guardrail.agents = Guarded::Agents(vec![name("helper")]);
        world.kavach.set_guardrail(&guardrail).await.unwrap();
    };
    check(for_some, &[("helper write", "deny: guardrail_applies")], 0).await;
    let of_lost = async |world: &World| {
        world.agent("lost", &[]).await;
        let mut guardrail = never("no-writes", "write:mcp:github:*");
        guardrail.agents = Guarded::Agents(vec![name("lost")]);
        world.kavach.set_guardrail(&guardrail).await.unwrap();
    };
    check(of_lost, &[], 0).await;
}

#[tokio::test]
async fn a_guardrail_that_was_replaced_holds_in_both_forms() {
    let guarded = async |world: &World| {
        three(world).await;
        let guardrail = never("no-writes", "write:mcp:github:*");
        world.kavach.set_guardrail(&guardrail).await.unwrap();
    };
    let lost = Lost::after(guarded, async |world| {
        let guardrail = never("no-writes", "read:mcp:github:*");
        world.kavach.set_guardrail(&guardrail).await.unwrap();
    })
    .await;
    let told = lost.reopen().await.unwrap().stricter;
    assert!(told[0].contains("`no-writes-restored`"), "{told:?}");
    for what in [READ, WRITE] {
        let answer = lost.now.decide(&name("planner"), what).await;
        assert_eq!(answer, "deny: guardrail_applies");
    }
}

#[tokio::test]
async fn a_guardrail_that_only_noted_and_was_enforced_is_enforced() {
    let noting = async |world: &World| {
        three(world).await;
        let guardrail = never("no-writes", "write:mcp:github:*").shadow();
        world.kavach.set_guardrail(&guardrail).await.unwrap();
    };
    let lost = Lost::after(noting, async |world| {
        let enforced = world.kavach.enforce_guardrail(&name("no-writes")).await;
        enforced.unwrap();
    })
    .await;
    lost.reopen().await.unwrap();
    let answer = lost.now.decide(&name("planner"), WRITE).await;
    assert_eq!(answer, "deny: guardrail_applies");
}

#[tokio::test]
async fn what_calls_took_from_limits_counts() {
    for limits in ["rate=3/h", "budget=3/day", "budget=3/total"] {
        let permission = format!("read:mcp:github:*?{limits}");
        let lost = Lost::after(
            async |world| {
                let planner = world.agent("planner", &[&permission]).await;
                world
                    .spawn(&planner.id, "helper", &["read:mcp:github:*"])
                    .await;
                assert_eq!(world.decide(&name("planner"), READ).await, "allow");
            },
            async |world| {
                // Charged at the planner, whose limit it is.
                assert_eq!(world.decide(&name("helper"), READ).await, "allow");
                let wrong = world.decide(&name("helper"), WRITE).await;
                assert_eq!(wrong, "deny: no_matching_grant");
            },
        )
        .await;
        let reopened = lost.reopen().await.unwrap();
        assert!(reopened.counted > 0, "{limits}");
        let mut answers = Vec::new();
        for _ in 0..2 {
            answers.push(lost.now.decide(&name("helper"), READ).await);
        }
        assert_eq!(answers[0], "allow", "{limits}");
        assert!(answers[1].contains("used_up"), "{limits}: {answers:?}");
        // And it is in the store.
        let again = lost.now.reopen().await;
        let answer = again.decide(&name("helper"), READ).await;
        assert!(answer.contains("used_up"), "{limits}: {answer}");
    }
}

#[tokio::test]
async fn nothing_else_changes_the_agents() {
    let lost = Lost::after(three, async |world| {
        let id = id(world, "bystander");
        world.kavach.revoke_agent(&id).await.unwrap();
    })
    .await;
    let before = lost.now.kavach.agents();
    lost.reopen().await.unwrap();
    for (before, after) in before.iter().zip(lost.now.kavach.agents()) {
        let revoked = after.status == AgentStatus::Revoked;
        assert_eq!(revoked, after.name == name("bystander"));
        assert!(revoked || *before == after, "{}", after.name);
    }
    lost.now.check_graph().await;
}
