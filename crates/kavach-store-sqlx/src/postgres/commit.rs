//! One batch, in one transaction.
//!
//! INVARIANT (locks): whatever a batch expects something of, writes or deletes is locked from before it is
//! looked at until the transaction has ended. A record that is there is locked by its row; one that is not
//! is written, if only for a moment, so that whoever wants to create it waits. If somebody created it
//! since it was looked for, the engine says so, and the batch is tried again. So batches are serializable
//! though each statement sees what was committed before it.
//!
//! The row of the revision is locked first, then records by space and key, then events by log and index,
//! so that two transactions mostly wait for each other in one direction only.

use std::collections::{BTreeSet, HashMap};

use kavach_store::{Batch, Committed, Expect, Key, Revision, Version};
use sqlx::{AssertSqlSafe, PgConnection, Row};

use crate::error::{Failure, conflict};
use crate::limits::{FEED_COMMITS_MAX, FEED_TRIM_EVERY};
use crate::names::Names;
use crate::number::{from_column, revision, tag_to_column, to_column};
use crate::postgres::again::Again;
use crate::postgres::{Shared, events, meaning, roll_back, run};
use crate::shown::Shown;

/// [`Store::commit`](kavach_store::Store::commit), on a task of its own.
pub(super) async fn commit(shared: &Shared, batch: &Batch) -> Result<Committed, Failure> {
    let mut again = Again::new();
    loop {
        let failure = match attempt(shared, batch).await {
            Ok(committed) => return Ok(committed),
            Err(failure) => failure,
        };
        // What failed as `Unknown` is never tried again: it may have landed.
        if !again.may(&failure).await {
            return Err(failure);
        }
    }
}

async fn attempt(shared: &Shared, batch: &Batch) -> Result<Committed, Failure> {
    shared.store_id().await?;
    let mut connection = shared.connection().await?;
    let committed = match apply(&mut connection, shared, batch).await {
        Ok(committed) => committed,
        Err(failure) => {
            roll_back(connection).await;
            return Err(failure);
        }
    };
    match run(&mut connection, "COMMIT").await {
        Ok(()) => {
            shared.keep(connection);
            Ok(committed)
        }
        Err(error) => {
            connection.close_on_drop();
            Err(if meaning::is_not_committed(&error) {
                error.into()
            } else {
                Failure::Unknown(error)
            })
        }
    }
}

/// A key as it is bound: space and bytes.
type Place<'a> = (&'a [u8], &'a [u8]);

fn place(key: &Key) -> Place<'_> {
    (key.space().name().as_bytes(), key.bytes())
}

/// Does what a checked batch says. On failure the transaction must not be committed.
async fn apply(
    connection: &mut PgConnection,
    shared: &Shared,
    batch: &Batch,
) -> Result<Committed, Failure> {
    let names = &shared.names;
    let changed = batch.graph_changes();
    let (version, now) = begin(connection, shared, !changed.is_empty()).await?;
    let found = lock(connection, names, batch).await?;
    check(batch, &found)?;
    write(connection, names, batch, &found, to_column(version)).await?;
    if !changed.is_empty() {
        append_to_feed(connection, names, now, &changed).await?;
    }
    events::append(connection, names, &batch.events).await?;
    Ok(Committed {
        revision: now,
        version: Version::from_u64(version),
    })
}

/// Begins the transaction, and draws its version and, if it changes the graph, its revision, all with one
/// message to the server.
async fn begin(
    connection: &mut PgConnection,
    shared: &Shared,
    changes_graph: bool,
) -> Result<(u64, Revision), Failure> {
    // INVARIANT (versions): the sequence gives each number once, also to transactions that fail and
    // across crashes.
    let begin =
        "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SELECT nextval('{version}'), 0::bigint; ";
    let tag = shared.draw_tag();
    let revision_sql = if changes_graph {
        // The row stays locked until the transaction has ended, and others see it: revisions come into
        // sight in their order, without gaps.
        format!(
            "UPDATE {{state}} SET revision = revision + 1, tag = {} WHERE one = 1 RETURNING revision, tag",
            tag_to_column(tag)
        )
    } else {
        "SELECT revision, tag FROM {state} WHERE one = 1".to_owned()
    };
    let sql = shared.names.fill(&format!("{begin}{revision_sql}"));
    let rows = sqlx::raw_sql(AssertSqlSafe(sql))
        .fetch_all(connection)
        .await?;
    let [drawn, now] = rows.as_slice() else {
        return Err(sqlx::Error::RowNotFound.into());
    };
    let version = from_column(drawn.try_get(0)?)?;
    Ok((version, revision((now.try_get(0)?, now.try_get(1)?))?))
}

