//! What other nodes record of agents, where several share a store.
//!
//! Each node stores what its own log comes to. Facts are sums, so what the logs say of an agent adds up, in
//! whatever order they are read. A node reads again, now and then, of those agents whose trust it was asked
//! for: its scores lag behind what others recorded by some seconds.

use std::ops::Bound;
use std::sync::PoisonError;

use kavach_core::{AgentId, Facts, LogId, TenantId};
use kavach_store::{Store, StoreError};

use super::Book;
use super::record::{Found, TRUST, decode, prefix};
use crate::limits::PAGE_RECORDS;

impl Book {
    /// Reads anew what others recorded of the agents that were asked about since the last time.
    ///
    /// # Errors
    /// If the store fails, or a record is damaged. Those who were not read are, once they are asked about.
    pub(crate) async fn hear_others(
        &self,
        store: &dyn Store,
        own: LogId,
    ) -> Result<(), StoreError> {
        let Some(asked) = &self.asked else {
            return Ok(());
        };
        let asked = std::mem::take(&mut *asked.lock().unwrap_or_else(PoisonError::into_inner));
        for (tenant, agent) in asked {
            let others = facts_of(store, own, (tenant, agent)).await?;
            let mut pages = self.pages.write().unwrap_or_else(PoisonError::into_inner);
            let page = pages.entry((tenant, agent)).or_default();
            page.hear(others);
        }
        Ok(())
    }
}

/// What all logs but this one say of an agent.
async fn facts_of(
    store: &dyn Store,
    own: LogId,
    (tenant, agent): (TenantId, AgentId),
) -> Result<Facts, StoreError> {
    let first = prefix(tenant, agent);
    let mut facts = Facts::new();
    let mut from = Bound::Excluded(first.clone());
    loop {
        let last = [first.as_slice(), &[0xff; 20]].concat();
        let page = store
            .scan(TRUST, (from, Bound::Included(last)), PAGE_RECORDS)
            .await?;
        for (key, record) in page.records {
            match decode(&key, &record.bytes)? {
                Found::Origin { place, score, .. } if place.log != own => {
                    facts.lower_ceiling(score)
                }
                Found::Days { place, days, .. } if place.log != own => {
                    for day in &days {
                        facts.absorb(day);
                    }
                }
                Found::Origin { .. } | Found::Days { .. } | Found::Mark { .. } => {}
            }
        }
        match page.next {
            Some(next) => from = Bound::Excluded(next),
            None => return Ok(facts),
        }
    }
}
