//! What is read: one statement each, which sees one snapshot, or one transaction.

use futures_util::TryStreamExt;
use kavach_store::kavach_audit::SealedEvent;
use kavach_store::{
    AuditPage, ChangesPage, Health, Key, Revision, ScanPage, Snapshot, StoreError, StoreErrorKind,
};
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, PgConnection, Postgres, Row};

use crate::error::Failure;
use crate::feed::{self, Commit};
use crate::limits::PAGE_BYTES_MAX;
use crate::log;
use crate::names::Names;
use crate::number::{from_column, revision, to_column};
use crate::postgres::run;
use crate::records::{self, Scan};
use crate::trail::{self, Bind, Position, Statement};

pub(super) async fn read(
    connection: &mut PgConnection,
    names: &Names,
    keys: &[Key],
) -> Result<Snapshot, Failure> {
    let asked: Vec<(usize, &Key)> = keys
        .iter()
        .enumerate()
        .filter(|(_, key)| records::can_be(key))
        .collect();
    let spaces: Vec<&[u8]> = asked
        .iter()
        .map(|(_, key)| key.space().name().as_bytes())
        .collect();
    let bytes: Vec<&[u8]> = asked.iter().map(|(_, key)| key.bytes()).collect();
    let sql = "SELECT s.revision, s.tag, f.number, f.version, f.bytes FROM {state} AS s LEFT JOIN \
               (SELECT k.number, r.version, r.bytes FROM unnest($1::bytea[], $2::bytea[]) WITH ORDINALITY \
               AS k(space, key, number) JOIN {record} AS r ON r.space = k.space AND r.key = k.key) AS f \
               ON true WHERE s.one = 1";
    let rows = sqlx::query(names.sql(sql))
        .bind(spaces)
        .bind(bytes)
        .fetch_all(connection)
        .await?;
    let first = rows.first().ok_or(sqlx::Error::RowNotFound)?;
    let revision = revision((first.try_get(0)?, first.try_get(1)?))?;
    let mut found = vec![None; keys.len()];
    for row in &rows {
        let Some(number) = row.try_get::<Option<i64>, _>(2)? else {
            continue;
        };
        let place = usize::try_from(number - 1)
            .ok()
            .and_then(|number| asked.get(number));
        if let Some(slot) = place.and_then(|(place, _)| found.get_mut(*place)) {
            *slot = Some(records::record(row.try_get(3)?, row.try_get(4)?)?);
        }
    }
    Ok(Snapshot {
        records: found,
        revision,
    })
}

/// A page of records that ends, at the latest, with the one that makes it too long; and how many there
/// would have been.
const SCAN: &str = "SELECT s.revision, s.tag, f.total, f.key, f.version, f.bytes FROM {state} AS s LEFT JOIN \
    (SELECT key, version, bytes, total FROM (SELECT key, version, bytes, count(*) OVER () AS total, \
    sum(octet_length(bytes)) OVER (ORDER BY key) - octet_length(bytes) AS before FROM \
    (SELECT key, version, bytes FROM {record} WHERE space = $1 AND key >= $2 ORDER BY key LIMIT $4) AS p) \
    AS w WHERE before < $5) AS f ON true WHERE s.one = 1 AND $3::bytea IS NULL ORDER BY f.key";
/// The same with an end.
const SCAN_TO: &str = "SELECT s.revision, s.tag, f.total, f.key, f.version, f.bytes FROM {state} AS s LEFT JOIN \
    (SELECT key, version, bytes, total FROM (SELECT key, version, bytes, count(*) OVER () AS total, \
    sum(octet_length(bytes)) OVER (ORDER BY key) - octet_length(bytes) AS before FROM \
    (SELECT key, version, bytes FROM {record} WHERE space = $1 AND key >= $2 AND key < $3 ORDER BY key \
    LIMIT $4) AS p) AS w WHERE before < $5) AS f ON true WHERE s.one = 1 ORDER BY f.key";

pub(super) async fn scan(
    connection: &mut PgConnection,
    names: &Names,
    scan: &Scan,
) -> Result<ScanPage, Failure> {
    if scan.is_empty {
        let revision = read(connection, names, &[]).await?.revision;
        return Ok(scan.page(Vec::new(), false, revision));
    }
    let sql = if scan.to.is_some() { SCAN_TO } else { SCAN };
    let rows = sqlx::query(names.sql(sql))
        .bind(scan.space.as_bytes())
        .bind(&scan.from)
        .bind(&scan.to)
        .bind(i64::try_from(scan.size + 1).unwrap_or(i64::MAX))
        .bind(i64::try_from(PAGE_BYTES_MAX).unwrap_or(i64::MAX))
        .fetch_all(connection)
        .await?;
    let first = rows.first().ok_or(sqlx::Error::RowNotFound)?;
    let revision = revision((first.try_get(0)?, first.try_get(1)?))?;
    let mut page = Vec::with_capacity(rows.len());
    let mut total = 0;
    for row in &rows {
        if let Some(all) = row.try_get::<Option<i64>, _>(2)? {
            total = usize::try_from(all).unwrap_or(usize::MAX);
            page.push((
                row.try_get(3)?,
                records::record(row.try_get(4)?, row.try_get(5)?)?,
            ));
        }
    }
    let cut = page.len() < total;
    Ok(scan.page(page, cut, revision))
}

