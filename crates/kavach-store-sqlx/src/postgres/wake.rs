//! Telling other nodes that the graph changed, and hearing it from them: `LISTEN` and `NOTIFY`.
//!
//! Hints, and nothing rests on them. A store hears on a connection beside the pool, and begins when it is first
//! asked for hints. It tells once a commit is durable, and apart from it, so that no commit fails or waits for
//! it: the server's queue may be full, and a transaction that notifies holds a lock of the whole cluster while
//! it ends. A notification says nothing but that it is there, so there is nothing in it to be believed. Where
//! the engine is not PostgreSQL itself, or will not listen, there are no hints.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use kavach_store::{StoreError, StoreErrorKind};
use sqlx::postgres::PgListener;
use sqlx::{PgExecutor, PgPool};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::error::Failure;
use crate::limits::{DEAF_PAUSE_MAX, DEAF_PAUSE_MIN, LISTEN_CHECK_EVERY, LISTEN_TIMEOUT};
use crate::postgres::{Shared, meaning};

#[cfg(test)]
mod tests;

/// What one store tells, and what it hears.
#[derive(Debug)]
pub(super) struct Wake {
    /// The connection that hears; `None` where there are to be no hints.
    ears: Option<PgPool>,
    /// How many notifications came.
    heard: watch::Sender<u64>,
    /// How many of them somebody was told of.
    told: AtomicU64,
    listening: OnceLock<JoinHandle<()>>,
    telling: Mutex<Telling>,
    /// Whether the engine is PostgreSQL itself, once it was asked.
    is_plain: OnceLock<bool>,
    /// The engine will not listen, so it is not told anything either.
    is_refused: AtomicBool,
}

/// What is on its way to the others.
#[derive(Debug, Default)]
struct Telling {
    /// Something changed that they were not told of.
    is_due: bool,
    /// Somebody is about to tell them, or at it.
    is_under_way: bool,
    task: Option<JoinHandle<()>>,
    /// The server refused, and is left alone until then.
    not_before: Option<Instant>,
}

impl Wake {
    pub(super) fn new(ears: Option<PgPool>) -> Self {
        Self {
            ears,
            heard: watch::Sender::new(0),
            told: AtomicU64::new(0),
            listening: OnceLock::new(),
            telling: Mutex::default(),
            is_plain: OnceLock::new(),
            is_refused: AtomicBool::new(false),
        }
    }

    /// Waits for what is being told, and ends the connection.
    pub(super) async fn close(&self) {
        let telling = self.telling().task.take();
        if let Some(telling) = telling {
            let _ = timeout(LISTEN_TIMEOUT, telling).await;
        }
        if let Some(ears) = &self.ears {
            ears.close().await;
        }
    }

    /// Whether hints make sense here, as far as is known.
    fn is_of_use(&self) -> bool {
        self.ears.is_some()
            && !self.is_refused.load(Ordering::SeqCst)
            && self.is_plain.get().is_none_or(|plain| *plain)
    }

    /// The same for the engine, which is asked once.
    async fn is_plain(&self, engine: impl PgExecutor<'_>) -> Result<bool, sqlx::Error> {
        if let Some(plain) = self.is_plain.get() {
            return Ok(*plain);
        }
        let version: String = sqlx::query_scalar("SELECT version()")
            .fetch_one(engine)
            .await?;
        Ok(*self.is_plain.get_or_init(|| is_postgres_itself(&version)))
    }

    /// Whether something changed that is yet to be told. If not, the next change begins anew.
    fn is_more_to_tell(&self) -> bool {
        let mut telling = self.telling();
        telling.is_under_way = std::mem::take(&mut telling.is_due);
        telling.is_under_way
    }

