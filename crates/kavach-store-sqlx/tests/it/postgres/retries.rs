//! Transactions that meet, and sessions that end: tried again to success, or a clear error.

use kavach_store::{Batch, Key, Migration, Space, Store, StoreErrorKind};
use kavach_store_sqlx::{PostgresOptions, PostgresStore};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::server::{self, Server};

const QUIET: Space = Space::quiet("retries");

/// A store, and a session beside it in the same schema.
async fn store() -> (PostgresStore, PgConnection, String) {
    let schema = server::schema();
    let url = format!(
        "{}&application_name={schema}",
        server::url(Server::shared())
    );
    let options = PostgresOptions::parse(&url).unwrap().with_schema(&schema);
    let store = PostgresStore::open_with(options).unwrap();
    store.migrate(Migration::Apply).await.unwrap();
    let mut beside = PgConnection::connect(&server::url(Server::shared()))
        .await
        .unwrap();
    run(&mut beside, &format!("SET search_path TO {schema}")).await;
    (store, beside, schema)
}

async fn run(connection: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(connection)
        .await
        .unwrap();
}

fn put(keys: &[&str]) -> Batch {
    let put = |key: &&str| (Key::new(QUIET, key.as_bytes()), b"v".to_vec());
    Batch {
        puts: keys.iter().map(put).collect(),
        ..Batch::default()
    }
}

async fn is_there(store: &PostgresStore, key: &str) -> bool {
    let found = store
        .read(&[Key::new(QUIET, key.as_bytes())])
        .await
        .unwrap();
    found.records[0].is_some()
}

/// Has every write of a record fail with this code, `times` times; at the end of the transaction if
/// `deferred`.
async fn fail_writes(beside: &mut PgConnection, code: &str, times: u32, when: &str) {
    run(
        beside,
        &format!(
            "CREATE SEQUENCE tries;
             CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 IF nextval('tries') <= {times} THEN
                     RAISE EXCEPTION 'on purpose' USING ERRCODE = '{code}';
                 END IF;
                 RETURN NULL;
             END $$;
             ALTER FUNCTION fail() SET search_path FROM CURRENT;
             CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON kavach_record {when}
                 FOR EACH ROW EXECUTE FUNCTION fail()"
        ),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_serialization_failure_without_end_is_a_clear_error() {
    for when in ["", "DEFERRABLE INITIALLY DEFERRED"] {
        let (store, mut beside, _) = store().await;
        fail_writes(&mut beside, "40001", u32::MAX, when).await;
        let error = store.commit(put(&["a"])).await.unwrap_err();
        assert_eq!(*error.kind(), StoreErrorKind::Unavailable, "{error}");
        assert!(error.to_string().contains("at once"), "{error}");
        assert!(!is_there(&store, "a").await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_serialization_failure_is_tried_again() {
    for code in ["40001", "40P01"] {
        for when in ["", "DEFERRABLE INITIALLY DEFERRED"] {
            let (store, mut beside, _) = store().await;
            fail_writes(&mut beside, code, 5, when).await;
            store.commit(put(&["a"])).await.unwrap();
            assert!(is_there(&store, "a").await);
            let tries: i64 = sqlx::query_scalar("SELECT last_value FROM tries")
                .fetch_one(&mut beside)
                .await
                .unwrap();
            assert_eq!(tries, 6);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_failure_of_the_commit_itself_leaves_its_outcome_open() {
    let (store, mut beside, _) = store().await;
    fail_writes(&mut beside, "40003", 1, "DEFERRABLE INITIALLY DEFERRED").await;
    let error = store.commit(put(&["a"])).await.unwrap_err();
    assert_eq!(*error.kind(), StoreErrorKind::OutcomeUnknown, "{error}");
    store.commit(put(&["a"])).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadlock_ends_with_both_done() {
    let (store, mut beside, _) = store().await;
    store.commit(put(&["a", "b"])).await.unwrap();
    run(
        &mut beside,
        "BEGIN; SELECT 1 FROM kavach_record WHERE key = 'b' FOR UPDATE",
    )
    .await;
    let committing = {
        let store = store.clone();
        tokio::spawn(async move { store.commit(put(&["a", "b", "c"])).await })
    };
    // Until the store has `a` and waits for `b`.
    loop {
        let waiting: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid() AND \
             pid IN (SELECT pid FROM pg_stat_activity WHERE application_name = current_schema()))",
        )
        .fetch_one(&mut beside)
        .await
        .unwrap();
        if waiting {
            break;
        }
    }
    // The server ends one of the two: nearly always the store's, which has waited longer. On a machine so busy
    // that it has looked for a deadlock before there was one, ours.
    let _ = sqlx::raw_sql("SELECT 1 FROM kavach_record WHERE key = 'a' FOR UPDATE")
        .execute(&mut beside)
        .await;
    run(&mut beside, "COMMIT").await;
    committing.await.unwrap().unwrap();
    assert!(is_there(&store, "c").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_held_without_end_is_a_clear_error() {
    let (store, mut beside, _) = store().await;
    store.commit(put(&["a"])).await.unwrap();
    run(
        &mut beside,
        "BEGIN; SELECT 1 FROM kavach_record WHERE key = 'a' FOR UPDATE",
    )
    .await;
    let error = store.commit(put(&["a"])).await.unwrap_err();
    assert_eq!(*error.kind(), StoreErrorKind::Unavailable, "{error}");
    assert!(error.to_string().contains("does not end"), "{error}");
    run(&mut beside, "ROLLBACK").await;
    store.commit(put(&["a"])).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_the_server_ended_are_replaced() {
    let (store, mut beside, schema) = store().await;
    for round in 0..3 {
        store.commit(put(&["a"])).await.unwrap();
        assert!(is_there(&store, "a").await);
        sqlx::query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1",
        )
        .bind(&schema)
        .execute(&mut beside)
        .await
        .unwrap();
        if round % 2 == 0 {
            store.commit(put(&["a"])).await.unwrap();
        } else {
            assert!(is_there(&store, "a").await);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_forgets_commits_is_made_to_remember_ours() {
    let (store, mut beside, schema) = store().await;
    run(
        &mut beside,
        &format!("CREATE ROLE {schema} SUPERUSER LOGIN"),
    )
    .await;
    run(
        &mut beside,
        &format!("ALTER ROLE {schema} SET synchronous_commit = off"),
    )
    .await;
    let url = server::url(Server::shared()).replace("kavach@", &format!("{schema}@"));
    let other =
        PostgresStore::open_with(PostgresOptions::parse(&url).unwrap().with_schema(&schema))
            .unwrap();
    assert_eq!(other.health().await.unwrap(), store.health().await.unwrap());
    let now: String = sqlx::query_scalar("SHOW synchronous_commit")
        .fetch_one(other.pool())
        .await
        .unwrap();
    assert_eq!(now, "on");
}
