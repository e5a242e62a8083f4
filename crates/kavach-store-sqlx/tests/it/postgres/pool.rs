//! The defect of sqlx 0.9.0: dropping the future of `Pool::begin` leaves the session in a transaction and
//! gives the connection back. Whoever gets it next writes, hears `Ok`, and nothing is ever committed.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use kavach_store::{Batch, Key, Migration, Space, Store};
use kavach_store_sqlx::{PostgresOptions, PostgresStore};
use sqlx::postgres::PgPoolOptions;
use sqlx::{PgPool, Row};

use super::server::{self, Server};

const QUIET: Space = Space::quiet("pool");

/// Begins a transaction, and goes away after so many polls. Yields between them, so that the server has
/// time to answer. Whether it was over by then.
async fn abandoned_begin(pool: &PgPool, polls: usize) -> bool {
    let mut begin = pin!(pool.begin());
    for _ in 0..polls {
        if begin
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_ready()
        {
            return true;
        }
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }
    false
}

/// Whether the connection that the pool gives next is in a transaction that nobody there knows of.
async fn is_in_a_transaction(pool: &PgPool) -> bool {
    let mut connection = pool.acquire().await.unwrap();
    let row = sqlx::raw_sql("SELECT now() <> statement_timestamp()")
        .fetch_one(&mut *connection)
        .await
        .unwrap();
    row.try_get(0).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_that_does_not_look_gives_a_session_in_a_transaction() {
    // If this fails, sqlx has mended it, and `is_free` and this file may go.
    let mut found = false;
    for polls in 1..12 {
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .test_before_acquire(false)
            .connect(&server::url(Server::shared()))
            .await
            .unwrap();
        abandoned_begin(&pool, polls).await;
        found |= is_in_a_transaction(&pool).await;
        pool.close().await;
    }
    assert!(
        found,
        "no dropped `begin` left its session in a transaction"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_begin_takes_no_later_commit_with_it() {
    let options = PostgresOptions::parse(&server::url(Server::shared()))
        .unwrap()
        .with_schema(server::schema());
    let other = PostgresStore::open_with(options.clone()).unwrap();
    other.migrate(Migration::Apply).await.unwrap();
    // One connection, so that the next operation gets the one that was left behind.
    let store = PostgresStore::open_with(options.with_connections(1)).unwrap();
    for round in 0..60_usize {
        abandoned_begin(store.pool(), round % 12).await;
        assert!(!is_in_a_transaction(store.pool()).await, "round {round}");
        abandoned_begin(store.pool(), round % 12).await;
        let key = Key::new(QUIET, round.to_be_bytes());
        let put = Batch {
            puts: vec![(key.clone(), b"v".to_vec())],
            ..Batch::default()
        };
        store.commit(put).await.unwrap();
        let found = other.read(&[key]).await.unwrap();
        assert!(
            found.records[0].is_some(),
            "a commit that was answered is not there"
        );
    }
}
