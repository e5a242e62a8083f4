//! The views, after attackers have written; and other people's schemas.

use kavach_store::{Migration, Store, StoreErrorKind};
use kavach_store_sqlx::{PostgresOptions, PostgresStore};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::server::{self, Server};
use crate::attacks::{VIEWS, attack};

fn open(schema: &str, prefix: &str) -> PostgresStore {
    let options = PostgresOptions::parse(&server::url(Server::shared())).unwrap();
    PostgresStore::open_with(options.with_schema(schema).with_prefix(prefix)).unwrap()
}

async fn beside(schema: &str) -> PgConnection {
    let mut beside = PgConnection::connect(&server::url(Server::shared()))
        .await
        .unwrap();
    run(&mut beside, &format!("SET search_path TO {schema}")).await;
    beside
}

async fn run(connection: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(connection)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn attackers_merge_nothing_and_break_no_view() {
    let schema = server::schema();
    let store = open(&schema, "kavach_");
    store.migrate(Migration::Apply).await.unwrap();
    attack(&store).await;
    let mut beside = beside(&schema).await;
    for (sql, want) in VIEWS {
        let found: i64 = sqlx::query_scalar(sql)
            .fetch_one(&mut beside)
            .await
            .unwrap();
        assert_eq!(found, want, "{sql}");
    }
    let written = sqlx::query("DELETE FROM kavach_agents")
        .execute(&mut beside)
        .await;
    assert!(written.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_stores_live_in_one_schema_beside_a_hosts_tables() {
    let schema = server::schema();
    let mut host = PgConnection::connect(&server::url(Server::shared()))
        .await
        .unwrap();
    run(
        &mut host,
        &format!(
            "CREATE SCHEMA {schema}; CREATE TABLE {schema}.record (a BIGINT); \
                             INSERT INTO {schema}.record VALUES (7)"
        ),
    )
    .await;
    let (first, second) = (open(&schema, "one_"), open(&schema, "two_"));
    for store in [&first, &second] {
        let error = store.health().await.unwrap_err();
        assert_eq!(*error.kind(), StoreErrorKind::Unavailable);
        assert!(error.to_string().contains("migrate"), "{error}");
        assert_eq!(store.migrate(Migration::Check).await.unwrap().found, 0);
        store.migrate(Migration::Apply).await.unwrap();
    }
    attack(&first).await;
    assert_eq!(second.health().await.unwrap().events, 0);
    let mut beside = beside(&schema).await;
    let kept: i64 = sqlx::query_scalar("SELECT a FROM record")
        .fetch_one(&mut beside)
        .await
        .unwrap();
    assert_eq!(kept, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_schema_and_a_changed_migration_are_refused() {
    for (sql, want) in [
        (
            "INSERT INTO kavach_migration VALUES (99, 'later', '')",
            StoreErrorKind::SchemaTooNew,
        ),
        (
            "UPDATE kavach_migration SET checksum = '' WHERE version = 1",
            StoreErrorKind::Corrupt,
        ),
        (
            "DELETE FROM kavach_migration WHERE version = 1",
            StoreErrorKind::Corrupt,
        ),
    ] {
        let schema = server::schema();
        open(&schema, "kavach_")
            .migrate(Migration::Apply)
            .await
            .unwrap();
        run(&mut beside(&schema).await, sql).await;
        let store = open(&schema, "kavach_");
        let errors = [
            store.health().await.unwrap_err(),
            store.migrate(Migration::Check).await.unwrap_err(),
            store.migrate(Migration::Apply).await.unwrap_err(),
            store.read(&[]).await.unwrap_err(),
        ];
        assert!(
            errors.iter().all(|error| *error.kind() == want),
            "{sql}: {errors:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_migrate_at_the_same_moment_all_find_it_done() {
    for _ in 0..5 {
        let schema = server::schema();
        let nodes: Vec<_> = (0..8)
            .map(|_| {
                let store = open(&schema, "kavach_");
                tokio::spawn(async move {
                    let state = store.migrate(Migration::Apply).await.unwrap();
                    assert_eq!(state.found, state.wanted);
                    store.health().await.unwrap();
                })
            })
            .collect();
        for node in nodes {
            node.await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_is_told_without_the_password() {
    let store = PostgresStore::open("postgres://me:secret@127.0.0.1:1/db?schema=x").unwrap();
    let error = store.health().await.unwrap_err();
    assert_eq!(*error.kind(), StoreErrorKind::Unavailable);
    assert!(
        !format!("{error} {error:?} {store:?}").contains("secret"),
        "{error:?}"
    );
    for url in [
        "postgres://me:secret@host:port/db",
        "postgres://h/d?schema=X",
        "postgres://h/d?prefix=a-b",
    ] {
        let error = PostgresStore::open(url).unwrap_err();
        assert_eq!(*error.kind(), StoreErrorKind::InvalidInput, "{url}");
        assert!(!format!("{error}").contains("secret"), "{error}");
    }
}
