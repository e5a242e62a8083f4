//! Trust: what is recorded of each agent, kept in step with the audit trail.
//!
//! The facts are the events. A [`Book`] holds in memory what they come to, for decisions to ask; the committer's
//! [`Keeper`] adds each event to it once it has landed, and now and then stores what changed together with how
//! far in the log that goes. At opening, what was stored is read, and the events since then are read from
//! the trail: none is lost and none counts twice, whenever the process ended.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};

use kavach_core::{
    Agent, AgentId, Fact, Facts, Past, Standing, TenantId, Timestamp, TrustLevel, TrustScore,
    trust_points, trust_score,
};

use crate::limits::TRUST_ASKED_MAX;

mod explain;
mod fact;
mod keeper;
mod others;
mod record;

pub use explain::{LineTrust, TrustExplained};
pub(crate) use fact::{SENSITIVE, SPAWNER_SCORE};
pub(crate) use keeper::Keeper;

/// What is recorded of every agent, in memory. Only the [`Keeper`] moves it on.
#[derive(Debug, Default)]
pub(crate) struct Book {
    pages: RwLock<HashMap<(TenantId, AgentId), Page>>,
    /// Who was asked about since the others' facts were read last; `None` where there are no others.
    asked: Option<Mutex<HashSet<(TenantId, AgentId)>>>,
}

/// What is recorded of one agent.
#[derive(Debug, Default)]
struct Page {
    /// What the log of this node says.
    facts: Facts,
    /// The same with what those of other nodes say, if they say anything.
    all: Option<Box<Facts>>,
    /// The last day of which there is a fact.
    last_day: u32,
    /// What the days before today come to, as long as it holds.
    past: Mutex<Option<Past>>,
    /// The last score, with all that it was made for; 0 if there is none.
    known: AtomicU64,
}

impl Book {
    /// A book of which other nodes keep copies of their own.
    fn shared() -> Self {
        Self {
            asked: Some(Mutex::default()),
            ..Self::default()
        }
    }

    fn note_asked(&self, agent: &Agent) {
        if let Some(asked) = &self.asked {
            let mut asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
            if asked.len() < TRUST_ASKED_MAX {
                asked.insert((agent.tenant, agent.id));
            }
        }
    }

    /// How far an agent is trusted at `now`.
    pub(crate) fn level(&self, agent: &Agent, now: Timestamp) -> TrustLevel {
        TrustLevel::of_score(self.points(agent, now))
    }

    /// The agent's score at `now`.
    pub(crate) fn points(&self, agent: &Agent, now: Timestamp) -> u8 {
        self.note_asked(agent);
        let standing = Standing::of(agent);
        let pages = self.pages.read().unwrap_or_else(PoisonError::into_inner);
        match pages.get(&(agent.tenant, agent.id)) {
            Some(page) => page.points(&standing, now),
            None => trust_points(&Past::of(&Facts::new(), now), &Facts::new(), &standing),
        }
    }

    /// The same with all that it is made of.
    pub(crate) fn score(&self, agent: &Agent, now: Timestamp) -> TrustScore {
        self.note_asked(agent);
        let standing = Standing::of(agent);
        let pages = self.pages.read().unwrap_or_else(PoisonError::into_inner);
        match pages.get(&(agent.tenant, agent.id)) {
            Some(page) => trust_score(page.all(), &standing, now),
            None => trust_score(&Facts::new(), &standing, now),
        }
    }
}

impl Page {
    /// What all logs say.
    fn all(&self) -> &Facts {
        self.all.as_deref().unwrap_or(&self.facts)
    }

    /// Takes over what the logs of other nodes say now.
    fn hear(&mut self, others: Facts) {
        let last = others.days().last().map_or(0, |day| day.number);
        self.last_day = self.last_day.max(last);
        let says = !others.days().is_empty() || others.ceiling().is_some();
        self.all = says.then(|| {
            let mut all = Box::new(others);
            for day in self.facts.days() {
                all.absorb(day);
            }
            if let Some(score) = self.facts.ceiling() {
                all.lower_ceiling(score);
            }
            all
        });
        *self.known.get_mut() = 0;
        *self.past.get_mut().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn points(&self, standing: &Standing, now: Timestamp) -> u8 {
        let wanted = made_for(standing, now);
        let known = self.known.load(Ordering::Relaxed);
        if known & !0xff == wanted {
            return (known & 0xff) as u8;
        }
        let points = {
            let mut past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
            past.take_if(|past| !past.is_of(now));
            let past = past.get_or_insert_with(|| Past::of(self.all(), now));
            trust_points(past, self.all(), standing)
        };
        self.known
            .store(wanted | u64::from(points), Ordering::Relaxed);
        points
    }

    fn note(&mut self, at: Timestamp, fact: Fact) {
        self.last_day = self.last_day.max(day_of(at));
        let day = self.facts.note(at, fact);
        if let Some(all) = &mut self.all {
            all.note(at, fact);
        }
        *self.known.get_mut() = 0;
        let past = self.past.get_mut().unwrap_or_else(PoisonError::into_inner);
        past.take_if(|past| day.is_some_and(|day| day != past.today()));
    }
}

/// The day of a point in time, since the epoch.
fn day_of(at: Timestamp) -> u32 {
    u32::try_from(at.as_s() / (24 * 60 * 60)).unwrap_or(u32::MAX)
}

/// All that a score depends on besides the facts, in 55 bits above the eight of the score: the day, and the day
/// of the credential. An agent is created once. Never 0.
fn made_for(standing: &Standing, now: Timestamp) -> u64 {
    let day = |at: Timestamp| u64::from(day_of(at)) + 1;
    let since = standing.credential_since.map_or(0, day);
    (day(now) << 24 | since) << 8
}

#[cfg(test)]
mod tests;
