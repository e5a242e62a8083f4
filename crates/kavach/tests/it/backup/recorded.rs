//! Loss that somebody accepts, and what the trail says of it.

use kavach::audit::Detail;
use kavach::census;

use super::*;

const READ: &str = "read mcp:github:repos";

async fn planner(world: &World) {
    world.agent("planner", &["read:mcp:github:*"]).await;
}

async fn revoke(world: &World) {
    let planner = world.kavach.find_agent("planner").unwrap().id;
    world.kavach.revoke_agent(&planner).await.unwrap();
}

#[tokio::test]
async fn nothing_is_allowed_until_somebody_says_exactly_what_is_lost() {
    let lost = Lost::after(planner, revoke).await;
    let refused = lost.now.kavach.reopen(by_alice()).await;
    let Err(ReopenError::NothingSaid(words)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(
        words,
        "I accept that what was revoked after 2026-11-21T10:00:00Z may be allowed again"
    );
    for wrong in [
        "",
        "yes",
        &words.to_lowercase(),
        &words.replace("10:00:00", "10:00:01"),
    ] {
        let with = by_alice().accept_loss(wrong);
        let refused = lost.now.kavach.reopen(with).await;
        assert!(
            matches!(refused, Err(ReopenError::NotAccepted(_))),
            "{wrong}: {refused:?}"
        );
    }
    assert_eq!(
        lost.now.decide(&name("planner"), READ).await,
        "deny: store_restored"
    );
    assert_eq!(events(&lost.now.kavach, EventKind::StoreReopened).await, []);
}

#[tokio::test]
async fn who_accepts_the_loss_is_on_record() {
    let lost = Lost::after(planner, revoke).await;
    let reopened = lost.accept().await.unwrap();
    assert_eq!(lost.now.decide(&name("planner"), READ).await, "allow");
    let events = events(&lost.now.kavach, EventKind::StoreReopened).await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].id, reopened.audit_id);
    let alice = lost.now.kavach.subject_id(&subject("user:alice")).unwrap();
    let text = |field: &str| match &events[0].detail[field] {
        Detail::Text(text) => text.clone(),
        Detail::List(_) => panic!("{field}"),
    };
    assert_eq!(text("by"), alice.to_string());
    assert_eq!(text("backup_at"), "2026-11-21T10:00:00Z");
    assert_eq!(text("restored_at"), "2026-11-21T10:01:00Z");
    assert!(text("accepted").contains("2026-11-21T10:00:00Z"));
    // Once is enough.
    let again = lost.accept().await;
    assert!(matches!(again, Err(ReopenError::NotClosed)), "{again:?}");
    let restoration = lost.now.kavach.restoration().unwrap();
    assert_eq!(restoration.reopened_at, Some(lost.now.kavach.now()));
}

#[tokio::test]
async fn somebody_whom_nobody_met_is_met_by_it() {
    let lost = Lost::after(planner, revoke).await;
    let words = lost.restored.restoration.acceptance();
    let carol = subject("user:carol");
    let with = Reopening::by(carol.clone()).accept_loss(words);
    lost.now.kavach.reopen(with).await.unwrap();
    assert!(lost.now.kavach.owner(&carol).is_some());
}

#[tokio::test]
async fn a_store_that_was_never_restored_is_not_reopened() {
    let world = world().await;
    let refused = world
        .kavach
        .reopen(by_alice().accept_loss("whatever"))
        .await;
    assert!(
        matches!(refused, Err(ReopenError::NotRestored)),
        "{refused:?}"
    );
    assert_eq!(world.kavach.restoration(), None);
}

#[tokio::test]
async fn the_events_of_exports_are_in_the_trail_and_it_is_whole() {
    let lost = Lost::after(planner, async |world| {
        revoke(world).await;
        world.decide(&name("planner"), READ).await;
    })
    .await;
    let before = census::check(&*lost.now.store).await.unwrap();
    let reopened = lost.reopen().await.unwrap();
    assert_eq!(reopened.kept, 2);
    let census = census::check(&*lost.now.store).await.unwrap();
    let log = lost.restored.contents.logs.keys().next().unwrap();
    assert_eq!(census.logs[log], before.logs[log] + 2);
    assert_eq!(
        reopened.reached[log],
        (census.logs[log], lost.now.kavach.now())
    );
    // What was exported then stands there now, byte for byte.
    let trail = exported(&lost.now.kavach, TenantId::DEFAULT).await;
    for line in lost.trail.split(|byte| *byte == b'\n') {
        let found = trail
            .split(|byte| *byte == b'\n')
            .any(|known| known == line);
        assert!(found, "{}", String::from_utf8_lossy(line));
    }
    // A node has a log of its own there: no log goes on in two ways.
    assert_eq!(lost.restored.contents.logs.len(), 1);
    let fresh = census.logs.keys().filter(|known| *known != log);
    assert_eq!(fresh.count(), 2, "the node's, and that of the restoring");
}

#[tokio::test]
async fn a_restored_store_is_backed_up_and_restored_once_more() {
    let lost = Lost::after(planner, async |_| ()).await;
    let mut out = Vec::new();
    let clock = &*lost.now.clock;
    let refused = backup(&*lost.now.store, &mut out, Some(&key()), clock, &mut |_| ()).await;
    let closed = matches!(refused, Err(kavach::backup::BackupError::Closed));
    assert!(closed, "a backup would hide what was lost: {refused:?}");
    lost.reopen().await.unwrap();
    let file = taken(&*lost.now.store, clock).await;
    let (store, again) = made(&file, clock).await;
    assert!(again.restoration.is_closed());
    let now = World::over(store, Arc::clone(&lost.now.clock), Some(KEY)).await;
    assert_eq!(
        now.decide(&name("planner"), READ).await,
        "deny: store_restored"
    );
    let words = again.restoration.acceptance();
    now.kavach
        .reopen(by_alice().accept_loss(words))
        .await
        .unwrap();
    assert_eq!(now.decide(&name("planner"), READ).await, "allow");
}
