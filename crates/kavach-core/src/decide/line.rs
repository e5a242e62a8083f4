//! How one line answers: the worst of its hops.

use core::cell::OnceCell;
use core::cmp::Ordering;

use crate::counter::Recorded;
use crate::decide::canonical::canonical_cmp;
use crate::decide::hop::{Asked, Found, Miss, Taken, best_match};
use crate::decide::rails::Rails;
use crate::decide::{Decision, Matched, Verdict};
use crate::graph::{Graph, Hop, Leaf, LineCheck, Node, PackedGrants};
use crate::limits::LINE_HOPS_MAX;
use crate::permission::Permission;
use crate::reason::Reason;
use crate::time::Timestamp;
use crate::trust::TrustLevel;

/// How one line answers.
pub(super) struct LineAnswer<'a> {
    decision: Decision,
    nearness: Nearness,
    /// The leaf's grant: the one taken, or the one that came nearest.
    grant: Option<Taken<'a>>,
    matched: Matched,
    approvals: u8,
    counters: usize,
    settles: bool,
    retry_at: Option<Timestamp>,
    guardrail: Option<u8>,
    shadowed: u64,
}

/// How near a line came, for choosing among denials: what is least likely to change comes first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Nearness {
    /// The line is dead, and its leaf never spoke of the request.
    DeadAndSilent,
    /// The leaf never spoke of the request.
    Silent,
    /// The leaf's grant has run out.
    RanOut,
    /// The leaf's grant matches, and the line is dead.
    Dead,
    /// The leaf's grant matches, and somebody above no longer holds it.
    Narrowed,
    /// A guardrail says never.
    Guarded,
    /// All would match at another time, from elsewhere, with other arguments, or by somebody trusted more.
    Elsewhere,
    /// All would match, if a limit were not used up.
    UsedUp,
    /// It answers yes, or that a person must.
    Held,
}

impl<'a> LineAnswer<'a> {
    fn new(decision: Decision, nearness: Nearness, grant: Option<Taken<'a>>) -> Self {
        Self {
            decision,
            nearness,
            grant,
            matched: Matched::default(),
            approvals: 0,
            counters: 0,
            settles: false,
            retry_at: None,
            guardrail: None,
            shadowed: 0,
        }
    }

    fn denied(reason: Reason, nearness: Nearness, grant: Option<Taken<'a>>) -> Self {
        Self::new(Decision::Deny(reason), nearness, grant)
    }

    /// Whether this is the better of two answers. Equal ones leave the earlier line in place. `nodes` are
    /// where the two stand, and `text` is the permission that a leaf calls by a number.
    pub(super) fn beats(
        &self,
        other: &Self,
        nodes: (Node, Node),
        text: impl Fn(u32, Node) -> Option<&'a Permission>,
    ) -> bool {
        let rank = |one: &Self| (one.decision.rank(), one.nearness);
        let price = |one: &Self| (one.approvals, one.counters);
        let sooner = |one: &Self| (one.retry_at.is_none(), one.retry_at);
        let ranks = rank(self).cmp(&rank(other));
        let ranks = ranks.then_with(|| price(other).cmp(&price(self)));
        let ranks = ranks.then_with(|| sooner(other).cmp(&sooner(self)));
        let by_text = || match (self.grant, other.grant) {
            // The same words say the same.
            (Some(mine), Some(its)) if (mine.list, mine.number) != (its.list, its.number) => {
                match (text(mine.number, nodes.0), text(its.number, nodes.1)) {
                    (Some(mine), Some(its)) => canonical_cmp(its, mine),
                    _ => Ordering::Equal,
                }
            }
            _ => Ordering::Equal,
        };
        ranks.then_with(by_text) == Ordering::Greater
    }

    /// The number of the leaf's grant.
    pub(super) fn grant(&self) -> Option<u32> {
        self.grant.map(|grant| grant.number)
    }

    /// When there is room, if only a limit says no.
    #[inline]
    pub(super) fn retry_at(&self) -> Option<Timestamp> {
        self.retry_at
    }

    /// There is room at that second. Whether everything else still holds then is what `later` answers.
    pub(super) fn confirm_retry(&mut self, later: &LineAnswer<'_>) {
        if later.nearness != Nearness::Held {
            self.retry_at = None;
        }
    }

