//! One batch, in one transaction.

use std::collections::HashMap;
use std::hash::BuildHasher;

use kavach_store::{Batch, Committed, Expect, Key, Revision, Version};
use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Row, Sqlite, SqliteConnection};

use crate::error::{Failure, conflict, event_is_there};
use crate::event::{Columns, per_log};
use crate::limits::{ATTEMPTS_MAX, CHUNKS, FEED_COMMITS_MAX, FEED_TRIM_EVERY};
use crate::names::Names;
use crate::number::{from_column, revision, tag_to_column, to_column};
use crate::shown::{Shown, is_shown};
use crate::sqlite::{Shared, end, meaning, run};

/// [`Store::commit`](kavach_store::Store::commit), on a task of its own.
pub(super) async fn commit(shared: &Shared, batch: &Batch) -> Result<Committed, Failure> {
    shared.check_ready().await?;
    let mut connection = shared.writer.acquire().await?;
    let mut attempt = 1;
    // Takes the right to write at once: a transaction that reads first may find that it cannot any more.
    while let Err(error) = run(&mut connection, "BEGIN IMMEDIATE").await {
        // SQLite has waited already, for as long as it was told to.
        if !meaning::is_busy(&error) || attempt >= ATTEMPTS_MAX {
            return Err(error.into());
        }
        attempt += 1;
    }
    let committed = match apply(&mut connection, shared, batch).await {
        Ok(committed) => committed,
        Err(failure) => {
            end(connection, "ROLLBACK").await;
            return Err(failure);
        }
    };
    match run(&mut connection, "COMMIT").await {
        Ok(()) => Ok(committed),
        Err(error) => {
            let is_busy = meaning::is_busy(&error);
            end(connection, "ROLLBACK").await;
            // What was written to the log but not synced may be there after a crash.
            Err(if is_busy {
                error.into()
            } else {
                Failure::Unknown(error)
            })
        }
    }
}

/// Does what a checked batch says. On failure the transaction must not be committed.
async fn apply(
    connection: &mut SqliteConnection,
    shared: &Shared,
    batch: &Batch,
) -> Result<Committed, Failure> {
    let names = &shared.names;
    check_expectations(connection, names, &batch.expectations).await?;
    // INVARIANT (versions): one for each commit, in the same transaction as what it is given to.
    let sql =
        "UPDATE {state} SET version = version + 1 WHERE one = 1 RETURNING version, revision, tag";
    let row = sqlx::query(names.sql(sql))
        .fetch_one(&mut *connection)
        .await?;
    let version = from_column(row.try_get(0)?)?;
    let mut now = revision((row.try_get(1)?, row.try_get(2)?))?;
    write_records(connection, names, batch, to_column(version)).await?;
    let changed = batch.graph_changes();
    if !changed.is_empty() {
        let number = now.number() + 1;
        now = Revision::new(number, shared.tags.hash_one(number));
        append_to_feed(connection, names, now, &changed).await?;
    }
    append_events(connection, names, batch).await?;
    Ok(Committed {
        revision: now,
        version: Version::from_u64(version),
    })
}

/// A statement with values.
type Values<'q> = Query<'q, Sqlite, SqliteArguments>;

/// Splits `rows` into as few statements as there are sizes for.
pub(super) fn chunks<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = CHUNKS.into_iter().find(|size| *size <= rows.len())?;
        let (chunk, rest) = rows.split_at_checked(size)?;
        rows = rest;
        Some(chunk)
    })
}

/// Runs `template` for all `rows`, of `values` values each, which `bind` adds.
async fn for_rows<'r, T>(
    connection: &mut SqliteConnection,
    names: &Names,
    (template, values): (&'static str, usize),
    rows: &'r [T],
    bind: impl for<'q> Fn(Values<'q>, &'r T) -> Values<'q>,
) -> Result<u64, sqlx::Error> {
    let mut affected = 0;
    for chunk in chunks(rows) {
        let query = sqlx::query(names.rows(template, chunk.len(), values));
        let query = chunk.iter().fold(query, &bind);
        affected += query.execute(&mut *connection).await?.rows_affected();
    }
    Ok(affected)
}

