//! Where the database is, and how it is used.

use std::str::FromStr;
use std::time::Duration;

use kavach_store::{StoreError, StoreErrorKind};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, PgConnection, PgPool};

use crate::limits::{
    ACQUIRE_TIMEOUT, IDLE_TIMEOUT, LISTEN_TIMEOUT, LOCK_TIMEOUT, POSTGRES_CONNECTIONS,
};

/// How a PostgreSQL database is used.
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    server: PgConnectOptions,
    schema: Option<String>,
    prefix: String,
    connections: u32,
    patience: Duration,
    pushes: bool,
}

impl PostgresOptions {
    /// The options that an address says: `postgres://user:password@host:port/database`. Besides what every
    /// client of PostgreSQL knows (`?sslmode=…`, `?host=/folder/of/the/socket`), it may say `schema=…`,
    /// `prefix=…` and `push=off` (see [`without_push`](Self::without_push)).
    ///
    /// Over a network say `sslmode=verify-full`, and `sslrootcert=FILE` for an authority that the operating
    /// system does not know. Without `sslmode` it is `prefer`, as with every client: whoever sits on the way
    /// may have it go on without encryption.
    ///
    /// # Errors
    /// `InvalidInput` for an address that is none, and for one that says what is not known: who asked for
    /// `ssl_mode=…` would go on without it. The message does not repeat values, because one may be a
    /// password.
    pub fn parse(url: &str) -> Result<Self, StoreError> {
        let (place, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut schema, mut prefix) = (None, "kavach_".to_owned());
        let (mut rest, mut pushes) = (Vec::new(), true);
        for part in query.split('&').filter(|part| !part.is_empty()) {
            match part.split_once('=') {
                Some(("schema", value)) => schema = Some(value.to_owned()),
                Some(("prefix", value)) => value.clone_into(&mut prefix),
                Some(("push", value)) => pushes = is_on(value)?,
                Some((name, _)) if !is_known(name) => return Err(unknown(name)),
                None => return Err(unknown(part)),
                Some(_) => rest.push(part),
            }
        }
        let address = if rest.is_empty() {
            place.to_owned()
        } else {
            format!("{place}?{}", rest.join("&"))
        };
        let server = PgConnectOptions::from_str(&address).map_err(|cause| {
            let message = "the address of the database is none; write \
                           `postgres://user:password@host/database`";
            StoreError::new(StoreErrorKind::InvalidInput, message).because(cause)
        })?;
        Ok(Self {
            server,
            schema,
            prefix,
            connections: POSTGRES_CONNECTIONS,
            patience: ACQUIRE_TIMEOUT,
            pushes,
        })
    }

    /// Tables in this schema, which is created if it is not there, instead of the one that the user finds
    /// first. 1 to 30 of `a-z`, `0-9` and `_`, the first no digit.
    #[must_use]
    pub fn with_schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = Some(schema.into());
        self
    }

    /// Tables and views whose names begin with `prefix`, instead of `kavach_`. 1 to 30 of `a-z`, `0-9`
    /// and `_`, the first no digit.
    #[must_use]
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// At most so many connections, instead of
    /// [`POSTGRES_CONNECTIONS`]. At least 1.
    #[must_use]
    pub fn with_connections(mut self, connections: u32) -> Self {
        self.connections = connections.max(1);
        self
    }

    /// A call waits so long for a connection, instead of [`ACQUIRE_TIMEOUT`], and then answers
    /// `Unavailable`.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Neither tells other nodes of changes nor hears of theirs (`NOTIFY`, `LISTEN`), so that they are heard of
    /// by asking only. Nothing else changes. For a pooler that hands out connections for a transaction each,
    /// where nobody can listen; engines that are not PostgreSQL are left alone anyway.
    #[must_use]
    pub fn without_push(mut self) -> Self {
        self.pushes = false;
        self
    }

    pub(super) fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Server and database, for messages.
    pub(super) fn name(&self) -> String {
        let host = match self.server.get_socket() {
            Some(socket) => socket.display().to_string(),
            None => self.server.get_host().to_owned(),
        };
        let database = self
            .server
            .get_database()
            .unwrap_or(self.server.get_username());
        format!("postgres://{host}/{database}")
    }

    fn server(&self) -> PgConnectOptions {
        let server = self.server.clone().disable_statement_logging();
        match server.get_application_name() {
            Some(_) => server,
            None => server.application_name("kavach"),
        }
    }

    /// The connection that hears of changes, and room for one in its place while it is being given up.
    pub(super) fn ears(&self) -> Option<PgPool> {
        let pool = PgPoolOptions::new()
            .max_connections(2)
            .acquire_timeout(LISTEN_TIMEOUT)
            .idle_timeout(None)
            .max_lifetime(None)
            .after_connect(|connection, _| Box::pin(set_up_to_listen(connection)))
            .connect_lazy_with(self.server());
        self.pushes.then_some(pool)
    }

    /// The connections.
    pub(super) fn pool(&self) -> PgPool {
        PgPoolOptions::new()
            .max_connections(self.connections)
            .acquire_timeout(self.patience)
            // A dead connection shows when it is used, and nothing is lost then: see `again.rs`.
            .test_before_acquire(false)
            .after_connect(|connection, _| Box::pin(set_up(connection)))
            .after_release(|connection, _| Box::pin(is_free(connection)))
            .connect_lazy_with(self.server())
    }
}