    #[inline]
    pub(super) fn verdict(&self, leaf: Option<Leaf>) -> Verdict {
        Verdict {
            decision: self.decision,
            leaf,
            grant: self.grant(),
            matched: self.matched,
            approvals: self.approvals,
            retry_at: self.retry_at,
            settles: self.settles,
            guardrail: self.guardrail,
            shadowed: self.shadowed,
        }
    }
}

/// One hop of a line that a decision walks.
#[derive(Clone, Copy)]
struct Step<'a> {
    hop: Hop<'a>,
    /// What it holds, packed. It is asked for at once, so that memory is not waited for at each hop.
    grants: PackedGrants<'a>,
}

/// The hops of a line that a decision walks, the leaf first.
pub(crate) struct Walked<'a> {
    steps: [Option<Step<'a>>; LINE_HOPS_MAX],
    /// What keeps the line from holding at all.
    fault: Option<Reason>,
}

impl<'a> Walked<'a> {
    /// Always inlined, so that it is filled where it stands: it is large.
    #[inline(always)]
    pub(crate) fn of(graph: &'a Graph, leaf: Node, now: Timestamp) -> Self {
        let mut line = Self {
            steps: [None; LINE_HOPS_MAX],
            fault: None,
        };
        let mut check = LineCheck::new(now);
        let mut next = leaf;
        for place in &mut line.steps {
            let Some(hop) = graph.hop(next) else {
                break;
            };
            let grants = graph.words.grants(hop.grants());
            *place = Some(Step { hop, grants });
            check.take(graph, &hop);
            match hop.above() {
                Some(above) => next = above,
                None => break,
            }
        }
        line.fault = check.fault();
        line
    }

    #[inline]
    fn steps(&self) -> impl Iterator<Item = &Step<'a>> + Clone {
        // The first that is not there is the end.
        self.steps.iter().map_while(Option::as_ref)
    }

    /// How the line answers, and when it would, if only a limit says no.
    #[inline]
    pub(super) fn answer<'w, R: Recorded>(
        &self,
        graph: &Graph,
        asked: &Asked<'w, R>,
        rails: Rails,
    ) -> LineAnswer<'w> {
        let (guardrail, shadowed) = if rails.is_silent() {
            (None, 0)
        } else {
            rails.on_line(graph, asked, self.steps().map(|step| step.hop))
        };
        let mut answer = match guardrail {
            Some(_) => LineAnswer::denied(Reason::GuardrailApplies, Nearness::Guarded, None),
            None => self.answer_by_grants(asked),
        };
        answer.guardrail = guardrail;
        answer.shadowed = shadowed;
        answer
    }

    #[inline]
    fn answer_by_grants<'w, R: Recorded>(&self, asked: &Asked<'w, R>) -> LineAnswer<'w> {
        let mut answer = LineAnswer::new(Decision::Allow, Nearness::Held, None);
        let lowest = OnceCell::new();
        let trust = || *lowest.get_or_init(|| self.lowest_trust(asked));
        let mut before: Option<Taken<'w>> = None;
        for (distance, step) in (0..).zip(self.steps()) {
            let found = match before {
                // The same grants say the same. Of those that come before the one that is taken, each is
                // missed here as well: only a limit asks who holds it, and costs more than no bound at all,
                // and what may not be passed on that far may not be passed on farther.
                Some(taken) if taken.list == step.hop.grants() => Ok(taken),
                _ => best_match(&step.hop, step.grants, distance, asked, &trust),
            };
            before = found.ok().filter(|taken| taken.constraints.is_none());
            if distance == 0
                && let Some(fault) = self.fault
            {
                return by_fault(fault, found);
            }
            match found {
                Ok(grant) => answer.take(distance, grant),
                Err((miss, grant)) => {
                    if !answer.miss(distance, miss, grant) {
                        break;
                    }
                }
            }
        }
        answer.settle(asked);
        answer
    }

    /// The lowest level of all agents on the line.
    pub(crate) fn lowest_trust<R: Recorded>(&self, asked: &Asked<'_, R>) -> TrustLevel {
        let agents = self.steps().map(|step| step.hop.agent.id);
        let levels = agents.map(|id| asked.recorded.trust(asked.request.tenant, id, asked.now));
        levels.min().unwrap_or(TrustLevel::Untrusted)
    }
}

