//! Which store: what `--store` names, and how it is opened.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use kavach::store::ReadOnly;
use kavach::{MemoryStore, Store, StoreError, StoreErrorKind};
use kavach_store_redb::RedbStore;
#[cfg(feature = "postgres")]
use kavach_store_sqlx::PostgresStore;
#[cfg(feature = "sqlite")]
use kavach_store_sqlx::SqliteStore;

use crate::data::shown_path;
use crate::failure::{Failure, quoted};

/// Where records lie.
#[derive(Clone, Eq, PartialEq)]
pub(crate) enum Place {
    /// In a file of redb.
    Redb(PathBuf),
    /// In a file of SQLite.
    Sqlite(PathBuf),
    /// In a PostgreSQL database; its address, which may hold a password.
    Postgres(String),
    /// In this process.
    Memory,
}

/// What a store is opened for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Purpose {
    /// To be changed.
    Changing,
    /// To be looked at, also while another process has it, where the engine allows that.
    Looking,
}

impl FromStr for Place {
    type Err = Failure;

    fn from_str(url: &str) -> Result<Self, Failure> {
        let (scheme, rest) = url.split_once(':').unwrap_or((url, ""));
        match scheme {
            "memory" if rest.is_empty() && url.ends_with(':') => Ok(Self::Memory),
            "redb" if !rest.is_empty() => Ok(Self::Redb(file(rest))),
            "sqlite" if !rest.is_empty() && rest != ":memory:" => Ok(Self::Sqlite(file(rest))),
            "postgres" | "postgresql" if rest.starts_with("//") => {
                Ok(Self::Postgres(url.to_owned()))
            }
            // What stands behind the scheme may be a password.
            _ => Err(Failure::error(format!(
                "{} names no store; write `redb:PATH`, `sqlite:PATH`, `postgres://USER@HOST/DATABASE` or \
                 `memory:`",
                quoted(scheme)
            ))),
        }
    }
}

/// `///path` is a path too, as other programs write it.
fn file(rest: &str) -> PathBuf {
    let rest = rest
        .strip_prefix("//")
        .filter(|path| path.starts_with('/'))
        .unwrap_or(rest);
    PathBuf::from(rest)
}

/// As it is shown to people: without a password.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Redb(path) => write!(f, "redb:{}", shown_path(path)),
            Self::Sqlite(path) => write!(f, "sqlite:{}", shown_path(path)),
            Self::Postgres(url) => {
                let (scheme, rest) = url.split_once("//").unwrap_or(("postgres:", ""));
                let rest = rest.split(['?', '#']).next().unwrap_or_default();
                let server = rest.rsplit_once('@').map_or(rest, |(_, server)| server);
                write!(f, "{scheme}//{}", kavach::audit::shown(server))
            }
            Self::Memory => f.write_str("memory:"),
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A store, and how it is closed.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    pub(crate) store: Arc<dyn Store>,
    closer: Closer,
}

/// What is left to do at the end.
#[derive(Clone, Debug)]
enum Closer {
    /// Nothing: it is closed when its last handle is gone.
    Nothing,
    #[cfg(feature = "sqlite")]
    Sqlite(SqliteStore),
    #[cfg(feature = "postgres")]
    Postgres(PostgresStore),
}

impl Opened {
    /// Waits for what is under way.
    pub(crate) async fn close(self) {
        drop(self.store);
        match self.closer {
            Closer::Nothing => {}
            #[cfg(feature = "sqlite")]
            Closer::Sqlite(store) => store.close().await,
            #[cfg(feature = "postgres")]
            Closer::Postgres(store) => store.close().await,
        }
    }

    /// What the engine itself finds wrong with its file, where it can be asked.
    pub(crate) async fn check_file(&self) -> Result<(), StoreError> {
        match &self.closer {
            Closer::Nothing => Ok(()),
            #[cfg(feature = "sqlite")]
            Closer::Sqlite(store) => store.check_file().await,
            #[cfg(feature = "postgres")]
            Closer::Postgres(_) => Ok(()),
        }
    }