/// The versions of the records that are there, by place.
type Found<'a> = HashMap<Place<'a>, Version>;

/// Locks every record that the batch names and that is there, in order, and tells their versions.
async fn lock<'a>(
    connection: &mut PgConnection,
    names: &Names,
    batch: &'a Batch,
) -> Result<Found<'a>, Failure> {
    let expected = batch.expectations.iter().map(|(key, _)| place(key));
    let put = batch.puts.iter().map(|(key, _)| place(key));
    let places: BTreeSet<Place<'a>> = expected
        .chain(put)
        .chain(batch.deletes.iter().map(place))
        .collect();
    if places.is_empty() {
        return Ok(Found::new());
    }
    let places: Vec<Place<'a>> = places.into_iter().collect();
    let (spaces, keys) = columns(&places);
    let sql = "SELECT k.number, r.version FROM unnest($1::bytea[], $2::bytea[]) WITH ORDINALITY \
               AS k(space, key, number) JOIN {record} AS r ON r.space = k.space AND r.key = k.key \
               ORDER BY r.space, r.key FOR UPDATE OF r";
    let rows: Vec<(i64, i64)> = sqlx::query_as(names.sql(sql))
        .bind(spaces)
        .bind(keys)
        .fetch_all(connection)
        .await?;
    let mut found = Found::with_capacity(rows.len());
    for (number, version) in rows {
        let place = usize::try_from(number - 1)
            .ok()
            .and_then(|number| places.get(number));
        if let Some(place) = place {
            found.insert(*place, Version::from_u64(from_column(version)?));
        }
    }
    Ok(found)
}

fn columns<'a>(places: &[Place<'a>]) -> (Vec<&'a [u8]>, Vec<&'a [u8]>) {
    places.iter().copied().unzip()
}

/// Looks at every expectation.
fn check(batch: &Batch, found: &Found<'_>) -> Result<(), Failure> {
    let failed: Vec<usize> = batch
        .expectations
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

/// Writes the records.
async fn write(
    connection: &mut PgConnection,
    names: &Names,
    batch: &Batch,
    found: &Found<'_>,
    version: i64,
) -> Result<(), Failure> {
    let puts = batch.puts.iter().map(|(key, bytes)| Put::new(key, bytes));
    let (known, mut fresh): (Vec<Put<'_>>, Vec<Put<'_>>) =
        puts.partition(|put| found.contains_key(&put.place));
    // By the invariant (locks), what is not there and will not be is written for a moment.
    let put: BTreeSet<Place<'_>> = batch.puts.iter().map(|(key, _)| place(key)).collect();
    let absent = batch.expectations.iter();
    let absent =
        absent.filter(|(key, expect)| *expect == Expect::Absent && !put.contains(&place(key)));
    let mut gone: BTreeSet<Place<'_>> = absent.map(|(key, _)| place(key)).collect();
    gone.extend(batch.deletes.iter().map(place));
    let phantoms = gone.iter().filter(|place| !found.contains_key(*place));
    fresh.extend(phantoms.map(|place| Put::phantom(*place)));
    put_all(connection, names, INSERT, fresh, version).await?;
    put_all(connection, names, UPDATE, known, version).await?;
    delete(connection, names, gone).await
}

/// A record to be written.
struct Put<'a> {
    place: Place<'a>,
    bytes: &'a [u8],
    shown: Shown,
}

impl<'a> Put<'a> {
    fn new(key: &'a Key, bytes: &'a [u8]) -> Self {
        Self {
            place: place(key),
            bytes,
            shown: Shown::of(key, bytes),
        }
    }

    fn phantom(place: Place<'a>) -> Self {
        Self {
            place,
            bytes: &[],
            shown: Shown::default(),
        }
    }
}

/// Records that were not there. Without `ON CONFLICT`, which costs a third more: who is created by
/// another meanwhile is an error of the engine.
const INSERT: &str = "INSERT INTO {record} (space, key, bytes, version, id, name, owner, giver, receiver) \
    SELECT unnest($1::bytea[]), unnest($2::bytea[]), unnest($3::bytea[]), $4, unnest($5::text[]), \
    unnest($6::text[]), unnest($7::text[]), unnest($8::text[]), unnest($9::text[])";

