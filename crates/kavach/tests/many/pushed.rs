//! A PostgreSQL that tells nodes of changes: they hear of them long before they would ask, and without it as
//! before.

use std::time::Duration;

use kavach::{AgentId, Clock, Kavach, NewAgent, Sharing, Store, Subject, SystemClock};
use kavach_store_sqlx::PostgresStore;
use tokio::time::{sleep, timeout};

use crate::processes::database::Database;

/// Nodes that poll ask every five seconds.
const SLOW_MS: u64 = 10_000;
/// What a node hears of in less, it did not hear of by polling.
const SOON: Duration = Duration::from_millis(2_500);

async fn node(url: &str) -> Kavach {
    let sharing = Sharing::default().lease_ms(SLOW_MS).poll_ms(SLOW_MS);
    let store = PostgresStore::open(url).unwrap();
    Kavach::builder(store).shared(sharing).open().await.unwrap()
}

/// Two nodes that poll seldom, on a database of their own.
async fn pair(database: &Database, url: &str) -> (Kavach, Kavach) {
    database.answers().await;
    let store = PostgresStore::open(url).unwrap();
    Kavach::open(store).await.unwrap().close().await;
    (node(url).await, node(url).await)
}

async fn create(kavach: &Kavach, name: &str) -> AgentId {
    let new = NewAgent::new(Subject::user("alice").unwrap(), name);
    let new = new.allow("read:app:*").unwrap();
    kavach.create_agent(new).await.unwrap().id
}

async fn allows(kavach: &Kavach, agent: AgentId) -> bool {
    let answer = kavach.authorize(agent, "read", "app:x").await.unwrap();
    answer.is_allowed()
}

/// How long it takes until `two` knows what `one` revokes. It makes no decision meanwhile: a commit of its own
/// would tell it too.
async fn heard_after(one: &Kavach, two: &Kavach, name: &str) -> Duration {
    let agent = create(one, name).await;
    two.refresh().await.unwrap();
    assert!(allows(two, agent).await);
    let revision = one.revoke_agent(&agent).await.unwrap().revision;
    let clock = SystemClock::default();
    let revoked_ns = clock.elapsed_ns();
    while two.revision() < revision {
        sleep(Duration::from_millis(1)).await;
    }
    assert!(!allows(two, agent).await);
    Duration::from_nanos(clock.elapsed_ns() - revoked_ns)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_is_told_of_a_revocation_and_again_once_its_connection_was_cut() {
    let database = Database::start();
    let url = database.url("pushed");
    let (one, two) = pair(&database, &url).await;
    let mut told = heard_after(&one, &two, "first").await;
    assert!(told < SOON, "{told:?}");
    for (number, is_killed) in [false, true].into_iter().enumerate() {
        if is_killed {
            database.kill();
            database.answers().await;
        } else {
            database.cut_connections().await;
        }
        // What it does not hear of it asks for, as ever; and soon it hears again.
        let mut tries = 0;
        loop {
            told = heard_after(&one, &two, &format!("agent{number}-{tries}")).await;
            assert!(told < Duration::from_millis(SLOW_MS), "{told:?}");
            if told < SOON {
                break;
            }
            tries += 1;
            assert!(tries < 5, "nobody hears anything any more");
        }
    }
    one.close().await;
    two.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn decisions_tell_nobody_anything() {
    let database = Database::start();
    let url = database.url("pushed");
    let (one, two) = pair(&database, &url).await;
    let agent = create(&one, "agent").await;
    let watcher = PostgresStore::open(&url).unwrap();
    let known = watcher.health().await.unwrap().revision;
    let soon = Duration::from_millis(500);
    while timeout(soon, watcher.stirred(known)).await.is_ok() {}
    for _ in 0..500 {
        assert!(allows(&one, agent).await);
    }
    assert!(timeout(soon, watcher.stirred(known)).await.is_err());
    one.revoke_agent(&agent).await.unwrap();
    let told = timeout(Duration::from_secs(30), watcher.stirred(known)).await;
    told.expect("a change told nobody anything");
    watcher.close().await;
    one.close().await;
    two.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_told_not_to_listen_hears_by_asking() {
    let database = Database::start();
    let url = format!("{}&push=off", database.url("pushed"));
    let (one, two) = pair(&database, &url).await;
    let mut longest = Duration::ZERO;
    for number in 0..2 {
        let told = heard_after(&one, &two, &format!("agent{number}")).await;
        longest = longest.max(told);
    }
    assert!(longest > SOON, "{longest:?}");
    one.close().await;
    two.close().await;
}