    /// Nothing is written by who only looks.
    fn opened_for(self, purpose: Purpose) -> Self {
        match purpose {
            Purpose::Changing => self,
            Purpose::Looking => Self {
                store: Arc::new(ReadOnly::new(self.store)),
                closer: self.closer,
            },
        }
    }

    fn plain(store: impl Store + 'static) -> Self {
        Self {
            store: Arc::new(store),
            closer: Closer::Nothing,
        }
    }
}

impl Place {
    /// Opens the store, which may take a while after a crash.
    pub(crate) async fn open(&self, purpose: Purpose) -> Result<Opened, StoreError> {
        match self {
            Self::Redb(path) => Ok(Opened::plain(open_redb(path.clone(), purpose).await?)),
            Self::Memory => Ok(Opened::plain(MemoryStore::new())),
            Self::Sqlite(path) => Ok(open_sqlite(path).await?.opened_for(purpose)),
            Self::Postgres(url) => Ok(open_postgres(url)?.opened_for(purpose)),
        }
    }

    /// Whether other processes may have it open at the same time.
    pub(crate) fn is_shared(&self) -> bool {
        match self {
            Self::Sqlite(_) | Self::Postgres(_) => true,
            Self::Redb(_) | Self::Memory => false,
        }
    }

    /// Whether there is a store to be opened. A database server is asked.
    pub(crate) async fn has_store(&self) -> Result<bool, Failure> {
        match self {
            Self::Redb(path) | Self::Sqlite(path) => path
                .try_exists()
                .map_err(|error| crate::data::unreadable(path, &error)),
            Self::Memory => Ok(false),
            Self::Postgres(_) => {
                let opened = self.open(Purpose::Looking).await?;
                let state = opened.store.migrate(kavach::store::Migration::Check).await;
                opened.close().await;
                Ok(state?.found > 0)
            }
        }
    }
}

async fn open_redb(path: PathBuf, purpose: Purpose) -> Result<RedbStore, StoreError> {
    let name = shown_path(&path);
    let open = move || match purpose {
        Purpose::Changing => RedbStore::open(path),
        Purpose::Looking => RedbStore::open_read_only(path),
    };
    let opened = tokio::task::spawn_blocking(open).await;
    opened.unwrap_or_else(|_| {
        // The engine checks what it reads when it repairs a file, and not each time.
        let words = format!("`{name}` cannot be read, and is probably damaged; restore a backup");
        Err(StoreError::new(StoreErrorKind::Corrupt, words))
    })
}

#[cfg(feature = "sqlite")]
async fn open_sqlite(path: &Path) -> Result<Opened, StoreError> {
    let store = SqliteStore::open(path).await?;
    Ok(Opened {
        store: Arc::new(store.clone()),
        closer: Closer::Sqlite(store),
    })
}

#[cfg(not(feature = "sqlite"))]
async fn open_sqlite(_: &Path) -> Result<Opened, StoreError> {
    Err(not_built_in("SQLite", "sqlite"))
}

#[cfg(feature = "postgres")]
fn open_postgres(url: &str) -> Result<Opened, StoreError> {
    let store = PostgresStore::open(url)?;
    Ok(Opened {
        store: Arc::new(store.clone()),
        closer: Closer::Postgres(store),
    })
}

#[cfg(not(feature = "postgres"))]
fn open_postgres(_: &str) -> Result<Opened, StoreError> {
    Err(not_built_in("PostgreSQL", "postgres"))
}

#[cfg(not(all(feature = "sqlite", feature = "postgres")))]
fn not_built_in(engine: &str, feature: &str) -> StoreError {
    let words =
        format!("this kavach was built without {engine}; build it with `--features {feature}`");
    StoreError::new(StoreErrorKind::InvalidInput, words)
}

#[cfg(test)]
mod tests;