async fn check_expectations(
    connection: &mut SqliteConnection,
    names: &Names,
    expectations: &[(Key, Expect)],
) -> Result<(), Failure> {
    let template = "SELECT space, key, version FROM {record} WHERE (space, key) IN (VALUES [rows])";
    let mut found: HashMap<(String, Vec<u8>), Version> = HashMap::new();
    for chunk in chunks(expectations) {
        let query = sqlx::query_as(names.rows(template, chunk.len(), 2));
        let query = chunk.iter().fold(query, |query, (key, _)| {
            query.bind(key.space().name()).bind(key.bytes())
        });
        let rows: Vec<(String, Vec<u8>, i64)> = query.fetch_all(&mut *connection).await?;
        for (space, key, version) in rows {
            found.insert((space, key), Version::from_u64(from_column(version)?));
        }
    }
    let place = |key: &Key| (key.space().name().to_owned(), key.bytes().to_vec());
    let failed: Vec<usize> = expectations
        .iter()
        .enumerate()
        .filter(|(_, (key, expect))| !expect.holds(found.get(&place(key)).copied()))
        .map(|(number, _)| number)
        .collect();
    if failed.is_empty() {
        return Ok(());
    }
    Err(conflict(failed))
}

/// A record to be written.
type Put<'a> = (&'a Key, &'a [u8]);

async fn write_records(
    connection: &mut SqliteConnection,
    names: &Names,
    batch: &Batch,
    version: i64,
) -> Result<(), Failure> {
    let (shown, plain): (Vec<Put<'_>>, Vec<Put<'_>>) = batch
        .puts
        .iter()
        .map(|(key, bytes)| (key, bytes.as_slice()))
        .partition(|(key, _)| is_shown(key.space()));
    let put = "INSERT INTO {record} (space, key, version, bytes) VALUES [rows] \
               ON CONFLICT (space, key) DO UPDATE SET version = excluded.version, bytes = excluded.bytes";
    for_rows(
        connection,
        names,
        (put, 4),
        &plain,
        |query, (key, bytes)| {
            let query = query.bind(key.space().name()).bind(key.bytes().to_vec());
            query.bind(version).bind(bytes.to_vec())
        },
    )
    .await?;
    let put = "INSERT INTO {record} (space, key, version, bytes, id, name, owner, giver, receiver) \
               VALUES [rows] ON CONFLICT (space, key) DO UPDATE SET version = excluded.version, \
               bytes = excluded.bytes, id = excluded.id, name = excluded.name, owner = excluded.owner, \
               giver = excluded.giver, receiver = excluded.receiver";
    for_rows(
        connection,
        names,
        (put, 9),
        &shown,
        |query, (key, bytes)| {
            let query = query.bind(key.space().name()).bind(key.bytes().to_vec());
            let query = query.bind(version).bind(bytes.to_vec());
            let shown = Shown::of(key, bytes);
            let query = query.bind(shown.id).bind(shown.name).bind(shown.owner);
            query.bind(shown.giver).bind(shown.receiver)
        },
    )
    .await?;
    let delete = "DELETE FROM {record} WHERE (space, key) IN (VALUES [rows])";
    for_rows(
        connection,
        names,
        (delete, 2),
        &batch.deletes,
        |query, key| query.bind(key.space().name()).bind(key.bytes().to_vec()),
    )
    .await?;
    Ok(())
}

