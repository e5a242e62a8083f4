//! Invocations that were used: each counts once, whichever process it comes to.

use std::collections::VecDeque;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use kavach_core::{TenantId, Timestamp};
use kavach_store::{Expect, Key, Store, StoreError};
use kavach_token::Use;

use super::record::{USE_ENDS, UseRecord, encode, seconds, use_keys, use_keys_at};
use crate::committer::Work;
use crate::limits::{CLOCK_BACK_S, USES_LOOKED_EVERY_S, USES_SWEPT, USES_SWEPT_WITH_CALL};
use crate::view::read_one;

/// What is to be cleared away of the invocations that are over, a little with each call.
#[derive(Debug, Default)]
pub(crate) struct Uses(Mutex<Over>);

#[derive(Debug, Default)]
struct Over {
    keys: VecDeque<Vec<u8>>,
    /// When to look for more.
    next_look: Timestamp,
}

impl Uses {
    fn lock(&self) -> MutexGuard<'_, Over> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the invocation was used.
    pub(super) async fn is_used(
        store: &dyn Store,
        tenant: TenantId,
        wanted: &Use,
    ) -> Result<bool, StoreError> {
        let [place, _] = use_keys(tenant, wanted);
        Ok(read_one(store, &place).await?.is_some())
    }

    /// What uses it.
    ///
    /// INVARIANT (once): the work expects that it was not used, and lands with the event of the answer. So of
    /// all that use it one gets an answer, and it stays used whatever becomes of that answer.
    pub(crate) fn spend(tenant: TenantId, wanted: &Use, work: &mut Work) -> Result<(), StoreError> {
        let [place, end] = use_keys(tenant, wanted);
        let until = wanted.until;
        work.expectations.push((place.clone(), Expect::Absent));
        work.puts.push((place, encode(&UseRecord { until })?));
        work.puts.push((end, encode(&())?));
        Ok(())
    }

    /// Deletes some of those that have been over for a minute: clocks that are corrected go back by less.
    pub(crate) async fn sweep(
        &self,
        store: &dyn Store,
        now: Timestamp,
    ) -> Result<Vec<Key>, StoreError> {
        let look = {
            let mut over = self.lock();
            let due = over.keys.is_empty() && over.next_look <= now;
            if due {
                over.next_look = now.plus_s(USES_LOOKED_EVERY_S);
            }
            due
        };
        if look {
            let before = now.as_s().saturating_sub(CLOCK_BACK_S.cast_signed());
            let end = Bound::Excluded(seconds(Timestamp::from_s(before)).to_vec());
            let page = store
                .scan(USE_ENDS, (Bound::Unbounded, end), USES_SWEPT)
                .await?;
            let mut over = self.lock();
            if page.records.len() == USES_SWEPT {
                over.next_look = now;
            }
            over.keys
                .extend(page.records.into_iter().map(|(key, _)| key));
        }
        let mut over = self.lock();
        let some = over.keys.len().min(USES_SWEPT_WITH_CALL);
        let keys = over.keys.drain(..some);
        Ok(keys.filter_map(|key| use_keys_at(&key)).flatten().collect())
    }
}