/// Records that are there, and locked.
const UPDATE: &str = "INSERT INTO {record} (space, key, bytes, version, id, name, owner, giver, receiver) \
    SELECT unnest($1::bytea[]), unnest($2::bytea[]), unnest($3::bytea[]), $4, unnest($5::text[]), \
    unnest($6::text[]), unnest($7::text[]), unnest($8::text[]), unnest($9::text[]) \
    ON CONFLICT (space, key) DO UPDATE SET version = excluded.version, bytes = excluded.bytes, \
    id = excluded.id, name = excluded.name, owner = excluded.owner, giver = excluded.giver, \
    receiver = excluded.receiver";

/// Writes records with one of these statements, in the order of their keys.
async fn put_all(
    connection: &mut PgConnection,
    names: &Names,
    statement: &'static str,
    mut puts: Vec<Put<'_>>,
    version: i64,
) -> Result<(), Failure> {
    if puts.is_empty() {
        return Ok(());
    }
    puts.sort_unstable_by_key(|put| put.place);
    let shown = |column: fn(&Shown) -> Option<&str>| -> Vec<Option<&str>> {
        puts.iter().map(|put| column(&put.shown)).collect()
    };
    sqlx::query(names.sql(statement))
        .bind(puts.iter().map(|put| put.place.0).collect::<Vec<_>>())
        .bind(puts.iter().map(|put| put.place.1).collect::<Vec<_>>())
        .bind(puts.iter().map(|put| put.bytes).collect::<Vec<_>>())
        .bind(version)
        .bind(shown(|shown| shown.id.as_deref()))
        .bind(shown(|shown| shown.name.as_deref()))
        .bind(shown(|shown| shown.owner.as_deref()))
        .bind(shown(|shown| shown.giver.as_deref()))
        .bind(shown(|shown| shown.receiver.as_deref()))
        .execute(connection)
        .await?;
    Ok(())
}

async fn delete(
    connection: &mut PgConnection,
    names: &Names,
    places: BTreeSet<Place<'_>>,
) -> Result<(), Failure> {
    if places.is_empty() {
        return Ok(());
    }
    let places: Vec<Place<'_>> = places.into_iter().collect();
    let (spaces, keys) = columns(&places);
    let sql = "DELETE FROM {record} AS r USING unnest($1::bytea[], $2::bytea[]) AS k(space, key) \
               WHERE r.space = k.space AND r.key = k.key";
    sqlx::query(names.sql(sql))
        .bind(spaces)
        .bind(keys)
        .execute(connection)
        .await?;
    Ok(())
}

/// Adds the commit that led to `revision`, and now and then forgets those that are too old.
async fn append_to_feed(
    connection: &mut PgConnection,
    names: &Names,
    revision: Revision,
    changed: &[&Key],
) -> Result<(), Failure> {
    let number = to_column(revision.number());
    let places: Vec<Place<'_>> = changed.iter().map(|key| place(key)).collect();
    let (spaces, keys) = columns(&places);
    let sql = "WITH commits AS (INSERT INTO {revision} (number, tag, changes) VALUES ($1, $2, $3)) \
               INSERT INTO {change} (revision, space, key) \
               SELECT $1, k.space, k.key FROM unnest($4::bytea[], $5::bytea[]) AS k(space, key)";
    sqlx::query(names.sql(sql))
        .bind(number)
        .bind(tag_to_column(revision.tag()))
        .bind(i64::try_from(changed.len()).unwrap_or(i64::MAX))
        .bind(spaces)
        .bind(keys)
        .execute(&mut *connection)
        .await?;
    let Some(old) = revision.number().checked_sub(FEED_COMMITS_MAX) else {
        return Ok(());
    };
    if revision.number().is_multiple_of(FEED_TRIM_EVERY) {
        // What lies before was forgotten by earlier commits. Two ends, because an engine that plans without
        // knowing the values takes one for a third of the table.
        let forgotten = old.saturating_sub(2 * FEED_TRIM_EVERY);
        for sql in [
            "DELETE FROM {change} WHERE revision > $1 AND revision <= $2",
            "DELETE FROM {revision} WHERE number > $1 AND number <= $2",
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
