//! The same writes as bare statements on PostgreSQL: what is left if there were no `Store`.

use kavach_benches::Failed;
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, PgPool};

use crate::{Writes, stores};

/// What is looked up by besides the place of an event.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Indexes {
    None,
    /// As many, and as wide, as those of `PostgresStore`.
    Same,
}

/// Three statements in a transaction, by nobody else: nothing is expected, and no version drawn.
#[derive(Debug)]
pub(crate) struct BarePostgres {
    pool: PgPool,
    put: String,
    append: String,
}

impl BarePostgres {
    pub(crate) async fn open(indexes: Indexes) -> Result<Self, Failed> {
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .test_before_acquire(false)
            .connect(&stores::postgres_url())
            .await?;
        let schema = stores::postgres_schema();
        let mut sql = format!(
            "CREATE SCHEMA {schema}; \
             CREATE TABLE {schema}.record (key BYTEA PRIMARY KEY, bytes BYTEA NOT NULL); \
             CREATE TABLE {schema}.event (log BYTEA, idx BIGINT, time_ns BIGINT, tenant TEXT COLLATE \"C\", \
             agent TEXT COLLATE \"C\", owner TEXT COLLATE \"C\", place TEXT COLLATE \"C\", \
             outcome TEXT COLLATE \"C\", bytes BYTEA, PRIMARY KEY (log, idx)); \
             CREATE TABLE {schema}.line (agent TEXT COLLATE \"C\", time_ns BIGINT, log BYTEA, idx BIGINT);"
        );
        if matches!(indexes, Indexes::Same) {
            for columns in [
                "tenant",
                "agent",
                "owner",
                "tenant, place",
                "tenant, outcome",
            ] {
                sql.push_str(&format!(
                    "CREATE INDEX ON {schema}.event ({columns}, time_ns, log, idx);"
                ));
            }
            sql.push_str(&format!(
                "CREATE UNIQUE INDEX ON {schema}.line (agent, time_ns, log, idx);"
            ));
        }
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&pool).await?;
        let line = match indexes {
            Indexes::None => "false",
            Indexes::Same => "true",
        };
        Ok(Self {
            pool,
            put: format!(
                "INSERT INTO {schema}.record VALUES ('head', $1), ('counter', $2) \
                 ON CONFLICT (key) DO UPDATE SET bytes = excluded.bytes"
            ),
            append: format!(
                "WITH lines AS (INSERT INTO {schema}.line SELECT * FROM (SELECT unnest($10::text[]), \
                 unnest($11::bigint[]), unnest($12::bytea[]), unnest($13::bigint[])) AS l WHERE {line}) \
                 INSERT INTO {schema}.event SELECT unnest($1::bytea[]), unnest($2::bigint[]), \
                 unnest($3::bigint[]), unnest($4::text[]), unnest($5::text[]), unnest($6::text[]), \
                 unnest($7::text[]), unnest($8::text[]), unnest($9::bytea[])"
            ),
        })
    }

    pub(crate) async fn commit(&mut self, writes: Writes) -> Result<(), Failed> {
        let mut connection = self.pool.acquire().await?;
        sqlx::raw_sql("BEGIN").execute(&mut *connection).await?;
        sqlx::query(AssertSqlSafe(self.put.clone()))
            .bind(&writes.head)
            .bind(&writes.counter)
            .execute(&mut *connection)
            .await?;
        let rows: Vec<Row<'_>> = writes.events.iter().map(Row::of).collect();
        let lines: Vec<(&Row<'_>, &String)> = rows
            .iter()
            .flat_map(|row| row.above.iter().map(move |agent| (row, agent)))
            .collect();
        sqlx::query(AssertSqlSafe(self.append.clone()))
            .bind(rows.iter().map(|row| row.log).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.index).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.time_ns).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| &*row.tenant).collect::<Vec<_>>())
            .bind(
                rows.iter()
                    .map(|row| row.agent.as_deref())
                    .collect::<Vec<_>>(),
            )
            .bind(
                rows.iter()
                    .map(|row| row.owner.as_deref())
                    .collect::<Vec<_>>(),
            )
            .bind(rows.iter().map(|row| row.resource).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.outcome).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.bytes).collect::<Vec<_>>())
            .bind(
                lines
                    .iter()
                    .map(|(_, agent)| agent.as_str())
                    .collect::<Vec<_>>(),
            )
            .bind(lines.iter().map(|(row, _)| row.time_ns).collect::<Vec<_>>())
            .bind(lines.iter().map(|(row, _)| row.log).collect::<Vec<_>>())
            .bind(lines.iter().map(|(row, _)| row.index).collect::<Vec<_>>())
            .execute(&mut *connection)
            .await?;
        sqlx::raw_sql("COMMIT").execute(&mut *connection).await?;
        Ok(())
    }
}

/// What stands in the columns of an event.
struct Row<'a> {
    log: [u8; 16],
    index: i64,
    time_ns: i64,
    tenant: String,
    agent: Option<String>,
    owner: Option<String>,
    resource: Option<&'a str>,
    outcome: &'static str,
    bytes: &'a [u8],
    above: Vec<String>,
}

impl<'a> Row<'a> {
    fn of(sealed: &'a kavach_store::kavach_audit::SealedEvent) -> Self {
        let event = &sealed.event;
        let above = event.line.iter().map(|hop| hop.agent);
        let above = above.filter(|agent| Some(*agent) != event.agent);
        Self {
            log: event.log.as_u128().to_be_bytes(),
            index: event.index as i64,
            time_ns: event.time_ns as i64,
            tenant: event.tenant.to_string(),
            agent: event.agent.map(|agent| agent.to_string()),
            owner: event.owner.map(|owner| owner.to_string()),
            resource: event.resource.as_ref().map(|resource| resource.as_str()),
            outcome: event.outcome.code(),
            bytes: &sealed.bytes,
            above: above.map(|agent| agent.to_string()).collect(),
        }
    }
}
