//! How facts lie in a store: in a quiet space, as short as they can be, because there are many of them.
//!
//! For each agent one record for each eight days, under tenant, agent, log and the number of the eight; one
//! under tenant, agent and log if it was spawned; and one under the log for how far all of them go. A record is a
//! version, how far it goes itself, and numbers in LEB128, seven bits in a byte.

use kavach_core::{AgentId, Day, Fingerprint, Hour, LogId, TenantId};
use kavach_store::{Key, Space, StoreError, StoreErrorKind};

/// Where facts lie.
pub(super) const TRUST: Space = Space::quiet("trust");

/// Days in one record: few enough to be written often, and so many that an opening reads few records.
const BLOCK_DAYS: u32 = 8;
/// The version of the encoding that is written.
const VERSION: u64 = 1;
/// More hours, or fingerprints, than any day has: nothing is set aside for a number that is damaged.
const LIST_MAX: u64 = 64;

/// Which record.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct Place {
    pub(super) tenant: TenantId,
    pub(super) agent: AgentId,
    /// Of which node's log it says what that comes to.
    pub(super) log: LogId,
    pub(super) part: Part,
}

/// Which of an agent's records.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) enum Part {
    /// How it began.
    Origin,
    /// Eight days.
    Block(u32),
}

impl Part {
    /// The one with this day in it.
    pub(super) const fn with_day(day: u32) -> Self {
        Self::Block(day / BLOCK_DAYS)
    }
}

/// What lies under a key.
#[derive(Debug, PartialEq)]
pub(super) enum Found {
    /// How far the records of a log go: `next` is the first event that is in none of them or in some only, and
    /// `time_ns` the time of the one before it.
    Mark { log: LogId, next: u64, time_ns: u64 },
    /// The spawner's score, and the day.
    Origin {
        place: Place,
        next: u64,
        score: u8,
        day: u32,
    },
    /// Some days.
    Days {
        place: Place,
        next: u64,
        days: Vec<Day>,
    },
}

impl Place {
    pub(super) fn key(self) -> Key {
        let mut bytes = self.tenant.as_u128().to_be_bytes().to_vec();
        bytes.extend_from_slice(&self.agent.as_u128().to_be_bytes());
        bytes.extend_from_slice(&self.log.as_u128().to_be_bytes());
        if let Part::Block(block) = self.part {
            bytes.extend_from_slice(&block.to_be_bytes());
        }
        Key::new(TRUST, bytes)
    }

    fn parse(key: &[u8]) -> Option<Self> {
        let (tenant, rest) = key.split_first_chunk()?;
        let (agent, rest) = rest.split_first_chunk()?;
        let (log, rest) = rest.split_first_chunk()?;
        let part = match rest {
            [] => Part::Origin,
            _ => Part::Block(u32::from_be_bytes(rest.try_into().ok()?)),
        };
        Some(Self {
            tenant: TenantId::from_u128(u128::from_be_bytes(*tenant)),
            agent: AgentId::from_u128(u128::from_be_bytes(*agent)),
            log: LogId::from_u128(u128::from_be_bytes(*log)),
            part,
        })
    }
}

/// Where all records of an agent begin with.
pub(super) fn prefix(tenant: TenantId, agent: AgentId) -> Vec<u8> {
    let (tenant, agent) = (
        tenant.as_u128().to_be_bytes(),
        agent.as_u128().to_be_bytes(),
    );
    [tenant, agent].concat()
}

pub(super) fn mark_key(log: LogId) -> Key {
    Key::new(TRUST, log.as_u128().to_be_bytes())
}

pub(super) fn encode_mark(next: u64, time_ns: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(16);
    put_all(&mut out, [VERSION, next, time_ns]);
    out
}

pub(super) fn encode_origin(next: u64, score: u8, day: u32) -> Vec<u8> {
    let mut out = Vec::with_capacity(16);
    put_all(&mut out, [VERSION, next, score.into(), day.into()]);
    out
}

