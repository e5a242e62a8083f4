//! How PostgreSQL runs our statements.

use std::sync::Arc;

use kavach_store::Store;
use sqlx::{AssertSqlSafe, PgConnection, Row};

use crate::plans::{SMALL, documented, exercise, questions};
use crate::postgres::{PostgresOptions, PostgresStore};
use crate::small;
use crate::trail::Dialect;
use server::Server;

#[path = "../../tests/it/postgres/server.rs"]
pub(super) mod server;

/// A filled store whose tables the planner knows.
async fn store() -> PostgresStore {
    let schema = server::schema();
    let options = PostgresOptions::parse(&server::url(Server::shared())).unwrap();
    let store = PostgresStore::open_with(options.with_schema(&schema)).unwrap();
    exercise(&store).await;
    let mut connection = store.pool().acquire().await.unwrap();
    let analyze = format!("SET search_path TO {schema}; ANALYZE");
    sqlx::raw_sql(AssertSqlSafe(analyze))
        .execute(&mut *connection)
        .await
        .unwrap();
    drop(connection);
    store
}

/// Panics if the plan of this statement, whatever its values are, reads a whole table.
async fn check(connection: &mut PgConnection, sql: &str) {
    let values = (1..40)
        .take_while(|number| sql.contains(&format!("${number}")))
        .count();
    let nulls = vec!["NULL"; values].join(", ");
    let execute = if values == 0 {
        "p".to_owned()
    } else {
        format!("p({nulls})")
    };
    let explain = format!(
        "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; PREPARE p AS {sql}; EXPLAIN EXECUTE {execute}; DEALLOCATE p"
    );
    let explain = explain.replace(";;", ";").replace("; ;", ";");
    let rows = sqlx::raw_sql(AssertSqlSafe(explain))
        .fetch_all(connection)
        .await;
    let rows = rows.unwrap_or_else(|error| panic!("{sql}\n{error}"));
    let steps: Vec<String> = rows.iter().map(|row| row.try_get(0).unwrap()).collect();
    // With sequential scans made dear, one is left only where no index serves, and not where a table of
    // this test has a page or two. An index that is read from end to end serves nothing either.
    for (number, step) in steps.iter().enumerate() {
        let is_whole = |table: &str| {
            let small = |small: &&str| table.starts_with(&format!("kavach_{small} "));
            assert!(
                SMALL.iter().any(small),
                "{sql}\nreads a whole table: {steps:#?}"
            );
        };
        if let Some((_, table)) = step.split_once("Seq Scan on ") {
            is_whole(table);
        }
        let next = steps.get(number + 1).map_or("", String::as_str);
        if step.contains("Index Scan using") || step.contains("Index Only Scan using") {
            let table = step.split_once(" on ").map_or("", |(_, table)| table);
            if !next.contains("Index Cond") {
                is_whole(table);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_statement_reads_a_whole_table() {
    let store = store().await;
    let names = &store.shared.names;
    let mut ours = names.all_filled();
    assert!(ours.len() > 15, "few statements were run: {ours:#?}");
    ours.extend(
        questions(Dialect::Postgres)
            .iter()
            .map(|question| names.fill(&question.sql)),
    );
    ours.retain(|sql| !sql.starts_with("CREATE"));
    let mut connection = store.pool().acquire().await.unwrap();
    for sql in &ours {
        check(&mut connection, sql).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn documented_queries_find_something_without_reading_whole_tables() {
    let store = store().await;
    let mut connection = store.pool().acquire().await.unwrap();
    let path = format!(
        "SET search_path TO {}",
        store.shared.schema.as_ref().unwrap()
    );
    sqlx::raw_sql(AssertSqlSafe(path))
        .execute(&mut *connection)
        .await
        .unwrap();
    for sql in documented("SQLite") {
        let found = sqlx::raw_sql(sql)
            .fetch_all(&mut *connection)
            .await
            .unwrap();
        assert!(!found.is_empty(), "{sql}\nfinds nothing");
        check(&mut connection, sql).await;
    }
}

fn empty(schema: &str) -> PostgresStore {
    let options = PostgresOptions::parse(&server::url(Server::shared())).unwrap();
    PostgresStore::open_with(options.with_schema(schema)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_feed_forgets_what_is_too_old() {
    small::the_feed_forgets(&empty(&server::schema())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_on_which_little_matches_join_up() {
    small::sparse_pages_join_up(&empty(&server::schema())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_held_too() {
    let schema = server::schema();
    let store = empty(&schema);
    store.migrate(kavach_store::Migration::Apply).await.unwrap();
    small::nothing_is_held_too([Arc::new(store), Arc::new(empty(&schema))]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_outlives_its_caller() {
    small::a_commit_outlives_its_caller(&empty(&server::schema())).await;
}
