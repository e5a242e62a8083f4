//! Limits that are counted: what a call is charged, where, and whether there is room.

use crate::graph::Leaf;
use crate::id::{AgentId, TenantId};
use crate::time::Timestamp;
use crate::trust::TrustLevel;

/// Over what a limit counts.
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever counts must count each of them"
)]
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Span {
    /// Calls in any window of this many seconds: one is counted from its second on, and no longer in
    /// the second that lies this many later.
    Sliding(u32),
    /// Cost in the calendar day, UTC.
    Day,
    /// Cost in the calendar month, UTC.
    Month,
    /// Cost in all.
    Total,
}

/// Which count: of one limit, of one grant, of one holder.
///
/// What it may reach is not part of it: a limit that is raised or lowered goes on counting.
#[expect(clippy::exhaustive_structs, reason = "the three parts name a counter")]
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Counter {
    /// Who holds the grant, and by what.
    pub holder: Leaf,
    /// The grant, by its number.
    pub grant: u32,
    /// Over what it counts.
    pub span: Span,
}

/// What one call takes from one limit.
#[expect(clippy::exhaustive_structs, reason = "where, how much, of how much")]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Charge {
    /// Where it is counted.
    pub counter: Counter,
    /// How much there may be in all. Zero: nothing.
    pub limit: u64,
    /// How much the call takes: one for a rate, its cost for a budget.
    pub amount: u64,
}

/// Whether a charge fits.
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever counts must say one of these"
)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Room {
    /// It does.
    Enough,
    /// Not yet: at this second it will, if nothing else is charged until then.
    From(Timestamp),
    /// It never will: it is more than the limit, or the limit counts for ever.
    Never,
}

/// What a decision asks that does not stand in the graph: counts and trust.
///
/// Asked only where a grant that matches has such a limit. The same question must get the same answer
/// for as long as one decision takes.
pub trait Recorded {
    /// Whether `charge` fits now.
    fn room(&self, tenant: TenantId, charge: &Charge, now: Timestamp) -> Room;

    /// How far an agent is trusted now.
    fn trust(&self, tenant: TenantId, agent: AgentId, now: Timestamp) -> TrustLevel;
}

/// Nothing was counted yet, and every agent is where it starts.
#[expect(clippy::exhaustive_structs, reason = "there is nothing in it")]
#[derive(Clone, Copy, Debug, Default)]
pub struct NothingRecorded;

impl Recorded for NothingRecorded {
    fn room(&self, _: TenantId, charge: &Charge, _: Timestamp) -> Room {
        // Zero is "nothing", also for a call that costs nothing.
        if charge.limit > 0 && charge.amount <= charge.limit {
            Room::Enough
        } else {
            Room::Never
        }
    }

    fn trust(&self, _: TenantId, _: AgentId, _: Timestamp) -> TrustLevel {
        TrustLevel::Standard
    }
}