/// The days of one record, with how far they go.
pub(super) fn encode_days<'a>(next: u64, days: impl Iterator<Item = &'a Day>) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    put_all(&mut out, [VERSION, next]);
    for day in days {
        put(&mut out, day.number.into());
        put(&mut out, day.hours.len() as u64);
        for hour in &day.hours {
            put_all(&mut out, [hour.hour.into(), hour.allowed, hour.denied]);
        }
        let counts = [
            day.guardrail,
            day.unmatched,
            day.out_of_bounds,
            day.limited,
            day.refused,
        ];
        put_all(&mut out, counts);
        put(&mut out, day.sensitive.len() as u64);
        for print in &day.sensitive {
            put(&mut out, print.as_u32().into());
        }
    }
    out
}

/// Reads a record.
///
/// # Errors
/// `Corrupt`, or `SchemaTooNew` if a newer version wrote it.
pub(super) fn decode(key: &[u8], bytes: &[u8]) -> Result<Found, StoreError> {
    let mut rest = bytes;
    match take(&mut rest) {
        Some(VERSION) => {}
        Some(found) if found > VERSION => {
            let words = format!(
                "a record of trust was written in encoding {found}, and this version of Kavach knows \
                 {VERSION}; use a newer version"
            );
            return Err(StoreError::new(StoreErrorKind::SchemaTooNew, words));
        }
        Some(_) | None => return Err(damaged()),
    }
    known(key, rest).ok_or_else(damaged)
}

fn known(key: &[u8], mut rest: &[u8]) -> Option<Found> {
    let next = take(&mut rest)?;
    if let Ok(log) = key.try_into() {
        let time_ns = take(&mut rest)?;
        let log = LogId::from_u128(u128::from_be_bytes(log));
        return rest
            .is_empty()
            .then_some(Found::Mark { log, next, time_ns });
    }
    let place = Place::parse(key)?;
    match place.part {
        Part::Origin => {
            let (score, day) = (narrow(take(&mut rest)?)?, narrow(take(&mut rest)?)?);
            rest.is_empty().then_some(Found::Origin {
                place,
                next,
                score,
                day,
            })
        }
        Part::Block(_) => {
            let mut days = Vec::new();
            while !rest.is_empty() {
                let day = take_day(&mut rest)?;
                (Part::with_day(day.number) == place.part).then_some(())?;
                days.push(day);
            }
            Some(Found::Days { place, next, days })
        }
    }
}

fn take_day(rest: &mut &[u8]) -> Option<Day> {
    let mut day = Day {
        number: narrow(take(rest)?)?,
        ..Day::default()
    };
    for _ in 0..take(rest).filter(|hours| *hours <= LIST_MAX)? {
        let hour = Hour {
            hour: narrow(take(rest)?).filter(|hour| *hour < 24)?,
            allowed: narrow(take(rest)?)?,
            denied: narrow(take(rest)?)?,
        };
        day.hours.push(hour);
    }
    let counts = [
        &mut day.guardrail,
        &mut day.unmatched,
        &mut day.out_of_bounds,
        &mut day.limited,
        &mut day.refused,
    ];
    for count in counts {
        *count = narrow(take(rest)?)?;
    }
    for _ in 0..take(rest).filter(|prints| *prints <= LIST_MAX)? {
        day.sensitive
            .push(Fingerprint::from_u32(narrow(take(rest)?)?));
    }
    Some(day)
}

fn narrow<T: TryFrom<u64>>(number: u64) -> Option<T> {
    T::try_from(number).ok()
}

fn put_all<T: Into<u64>>(out: &mut Vec<u8>, numbers: impl IntoIterator<Item = T>) {
    for number in numbers {
        put(out, number.into());
    }
}

/// Writes a number, the lowest seven bits first; the highest bit says that more follow.
fn put(out: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Takes a number off the front; `None` if there is no whole one below 2^64.
fn take(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        let bits = u64::from(byte & 0x7f);
        number |= bits
            .checked_shl(shift)
            .filter(|shifted| shifted >> shift == bits)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn damaged() -> StoreError {
    let words = "a record of trust is not what was written there; restore a backup";
    StoreError::new(StoreErrorKind::Corrupt, words)
}

#[cfg(test)]
mod tests;
