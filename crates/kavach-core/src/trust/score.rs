//! The score: a sum of what speaks for an agent and what against it.

use alloc::vec::Vec;

use super::decay::{ONE, part_of, saturating, scaled, weight};
use super::facts::{DAYS_KEPT, Day, Facts, day_of};
use super::habit::{HABIT_DAYS, Habit, Oddities};
use super::{Contribution, Evidence, TrustLevel, TrustScore};
use crate::agent::Agent;
use crate::time::Timestamp;

/// Where every agent starts.
const START: i16 = 50;
/// What a key that cannot be copied adds.
const HOLDER_KEY: i16 = 10;
/// Days after which a credential is old, days for each point after that, and all that this can take.
const CREDENTIAL_DAYS: u32 = 90;
const CREDENTIAL_STEP_DAYS: u32 = 30;
const CREDENTIAL_MAX: u32 = 5;
/// What good days can add: two points for three of them.
const RECORD_MAX: u32 = 30;
/// What time in service can add, and days for each point.
const SERVICE_MAX: u32 = 10;
const SERVICE_STEP_DAYS: u32 = 4;
/// One denied call in so many is nobody's fault.
const TOLERATED: u64 = 50;
/// Calls that each day is taken to have had besides its own, so that one denial alone says little.
const SMOOTHING: u64 = 20;
/// What each can take, and how much of it has to happen for half of that.
const DENIALS_MAX: u64 = 50;
const LIMITS_MAX: u64 = 5;
const GUARDRAILS: (u64, u64) = (20, 4 * ONE);
const BURSTS: (u64, u64) = (15, 3 * ONE);
const UNUSUAL_HOURS: (u64, u64) = (15, 4 * ONE);
const FIRST_USES: (u64, u64) = (10, 4 * ONE);
const REFUSALS: (u64, u64) = (25, 2 * ONE);

/// Days for which something out of the ordinary counts: as long as all the days that it was held against are
/// remembered.
pub(super) const ODD_DAYS: u32 = DAYS_KEPT - HABIT_DAYS;

/// How an agent proves itself.
#[expect(
    clippy::exhaustive_enums,
    reason = "a new kind changes what a score means"
)]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum CredentialKind {
    /// By a secret, which whoever has seen it can use.
    Bearer,
    /// By a key that never leaves its holder.
    HolderKey,
}

/// What the records say of an agent, and counts for its score.
#[expect(
    clippy::exhaustive_structs,
    reason = "whoever asks for a score says all of it"
)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Standing {
    /// When it was created.
    pub created_at: Timestamp,
    /// What it proves itself with.
    pub credential: CredentialKind,
    /// Since when it has the newest of those; `None` if it has none.
    pub credential_since: Option<Timestamp>,
}

impl Standing {
    /// That of an agent.
    #[must_use]
    pub fn of(agent: &Agent) -> Self {
        Self {
            created_at: agent.created_at,
            credential: CredentialKind::Bearer,
            credential_since: agent.credentials.iter().map(|known| known.created_at).max(),
        }
    }
}

/// What the days before one day come to: all of a score that stays as it is until the next day, or until
/// something is recorded of an earlier one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Past {
    today: u32,
    sums: Sums,
    /// What the day itself is held against.
    habit: Habit,
}

/// What days come to, faded by their age.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Sums {
    good_days: u32,
    /// What is left of a full score after each day's share of denials was taken off it.
    undenied: u64,
    unlimited: u64,
    guardrails: u64,
    bursts: u64,
    unusual_hours: u64,
    first_uses: u64,
    refusals: u64,
}

impl Sums {
    const NONE: Self = Self {
        good_days: 0,
        undenied: ONE,
        unlimited: ONE,
        guardrails: 0,
        bursts: 0,
        unusual_hours: 0,
        first_uses: 0,
        refusals: 0,
    };

