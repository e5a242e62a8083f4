//! What is told and heard of changes, and that nothing rests on it.

use std::time::Duration;

use kavach_store::{Batch, Key, Migration, Revision, Space, Store};
use kavach_store_sqlx::{PostgresOptions, PostgresStore};
use sqlx::postgres::PgListener;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::time::timeout;

use super::server::{self, Server};

const GRAPH: Space = Space::graph("wake");
const QUIET: Space = Space::quiet("quiet");
/// For how long a test waits for what must come, before it gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// Two handles onto one store with connections of their own, and somebody who looks at the server.
struct Pair {
    one: PostgresStore,
    two: PostgresStore,
    beside: PgConnection,
    url: String,
    schema: String,
}

impl Pair {
    async fn new(more: &str) -> Self {
        Self::at(&server::url(Server::shared()), more).await
    }

    async fn at(url: &str, more: &str) -> Self {
        let schema = server::schema();
        let url = format!("{url}&application_name={schema}{more}");
        let open = || {
            let options = PostgresOptions::parse(&url).unwrap().with_schema(&schema);
            PostgresStore::open_with(options).unwrap()
        };
        let (one, two) = (open(), open());
        one.migrate(Migration::Apply).await.unwrap();
        let beside = PgConnection::connect(&server::url(Server::shared()));
        Self {
            one,
            two,
            beside: beside.await.unwrap(),
            url,
            schema,
        }
    }

    /// Where they meet.
    async fn channel(&mut self) -> String {
        let sql = format!("SELECT store FROM {}.kavach_state", self.schema);
        let store: i64 = sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_one(&mut self.beside)
            .await
            .unwrap();
        format!("kavach_{store:016x}")
    }

    /// The sessions that listen.
    async fn listeners(&mut self) -> Vec<i32> {
        let sql =
            "SELECT pid FROM pg_stat_activity WHERE application_name = $1 AND query LIKE 'LISTEN%'";
        sqlx::query_scalar(sql)
            .bind(&self.schema)
            .fetch_all(&mut self.beside)
            .await
            .unwrap()
    }

    /// Has the second one listen, and hears what there is to hear at the beginning.
    async fn listen(&mut self) {
        while self.listeners().await.is_empty() {
            stirs(&self.two).await;
        }
        while is_stirred(&self.two).await {}
    }

    async fn close(self) {
        self.one.close().await;
        self.two.close().await;
    }
}

async fn stirs(store: &PostgresStore) {
    let stirred = timeout(PATIENCE, store.stirred(Revision::ZERO)).await;
    assert!(stirred.is_ok(), "no hint came");
}

/// Whether a hint is there, or on its way.
async fn is_stirred(store: &PostgresStore) -> bool {
    let soon = Duration::from_millis(300);
    timeout(soon, store.stirred(Revision::ZERO)).await.is_ok()
}

