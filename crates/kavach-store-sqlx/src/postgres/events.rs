//! Writing events, all of a batch in one statement.

use kavach_store::kavach_audit::SealedEvent;
use sqlx::PgConnection;

use crate::error::{Failure, event_is_there};
use crate::event::{Columns, per_log};
use crate::names::Names;
use crate::postgres::meaning;

/// Places that are taken are an error of the engine here: asking it to look before each row
/// (`ON CONFLICT`) costs a quarter more. Arrays side by side in a list of columns are walked together, and
/// not laid out as tables first, as they are behind `FROM`.
const APPEND: &str = "WITH lines AS (INSERT INTO {line} (agent, time_ns, log, idx) \
    SELECT unnest($15::text[]), unnest($16::bigint[]), unnest($17::bytea[]), unnest($18::bigint[])), \
    counted AS (INSERT INTO {log} AS l (log, events) SELECT unnest($19::bytea[]), unnest($20::bigint[]) \
    ON CONFLICT (log) DO UPDATE SET events = l.events + excluded.events) \
    INSERT INTO {event} (log, idx, time_ns, id, tenant, agent, owner, action, resource, place, outcome, \
    reason, kind, bytes) SELECT unnest($1::bytea[]), unnest($2::bigint[]), unnest($3::bigint[]), \
    unnest($4::text[]), unnest($5::text[]), unnest($6::text[]), unnest($7::text[]), unnest($8::text[]), \
    unnest($9::text[]), unnest($10::text[]), unnest($11::text[]), unnest($12::text[]), unnest($13::text[]), \
    unnest($14::bytea[])";

/// Appends `events`, none of whose places may be taken.
pub(super) async fn append(
    connection: &mut PgConnection,
    names: &Names,
    events: &[SealedEvent],
) -> Result<(), Failure> {
    if events.is_empty() {
        return Ok(());
    }
    let mut rows: Vec<Columns<'_>> = events.iter().map(Columns::of).collect();
    // Two who append to the same logs meet in one order.
    rows.sort_by(|one, other| (&one.log, one.index).cmp(&(&other.log, other.index)));
    let lines: Vec<(&Columns<'_>, &str)> = rows
        .iter()
        .flat_map(|row| row.ancestors.iter().map(move |agent| (row, agent.as_str())))
        .collect();
    let logs = per_log(&rows);
    let appended = sqlx::query(names.sql(APPEND))
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
        .execute(connection)
        .await;
    match appended {
        Ok(_) => Ok(()),
        Err(error) if meaning::is_taken(&error) => Err(event_is_there()),
        Err(error) => Err(error.into()),
    }
}

/// One column of all rows.
fn all<'r, T, C>(rows: &'r [T], column: impl Fn(&'r T) -> C) -> Vec<C> {
    rows.iter().map(column).collect()
}
