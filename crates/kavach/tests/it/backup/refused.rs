//! Exports that do not tell everything, or of something else.

use kavach::backup::Missing;

use super::*;

const READ: &str = "read mcp:github:repos";

/// A planner that was revoked after the backup, with calls before and after.
async fn revoked() -> Lost {
    Lost::after(
        async |world| {
            world.agent("planner", &["read:mcp:github:*"]).await;
            world.decide(&name("planner"), READ).await;
        },
        async |world| {
            world.decide(&name("planner"), READ).await;
            let planner = world.kavach.find_agent("planner").unwrap().id;
            world.kavach.revoke_agent(&planner).await.unwrap();
            world.decide(&name("planner"), READ).await;
        },
    )
    .await
}

fn lines(trail: &[u8]) -> Vec<Vec<u8>> {
    let lines = trail.split_inclusive(|byte| *byte == b'\n');
    lines.map(<[u8]>::to_vec).collect()
}

impl Lost {
    async fn with(&self, exports: &[Vec<u8>]) -> Result<Reopened, ReopenError> {
        let with = exports
            .iter()
            .fold(by_alice(), |with, bytes| with.export(export(bytes)));
        self.now.kavach.reopen(with).await
    }

    /// Refused, with these words, and closed still.
    async fn refuse(&self, exports: &[Vec<u8>], words: &str) {
        let refused = self.with(exports).await.unwrap_err().to_string();
        assert!(refused.contains(words), "{words}: {refused}");
        assert_eq!(
            self.now.decide(&name("planner"), READ).await,
            "deny: store_restored"
        );
        let planner = self.now.kavach.find_agent("planner").unwrap();
        assert_eq!(
            planner.status,
            kavach::AgentStatus::Active,
            "{words}: something was changed"
        );
    }
}

#[tokio::test]
async fn an_export_with_a_hole_is_refused_wherever_it_is() {
    let lost = revoked().await;
    let all = lines(&lost.trail);
    assert_eq!(all.len(), 5);
    for hole in 1..4 {
        let mut some = all.clone();
        some.remove(hole);
        lost.refuse(&[some.concat()], &format!("event {hole} of `log_"))
            .await;
    }
    // What is before the backup's end need not be told, if it follows on.
    lost.with(&[all[2..].concat()]).await.unwrap();
    assert_eq!(
        lost.now.decide(&name("planner"), READ).await,
        "deny: agent_revoked"
    );
}

#[tokio::test]
async fn an_export_that_does_not_reach_the_backup_is_refused() {
    let lost = revoked().await;
    let all = lines(&lost.trail);
    lost.refuse(&[Vec::new()], "and whatever follows it").await;
    lost.refuse(&[all[..1].concat()], "event 1 of").await;
    // It begins after what the backup has.
    lost.refuse(&[all[3..].concat()], "event 2 of").await;
}

#[tokio::test]
async fn with_the_loss_accepted_too_what_is_told_is_taken() {
    let lost = revoked().await;
    let all = lines(&lost.trail);
    let words = lost.restored.restoration.acceptance();
    let with = by_alice()
        .export(export(&all[3..].concat()))
        .accept_loss(words);
    let reopened = lost.now.kavach.reopen(with).await.unwrap();
    assert!(matches!(
        reopened.missing[..],
        [Missing::Events {
            from: 2,
            to: Some(3),
            ..
        }]
    ));
    assert_eq!(reopened.kept, 0, "behind a hole nothing follows on");
    assert_eq!(
        lost.now.decide(&name("planner"), READ).await,
        "deny: agent_revoked"
    );
    kavach::census::check(&*lost.now.store).await.unwrap();
}

#[tokio::test]
async fn an_export_that_stops_in_the_middle_of_a_line_is_refused() {
    let lost = revoked().await;
    let cut = lost.trail[..lost.trail.len() - 1].to_vec();
    lost.refuse(&[cut], "from line 5 on").await;
}

