//! Writing events, all of a batch in one statement.

use kavach_store::kavach_audit::SealedEvent;
use sqlx::PgConnection;

use crate::error::{Failure, event_is_there};
use crate::event::{Columns, per_log};
use crate::names::Names;

const APPEND: &str = "WITH given AS (SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::text[], \
    $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], \
    $13::text[], $14::bytea[]) AS given(log, idx, time_ns, id, tenant, agent, owner, action, resource, place, \
    outcome, reason, kind, bytes)), \
    appended AS (INSERT INTO {event} (log, idx, time_ns, id, tenant, agent, owner, action, resource, place, \
    outcome, reason, kind, bytes) SELECT * FROM given ORDER BY log, idx ON CONFLICT (log, idx) DO NOTHING \
    RETURNING 1), \
    lines AS (INSERT INTO {line} (agent, time_ns, log, idx) SELECT * FROM unnest($15::text[], $16::bigint[], \
    $17::bytea[], $18::bigint[]) ON CONFLICT DO NOTHING), \
    counted AS (INSERT INTO {log} AS l (log, events) SELECT * FROM unnest($19::bytea[], $20::bigint[]) \
    ON CONFLICT (log) DO UPDATE SET events = l.events + excluded.events) \
    SELECT count(*) FROM appended";

/// Appends `events`, none of whose places may be taken.
pub(super) async fn append(
    connection: &mut PgConnection,
    names: &Names,
    events: &[SealedEvent],
) -> Result<(), Failure> {
    if events.is_empty() {
        return Ok(());
    }
    let rows: Vec<Columns<'_>> = events.iter().map(Columns::of).collect();
    let lines: Vec<(&Columns<'_>, &str)> = rows
        .iter()
        .flat_map(|row| row.ancestors.iter().map(move |agent| (row, agent.as_str())))
        .collect();
    let logs = per_log(&rows);
    let appended: i64 = sqlx::query_scalar(names.sql(APPEND))
        .bind(all(&rows, |row| row.log.as_slice()))
        .bind(all(&rows, |row| row.index))
        .bind(all(&rows, |row| row.time_ns))
        .bind(all(&rows, |row| row.id.as_str()))
        .bind(all(&rows, |row| row.tenant.as_str()))
        .bind(all(&rows, |row| row.agent.as_deref()))
        .bind(all(&rows, |row| row.owner.as_deref()))
        .bind(all(&rows, |row| row.action))
        .bind(all(&rows, |row| row.resource))
        .bind(all(&rows, |row| row.place))
        .bind(all(&rows, |row| row.outcome))
        .bind(all(&rows, |row| row.reason))
        .bind(all(&rows, |row| row.kind))
        .bind(all(&rows, |row| row.bytes))
        .bind(all(&lines, |(_, agent)| *agent))
        .bind(all(&lines, |(row, _)| row.time_ns))
        .bind(all(&lines, |(row, _)| row.log.as_slice()))
        .bind(all(&lines, |(row, _)| row.index))
        .bind(all(&logs, |(log, _)| *log))
        .bind(all(&logs, |(_, events)| *events))
        .fetch_one(connection)
        .await?;
    if usize::try_from(appended) != Ok(rows.len()) {
        return Err(event_is_there());
    }
    Ok(())
}

/// One column of all rows.
fn all<'r, T, C>(rows: &'r [T], column: impl Fn(&'r T) -> C) -> Vec<C> {
    rows.iter().map(column).collect()
}
