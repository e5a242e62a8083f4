//! How SQLite runs our statements.

use std::sync::Arc;

use kavach_store::Store;
use sqlx::{AssertSqlSafe, Row, SqliteConnection};

use crate::plans::{SMALL, VIEWS, documented, exercise, questions};
use crate::small;
use crate::sqlite::SqliteStore;
use crate::trail::Dialect;

/// Panics if the plan of this statement reads a whole table.
async fn check(connection: &mut SqliteConnection, sql: &str) {
    let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
    let rows = sqlx::raw_sql(explain).fetch_all(connection).await.unwrap();
    let steps: Vec<String> = rows
        .iter()
        .map(|row| row.try_get("detail").unwrap())
        .collect();
    for step in &steps {
        // What is scanned besides tables: lists of values, JSON, and what other steps found.
        let Some(table) = step.strip_prefix("SCAN ") else {
            continue;
        };
        let table = table.split(' ').next().unwrap();
        let of_ours =
            ["e", "l", "r", "c", "v", "d"].contains(&table) || table.starts_with("kavach_");
        let small = SMALL
            .iter()
            .chain(&VIEWS)
            .any(|small| table == format!("kavach_{small}"));
        assert!(
            !of_ours || small,
            "{sql}\nreads all of `{table}`: {steps:#?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_statement_reads_a_whole_table() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("kavach.sqlite"))
        .await
        .unwrap();
    exercise(&store).await;
    let mut connection = store.shared.readers.acquire().await.unwrap();
    let mut ours: Vec<String> = store.shared.names.all_filled();
    assert!(ours.len() > 20, "few statements were run: {ours:#?}");
    let names = &store.shared.names;
    ours.extend(
        questions(Dialect::Sqlite)
            .iter()
            .map(|question| names.fill(&question.sql)),
    );
    ours.retain(|sql| !sql.starts_with("CREATE"));
    for sql in &ours {
        check(&mut connection, sql).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn documented_queries_find_something_without_reading_whole_tables() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("kavach.sqlite"))
        .await
        .unwrap();
    exercise(&store).await;
    let mut connection = store.shared.readers.acquire().await.unwrap();
    for sql in documented("PostgreSQL") {
        let found = sqlx::raw_sql(sql)
            .fetch_all(&mut *connection)
            .await
            .unwrap();
        assert!(!found.is_empty(), "{sql}\nfinds nothing");
        check(&mut connection, sql).await;
    }
}

async fn empty() -> (tempfile::TempDir, SqliteStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("kavach.sqlite"))
        .await
        .unwrap();
    (folder, store)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_is_synced() {
    let (_folder, store) = empty().await;
    let mut writer = store.shared.writer.acquire().await.unwrap();
    for (pragma, want) in [
        ("journal_mode", "wal"),
        ("synchronous", "2"),
        ("trusted_schema", "0"),
    ] {
        let sql = AssertSqlSafe(format!(
            "SELECT CAST({pragma} AS TEXT) FROM pragma_{pragma}"
        ));
        let found: String = sqlx::query_scalar(sql)
            .fetch_one(&mut *writer)
            .await
            .unwrap();
        assert_eq!(found, want, "{pragma}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_feed_forgets_what_is_too_old() {
    let (_folder, store) = empty().await;
    small::the_feed_forgets(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_on_which_little_matches_join_up() {
    let (_folder, store) = empty().await;
    small::sparse_pages_join_up(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_held_too() {
    let (folder, store) = empty().await;
    store.migrate(kavach_store::Migration::Apply).await.unwrap();
    let other = SqliteStore::open(folder.path().join("kavach.sqlite"))
        .await
        .unwrap();
    small::nothing_is_held_too([Arc::new(store), Arc::new(other)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_outlives_its_caller() {
    let (_folder, store) = empty().await;
    small::a_commit_outlives_its_caller(&store).await;
}
