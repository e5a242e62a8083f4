//! A store at the other end of a network that breaks.
//!
//! What is asked lies in memory that both ends share; over the network goes only its number, so that it is lost,
//! late or cut off as a message to a database is.

use std::any::Any;
use std::collections::HashMap;
use std::ops::Bound;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use kavach::audit::{Query, SealedEvent};
use kavach::core::LogId;
use kavach::store::{
    AuditCursor, AuditPage, Batch, ChangesPage, Committed, Health, Key, Migration, Revision,
    ScanPage, SchemaState, Snapshot, Space, StoreError,
};
use kavach::{MemoryStore, Store, StoreErrorKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use turmoil::net::{TcpListener, TcpStream};

use super::DATABASE;

const PORT: u16 = 5432;
/// For how long a node waits for an answer.
const PATIENCE: Duration = Duration::from_secs(1);

type Answer = Box<dyn Any + Send>;
type Asked = Box<dyn FnOnce(MemoryStore) -> Pin<Box<dyn Future<Output = Answer> + Send>> + Send>;

/// What both ends share.
#[derive(Clone, Default)]
pub(crate) struct Database {
    pub(crate) store: MemoryStore,
    mail: Arc<Mail>,
}

#[derive(Default)]
struct Mail {
    number: AtomicU64,
    asked: Mutex<HashMap<u64, Asked>>,
    answers: Mutex<HashMap<u64, Answer>>,
}

/// The database's end: answers until the host is stopped.
pub(crate) async fn serve(database: Database) -> turmoil::Result {
    let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
    loop {
        let (mut stream, _) = listener.accept().await?;
        let Database { store, mail } = database.clone();
        tokio::spawn(async move {
            while let Ok(number) = stream.read_u64().await {
                let Some(asked) = mail.asked.lock().unwrap().remove(&number) else {
                    return;
                };
                let answer = asked(store.clone()).await;
                mail.answers.lock().unwrap().insert(number, answer);
                if stream.write_u64(number).await.is_err() {
                    return;
                }
            }
        });
    }
}

/// A node's end.
pub(crate) struct FarStore(pub(crate) Database);

impl std::fmt::Debug for FarStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FarStore")
    }
}

impl FarStore {
    async fn ask<T, F>(
        &self,
        writes: bool,
        operation: impl FnOnce(MemoryStore) -> F + Send + 'static,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send,
    {
        let mail = &self.0.mail;
        let number = mail.number.fetch_add(1, Ordering::SeqCst);
        let asked: Asked = Box::new(move |store| {
            Box::pin(async move { Box::new(operation(store).await) as Answer })
        });
        let connected = timeout(PATIENCE, TcpStream::connect((DATABASE, PORT))).await;
        let Ok(Ok(mut stream)) = connected else {
            let words = "the database is not reached; try again";
            return Err(StoreError::new(StoreErrorKind::Unavailable, words));
        };
        mail.asked.lock().unwrap().insert(number, asked);
        let exchange = async {
            stream.write_u64(number).await.ok()?;
            stream.read_u64().await.ok()
        };
        let told = timeout(PATIENCE, exchange).await.ok().flatten();
        let answer = mail.answers.lock().unwrap().remove(&number);
        match (told, answer) {
            (Some(_), Some(answer)) => *answer.downcast().unwrap(),
            _ if writes => {
                let words = "the answer of the database was lost";
                Err(StoreError::new(StoreErrorKind::OutcomeUnknown, words))
            }
            _ => {
                let words = "the answer of the database was lost; try again";
                Err(StoreError::new(StoreErrorKind::Unavailable, words))
            }
        }
    }
}

#[async_trait]
impl Store for FarStore {
    async fn read(&self, keys: &[Key]) -> Result<Snapshot, StoreError> {
        let keys = keys.to_vec();
        self.ask(false, move |store| async move { store.read(&keys).await })
            .await
    }

    async fn scan(
        &self,
        space: Space,
        range: (Bound<Vec<u8>>, Bound<Vec<u8>>),
        limit: usize,
    ) -> Result<ScanPage, StoreError> {
        self.ask(false, move |store| async move {
            store.scan(space, range, limit).await
        })
        .await
    }

    async fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        self.ask(true, move |store| async move { store.commit(batch).await })
            .await
    }

    async fn changes(&self, after: Revision, limit: usize) -> Result<ChangesPage, StoreError> {
        self.ask(false, move |store| async move {
            store.changes(after, limit).await
        })
        .await
    }

    async fn audit_scan(
        &self,
        query: &Query,
        after: Option<&AuditCursor>,
        limit: usize,
    ) -> Result<AuditPage, StoreError> {
        let (query, after) = (query.clone(), after.cloned());
        self.ask(false, move |store| async move {
            store.audit_scan(&query, after.as_ref(), limit).await
        })
        .await
    }

    async fn log_scan(
        &self,
        log: LogId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<SealedEvent>, StoreError> {
        self.ask(false, move |store| async move {
            store.log_scan(log, from, limit).await
        })
        .await
    }

    async fn migrate(&self, migration: Migration) -> Result<SchemaState, StoreError> {
        self.ask(
            true,
            move |store| async move { store.migrate(migration).await },
        )
        .await
    }

    async fn health(&self) -> Result<Health, StoreError> {
        self.ask(false, move |store| async move { store.health().await })
            .await
    }

    /// A hint goes over the same network: it may be lost, late or cut off. Where it does not come, there is one
    /// without cause after a while, as of a connection that was made again.
    async fn stirred(&self, known: Revision) {
        let hint = self.ask(false, move |store| async move {
            store.stirred(known).await;
            Ok(())
        });
        if hint.await.is_err() {
            tokio::time::sleep(PATIENCE).await;
        }
    }
}
