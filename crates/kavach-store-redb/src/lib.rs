//! The embedded backend: one file, on [redb](https://www.redb.org).
//!
//! [`RedbStore`] keeps the contract of [`kavach_store::Store`] in a file of its own, with nothing to
//! set up. One process writes; others may read the same file meanwhile, through
//! [`RedbStore::open_read_only`].
//!
//! ```
//! use kavach_store::{Batch, Key, Space, Store};
//! use kavach_store_redb::RedbStore;
//!
//! const AGENTS: Space = Space::graph("agents");
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! let store = RedbStore::open(folder.path().join("kavach.redb"))?;
//! let key = Key::new(AGENTS, *b"planner");
//! let put = Batch { puts: vec![(key.clone(), b"{}".to_vec())], ..Batch::default() };
//! let committed = store.commit(put).await?;
//!
//! let snapshot = store.read(&[key]).await?;
//! assert_eq!(snapshot.revision, committed.revision);
//! # Ok(())
//! # }
//! ```
//!
//! A batch is one transaction, made by a thread of its own (`writer.rs`) and durable after two
//! `fsync`s: redb's two-phase commit, because rows hold text that attackers choose. Everything lies in
//! six tables (`schema.rs`); what is searched in the trail is indexed a block of events at a time, in
//! the commit that completes the block (`trail.rs`).

mod commit;
mod engine;
mod error;
mod feed;
mod file;
pub mod limits;
mod records;
mod schema;
mod storage;
mod store;
mod trail;
mod writer;

pub use store::RedbStore;
