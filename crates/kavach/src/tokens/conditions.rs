//! What a token states as to be asked: counted here, and asked of people and of the records.

use kavach_core::{
    AgentId, Charge, Constraints, Counter, DelegationId, Leaf, Permission, Reason, Recorded, Room,
    Span, TenantId, Timestamp, TrustLevel,
};
use kavach_token::{Answer, BlockId, Hop, Online, PublicKey, Question, Source, SourceRecord};
use sha2::{Digest, Sha256};

use super::book::Pages;
use crate::recorded::Books;
use crate::view::State;

/// Keeps these counters apart from all others.
const DOMAIN: &[u8] = b"kavach token counter v1\0";

/// Answers what a token asks, and notes what follows from its answers.
pub(super) struct Conditions<'a> {
    pub(super) state: &'a State,
    pub(super) pages: &'a Pages,
    pub(super) books: &'a Books<'a>,
    pub(super) tenant: TenantId,
    /// What the call says that it costs.
    pub(super) cost: Option<u64>,
    pub(super) found: Found,
}

/// What the rights that were taken ask for, along the whole chain.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    pub(super) charges: Vec<Charge>,
    pub(super) approvals: u8,
    pub(super) min_trust: Option<TrustLevel>,
    /// Whether a budget is charged.
    pub(super) settles: bool,
    /// Why the last right that was looked at was not taken.
    pub(super) missed: Option<Reason>,
}

impl Online for Conditions<'_> {
    fn holds_key(&mut self, agent: AgentId, key: &PublicKey) -> bool {
        self.pages.holds(agent, key)
    }

    fn ask(&mut self, question: &Question<'_>) -> Answer {
        let Some(asked) = parse(question.condition) else {
            return Answer::Unknown;
        };
        // INVARIANT (nothing ignored): what is none of these is not known here.
        let mut rest = asked.clone();
        rest.rates.clear();
        rest.budgets.clear();
        (rest.approvals, rest.min_trust) = (None, None);
        if rest != Constraints::default() {
            return Answer::Unknown;
        }
        let now = question.now;
        let trusted = asked.min_trust.is_none_or(|least| {
            least
                <= lowest_trust(
                    self.state,
                    self.pages,
                    self.books,
                    (self.tenant, leaf_of(&question.source), question.line),
                    now,
                )
        });
        if !trusted {
            self.found.missed = Some(Reason::TrustTooLow);
            return Answer::No;
        }
        let mut charges = Vec::new();
        for charge in charges_of(&asked, question, self.cost) {
            if charge.limit == 0 || self.books.room(self.tenant, &charge, now) != Room::Enough {
                self.found.missed = Some(match charge.counter.span {
                    Span::Sliding(_) => Reason::RateUsedUp,
                    Span::Day | Span::Month | Span::Total => Reason::BudgetUsedUp,
                });
                return Answer::No;
            }
            charges.push(charge);
        }
        self.found.settles |= !asked.budgets.is_empty();
        self.found.charges.extend(charges);
        self.found.approvals = self.found.approvals.max(asked.approvals.unwrap_or(0));
        self.found.min_trust = self.found.min_trust.max(asked.min_trust);
        Answer::Yes
    }
}

/// The constraints that these words stand for.
fn parse(condition: &str) -> Option<Constraints> {
    let permission: Permission = format!("*:**?{condition}").parse().ok()?;
    Some(permission.constraints)
}

/// What the call takes from the limits of one right. Each right of each block has counters of its own.
fn charges_of<'a>(
    asked: &'a Constraints,
    question: &Question<'_>,
    cost: Option<u64>,
) -> impl Iterator<Item = Charge> + use<'a> {
    let holder = holder_of(&question.block);
    // At most 64 rights in a block.
    let grant = u32::try_from(question.right).unwrap_or(u32::MAX);
    let cost = cost.unwrap_or(1);
    asked.limits().map(move |(span, limit)| Charge {
        counter: Counter {
            holder,
            grant,
            span,
        },
        limit,
        amount: match span {
            Span::Sliding(_) => 1,
            Span::Day | Span::Month | Span::Total => cost,
        },
    })
}

/// Where a block's counters lie: under 128 bits of the SHA-256 of a domain and the block's id, as if they were
/// a delegation's, for a block is one that nobody told us of. An id that is drawn here is a time and random
/// bits, and meets none of these.
fn holder_of(block: &BlockId) -> Leaf {
    let hash: [u8; 32] = Sha256::new()
        .chain_update(DOMAIN)
        .chain_update(block.as_bytes())
        .finalize()
        .into();
    let [first, _] = *hash.as_chunks::<16>().0 else {
        return Leaf::Delegation(DelegationId::from_u128(0));
    };
    Leaf::Delegation(DelegationId::from_u128(u128::from_be_bytes(first)))
}

/// How far the least trusted of all who had a hand in a token is trusted: the agents of the line that it rests
/// on, and everybody who held it. Somebody who holds it by a key that nobody knows is not trusted at all.
pub(super) fn lowest_trust(
    state: &State,
    pages: &Pages,
    books: &Books<'_>,
    (tenant, leaf, line): (TenantId, Leaf, &[Hop]),
    now: Timestamp,
) -> TrustLevel {
    let trust = |agent| books.trust(tenant, agent, now);
    let holders = line.iter().map(|hop| match pages.holder(hop.key()) {
        Some(known) => trust(known.agent),
        None => TrustLevel::Untrusted,
    });
    let above = state.graph.line(tenant, leaf).into_iter();
    let above = above.flat_map(|line| line.hops.into_iter().map(|hop| trust(hop.agent)));
    holders.chain(above).min().unwrap_or(TrustLevel::Untrusted)
}

/// The leaf that a token's record is.
pub(super) fn leaf_of(source: &Source) -> Leaf {
    match source.record {
        SourceRecord::Agent(id) => Leaf::Root(id),
        SourceRecord::Delegation(id) => Leaf::Delegation(id),
    }
}
