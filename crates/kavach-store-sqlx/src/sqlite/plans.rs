//! How SQLite runs our statements.

use sqlx::{AssertSqlSafe, Row, SqliteConnection};

use crate::plans::{SMALL, VIEWS, documented, exercise, questions};
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