#[tokio::test]
async fn an_export_that_was_edited_is_refused() {
    let lost = revoked().await;
    let all = lines(&lost.trail);
    let edited = |line: usize, from: &str, to: &str| {
        let mut some = all.clone();
        let text = String::from_utf8(some[line].clone()).unwrap();
        assert!(text.contains(from), "{text}");
        some[line] = text.replace(from, to).into_bytes();
        some.concat()
    };
    let other = "the store has another event";
    lost.refuse(&[edited(1, "allow", "deny")], other).await;
    lost.refuse(&[edited(3, "{", "{ ")], "line 4: ").await;
    lost.refuse(
        &[edited(4, "\"index\":\"4\"", "\"index\":\"3\"")],
        "or is the same",
    )
    .await;
    let mut swapped = all.clone();
    swapped.swap(3, 4);
    lost.refuse(&[swapped.concat()], "behind one that comes later")
        .await;
    lost.refuse(
        &[[lost.trail.as_slice(), b"no event\n"].concat()],
        "line 6: ",
    )
    .await;
    let long = [lost.trail.as_slice(), &[b'x'; 70_000]].concat();
    lost.refuse(&[long], "longer than any event").await;
    // Two that contradict each other about what the backup does not know.
    let contradicting = edited(4, "agent_revoked", "no_grants");
    lost.refuse(
        &[lost.trail.clone(), contradicting],
        "another event at one place",
    )
    .await;
}

#[tokio::test]
async fn an_export_of_another_store_is_refused() {
    let lost = revoked().await;
    let other = revoked().await;
    lost.refuse(
        std::slice::from_ref(&other.trail),
        "and whatever follows it",
    )
    .await;
    // Nor beside the right one: a log that began since begins with its first event.
    let foreign = lines(&other.trail)[1..].concat();
    lost.refuse(&[lost.trail.clone(), foreign], "event 0 of")
        .await;
}

#[tokio::test]
async fn nothing_is_told_of_the_log_that_the_node_writes_now() {
    let lost = revoked().await;
    // The denied calls of the restored store are in a log of its own.
    lost.now.decide(&name("planner"), READ).await;
    let now = exported(&lost.now.kavach, TenantId::DEFAULT).await;
    // Nor of the one in which it stands that it was restored.
    for kind in [EventKind::Authorize, EventKind::StoreRestored] {
        let event = events(&lost.now.kavach, kind).await.pop().unwrap();
        let mut forged = event.clone();
        (forged.index, forged.time_ns) = (event.index + 1, event.time_ns + 1);
        let forged = [forged.seal().bytes, b"\n".to_vec()].concat();
        let all = [now.clone(), forged].concat();
        lost.refuse(
            &[lost.trail.clone(), all],
            "one that this store began since",
        )
        .await;
    }
}

#[tokio::test]
async fn every_tenant_has_to_tell() {
    let other = TenantId::from_u128(5);
    let world = world().await;
    let elsewhere = world.kavach.in_tenant(other);
    let planner = new_agent("user:bob", "planner", &["read:mcp:github:*"]);
    let theirs = elsewhere.create_agent(planner).await.unwrap();
    let ours = world.agent("planner", &["read:mcp:github:*"]).await;
    let file = taken(&*world.store, &world.clock).await;
    elsewhere.revoke_agent(&theirs.id).await.unwrap();
    world.kavach.suspend_agent(&ours.id).await.unwrap();
    let both = [
        exported(&world.kavach, TenantId::DEFAULT).await,
        exported(&world.kavach, other).await,
    ];
    let (store, restored) = made(&file, &world.clock).await;
    let now = World::over(store, Arc::clone(&world.clock), Some(KEY)).await;
    let lost = Lost {
        now,
        restored,
        trail: both[0].clone(),
    };
    for one in &both {
        lost.refuse(std::slice::from_ref(one), "event ").await;
    }
    // An event that two exports have counts once.
    let twice = [both[0].clone(), both[1].clone(), both[1].clone()];
    let reopened = lost.with(&twice).await.unwrap();
    assert_eq!((reopened.taken, reopened.kept), (2, 2));
    let elsewhere = lost.now.kavach.in_tenant(other);
    let status = |kavach: &Kavach| kavach.find_agent("planner").unwrap().status;
    assert_eq!(status(&elsewhere), kavach::AgentStatus::Revoked);
    assert_eq!(status(&lost.now.kavach), kavach::AgentStatus::Suspended);
}