impl<'a> LineAnswer<'a> {
    /// Takes a hop's grant in.
    #[inline]
    fn take(&mut self, distance: u8, grant: Taken<'a>) {
        self.matched.push(grant.number);
        if let Some(bounds) = grant.constraints {
            let (approvals, counters) = grant.price();
            self.approvals = self.approvals.max(approvals);
            self.counters += counters;
            self.settles |= !bounds.budgets.is_empty();
        }
        if distance == 0 {
            self.grant = Some(grant);
        }
    }

    /// Takes in that a hop misses, by the grant that came nearest. Returns whether what lies above matters.
    fn miss(&mut self, distance: u8, miss: Miss, grant: Option<Taken<'a>>) -> bool {
        let missed = by_miss(miss, distance);
        if distance == 0 {
            let named = missed.nearness > Nearness::Narrowed;
            self.grant = grant.filter(|_| named);
        }
        self.worsen(missed);
        self.nearness > Nearness::Narrowed
    }

    /// Takes in that a hop misses: the farthest miss is the line's, and among equal ones the leaf's.
    fn worsen(&mut self, missed: Missed) {
        let first = self.nearness == Nearness::Held;
        let both_limits = !first && self.nearness == missed.nearness;
        self.retry_at = match (both_limits, self.retry_at, missed.retry_at) {
            (true, Some(one), Some(other)) => Some(one.max(other)),
            (true, _, _) => None,
            (false, known, _) if missed.nearness > self.nearness => known,
            (false, _, at) => at,
        };
        if missed.nearness < self.nearness {
            self.nearness = missed.nearness;
            self.decision = Decision::Deny(missed.reason);
        }
    }

    /// All hops are in: whether it is an allow, and what it comes to.
    #[inline]
    fn settle<R: Recorded>(&mut self, asked: &Asked<'_, R>) {
        if self.nearness != Nearness::Held {
            self.matched = Matched::default();
            (self.approvals, self.counters, self.settles) = (0, 0, false);
        } else if self.approvals > asked.request.approvals {
            self.decision = Decision::NeedsApproval;
        }
    }
}

struct Missed {
    reason: Reason,
    nearness: Nearness,
    retry_at: Option<Timestamp>,
}

fn by_miss(miss: Miss, distance: u8) -> Missed {
    let leaf = distance == 0;
    let pick = |own, above| if leaf { own } else { above };
    let (nearness, reason) = match miss {
        Miss::Other => (
            pick(Nearness::Silent, Nearness::Narrowed),
            if leaf {
                Reason::NoMatchingGrant
            } else {
                Reason::AncestorNarrowed
            },
        ),
        Miss::Expired => (
            pick(Nearness::RanOut, Nearness::Narrowed),
            Reason::GrantExpired,
        ),
        Miss::TooDeep => (pick(Nearness::RanOut, Nearness::Narrowed), Reason::TooDeep),
        Miss::OutsideWindow => (Nearness::Elsewhere, Reason::OutsideWindow),
        Miss::AddressNotAllowed => (Nearness::Elsewhere, Reason::AddressNotAllowed),
        Miss::ArgumentsNotAllowed => (Nearness::Elsewhere, Reason::ArgumentsNotAllowed),
        Miss::TrustTooLow => (Nearness::Elsewhere, Reason::TrustTooLow),
        Miss::UsedUp(used) => (Nearness::UsedUp, used.reason),
    };
    let used = if let Miss::UsedUp(used) = miss {
        used.until
    } else {
        None
    };
    Missed {
        reason,
        nearness,
        retry_at: used,
    }
}

/// What is wrong with the whole line says more than what its leaf misses, which may be the same.
fn by_fault<'a>(fault: Reason, leaf: Found<'a>) -> LineAnswer<'a> {
    let (nearness, grant) = match leaf {
        Ok(grant) => (Nearness::Dead, Some(grant)),
        Err((Miss::Other, _)) => (Nearness::DeadAndSilent, None),
        Err((Miss::Expired | Miss::TooDeep, _)) => (Nearness::RanOut, None),
        Err((_, grant)) => (Nearness::Dead, grant),
    };
    LineAnswer::denied(fault, nearness, grant)
}