    /// With one more day.
    fn with(mut self, day: &Day, age: u32, odd: Oddities) -> Self {
        let weight = weight(age);
        let faded = |count: u64| count.saturating_mul(weight);
        self.good_days += u32::from(is_good(day));
        self.undenied = part_of(self.undenied, ONE - part_of(denied_share(day), weight));
        self.unlimited = part_of(self.unlimited, ONE - part_of(limited_share(day), weight));
        self.guardrails = self
            .guardrails
            .saturating_add(faded(u64::from(day.guardrail)));
        self.bursts = self.bursts.saturating_add(faded(odd.bursts));
        self.unusual_hours = self.unusual_hours.saturating_add(faded(odd.unusual_hours));
        self.first_uses = self.first_uses.saturating_add(faded(odd.first_uses));
        self.refusals = self.refusals.saturating_add(faded(u64::from(day.refused)));
        self
    }
}

/// A day with allowed calls, and hardly another.
fn is_good(day: &Day) -> bool {
    day.allowed() > 0 && denied_share(day) == 0 && day.guardrail == 0 && day.refused == 0
}

/// The share of a day's calls that should not have been made, beyond what is tolerated, below [`ONE`].
fn denied_share(day: &Day) -> u64 {
    let (allowed, bad) = (day.allowed(), day.bad());
    let beyond = ((TOLERATED - 1) * bad).saturating_sub(allowed);
    (beyond << 16) / (TOLERATED * (allowed + bad + SMOOTHING))
}

/// The share of a day's calls for which a limit had no room, below [`ONE`].
fn limited_share(day: &Day) -> u64 {
    let limited = u64::from(day.limited);
    (limited << 16) / (day.allowed() + day.bad() + limited + SMOOTHING)
}

impl Past {
    /// What is recorded of the days before that of `now`.
    #[must_use]
    pub fn of(facts: &Facts, now: Timestamp) -> Self {
        let today = day_of(now);
        let before = facts.days().partition_point(|day| day.number < today);
        let before = facts.days().get(..before).unwrap_or_default();
        let mut sums = Sums::NONE;
        for (place, day) in before.iter().enumerate() {
            let age = today.saturating_sub(day.number);
            let earlier = before.get(..place).unwrap_or_default();
            let odd = match age {
                ..ODD_DAYS => Habit::of(earlier, day.number).oddities(day),
                ODD_DAYS..DAYS_KEPT => Oddities::default(),
                DAYS_KEPT.. => continue,
            };
            sums = sums.with(day, age, odd);
        }
        let habit = Habit::of(before, today);
        Self { today, sums, habit }
    }

    /// Whether it can be used at `now`.
    #[must_use]
    pub fn is_of(&self, now: Timestamp) -> bool {
        self.today == day_of(now)
    }

    /// The number of the day that it is the past of.
    #[must_use]
    pub const fn today(&self) -> u32 {
        self.today
    }

    /// With what is recorded of the day itself.
    fn with_today(&self, facts: &Facts) -> Sums {
        let days = facts.days();
        let place = days.binary_search_by_key(&self.today, |day| day.number);
        match place.ok().and_then(|place| days.get(place)) {
            Some(day) => self.sums.with(day, 0, self.habit.oddities(day)),
            None => self.sums,
        }
    }
}

/// How far an agent is trusted at `now`, and why. Only the day of `now` matters, in UTC.
#[must_use]
pub fn trust_score(facts: &Facts, standing: &Standing, now: Timestamp) -> TrustScore {
    let parts = Parts::of(&Past::of(facts, now), facts, standing);
    TrustScore {
        score: parts.score(),
        level: TrustLevel::of_score(parts.score()),
        contributions: parts.contributions(),
    }
}

/// How far an agent is trusted on the day that `past` is the past of: as [`trust_score`] says, and faster.
#[must_use]
pub fn trust_points(past: &Past, facts: &Facts, standing: &Standing) -> u8 {
    Parts::of(past, facts, standing).score()
}

/// Each part of a score, with what it rests on.
#[derive(Clone, Copy, Debug)]
struct Parts {
    sums: Sums,
    standing: Standing,
    service_days: u32,
    credential_days: Option<u32>,
    ceiling: Option<u8>,
}

