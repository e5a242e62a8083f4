//! Backups of a store that is in use, and what becomes of one that is made from them.
//!
//! [`backup`] writes a file while nodes go on; [`check`] says whether a file is one; [`restore`] makes a store of
//! it, which allows nothing until [`Kavach::reopen`](crate::Kavach::reopen) is told what was revoked since:
//! nothing is silently un-revoked.
//!
//! ```
//! use std::io::Cursor;
//!
//! use kavach::backup::{Reopening, backup, restore};
//! use kavach::{Kavach, MasterKey, MemoryStore, NewAgent, Reason, Subject, SystemClock};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let clock = SystemClock::default();
//! let master = MasterKey::from_bytes([1; 32]); // random, and kept outside the store and its backups
//! let store = MemoryStore::new();
//! let kavach = Kavach::builder(store.clone()).master_key(master.clone()).open().await?;
//! let reader = NewAgent::new(Subject::user("alice")?, "reader").allow("read:mcp:github:*")?;
//! let reader = kavach.create_agent(reader).await?.id;
//!
//! let mut file = Cursor::new(Vec::new());
//! backup(&store, &mut file, Some(&master), &clock, &mut |_| ()).await?;
//!
//! // The store is lost.
//! let store = MemoryStore::new();
//! let restored = restore(&mut file, &store, Some(&master), &clock, &mut |_| ()).await?;
//! let kavach = Kavach::builder(store).master_key(master).open().await?;
//! let answer = kavach.authorize(&reader, "read", "mcp:github:repos").await?;
//! assert_eq!(answer.decision.reason(), Reason::StoreRestored);
//!
//! // There is no export of the trail. Somebody says what that means.
//! let words = restored.restoration.acceptance();
//! kavach.reopen(Reopening::by(Subject::user("alice")?).accept_loss(words)).await?;
//! assert!(kavach.authorize(&reader, "read", "mcp:github:repos").await?.is_allowed());
//! # Ok(())
//! # }
//! ```

mod again;
mod allowance;
mod error;
mod exports;
mod format;
#[doc(hidden)]
pub mod fuzz;
mod read;
mod reopen;
mod restoration;
mod restore;
mod spaces;
mod take;
mod takings;

#[cfg(test)]
mod tests;

pub use error::{BackupError, Missing, ReadError, ReopenError, RestoreError};
pub use exports::Export;
pub use read::{Contents, check};
pub use reopen::{Reopened, Reopening};
pub(crate) use restoration::{RESTORED, known, read};
pub use restoration::{Restoration, restoration};
pub use restore::{Restored, restore};
pub use take::{BackedUp, backup};
