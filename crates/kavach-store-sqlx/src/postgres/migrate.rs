//! Bringing the schema up to date, in one transaction.

use std::hash::BuildHasher;

use kavach_store::{Migration, SchemaState};
use sqlx::{AssertSqlSafe, PgConnection};

use crate::error::Failure;
use crate::names::Names;
use crate::postgres::{Shared, meaning, roll_back, run};
use crate::schema::{self, Step};

const STEPS: &[Step] = &[
    Step {
        version: 1,
        name: "the store",
        sql: include_str!("../../migrations/postgres/1_store.sql"),
    },
    Step {
        version: 2,
        name: "views for people",
        sql: include_str!("../../migrations/postgres/2_views.sql"),
    },
];

/// Times that a migration begins anew because others began one at the same moment.
const ATTEMPTS_MAX: u32 = 5;

/// The schema that this version works with.
pub(super) fn wanted() -> u32 {
    schema::wanted(STEPS)
}

/// The schema of the database; 0 if there is none.
pub(super) async fn found(
    connection: &mut PgConnection,
    names: &Names,
    name: &str,
) -> Result<u32, Failure> {
    if !is_there(connection, names, "{migration}").await? {
        return Ok(0);
    }
    let sql = names.sql("SELECT version, checksum FROM {migration} ORDER BY version");
    let steps: Vec<(i64, Vec<u8>)> = sqlx::query_as(sql).fetch_all(connection).await?;
    Ok(schema::judge(STEPS, &steps, name)?)
}

async fn is_there(
    connection: &mut PgConnection,
    names: &Names,
    table: &str,
) -> Result<bool, Failure> {
    let found = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
        .bind(names.fill(table))
        .fetch_one(connection)
        .await?;
    Ok(found)
}

/// [`Store::migrate`](kavach_store::Store::migrate).
pub(super) async fn migrate(shared: &Shared, migration: Migration) -> Result<SchemaState, Failure> {
    let wanted = wanted();
    let mut connection = shared.pool.acquire().await?;
    let before = found(&mut connection, &shared.names, &shared.name).await?;
    drop(connection);
    if migration == Migration::Check || before == wanted {
        return Ok(SchemaState {
            found: before,
            wanted,
        });
    }
    let mut attempt = 1;
    loop {
        match apply(shared).await {
            Ok(()) => break,
            Err(Failure::Sql(error)) if attempt < ATTEMPTS_MAX && was_faster(&error) => {
                attempt += 1
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(SchemaState {
        found: wanted,
        wanted,
    })
}

/// Whether somebody else made the same thing at the same moment.
fn was_faster(error: &sqlx::Error) -> bool {
    // A table, a schema, or a row in the catalogue that is there already.
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| matches!(&*code, "42P07" | "42P06" | "23505"))
        || meaning::met_another(error)
}

async fn apply(shared: &Shared) -> Result<(), Failure> {
    let mut connection = shared.pool.acquire().await?;
    run(
        &mut connection,
        "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
    )
    .await?;
    if let Err(failure) = steps(&mut connection, shared).await {
        roll_back(connection).await;
        return Err(failure);
    }
    match run(&mut connection, "COMMIT").await {
        Ok(()) => Ok(()),
        Err(error) => {
            connection.close_on_drop();
            Err(Failure::Unknown(error))
        }
    }
}

async fn steps(connection: &mut PgConnection, shared: &Shared) -> Result<(), Failure> {
    let names = &shared.names;
    if let Some(schema) = &shared.schema {
        let sql = "SELECT count(*) FROM pg_catalog.pg_namespace WHERE nspname = $1";
        let schemas: i64 = sqlx::query_scalar(sql)
            .bind(schema)
            .fetch_one(&mut *connection)
            .await?;
        if schemas == 0 {
            // The name was checked, see `Names`.
            let sql = AssertSqlSafe(format!("CREATE SCHEMA \"{schema}\""));
            sqlx::raw_sql(sql).execute(&mut *connection).await?;
        }
    }
    if !is_there(connection, names, "{migration}").await? {
        let sql = "CREATE TABLE {migration} (version BIGINT PRIMARY KEY, name TEXT NOT NULL, \
                   checksum BYTEA NOT NULL); \
                   CREATE TABLE {migration_lock} (one INTEGER PRIMARY KEY CHECK (one = 1)); \
                   INSERT INTO {migration_lock} (one) VALUES (1)";
        sqlx::raw_sql(names.sql(sql))
            .execute(&mut *connection)
            .await?;
    }
    // Whoever migrates at the same time waits here, and then finds nothing left to do.
    let lock = names.sql("SELECT one FROM {migration_lock} WHERE one = 1 FOR UPDATE");
    sqlx::query(lock).execute(&mut *connection).await?;
    let found = found(connection, names, &shared.name).await?;
    for step in STEPS.iter().filter(|step| step.version > found) {
        let sql = AssertSqlSafe(names.fill(step.sql));
        sqlx::raw_sql(sql).execute(&mut *connection).await?;
        if step.version == 1 {
            let id = shared.tags.hash_one("store").cast_signed();
            let sql = "INSERT INTO {state} (one, store, revision, tag) VALUES (1, $1, 0, 0)";
            sqlx::query(names.sql(sql))
                .bind(id)
                .execute(&mut *connection)
                .await?;
        }
        let sql =
            names.sql("INSERT INTO {migration} (version, name, checksum) VALUES ($1, $2, $3)");
        sqlx::query(sql)
            .bind(i64::from(step.version))
            .bind(step.name)
            .bind(step.checksum())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