    // Nothing panics while the lock is held.
    fn telling(&self) -> MutexGuard<'_, Telling> {
        self.telling.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Wake {
    fn drop(&mut self) {
        if let Some(listening) = self.listening.get() {
            listening.abort();
        }
    }
}

/// Whether an engine that calls itself so is PostgreSQL, and not one that speaks its language: those name
/// themselves (`CockroachDB CCL v23.1.11 …`), or stand in the number (`PostgreSQL 11.2-YB-2.18.0.0-b0 …`).
fn is_postgres_itself(version: &str) -> bool {
    let mut words = version.split_whitespace();
    let is_number = |word: &str| word.chars().all(|c| c.is_ascii_alphanumeric() || c == '.');
    words.next() == Some("PostgreSQL") && words.next().is_some_and(is_number)
}

/// Where the nodes of a store meet. Its id is drawn at random, so stores that share a database do not wake each
/// other, and nobody wakes them who may not read them.
fn channel(store: i64) -> String {
    format!("kavach_{store:016x}")
}

/// [`Store::stirred`](kavach_store::Store::stirred).
pub(super) async fn stirred(shared: &Arc<Shared>) {
    let wake = &shared.wake;
    let Some(ears) = &wake.ears else {
        return std::future::pending().await;
    };
    wake.listening.get_or_init(|| {
        let keep = keep_listening(Arc::downgrade(shared), ears.clone());
        tokio::spawn(keep)
    });
    let mut heard = wake.heard.subscribe();
    let told = wake.told.load(Ordering::SeqCst);
    let heard = heard.wait_for(|count| *count > told).await;
    // The sender lives as long as the store.
    let count = heard.map_or(told, |count| *count);
    wake.told.fetch_max(count, Ordering::SeqCst);
}

/// Listens until the store is closed or gone, and again, after a while, whenever that fails.
async fn keep_listening(shared: Weak<Shared>, ears: PgPool) {
    let mut pause = DEAF_PAUSE_MIN;
    let mut is_known = false;
    loop {
        let began = Instant::now();
        let Err(failure) = listen(&shared, &ears).await else {
            return;
        };
        let Some(shared) = shared.upgrade() else {
            return;
        };
        if ears.is_closed() {
            return;
        }
        if began.elapsed() > DEAF_PAUSE_MAX {
            (pause, is_known) = (DEAF_PAUSE_MIN, false);
        }
        if !is_known {
            let error = shared.explain(failure);
            tracing::warn!(%error, "the database does not tell of other nodes' changes; they are heard of by asking");
            is_known = true;
        }
        drop(shared);
        sleep(pause).await;
        pause = pause.saturating_mul(2).min(DEAF_PAUSE_MAX);
    }
}

/// Listens until that fails. `Ok` where there is nothing to listen for.
async fn listen(shared: &Weak<Shared>, ears: &PgPool) -> Result<(), Failure> {
    let Some(alive) = shared.upgrade() else {
        return Ok(());
    };
    let listener = timeout(LISTEN_TIMEOUT, begin(&alive, ears)).await;
    let Some(mut listener) = listener.map_err(|_| silent(&alive.name))?? else {
        return Ok(());
    };
    // What happened before that, nobody heard.
    alive.wake.heard.send_modify(|count| *count += 1);
    let name = alive.name.clone();
    drop(alive);
    loop {
        let Ok(heard) = timeout(LISTEN_CHECK_EVERY, listener.try_recv()).await else {
            // Either nobody changes anything, or the connection is dead and nobody says so.
            let asked = sqlx::query("SELECT 1").execute(&mut listener);
            let answered = timeout(LISTEN_TIMEOUT, asked).await;
            answered.map_err(|_| silent(&name))??;
            continue;
        };
        if heard?.is_none() {
            return Err(silent(&name));
        }
        let Some(alive) = shared.upgrade() else {
            return Ok(());
        };
        alive.wake.heard.send_modify(|count| *count += 1);
    }
}

/// Begins to listen, if the engine is one that should.
async fn begin(shared: &Shared, ears: &PgPool) -> Result<Option<PgListener>, Failure> {
    let store = shared.store_id().await?;
    let mut listener = PgListener::connect_with(ears).await?;
    listener.eager_reconnect(false);
    if !shared.wake.is_plain(&mut listener).await? {
        return Ok(None);
    }
    let listening = listener.listen(&channel(store)).await;
    // By an engine that does not know how, or a replica.
    let refused =
        |error: &sqlx::Error| error.as_database_error().is_some() && !meaning::is_broken(error);
    let is_refused = listening.as_ref().is_err_and(refused);
    shared.wake.is_refused.store(is_refused, Ordering::SeqCst);
    listening?;
    Ok(Some(listener))
}

fn silent(name: &str) -> Failure {
    let message = format!("the connection on which `{name}` tells of changes is gone or silent");
    StoreError::new(StoreErrorKind::Unavailable, message).into()
}

/// Tells the others that the graph changed, soon. However much changes meanwhile, they are told of it once.
pub(super) fn tell(shared: &Arc<Shared>) {
    if !shared.wake.is_of_use() {
        return;
    }
    let mut telling = shared.wake.telling();
    telling.is_due = true;
    let is_under_way = telling
        .task
        .as_ref()
        .is_some_and(|task| !task.is_finished());
    let is_left_alone = |until: Instant| Instant::now() < until;
    if !is_under_way && !telling.not_before.is_some_and(is_left_alone) {
        telling.task = Some(tokio::spawn(keep_telling(Arc::clone(shared))));
    }
}

/// Tells until nothing is left to be told.
async fn keep_telling(shared: Arc<Shared>) {
    while shared.wake.is_more_to_tell() {
        let Err(failure) = notify(&shared).await else {
            shared.wake.telling().not_before = None;
            continue;
        };
        let mut telling = shared.wake.telling();
        telling.is_under_way = false;
        let before = telling.not_before.replace(Instant::now() + DEAF_PAUSE_MAX);
        drop(telling);
        if before.is_none() {
            let error = shared.explain(failure);
            tracing::warn!(%error, "the database does not tell other nodes of changes; they hear of them by asking");
        }
        return;
    }
}

async fn notify(shared: &Shared) -> Result<(), Failure> {
    let store = shared.store_id().await?;
    let mut connection = shared.pool.acquire().await?;
    let told = async {
        if shared.wake.is_plain(&mut *connection).await? {
            sqlx::query("SELECT pg_notify($1, '')")
                .bind(channel(store))
                .execute(&mut *connection)
                .await?;
        }
        Ok(())
    };
    let told: Result<(), sqlx::Error> = told.await;
    if told.is_err() {
        connection.close_on_drop();
    }
    Ok(told?)
}