/// Adds the commit that led to `revision`, and now and then forgets those that are too old.
async fn append_to_feed(
    connection: &mut SqliteConnection,
    names: &Names,
    revision: Revision,
    changed: &[&Key],
) -> Result<(), Failure> {
    let (number, tag) = (to_column(revision.number()), tag_to_column(revision.tag()));
    let sql = names.sql("UPDATE {state} SET revision = ?, tag = ? WHERE one = 1");
    sqlx::query(sql)
        .bind(number)
        .bind(tag)
        .execute(&mut *connection)
        .await?;
    let sql = names.sql("INSERT INTO {revision} (number, tag, changes) VALUES (?, ?, ?)");
    let changes = i64::try_from(changed.len()).unwrap_or(i64::MAX);
    sqlx::query(sql)
        .bind(number)
        .bind(tag)
        .bind(changes)
        .execute(&mut *connection)
        .await?;
    let insert = "INSERT INTO {change} (revision, space, key) VALUES [rows]";
    for_rows(connection, names, (insert, 3), changed, |query, key| {
        query
            .bind(number)
            .bind(key.space().name())
            .bind(key.bytes().to_vec())
    })
    .await?;
    let Some(old) = revision.number().checked_sub(FEED_COMMITS_MAX) else {
        return Ok(());
    };
    if revision.number().is_multiple_of(FEED_TRIM_EVERY) {
        // What lies before was forgotten by earlier commits. Two ends, because an engine that plans without
        // knowing the values takes one for a third of the table.
        let forgotten = old.saturating_sub(2 * FEED_TRIM_EVERY);
        for sql in [
            "DELETE FROM {change} WHERE revision > ? AND revision <= ?",
            "DELETE FROM {revision} WHERE number > ? AND number <= ?",
        ] {
            sqlx::query(names.sql(sql))
                .bind(to_column(forgotten))
                .bind(to_column(old))
                .execute(&mut *connection)
                .await?;
        }
    }
    Ok(())
}

async fn append_events(
    connection: &mut SqliteConnection,
    names: &Names,
    batch: &Batch,
) -> Result<(), Failure> {
    if batch.events.is_empty() {
        return Ok(());
    }
    let rows: Vec<Columns<'_>> = batch.events.iter().map(Columns::of).collect();
    let insert = "INSERT INTO {event} (log, idx, time_ns, id, tenant, agent, owner, action, resource, place, \
                  outcome, reason, kind, bytes) VALUES [rows] ON CONFLICT (log, idx) DO NOTHING";
    let appended = for_rows(connection, names, (insert, 14), &rows, |query, row| {
        let query = query
            .bind(row.log.clone())
            .bind(row.index)
            .bind(row.time_ns);
        let query = query.bind(row.id.clone()).bind(row.tenant.clone());
        let query = query.bind(row.agent.clone()).bind(row.owner.clone());
        let query = query.bind(row.action.map(str::to_owned));
        let query = query.bind(row.resource.map(str::to_owned));
        let query = query.bind(row.place.map(str::to_owned));
        let query = query.bind(row.outcome).bind(row.reason).bind(row.kind);
        query.bind(row.bytes.to_vec())
    })
    .await?;
    if usize::try_from(appended) != Ok(rows.len()) {
        return Err(event_is_there());
    }
    let lines: Vec<(&Columns<'_>, &String)> = rows
        .iter()
        .flat_map(|row| row.ancestors.iter().map(move |agent| (row, agent)))
        .collect();
    let insert = "INSERT INTO {line} (agent, time_ns, log, idx) VALUES [rows]";
    for_rows(
        connection,
        names,
        (insert, 4),
        &lines,
        |query, (row, agent)| {
            let query = query.bind((*agent).clone()).bind(row.time_ns);
            query.bind(row.log.clone()).bind(row.index)
        },
    )
    .await?;
    let logs = per_log(&rows);
    let count = "INSERT INTO {log} (log, events) VALUES [rows] \
                 ON CONFLICT (log) DO UPDATE SET events = {log}.events + excluded.events";
    for_rows(
        connection,
        names,
        (count, 2),
        &logs,
        |query, (log, events)| query.bind(log.to_vec()).bind(*events),
    )
    .await?;
    Ok(())
}
