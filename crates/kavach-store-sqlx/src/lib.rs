//! The SQL backends: SQLite in a file, and PostgreSQL, on [sqlx](https://docs.rs/sqlx).
//!
//! [`SqliteStore`] and [`PostgresStore`] keep the contract of [`kavach_store::Store`], each behind a
//! feature of its own. Their tables have a prefix, so that they can live beside those of a host.
//!
//! ```
//! use kavach_store::{Batch, Key, Migration, Space, Store};
//! use kavach_store_sqlx::SqliteStore;
//!
//! const AGENTS: Space = Space::graph("agents");
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! let store = SqliteStore::open(folder.path().join("kavach.sqlite")).await?;
//! store.migrate(Migration::Apply).await?;
//! let key = Key::new(AGENTS, *b"planner");
//! let put = Batch { puts: vec![(key.clone(), b"{}".to_vec())], ..Batch::default() };
//! let committed = store.commit(put).await?;
//!
//! let snapshot = store.read(&[key]).await?;
//! assert_eq!(snapshot.revision, committed.revision);
//! store.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! A batch is one transaction on a task of its own, which a caller who stops waiting does not end
//! (`task.rs`). What a record or an event is, only its bytes say; beside those of an event stand the
//! columns that it is searched by (`event.rs`, `trail.rs`).

mod error;
mod event;
mod feed;
pub mod limits;
mod log;
mod names;
mod number;
#[cfg(test)]
mod plans;
#[cfg(feature = "postgres")]
mod postgres;
mod records;
mod schema;
mod shown;
#[cfg(test)]
mod small;
#[cfg(feature = "sqlite")]
mod sqlite;
mod task;
mod trail;

#[cfg(feature = "postgres")]
pub use postgres::{PostgresOptions, PostgresStore};
#[cfg(feature = "sqlite")]
pub use sqlite::{SqliteOptions, SqliteStore};
