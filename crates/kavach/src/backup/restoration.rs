//! That a store was made from a backup, and whether it was opened again since.

use std::collections::BTreeMap;

use kavach_core::{LogId, Timestamp};
use kavach_store::{Key, Record, Space, Store, StoreError, StoreErrorKind, Version};
use serde::{Deserialize, Serialize};

use crate::node::Kavach;
use crate::view::read_one;

/// That the store was restored, in the feed: every node on the store knows it as soon as any.
pub(crate) const RESTORED: Space = Space::graph("store_restored");

/// The version of the encoding that is written.
const VERSION: u32 = 1;

/// That a store was made from a backup.
///
/// INVARIANT (closed): while [`is_closed`](Self::is_closed), no node on the store allows a call, mints a token
/// or signs a list of what is revoked.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Restoration {
    /// When the backup was begun: all that was committed before is in it.
    pub backup_at: Timestamp,
    /// When it was restored.
    pub restored_at: Timestamp,
    /// When it was opened again; `None` while nothing is allowed.
    pub reopened_at: Option<Timestamp>,
    /// The log in which it is recorded that the store was restored.
    pub(crate) log: LogId,
    /// How many events of each log the backup has.
    pub(crate) sizes: BTreeMap<LogId, u64>,
    /// No list of what is revoked is signed under this version, or one below it.
    pub(crate) list_floor: u64,
}

impl Restoration {
    /// Whether nothing is allowed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.reopened_at.is_none()
    }

    /// What somebody writes who accepts that what was revoked since the backup may be allowed again.
    #[must_use]
    pub fn acceptance(&self) -> String {
        acceptance(self.backup_at)
    }

    pub(crate) fn encode(&self) -> Result<Vec<u8>, StoreError> {
        let stored = Stored {
            v: VERSION,
            backup_at: self.backup_at,
            restored_at: self.restored_at,
            reopened_at: self.reopened_at,
            log: self.log,
            sizes: self
                .sizes
                .iter()
                .map(|(log, size)| (*log, size.to_string()))
                .collect(),
            list_floor: self.list_floor.to_string(),
        };
        serde_json_canonicalizer::to_vec(&stored).map_err(|cause| {
            let words = "that the store was restored has no encoding";
            StoreError::new(StoreErrorKind::InvalidInput, words).because(cause)
        })
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        #[derive(Deserialize)]
        struct VersionOnly {
            v: u32,
        }
        let corrupt = || {
            let words = "the record that the store was restored is not what was written there; restore a backup";
            StoreError::new(StoreErrorKind::Corrupt, words)
        };
        let stored = match serde_json::from_slice::<Stored>(bytes) {
            Ok(stored) if stored.v == VERSION => stored,
            other => {
                let found = serde_json::from_slice::<VersionOnly>(bytes);
                if found.is_ok_and(|found| found.v > VERSION) {
                    let words = "the store was restored by a newer version of Kavach; use that one";
                    return Err(StoreError::new(StoreErrorKind::SchemaTooNew, words));
                }
                return Err(match other {
                    Ok(_) => corrupt(),
                    Err(cause) => corrupt().because(cause),
                });
            }
        };
        let number = |text: &String| text.parse::<u64>().map_err(|_| corrupt());
        let mut sizes = BTreeMap::new();
        for (log, size) in &stored.sizes {
            sizes.insert(*log, number(size)?);
        }
        Ok(Self {
            backup_at: stored.backup_at,
            restored_at: stored.restored_at,
            reopened_at: stored.reopened_at,
            log: stored.log,
            sizes,
            list_floor: number(&stored.list_floor)?,
        })
    }
}

/// What somebody writes who accepts the loss of what happened since a backup of this time.
pub(crate) fn acceptance(backup_at: Timestamp) -> String {
    format!("I accept that what was revoked after {backup_at} may be allowed again")
}

/// How it lies in a store: canonical JSON (RFC 8785), 64-bit numbers as text.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    v: u32,
    backup_at: Timestamp,
    restored_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reopened_at: Option<Timestamp>,
    log: LogId,
    sizes: BTreeMap<LogId, String>,
    list_floor: String,
}

/// Where the record lies.
pub(crate) fn place() -> Key {
    Key::new(RESTORED, *b"store")
}

/// What a record in [`RESTORED`] says; `None` if it is gone.
pub(crate) fn known(record: Option<&Record>) -> Result<Option<Restoration>, StoreError> {
    record
        .map(|record| Restoration::decode(&record.bytes))
        .transpose()
}

/// From which backup a store was made; `None` if it never was.
///
/// # Errors
/// If the store fails, or its record of that is damaged.
pub async fn restoration(store: &dyn Store) -> Result<Option<Restoration>, StoreError> {
    Ok(read(store).await?.map(|(restoration, _)| restoration))
}

/// What the store says of itself, and the version of the record; `None` if it was never restored.
pub(crate) async fn read(store: &dyn Store) -> Result<Option<(Restoration, Version)>, StoreError> {
    let found = read_one(store, &place()).await?;
    found
        .map(|record| Ok((Restoration::decode(&record.bytes)?, record.version)))
        .transpose()
}

impl Kavach {
    /// From which backup the store was made; `None` if it never was. As long as that
    /// [is closed](Restoration::is_closed), every call is denied (`store_restored`).
    #[must_use]
    pub fn restoration(&self) -> Option<Restoration> {
        let state = self.node.view.read();
        state.restored.as_deref().cloned()
    }
}
