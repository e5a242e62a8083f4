//! What is read, within one transaction.

use std::collections::HashMap;

use futures_util::TryStreamExt;
use kavach_store::kavach_audit::SealedEvent;
use kavach_store::{AuditPage, ChangesPage, Health, Key, Record, Revision, ScanPage, Snapshot};
use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, Row, Sqlite, SqliteConnection};

use crate::error::Failure;
use crate::feed::{self, Commit};
use crate::limits::PAGE_BYTES_MAX;
use crate::log;
use crate::names::Names;
use crate::number::{from_column, revision, to_column};
use crate::records::{self, Scan};
use crate::sqlite::commit::chunks;
use crate::trail::{self, Bind, Position, Statement};

/// The newest revision.
async fn newest(connection: &mut SqliteConnection, names: &Names) -> Result<Revision, Failure> {
    let sql = names.sql("SELECT revision, tag FROM {state} WHERE one = 1");
    revision(sqlx::query_as(sql).fetch_one(connection).await?)
}

pub(super) async fn read(
    connection: &mut SqliteConnection,
    names: &Names,
    keys: &[Key],
) -> Result<Snapshot, Failure> {
    let revision = newest(connection, names).await?;
    let template =
        "SELECT space, key, version, bytes FROM {record} WHERE (space, key) IN (VALUES [rows])";
    let asked: Vec<&Key> = keys.iter().filter(|key| records::can_be(key)).collect();
    let mut found: HashMap<(String, Vec<u8>), Record> = HashMap::new();
    for chunk in chunks(&asked) {
        let query = sqlx::query_as(names.rows(template, chunk.len(), 2));
        let query = chunk.iter().fold(query, |query, key| {
            query.bind(key.space().name()).bind(key.bytes())
        });
        let rows: Vec<(String, Vec<u8>, i64, Vec<u8>)> = query.fetch_all(&mut *connection).await?;
        for (space, key, version, bytes) in rows {
            found.insert((space, key), records::record(version, bytes)?);
        }
    }
    let place = |key: &Key| (key.space().name().to_owned(), key.bytes().to_vec());
    Ok(Snapshot {
        records: keys
            .iter()
            .map(|key| found.get(&place(key)).cloned())
            .collect(),
        revision,
    })
}

pub(super) async fn scan(
    connection: &mut SqliteConnection,
    names: &Names,
    scan: &Scan,
) -> Result<ScanPage, Failure> {
    let revision = newest(connection, names).await?;
    if scan.is_empty {
        return Ok(scan.page(Vec::new(), false, revision));
    }
    let sql = match scan.to {
        Some(_) => {
            "SELECT key, version, bytes FROM {record} \
             WHERE space = $1 AND key >= $2 AND key < $3 ORDER BY key LIMIT $4"
        }
        None => {
            "SELECT key, version, bytes FROM {record} \
             WHERE space = $1 AND key >= $2 ORDER BY key LIMIT $4"
        }
    };
    let rows = sqlx::query_as(names.sql(sql))
        .bind(scan.space)
        .bind(scan.from.clone())
        .bind(scan.to.clone())
        .bind(i64::try_from(scan.size + 1).unwrap_or(i64::MAX));
    let mut rows = rows.fetch(&mut *connection);
    let mut page = Vec::new();
    let mut bytes_read = 0;
    let mut cut = false;
    while let Some((key, version, bytes)) = rows.try_next().await? {
        let (key, bytes): (Vec<u8>, Vec<u8>) = (key, bytes);
        if bytes_read >= PAGE_BYTES_MAX {
            cut = true;
            break;
        }
        bytes_read += bytes.len();
        page.push((key, records::record(version, bytes)?));
    }
    Ok(scan.page(page, cut, revision))
}

pub(super) async fn changes(
    connection: &mut SqliteConnection,
    names: &Names,
    after: Revision,
    size: usize,
) -> Result<ChangesPage, Failure> {
    let newest = newest(connection, names).await?;
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
        let row = feed::Row {
            revision: revision((row.try_get(0)?, row.try_get(1)?))?,
            space: row.try_get(2)?,
            key: row.try_get(3)?,
            version: row.try_get(4)?,
            bytes: row.try_get(5)?,
        };
        if !page.take(row)? {
            break;
        }
    }
    Ok(page.page(newest))
}

pub(super) async fn audit(
    connection: &mut SqliteConnection,
    names: &Names,
    scan: &trail::Scan,
) -> Result<AuditPage, Failure> {
    let sql = names.sql("SELECT store FROM {state} WHERE one = 1");
    let store: i64 = sqlx::query_scalar(sql).fetch_one(&mut *connection).await?;
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
            end = Some(Position::from_columns(
                row.try_get(0)?,
                row.try_get(1)?,
                row.try_get(2)?,
            )?);
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
    connection: &mut SqliteConnection,
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

fn bound<'q>(names: &Names, statement: Statement) -> Query<'q, Sqlite, SqliteArguments> {
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
    connection: &mut SqliteConnection,
    names: &Names,
) -> Result<Health, Failure> {
    let revision = newest(connection, names).await?;
    let sql = names.sql("SELECT coalesce(sum(events), 0) FROM {log}");
    let events: i64 = sqlx::query_scalar(sql).fetch_one(connection).await?;
    Ok(Health {
        backend: "sqlite".to_owned(),
        revision,
        events: from_column(events)?,
    })
}