/// Every statement of ours has an index that gives its rows in order, few of them or a page at a time. An engine
/// that has not counted a table yet collects half of it for each page instead. So it is told; a server that has
/// none of these words is left alone.
const PLANS: &str = "SELECT set_config(name, 'off', false) FROM pg_settings \
    WHERE name IN ('jit', 'enable_seqscan', 'enable_bitmapscan')";

/// Whether sqlx does something about it. It passes over what it does not know.
fn is_known(name: &str) -> bool {
    matches!(
        name,
        "application_name"
            | "dbname"
            | "host"
            | "hostaddr"
            | "options"
            | "password"
            | "port"
            | "sslcert"
            | "sslkey"
            | "sslmode"
            | "sslrootcert"
            | "statement-cache-capacity"
            | "user"
    ) || (name.starts_with("options[") && name.ends_with(']'))
}

fn unknown(name: &str) -> StoreError {
    let message = format!(
        "nothing is known of `{name}` in the address of the database; leave it out, or correct it"
    );
    StoreError::new(StoreErrorKind::InvalidInput, message)
}

/// What a session of ours needs, whatever the defaults of the database are.
async fn set_up(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    // A commit that was answered is durable. Where more is asked for than that, it stays asked for.
    let durable = "SELECT set_config('synchronous_commit', 'on', false) \
                   WHERE current_setting('synchronous_commit') IN ('off', 'local')";
    sqlx::query(durable).execute(&mut *connection).await?;
    sqlx::query(PLANS).execute(&mut *connection).await?;
    let limits = "SELECT set_config('lock_timeout', $1, false), \
                  set_config('idle_in_transaction_session_timeout', $2, false)";
    sqlx::query(limits)
        .bind(LOCK_TIMEOUT.as_millis().to_string())
        .bind(IDLE_TIMEOUT.as_millis().to_string())
        .execute(connection)
        .await?;
    Ok(())
}

/// A session that listens is idle, and meant to be. (The setting is known from version 14 on.)
async fn set_up_to_listen(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let sql = "SELECT set_config('idle_session_timeout', '0', false) \
               WHERE current_setting('idle_session_timeout', true) IS NOT NULL";
    sqlx::query(sql).execute(connection).await.map(|_| ())
}

/// What `push=…` says.
fn is_on(value: &str) -> Result<bool, StoreError> {
    match value {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => {
            let message = "`push` in the address of the database is `on` or `off`";
            Err(StoreError::new(StoreErrorKind::InvalidInput, message))
        }
    }
}

/// Whether the session is in no transaction.
///
/// Dropping a future of sqlx 0.9.0 while it begins one leaves the session in it and gives the connection
/// back; whoever gets it next writes, hears `Ok`, and nothing is ever committed. Nothing of ours does
/// that, and this would find it. In a transaction, `now()` is when it began; outside of one, it is when
/// the statement did. After a statement that failed, the question fails too.
async fn is_free(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    use sqlx::Row;

    let row = sqlx::raw_sql("SELECT now() = statement_timestamp()")
        .fetch_one(connection)
        .await?;
    row.try_get(0)
}