impl Parts {
    fn of(past: &Past, facts: &Facts, standing: &Standing) -> Self {
        let since = |at: Timestamp| past.today.saturating_sub(day_of(at));
        Self {
            sums: past.with_today(facts),
            standing: *standing,
            service_days: since(standing.created_at),
            credential_days: standing.credential_since.map(since),
            ceiling: facts.ceiling(),
        }
    }

    fn record(&self) -> i16 {
        small((self.sums.good_days * 2 / 3).min(RECORD_MAX).into())
    }

    fn service(&self) -> i16 {
        small(
            (self.service_days / SERVICE_STEP_DAYS)
                .min(SERVICE_MAX)
                .into(),
        )
    }

    fn kind(&self) -> i16 {
        match (self.standing.credential, self.credential_days) {
            (CredentialKind::HolderKey, Some(_)) => HOLDER_KEY,
            (CredentialKind::Bearer, _) | (CredentialKind::HolderKey, None) => 0,
        }
    }

    fn credential_age(&self) -> i16 {
        let beyond = self
            .credential_days
            .unwrap_or(0)
            .saturating_sub(CREDENTIAL_DAYS);
        -small((beyond / CREDENTIAL_STEP_DAYS).min(CREDENTIAL_MAX).into())
    }

    fn denials(&self) -> i16 {
        -small(scaled(DENIALS_MAX, ONE - self.sums.undenied))
    }

    fn limits(&self) -> i16 {
        -small(scaled(LIMITS_MAX, ONE - self.sums.unlimited))
    }

    /// All parts, in the order in which they are told, with the two bounds at the end.
    fn contributions(&self) -> Vec<Contribution> {
        let mut list = Vec::new();
        self.each(|points, evidence| list.push(Contribution { points, evidence }));
        list
    }

    fn score(&self) -> u8 {
        let mut sum = 0;
        self.each(|points, _| sum += points);
        // The last part keeps it within 0 to 100.
        u8::try_from(sum).unwrap_or(0)
    }

    fn each(&self, mut tell: impl FnMut(i16, Evidence)) {
        let sums = &self.sums;
        let minus = |(most, half), sum| -small(saturating(most, sum, half));
        let parts = [
            (START, Evidence::Start),
            (self.kind(), Evidence::Credential(self.standing.credential)),
            (
                self.credential_age(),
                Evidence::CredentialAge(self.credential_days),
            ),
            (self.service(), Evidence::Service(self.service_days)),
            (self.record(), Evidence::GoodDays(sums.good_days)),
            (self.denials(), Evidence::Denials),
            (minus(GUARDRAILS, sums.guardrails), Evidence::Guardrails),
            (self.limits(), Evidence::Limits),
            (minus(BURSTS, sums.bursts), Evidence::Bursts),
            (
                minus(UNUSUAL_HOURS, sums.unusual_hours),
                Evidence::UnusualHours,
            ),
            (minus(FIRST_USES, sums.first_uses), Evidence::FirstUses),
            (minus(REFUSALS, sums.refusals), Evidence::Refusals),
        ];
        let mut sum: i16 = 0;
        for (points, evidence) in parts {
            sum += points;
            if points != 0 {
                tell(points, evidence);
            }
        }
        // A spawn that is forgotten, as everything is after so many days, must have stopped mattering.
        if let Some(ceiling) = self.ceiling.filter(|_| self.service_days < DAYS_KEPT) {
            let served = small(self.service_days.into()).saturating_add(self.record());
            let over = sum - i16::from(ceiling).saturating_add(served);
            if over > 0 {
                sum -= over;
                tell(-over, Evidence::Ceiling(ceiling));
            }
        }
        let kept = sum.clamp(0, 100);
        if kept != sum {
            tell(kept - sum, Evidence::Bounds);
        }
    }
}

/// A number of points or days, as one that can be added up.
fn small(number: u64) -> i16 {
    i16::try_from(number).unwrap_or(i16::MAX)
}

#[cfg(test)]
mod tests;
