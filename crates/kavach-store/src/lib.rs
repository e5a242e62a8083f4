//! Where Kavach keeps what it must not forget: versioned records and audit events.
//!
//! [`Store`] is the contract, narrow on purpose: read, scan, commit, follow the changes, search the
//! audit trail. A [`Batch`] holds expectations, writes and events, and lands whole or not at all.
//! [`MemoryStore`] is the contract in memory. The feature `kit` adds the module `conformance`, which
//! judges every backend, and `FaultyStore`, which fails on command. To write a backend, start with
//! `docs/write-a-backend.md`. [`MasterKey`] seals what must not lie in a store in clear.
//!
//! ```
//! use kavach_store::{Batch, Expect, Key, MemoryStore, Space, Store, StoreErrorKind};
//!
//! const CODES: Space = Space::quiet("codes");
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), kavach_store::StoreError> {
//! let store = MemoryStore::new();
//! let code = Key::new(CODES, *b"k7f3");
//! let put = Batch { puts: vec![(code.clone(), b"for agent 1".to_vec())], ..Batch::default() };
//! let version = store.commit(put).await?.version;
//!
//! // A code is spent by deleting the very record that was read, so only one of two can spend it.
//! let spend = Batch {
//!     expectations: vec![(code.clone(), Expect::Version(version))],
//!     deletes: vec![code],
//!     ..Batch::default()
//! };
//! store.commit(spend.clone()).await?;
//! let twice = store.commit(spend).await.unwrap_err();
//! assert_eq!(*twice.kind(), StoreErrorKind::Conflict(vec![0]));
//! # Ok(())
//! # }
//! ```

mod batch;
mod error;
#[cfg(feature = "kit")]
mod faulty;
#[doc(hidden)]
pub mod fuzz;
mod key;
pub mod limits;
mod memory;
mod read_only;
pub mod records;
mod store;
mod vault;

#[cfg(feature = "kit")]
pub mod conformance;

pub use kavach_audit;
pub use kavach_core;

pub use batch::{Batch, Committed, Expect, Revision, Version};
pub use error::{StoreError, StoreErrorKind};

#[cfg(feature = "kit")]
pub use faulty::{Call, Fault, Faults, FaultyStore, Gate, When};
pub use key::{Key, Space, SpaceKind};
pub use memory::MemoryStore;
pub use read_only::ReadOnly;
pub use store::{
    AuditCursor, AuditPage, Change, ChangesPage, Health, Migration, Record, ScanPage, SchemaState,
    Snapshot, Store,
};
pub use vault::{MasterKey, VaultError};
