//! What calls took from limits since a backup.

use std::collections::BTreeMap;

use kavach_audit::{Detail, Event, EventKind, Outcome, Taken};
use kavach_core::{Counter, EventId, Grants, Graph, Leaf, Span, Tally, TenantId, Timestamp};

use super::error::ReopenError;
use super::takings::text;
use crate::committer::{Failure, Work};
use crate::error::FailedCommit;
use crate::meters::{Meter, Share};
use crate::node::Kavach;

/// Counters that are written together.
const TOGETHER: usize = 500;

/// What is to be counted again.
///
/// INVARIANT (never above): an event says who called, and not which limits were charged. So it is counted at
/// every grant of its line that covers the call, and all that counts still counts as of now.
#[derive(Debug, Default)]
pub(super) struct Allowances {
    tallies: BTreeMap<Meter, Tally>,
}

impl Allowances {
    /// Counts what an event took, as far as the grants of `graph` have limits.
    pub(super) fn note(&mut self, graph: &Graph, event: &Event) {
        if event.kind.taken() != Taken::Allowance {
            return;
        }
        let settled = event.kind == EventKind::Settled;
        if !settled && event.outcome != Outcome::Allow {
            return;
        }
        for hop in event.rested_on() {
            let (holder, grants) = match hop.delegation {
                Some(id) => {
                    let known = graph.delegation(event.tenant, id);
                    (Leaf::Delegation(id), known.map(|known| &known.grants))
                }
                None => {
                    let known = graph.agent(event.tenant, hop.agent);
                    (Leaf::Root(hop.agent), known.map(|known| &known.grants))
                }
            };
            if let Some(grants) = grants {
                self.note_hop(holder, grants, event);
            }
        }
    }

    fn note_hop(&mut self, holder: Leaf, grants: &Grants, event: &Event) {
        for grant in grants.iter() {
            let covers = match (&event.action, &event.resource) {
                (Some(action), Some(resource)) => grant.permission.matches(action, resource),
                // A cost that was settled does not say of what.
                (None, _) | (_, None) => true,
            };
            if !covers {
                continue;
            }
            for (span, _) in grant.permission.constraints.limits() {
                let amount = amount(event, span);
                let counter = Counter {
                    holder,
                    grant: grant.id,
                    span,
                };
                let tenant = event.tenant;
                let meter = Meter { tenant, counter };
                if amount > 0 {
                    let fresh = || Tally::new(span);
                    let tally = self.tallies.entry(meter).or_insert_with(fresh);
                    tally.count(amount, event.at());
                }
            }
        }
    }

    /// What still counts, all of it as of now.
    fn shares(&self, now: Timestamp) -> Vec<(TenantId, Share)> {
        let used = self.tallies.iter().map(|(meter, tally)| {
            let share = Share {
                meter: *meter,
                amount: tally.used(now),
                at: now,
                slice: 0,
            };
            (meter.tenant, share)
        });
        used.filter(|(_, share)| share.amount > 0).collect()
    }
}

/// What an event took from a limit over this span.
fn amount(event: &Event, span: Span) -> u64 {
    let is_cost = match span {
        Span::Sliding(_) => false,
        Span::Day | Span::Month | Span::Total => true,
    };
    if event.kind != EventKind::Settled {
        return if is_cost { event.cost.unwrap_or(1) } else { 1 };
    }
    // What was reserved is counted with the call.
    let reserved = text(event, "reserved").and_then(|text| text.parse().ok());
    let more = event
        .cost
        .unwrap_or(0)
        .saturating_sub(reserved.unwrap_or(0));
    if is_cost { more } else { 0 }
}

impl Kavach {
    /// Counts what was taken from limits since, past them if need be.
    pub(super) async fn count_again(&self, allowances: &Allowances) -> Result<u64, ReopenError> {
        let now = self.now();
        let shares = allowances.shares(now);
        for some in shares.chunks(TOGETHER) {
            let shares: Vec<Share> = some.iter().map(|(_, share)| *share).collect();
            let store = &*self.node.store;
            let nobodys = EventId::from_u128(0);
            let debit = self.node.meters.charge_on(store, nobodys, shares).await?;
            let work = Work {
                debits: vec![debit],
                ..Work::default()
            };
            let counted = self.node.commit(work).await?;
            counted.map_err(|failure: Failure| FailedCommit::from(failure))?;
        }
        Ok(shares.len() as u64)
    }
}

/// A list in an event, which has room for so many.
pub(super) fn listed(entries: impl IntoIterator<Item = String>, most: usize) -> Detail {
    let mut all: Vec<String> = entries.into_iter().collect();
    let more = all.len().saturating_sub(most);
    all.truncate(most);
    if more > 0 {
        all.push(format!("and {more} more"));
    }
    Detail::List(all)
}
