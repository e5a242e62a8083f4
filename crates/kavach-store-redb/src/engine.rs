//! One open file, and how to open it again.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{PoisonError, RwLock};

use kavach_store::{StoreError, StoreErrorKind};
use redb::{
    Database, Durability, ReadOnlyDatabase, ReadTransaction, ReadableDatabase, WriteTransaction,
};

use crate::error::Failure;
use crate::schema::{self, Found, SCHEMA};
use crate::storage::Syncs;

/// An open file.
pub(crate) enum Handle {
    Writing(Database),
    Reading(ReadOnlyDatabase),
}

type Open = Box<dyn Fn(&Syncs) -> Result<Handle, Failure> + Send + Sync>;

/// The file that a store lies in. Shared by its readers and its writer.
pub(crate) struct Engine {
    /// What the store is called in messages.
    name: String,
    open: Open,
    /// How often the file was synced.
    syncs: Syncs,
    /// Which store it is.
    id: u64,
    /// `None` once it is closed, and while it cannot be opened again.
    handle: RwLock<Option<Handle>>,
}

impl Engine {
    /// Opens what `open` opens, and brings it to our schema if it is fresh.
    pub(crate) fn start(name: String, open: Open) -> Result<Self, StoreError> {
        let syncs = Syncs::default();
        let opened = unharmed(&name, || {
            let handle = open(&syncs)?;
            let id = match &handle {
                Handle::Writing(database) => prepare(database)?,
                Handle::Reading(database) => identify(schema::inspect(&database.begin_read()?)?)?,
            };
            Ok((handle, id))
        });
        match opened {
            Ok((handle, id)) => Ok(Self {
                name,
                open,
                syncs,
                id,
                handle: RwLock::new(Some(handle)),
            }),
            Err(failure) => Err(failure.explain(&name)),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// How often the file was synced so far.
    pub(crate) fn syncs(&self) -> u64 {
        self.syncs.count()
    }

    /// A snapshot of everything committed so far.
    pub(crate) fn begin_read(&self) -> Result<ReadTransaction, Failure> {
        let handle = self.handle.read().unwrap_or_else(PoisonError::into_inner);
        match handle.as_ref() {
            Some(Handle::Writing(database)) => Ok(database.begin_read()?),
            Some(Handle::Reading(database)) => Ok(database.begin_read()?),
            None => Err(redb::Error::PreviousIo.into()),
        }
    }

    /// A transaction that is durable, in both phases, once its commit returns. Only for the writer.
    pub(crate) fn begin_write(&self) -> Result<WriteTransaction, Failure> {
        let handle = self.handle.read().unwrap_or_else(PoisonError::into_inner);
        match handle.as_ref() {
            Some(Handle::Writing(database)) => durable(database),
            Some(Handle::Reading(_)) => {
                let message = format!("`{}` was opened for reading only", self.name);
                Err(StoreError::new(StoreErrorKind::ReadOnly, message).into())
            }
            None => Err(redb::Error::PreviousIo.into()),
        }
    }

    /// Closes the file. Whoever reads from it learns so.
    pub(crate) fn close(&self) {
        let mut handle = self.handle.write().unwrap_or_else(PoisonError::into_inner);
        *handle = None;
    }

    /// Closes the file and opens it again, which repairs what a failed commit left behind. Only for
    /// the writer, between transactions.
    pub(crate) fn reopen(&self) -> Result<(), Failure> {
        let mut handle = self.handle.write().unwrap_or_else(PoisonError::into_inner);
        // First close: the file is locked.
        *handle = None;
        let opened = unharmed(&self.name, || {
            let opened = (self.open)(&self.syncs)?;
            if let Handle::Writing(database) = &opened
                && prepare(database)? != self.id
            {
                let message = format!("`{}` is another store than before; restart", self.name);
                return Err(Failure::corrupt(message));
            }
            Ok(opened)
        })?;
        *handle = Some(opened);
        Ok(())
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Runs `open`, and takes a panic for what it is: redb trusts what it reads, and panics on some files that
/// are damaged.
fn unharmed<T>(name: &str, open: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(open)).unwrap_or_else(|_| {
        Err(Failure::corrupt(format!(
            "`{name}` is damaged; restore a backup"
        )))
    })
}

fn durable(database: &Database) -> Result<WriteTransaction, Failure> {
    let mut transaction = database.begin_write()?;
    // Rows hold text that attackers choose, and a commit in one phase trusts a checksum that is not
    // made against them.
    transaction.set_two_phase_commit(true);
    transaction
        .set_durability(Durability::Immediate)
        .map_err(|error| Failure::corrupt(format!("the file has savepoints ({error})")))?;
    Ok(transaction)
}

/// Makes sure that the file holds a store of our schema, and says which.
pub(crate) fn prepare(database: &Database) -> Result<u64, Failure> {
    let found = schema::inspect(&database.begin_read()?)?;
    if found != Found::Nothing {
        return identify(found);
    }
    // Every `RandomState` hashes with random keys of its own.
    let id = RandomState::new().hash_one(());
    let transaction = durable(database)?;
    schema::create(&transaction, id)?;
    transaction.commit()?;
    Ok(id)
}

fn identify(found: Found) -> Result<u64, Failure> {
    let (kind, message) = match found {
        Found::Store { schema, id } if schema == u64::from(SCHEMA) => return Ok(id),
        Found::Store { schema, .. } if schema > u64::from(SCHEMA) => {
            let message = format!(
                "the store has schema {schema}, and this version knows {SCHEMA}; use a newer version"
            );
            (StoreErrorKind::SchemaTooNew, message)
        }
        Found::Store { schema, .. } => {
            let message = format!("there never was a schema {schema}; restore a backup");
            (StoreErrorKind::Corrupt, message)
        }
        Found::Nothing | Found::Foreign => {
            let message = "the file is not a store of this program; use another file".to_owned();
            (StoreErrorKind::Corrupt, message)
        }
    };
    Err(StoreError::new(kind, message).into())
}
