//! How counters and reservations lie in a store.

use kavach_core::{
    AgentId, Counter, DelegationId, EventId, Leaf, PoolPart, Span, TallyPart, TenantId, Timestamp,
};
use kavach_store::{Key, Space, StoreError, StoreErrorKind};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Meter, Share};

/// Where counters lie: under tenant, holder, grant, span, and the number of the part.
pub(crate) const COUNTERS: Space = Space::quiet("counter");
/// Where the pools of counters lie that nodes share: under tenant, holder, grant, span.
pub(crate) const POOLS: Space = Space::quiet("counter_pool");
/// Where reservations lie: under the event of the call, and so by time.
pub(crate) const RESERVATIONS: Space = Space::quiet("reservation");

/// The version of the encoding that is written.
const VERSION: u32 = 1;

/// Tenant, kind of holder, holder, grant, kind of span, window.
const METER_BYTES: usize = 16 + 1 + 16 + 4 + 1 + 4;

#[derive(Serialize)]
struct Envelope<'a, T> {
    v: u32,
    record: &'a T,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Opened<T> {
    v: u32,
    record: T,
}

#[derive(Deserialize)]
struct VersionOnly {
    v: u32,
}

pub(crate) fn part_key(meter: &Meter, number: u64) -> Key {
    let mut bytes = meter_bytes(meter);
    bytes.extend_from_slice(&number.to_be_bytes());
    Key::new(COUNTERS, bytes)
}

/// Where the pool of a counter lies that nodes share.
pub(crate) fn pool_key(meter: &Meter) -> Key {
    Key::new(POOLS, meter_bytes(meter))
}

fn meter_bytes(meter: &Meter) -> Vec<u8> {
    let (kind, holder) = match meter.counter.holder {
        Leaf::Root(id) => (0, id.as_u128()),
        Leaf::Delegation(id) => (1, id.as_u128()),
    };
    let (span, window_s) = match meter.counter.span {
        Span::Sliding(window_s) => (0, window_s),
        Span::Day => (1, 0),
        Span::Month => (2, 0),
        Span::Total => (3, 0),
    };
    let mut bytes = Vec::with_capacity(METER_BYTES + 8);
    bytes.extend_from_slice(&meter.tenant.as_u128().to_be_bytes());
    bytes.push(kind);
    bytes.extend_from_slice(&holder.to_be_bytes());
    bytes.extend_from_slice(&meter.counter.grant.to_be_bytes());
    bytes.push(span);
    bytes.extend_from_slice(&window_s.to_be_bytes());
    bytes
}

/// The inverse of [`part_key`].
pub(crate) fn parse_part_key(bytes: &[u8]) -> Result<(Meter, u64), StoreError> {
    let number = bytes.split_last_chunk();
    let (meter, number) = number.ok_or_else(misplaced)?;
    Ok((parse_meter_key(meter)?, u64::from_be_bytes(*number)))
}

/// What of a key of [`COUNTERS`] names the meter, as a key of [`POOLS`] does.
pub(crate) fn meter_of_part(key: &[u8]) -> &[u8] {
    key.get(..METER_BYTES).unwrap_or(key)
}

/// Where the parts of the meter lie whose pool lies under `key`: the first and the last key there can be.
pub(crate) fn parts_of(key: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let with = |number: u64| [key, &number.to_be_bytes()].concat();
    (with(0), with(u64::MAX))
}

/// The inverse of [`pool_key`].
pub(crate) fn parse_meter_key(bytes: &[u8]) -> Result<Meter, StoreError> {
    let mut rest = bytes;
    let parsed = (|| {
        let tenant = TenantId::from_u128(u128::from_be_bytes(take(&mut rest)?));
        let [kind] = take(&mut rest)?;
        let holder = u128::from_be_bytes(take(&mut rest)?);
        let grant = u32::from_be_bytes(take(&mut rest)?);
        let [span] = take(&mut rest)?;
        let window_s = u32::from_be_bytes(take(&mut rest)?);
        let holder = match kind {
            0 => Leaf::Root(AgentId::from_u128(holder)),
            1 => Leaf::Delegation(DelegationId::from_u128(holder)),
            _ => return None,
        };
        let span = match (span, window_s) {
            (0, window_s) => Span::Sliding(window_s),
            (1, 0) => Span::Day,
            (2, 0) => Span::Month,
            (3, 0) => Span::Total,
            _ => return None,
        };
        let counter = Counter {
            holder,
            grant,
            span,
        };
        rest.is_empty().then_some(Meter { tenant, counter })
    })();
    parsed.ok_or_else(misplaced)
}

fn misplaced() -> StoreError {
    let words = "a counter in the store lies where none can; restore a backup";
    StoreError::new(StoreErrorKind::Corrupt, words)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, others) = rest.split_first_chunk()?;
    *rest = others;
    Some(*first)
}

pub(crate) fn encode_part(part: &TallyPart) -> Result<Vec<u8>, StoreError> {
    encode(part)
}

pub(crate) fn decode_part(bytes: &[u8]) -> Result<TallyPart, StoreError> {
    decode(bytes)
}

pub(crate) fn encode_pool(pool: &PoolPart) -> Result<Vec<u8>, StoreError> {
    encode(pool)
}

