//! Simulated traffic: what four agents do in sixty days, hour by hour, and what their scores are each evening.

use kavach_core::{
    CredentialKind, Fact, Facts, Fingerprint, Offence, Standing, Timestamp, TrustScore, trust_score,
};

use super::dice::Dice;

/// How long each is watched.
pub(super) const DAYS: u32 = 60;
/// A Monday.
const START: &str = "2026-11-02T00:00:00Z";

const OK: Fact = Fact::Allowed(None);
const UNMATCHED: Fact = Fact::Denied(Offence::Unmatched);
const OUT_OF_BOUNDS: Fact = Fact::Denied(Offence::OutOfBounds);
const GUARDRAIL: Fact = Fact::Denied(Offence::Guardrail);
const LIMIT: Fact = Fact::Denied(Offence::Limit);

/// One agent, from its creation on.
pub(super) struct Agent {
    facts: Facts,
    standing: Standing,
    dice: Dice,
    start: Timestamp,
}

/// What an agent is like.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    WellBehaved,
    Bursty,
    Escalating,
    StolenCredential,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [
        Self::WellBehaved,
        Self::Bursty,
        Self::Escalating,
        Self::StolenCredential,
    ];

    /// The scores on the evening of each day.
    pub(super) fn scores(self) -> Vec<TrustScore> {
        let mut agent = Agent::new(1 + self as u64);
        (0..DAYS)
            .map(|day| {
                agent.works(day);
                match self {
                    Self::WellBehaved => {}
                    Self::Bursty => agent.bursts(day),
                    Self::Escalating => agent.escalates(day),
                    Self::StolenCredential => agent.is_robbed(day),
                }
                agent.score(day)
            })
            .collect()
    }
}

impl Agent {
    fn new(seed: u64) -> Self {
        let start: Timestamp = START.parse().unwrap();
        Self {
            facts: Facts::new(),
            standing: Standing {
                created_at: start,
                credential: CredentialKind::Bearer,
                credential_since: Some(start),
            },
            dice: Dice::new(seed),
            start,
        }
    }

    fn at(&self, day: u32, hour: u32) -> Timestamp {
        self.start.plus_s(u64::from(day * 24 + hour) * 60 * 60)
    }

    fn score(&self, day: u32) -> TrustScore {
        trust_score(&self.facts, &self.standing, self.at(day, 23))
    }

    fn note(&mut self, day: u32, hour: u32, times: u32, fact: Fact) {
        for _ in 0..times {
            let at = self
                .at(day, hour)
                .plus_s(u64::from(self.dice.between(0, 3_599)));
            self.facts.note(at, fact);
        }
    }

    /// What all of them do: some calls in each hour of an office's day, now and then one that is not
    /// allowed, and each week the same two sensitive resources.
    fn works(&mut self, day: u32) {
        if day % 7 >= 5 {
            return;
        }
        for hour in 8..18 {
            let calls = self.dice.between(8, 24);
            self.note(day, hour, calls, OK);
            if self.dice.once_in(20) {
                self.note(day, hour, 1, UNMATCHED);
            }
        }
        if day % 7 == 1 {
            for number in 0..2 {
                self.note(day, 10, 1, sensitive(number));
            }
        }
    }

    /// From the fourth week on, every ninth day, it does in an hour what takes it three days, and goes on
    /// when its rate is used up.
    fn bursts(&mut self, day: u32) {
        if day >= 21 && day % 9 == 3 {
            self.note(day, 14, 500, OK);
            self.note(day, 14, 200, LIMIT);
        }
    }

    /// From the fourth week on it tries more and more that it may not: other resources, then other
    /// arguments, then what guardrails forbid. In the seventh week somebody sets it right.
    fn escalates(&mut self, day: u32) {
        if !(21..42).contains(&day) || day % 7 >= 5 {
            return;
        }
        let tries = (day - 20) * 3;
        self.note(day, 11, tries, UNMATCHED);
        if day >= 28 {
            self.note(day, 15, tries / 2, OUT_OF_BOUNDS);
        }
        if day >= 35 {
            self.note(day, 16, 3, GUARDRAIL);
            self.note(day, 16, 1, Fact::Refused);
        }
    }

    /// For three nights, somebody else has its secret, and looks around. Then the secret is rotated.
    fn is_robbed(&mut self, day: u32) {
        if !(38..41).contains(&day) {
            if day == 41 {
                self.standing.credential_since = Some(self.at(day, 9));
            }
            return;
        }
        for hour in 1..5 {
            self.note(day, hour, 150, OK);
            self.note(day, hour, 60, UNMATCHED);
            self.note(day, hour, 10, OUT_OF_BOUNDS);
        }
        for number in 0..4 {
            self.note(day, 3, 1, sensitive(100 * day + number));
        }
    }
}

fn sensitive(number: u32) -> Fact {
    let resource = format!("app:payroll:{number}").parse().unwrap();
    Fact::Allowed(Some(Fingerprint::of(&resource)))
}