pub(super) async fn changes(
    connection: &mut PgConnection,
    names: &Names,
    after: Revision,
    size: usize,
) -> Result<ChangesPage, Failure> {
    run(
        connection,
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    )
    .await?;
    let page = page_of_changes(connection, names, after, size).await;
    match page {
        // The connection is not used again, see `Shared::attempt`.
        Err(Failure::Sql(_)) => {}
        _ => run(connection, "COMMIT").await?,
    }
    page
}

async fn page_of_changes(
    connection: &mut PgConnection,
    names: &Names,
    after: Revision,
    size: usize,
) -> Result<ChangesPage, Failure> {
    let sql = names.sql("SELECT revision, tag FROM {state} WHERE one = 1");
    let newest = revision(sqlx::query_as(sql).fetch_one(&mut *connection).await?)?;
    if after == newest {
        return Ok(feed::Collector::new(after).page(newest));
    }
    let sql =
        "SELECT number, tag, changes FROM {revision} WHERE number >= $1 ORDER BY number LIMIT $2";
    let rows: Vec<(i64, i64, i64)> = sqlx::query_as(names.sql(sql))
        .bind(to_column(after.number()))
        .bind(i64::try_from(size + 2).unwrap_or(i64::MAX))
        .fetch_all(&mut *connection)
        .await?;
    let mut commits = Vec::with_capacity(rows.len());
    for (number, tag, changes) in rows {
        commits.push(Commit {
            revision: revision((number, tag))?,
            changes: usize::try_from(from_column(changes)?).unwrap_or(usize::MAX),
        });
    }
    let commits = feed::after(after, &commits, newest)?;
    let end = feed::end(after, commits, size)?;
    let sql = "SELECT c.revision, v.tag, c.space, c.key, r.version, r.bytes FROM {change} AS c \
               JOIN {revision} AS v ON v.number = c.revision \
               LEFT JOIN {record} AS r ON r.space = c.space AND r.key = c.key \
               WHERE c.revision > $1 AND c.revision <= $2 AND v.number > $1 AND v.number <= $2 \
               ORDER BY c.revision, c.space, c.key";
    let mut rows = sqlx::query(names.sql(sql))
        .bind(to_column(after.number()))
        .bind(to_column(end.number()))
        .fetch(&mut *connection);
    let mut page = feed::Collector::new(after);
    while let Some(row) = rows.try_next().await? {
        let space = String::from_utf8(row.try_get(2)?)
            .map_err(|_| Failure::corrupt("a space in the feed has no name; restore a backup"))?;
        let row = feed::Row {
            revision: revision((row.try_get(0)?, row.try_get(1)?))?,
            space,
            key: row.try_get(3)?,
            version: row.try_get(4)?,
            bytes: row.try_get(5)?,
        };
        if !page.take(row)? {
            break;
        }
    }
    drop(rows);
    Ok(page.page(newest))
}

pub(super) async fn audit(
    connection: &mut PgConnection,
    names: &Names,
    scan: &trail::Scan,
    store: i64,
) -> Result<AuditPage, Failure> {
    let from = scan.start(store)?;
    let mut page = scan.collect(from);
    if scan.is_empty(from) {
        return Ok(page.page(store, None));
    }
    let mut end = None;
    if let Some(statement) = scan.window(from) {
        let row = bound(names, statement)
            .fetch_optional(&mut *connection)
            .await?;
        if let Some(row) = row {
            let (time_ns, log) = (row.try_get(0)?, row.try_get(1)?);
            end = Some(Position::from_columns(time_ns, log, row.try_get(2)?)?);
        }
    }
    let mut rows = bound(names, scan.page(from, end)).fetch(&mut *connection);
    while let Some(row) = rows.try_next().await? {
        if !page.take(row.try_get(3)?)? {
            break;
        }
    }
    drop(rows);
    Ok(page.page(store, end))
}

pub(super) async fn of_log(
    connection: &mut PgConnection,
    names: &Names,
    scan: log::Scan,
) -> Result<Vec<SealedEvent>, Failure> {
    let mut page = log::Page::default();
    let Some((id, from, size)) = scan.binds() else {
        return Ok(page.events);
    };
    let query = sqlx::query(names.sql(log::PAGE));
    let mut rows = query.bind(id).bind(from).bind(size).fetch(connection);
    while let Some(row) = rows.try_next().await? {
        if !page.take(row.try_get(0)?)? {
            break;
        }
    }
    drop(rows);
    Ok(page.events)
}

fn bound<'q>(names: &Names, statement: Statement) -> Query<'q, Postgres, PgArguments> {
    let query = sqlx::query(AssertSqlSafe(names.fill(&statement.sql)));
    statement
        .binds
        .into_iter()
        .fold(query, |query, value| match value {
            Bind::Number(number) => query.bind(number),
            Bind::Text(text) => query.bind(text),
            Bind::Bytes(bytes) => query.bind(bytes),
        })
}

pub(super) async fn health(
    connection: &mut PgConnection,
    names: &Names,
    name: &str,
) -> Result<Health, Failure> {
    let sql = "SELECT s.revision, s.tag, (SELECT coalesce(sum(events), 0)::bigint FROM {log}), \
               current_setting('transaction_read_only') FROM {state} AS s WHERE s.one = 1";
    let row = sqlx::query(names.sql(sql)).fetch_one(connection).await?;
    if row.try_get::<&str, _>(3)? == "on" {
        let message =
            format!("`{name}` may only be read; use the primary, and a user who may write");
        return Err(StoreError::new(StoreErrorKind::ReadOnly, message).into());
    }
    Ok(Health {
        backend: "postgresql".to_owned(),
        revision: revision((row.try_get(0)?, row.try_get(1)?))?,
        events: from_column(row.try_get(2)?)?,
    })
}