pub(crate) fn decode_pool(bytes: &[u8]) -> Result<PoolPart, StoreError> {
    decode(bytes)
}

pub(crate) fn reservation_key(call: EventId) -> Key {
    Key::new(RESERVATIONS, call.as_u128().to_be_bytes())
}

/// The call whose reservation lies under this key.
pub(crate) fn parse_reservation_key(bytes: &[u8]) -> Result<EventId, StoreError> {
    let number = bytes.try_into().map(u128::from_be_bytes);
    number.map(EventId::from_u128).map_err(|_| {
        let words = "a reservation in the store lies where none can; restore a backup";
        StoreError::new(StoreErrorKind::Corrupt, words)
    })
}

/// What a call reserved, until its true cost is known.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reservation {
    pub(crate) tenant: TenantId,
    /// Who called, and by what: the end of its line.
    caller: Option<StoredLeaf>,
    /// The first second at which it cannot be settled any more.
    pub(crate) expires_at: Timestamp,
    /// What was taken at each level.
    shares: Vec<StoredShare>,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
struct StoredShare {
    holder: StoredLeaf,
    grant: u32,
    span: StoredSpan,
    at: Timestamp,
    #[serde(with = "digits")]
    units: u64,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum StoredLeaf {
    Agent(AgentId),
    Delegation(DelegationId),
}

impl From<Leaf> for StoredLeaf {
    fn from(leaf: Leaf) -> Self {
        match leaf {
            Leaf::Root(id) => Self::Agent(id),
            Leaf::Delegation(id) => Self::Delegation(id),
        }
    }
}

impl From<StoredLeaf> for Leaf {
    fn from(leaf: StoredLeaf) -> Self {
        match leaf {
            StoredLeaf::Agent(id) => Self::Root(id),
            StoredLeaf::Delegation(id) => Self::Delegation(id),
        }
    }
}

/// Only what a budget counts over.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum StoredSpan {
    Day,
    Month,
    Total,
}

impl Reservation {
    /// What these shares reserve: those that are cost.
    pub(crate) fn of(
        tenant: TenantId,
        caller: Option<Leaf>,
        shares: &[Share],
        expires_at: Timestamp,
    ) -> Self {
        let stored = shares.iter().filter_map(|share| {
            let counter = share.meter.counter;
            Some(StoredShare {
                holder: counter.holder.into(),
                grant: counter.grant,
                span: match counter.span {
                    Span::Sliding(_) => return None,
                    Span::Day => StoredSpan::Day,
                    Span::Month => StoredSpan::Month,
                    Span::Total => StoredSpan::Total,
                },
                at: share.at,
                units: share.amount,
            })
        });
        Self {
            tenant,
            caller: caller.map(StoredLeaf::from),
            expires_at,
            shares: stored.collect(),
        }
    }

    /// The end of the line that the call was made by.
    pub(crate) fn caller(&self) -> Option<Leaf> {
        self.caller.map(Leaf::from)
    }

    pub(crate) fn shares(&self) -> impl Iterator<Item = Share> + '_ {
        self.shares.iter().map(|stored| Share {
            meter: Meter {
                tenant: self.tenant,
                counter: Counter {
                    holder: stored.holder.into(),
                    grant: stored.grant,
                    span: match stored.span {
                        StoredSpan::Day => Span::Day,
                        StoredSpan::Month => Span::Month,
                        StoredSpan::Total => Span::Total,
                    },
                },
            },
            amount: stored.units,
            at: stored.at,
            slice: 0,
        })
    }

    pub(crate) fn encode(&self) -> Result<Vec<u8>, StoreError> {
        encode(self)
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        decode(bytes)
    }
}

/// A number of 64 bits, which JSON does not hold exactly, as decimal digits.
mod digits {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(number: &u64, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(number)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        let text = String::deserialize(from)?;
        let number: Option<u64> = text.parse().ok();
        number
            .filter(|number| number.to_string() == text)
            .ok_or_else(|| D::Error::custom("a number is decimal digits without leading zeros"))
    }
}

fn encode<T: Serialize>(record: &T) -> Result<Vec<u8>, StoreError> {
    serde_json_canonicalizer::to_vec(&Envelope { v: VERSION, record }).map_err(|cause| {
        StoreError::new(StoreErrorKind::InvalidInput, "a counter has no encoding").because(cause)
    })
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    let corrupt = |cause| {
        let words = "a counter in the store is not what was written there; restore a backup";
        StoreError::new(StoreErrorKind::Corrupt, words).because(cause)
    };
    let found: VersionOnly = serde_json::from_slice(bytes).map_err(corrupt)?;
    if found.v > VERSION {
        let words = format!(
            "a counter was written in encoding {}, and this version of Kavach knows {VERSION}; \
             use a newer version",
            found.v
        );
        return Err(StoreError::new(StoreErrorKind::SchemaTooNew, words));
    }
    let opened: Opened<T> = serde_json::from_slice(bytes).map_err(corrupt)?;
    if opened.v != VERSION {
        let words = "a counter in the store has an encoding that never was; restore a backup";
        return Err(StoreError::new(StoreErrorKind::Corrupt, words));
    }
    Ok(opened.record)
}
