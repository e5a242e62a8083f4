//! Bringing the schema up to date, in one transaction.

use kavach_store::{Migration, SchemaState, StoreErrorKind};
use sqlx::{AssertSqlSafe, SqliteConnection};

use crate::error::Failure;
use crate::names::Names;
use crate::schema::{self, Step};
use crate::sqlite::{Shared, end, run};

const STEPS: &[Step] = &[
    Step {
        version: 1,
        name: "the store",
        sql: include_str!("../../migrations/sqlite/1_store.sql"),
    },
    Step {
        version: 2,
        name: "views for people",
        sql: include_str!("../../migrations/sqlite/2_views.sql"),
    },
];

/// The schema that this version works with.
pub(super) fn wanted() -> u32 {
    schema::wanted(STEPS)
}

/// The schema of the file; 0 if there is none.
pub(super) async fn found(
    connection: &mut SqliteConnection,
    names: &Names,
    name: &str,
) -> Result<u32, Failure> {
    let table = names.fill("{migration}");
    let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?";
    let tables: i64 = sqlx::query_scalar(sql)
        .bind(table.trim_matches('"'))
        .fetch_one(&mut *connection)
        .await?;
    if tables == 0 {
        return Ok(0);
    }
    let sql = names.sql("SELECT version, checksum FROM {migration} ORDER BY version");
    let steps: Vec<(i64, Vec<u8>)> = sqlx::query_as(sql).fetch_all(connection).await?;
    Ok(schema::judge(STEPS, &steps, name)?)
}

/// [`Store::migrate`](kavach_store::Store::migrate).
pub(super) async fn migrate(shared: &Shared, migration: Migration) -> Result<SchemaState, Failure> {
    let wanted = wanted();
    if migration == Migration::Check {
        let mut connection = shared.readers.acquire().await?;
        let found = found(&mut connection, &shared.names, &shared.name).await?;
        return Ok(SchemaState { found, wanted });
    }
    let mut connection = shared.writer.acquire().await?;
    let before = found(&mut connection, &shared.names, &shared.name).await?;
    if before == wanted {
        return Ok(SchemaState {
            found: before,
            wanted,
        });
    }
    // Whoever migrates at the same time waits here, and then finds nothing left to do.
    run(&mut connection, "BEGIN IMMEDIATE").await?;
    let applied = apply(&mut connection, shared).await;
    let sql = if applied.is_ok() {
        "COMMIT"
    } else {
        "ROLLBACK"
    };
    match run(&mut connection, sql).await {
        Ok(()) => applied?,
        Err(error) => {
            end(connection, "ROLLBACK").await;
            applied?;
            return Err(Failure::Unknown(error));
        }
    }
    Ok(SchemaState {
        found: wanted,
        wanted,
    })
}

async fn apply(connection: &mut SqliteConnection, shared: &Shared) -> Result<(), Failure> {
    let names = &shared.names;
    let log = "CREATE TABLE IF NOT EXISTS {migration} (version INTEGER PRIMARY KEY, name TEXT NOT NULL, \
               checksum BLOB NOT NULL) STRICT";
    sqlx::raw_sql(names.sql(log))
        .execute(&mut *connection)
        .await?;
    let found = found(connection, names, &shared.name).await?;
    for step in STEPS.iter().filter(|step| step.version > found) {
        let sql = AssertSqlSafe(names.fill(step.sql));
        sqlx::raw_sql(sql).execute(&mut *connection).await?;
        if step.version == 1 {
            let id = store_id(shared)?;
            let sql =
                "INSERT INTO {state} (one, store, version, revision, tag) VALUES (1, ?, 0, 0, 0)";
            sqlx::query(names.sql(sql))
                .bind(id)
                .execute(&mut *connection)
                .await?;
        }
        let sql = names.sql("INSERT INTO {migration} (version, name, checksum) VALUES (?, ?, ?)");
        sqlx::query(sql)
            .bind(i64::from(step.version))
            .bind(step.name)
            .bind(step.checksum())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// A number that no other store has.
fn store_id(shared: &Shared) -> Result<i64, Failure> {
    use std::hash::BuildHasher;
    let id = shared.tags.hash_one("store").cast_signed();
    if id == 0 {
        let message = "no id could be drawn for the store; try again";
        return Err(kavach_store::StoreError::new(StoreErrorKind::Unavailable, message).into());
    }
    Ok(id)
}