async fn put(store: &PostgresStore, space: Space, number: u32) {
    let put = Batch {
        puts: vec![(Key::new(space, number.to_be_bytes()), b"v".to_vec())],
        ..Batch::default()
    };
    store.commit(put).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_graph_stirs_the_handles_of_its_store_and_no_other() {
    let (mut ours, mut other) = (Pair::new("").await, Pair::new("").await);
    ours.listen().await;
    other.listen().await;
    for round in 0..5 {
        put(&ours.one, GRAPH, round).await;
        stirs(&ours.two).await;
    }
    assert!(!is_stirred(&ours.two).await, "one hint for each change");
    assert!(
        !is_stirred(&other.two).await,
        "another store of the database"
    );
    ours.close().await;
    other.close().await;
}

/// Counts what is told on the channel, until it is told that this is all.
async fn told(listener: &mut PgListener, beside: &mut PgConnection, channel: &str) -> usize {
    sqlx::query("SELECT pg_notify($1, 'all')")
        .bind(channel)
        .execute(beside)
        .await
        .unwrap();
    let mut count = 0;
    loop {
        let heard = timeout(PATIENCE, listener.recv()).await.unwrap().unwrap();
        if heard.payload() == "all" {
            return count;
        }
        assert_eq!(heard.payload(), "", "there is nothing to be believed");
        count += 1;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn quiet_batches_and_events_are_told_nobody_and_changes_are_told_together() {
    let mut pair = Pair::new("").await;
    let channel = pair.channel().await;
    let mut listener = PgListener::connect(&pair.url).await.unwrap();
    listener.listen(&channel).await.unwrap();
    for number in 0..200 {
        put(&pair.one, QUIET, number).await;
    }
    assert_eq!(told(&mut listener, &mut pair.beside, &channel).await, 0);
    put(&pair.one, GRAPH, 0).await;
    pair.one.close().await;
    assert_eq!(told(&mut listener, &mut pair.beside, &channel).await, 1);
    let racers = (0..64).map(|number| {
        let store = pair.two.clone();
        tokio::spawn(async move { put(&store, GRAPH, number).await })
    });
    for racer in racers.collect::<Vec<_>>() {
        racer.await.unwrap();
    }
    pair.two.close().await;
    let count = told(&mut listener, &mut pair.beside, &channel).await;
    assert!((1..=64).contains(&count), "{count}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_hears_and_is_cut_is_made_again() {
    let mut pair = Pair::new("").await;
    pair.listen().await;
    let before = pair.listeners().await;
    for pid in &before {
        sqlx::query("SELECT pg_terminate_backend($1, 10000)")
            .bind(pid)
            .execute(&mut pair.beside)
            .await
            .unwrap();
    }
    // Nothing that is asked or committed meanwhile fails.
    put(&pair.two, GRAPH, 0).await;
    pair.two.changes(Revision::ZERO, 10).await.unwrap();
    // What happened while nobody listened is hinted at when somebody does again.
    stirs(&pair.two).await;
    pair.listen().await;
    let after = pair.listeners().await;
    assert!(!after.iter().any(|pid| before.contains(pid)), "{after:?}");
    put(&pair.one, GRAPH, 1).await;
    stirs(&pair.two).await;
    pair.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_listens_has_its_whole_pool_for_its_work() {
    let pair = Pair::new("").await;
    let options = PostgresOptions::parse(&pair.url).unwrap();
    let options = options.with_schema(&pair.schema).with_connections(1);
    let store = PostgresStore::open_with(options).unwrap();
    let waiting = store.clone();
    let waiting = tokio::spawn(async move {
        loop {
            waiting.stirred(Revision::ZERO).await;
        }
    });
    for number in 0..50 {
        put(&store, GRAPH, number).await;
    }
    waiting.abort();
    store.close().await;
    pair.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_gone_leaves_no_session_behind() {
    for is_closed in [true, false] {
        let mut pair = Pair::new("").await;
        pair.listen().await;
        if is_closed {
            pair.two.close().await;
        } else {
            let gone = PostgresOptions::parse(&server::url(Server::shared())).unwrap();
            pair.two = PostgresStore::open_with(gone).unwrap();
        }
        let ended = timeout(PATIENCE, async {
            while !pair.listeners().await.is_empty() {
                tokio::task::yield_now().await;
            }
        });
        ended.await.expect("a session still listens");
        pair.close().await;
    }
}

/// Changes go through, nobody is told of them, and nobody listens.
async fn check_silent(mut pair: Pair) {
    let channel = pair.channel().await;
    let mut listener = PgListener::connect(&server::url(Server::shared()))
        .await
        .unwrap();
    listener.listen(&channel).await.unwrap();
    assert!(!is_stirred(&pair.two).await);
    for number in 0..20 {
        put(&pair.one, GRAPH, number).await;
        put(&pair.two, GRAPH, number).await;
    }
    assert!(!is_stirred(&pair.two).await);
    assert!(pair.listeners().await.is_empty());
    pair.one.close().await;
    pair.two.close().await;
    assert_eq!(told(&mut listener, &mut pair.beside, &channel).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn switched_off_it_neither_tells_nor_hears() {
    check_silent(Pair::new("&push=off").await).await;
    let url = server::url(Server::shared());
    for wrong in ["", "of", "false", "ON"] {
        let error = PostgresOptions::parse(&format!("{url}&push={wrong}")).unwrap_err();
        assert!(error.to_string().contains("`push`"), "{error}");
    }
    PostgresOptions::parse(&format!("{url}&push=on")).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_is_not_postgres_itself_is_neither_told_nor_heard() {
    let mut beside = PgConnection::connect(&server::url(Server::shared()))
        .await
        .unwrap();
    let says = "CREATE SCHEMA roach; CREATE FUNCTION roach.version() RETURNS text LANGUAGE sql AS \
                $$ SELECT 'CockroachDB CCL v23.1.11 (x86_64-pc-linux-gnu)' $$";
    sqlx::raw_sql(says).execute(&mut beside).await.unwrap();
    check_silent(Pair::new("&options[search_path]=roach,pg_catalog").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_server_will_not_tell_changes_go_through_all_the_same() {
    let root = server::url(Server::shared());
    let mut beside = PgConnection::connect(&root).await.unwrap();
    for sql in ["CREATE ROLE mute LOGIN", "CREATE DATABASE mute OWNER mute"] {
        sqlx::raw_sql(sql).execute(&mut beside).await.unwrap();
    }
    let mute = root.replace("/postgres?", "/mute?");
    let mut beside = PgConnection::connect(&mute).await.unwrap();
    sqlx::raw_sql("REVOKE EXECUTE ON FUNCTION pg_notify(text, text) FROM PUBLIC")
        .execute(&mut beside)
        .await
        .unwrap();
    let url = mute.replace("kavach@", "mute@");
    let pair = Pair::at(&url, "").await;
    stirs(&pair.two).await;
    for number in 0..20 {
        put(&pair.one, GRAPH, number).await;
    }
    assert!(!is_stirred(&pair.two).await);
    pair.close().await;
}
