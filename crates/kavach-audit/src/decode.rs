//! Reading the canonical encoding back, strictly.

use std::collections::BTreeMap;

use kavach_core::{
    Action, AgentId, DelegationId, EventId, LogId, Reason, Resource, SubjectId, TenantId, Timestamp,
};
use serde::de::{Deserialize, Deserializer, Error};

use crate::encode::VERSION;
use crate::error::DecodeError;
use crate::event::{Detail, Event, Hop};
use crate::hash::{Hash, from_hex};
use crate::kind::{EventKind, Outcome};
use crate::limits::EVENT_BYTES_MAX;

/// Reads an event whose canonical encoding `bytes` are, and gives back that encoding too.
pub(crate) fn decode(bytes: &[u8]) -> Result<(Event, Vec<u8>), DecodeError> {
    if bytes.len() > EVENT_BYTES_MAX {
        return Err(DecodeError::TooLong {
            bytes: bytes.len(),
            max: EVENT_BYTES_MAX,
        });
    }
    let event: Event = versioned::<Wire>(bytes)?.into();
    let encoded = event.encode();
    check_canonical(bytes, &encoded)?;
    Ok((event, encoded))
}

/// A record that says which version it has.
pub(crate) trait Versioned {
    /// That version.
    fn version(&self) -> u64;
}

/// Parses a record of the only version there is so far.
pub(crate) fn versioned<'a, T: Versioned + Deserialize<'a>>(
    bytes: &'a [u8],
) -> Result<T, DecodeError> {
    #[derive(serde::Deserialize)]
    struct Probe {
        v: u64,
    }
    let text = str::from_utf8(bytes).map_err(|error| DecodeError::malformed(&error.to_string()))?;
    let parsed: Result<T, _> = serde_json::from_str(text);
    let version = match &parsed {
        Ok(record) => record.version(),
        // A newer version has fields that this one does not know: say that, not which.
        Err(_) => serde_json::from_str(text).map_or(VERSION, |Probe { v }| v),
    };
    if version > VERSION {
        return Err(DecodeError::NewerVersion(version));
    }
    match parsed {
        Ok(record) if version == VERSION => Ok(record),
        Ok(_) => Err(DecodeError::malformed("versions count from 1")),
        Err(error) => Err(DecodeError::malformed(&error.to_string())),
    }
}

/// Checks that what was read is what would be written.
pub(crate) fn check_canonical(found: &[u8], wanted: &[u8]) -> Result<(), DecodeError> {
    if found == wanted {
        return Ok(());
    }
    let same = found
        .iter()
        .zip(wanted)
        .take_while(|(found, wanted)| found == wanted);
    Err(DecodeError::NotCanonical { at: same.count() })
}

/// The event as it stands in JSON, in the order of the keys.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    action: Option<Action>,
    agent: Option<AgentId>,
    args_hash: Option<Hex>,
    audience: Option<String>,
    claimed: Option<String>,
    cost: Option<Decimal>,
    #[serde(default)]
    detail: BTreeMap<String, WireDetail>,
    duration_ns: Option<Decimal>,
    grant: Option<u32>,
    id: EventId,
    index: Decimal,
    #[serde(deserialize_with = "kind")]
    kind: EventKind,
    #[serde(default)]
    line: Vec<WireHop>,
    log: LogId,
    #[serde(default)]
    obligations: Vec<String>,
    #[serde(deserialize_with = "outcome")]
    outcome: Outcome,
    owner: Option<SubjectId>,
    private: Option<Hex>,
    reason: Reason,
    request_id: Option<String>,
    resource: Option<Resource>,
    revision: Decimal,
    tenant: TenantId,
    time_ns: Decimal,
    #[serde(default)]
    token_ids: Vec<String>,
    v: u64,
    withdraws: Option<EventId>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct WireHop {
    agent: AgentId,
    at: Timestamp,
    delegation: Option<DelegationId>,
}

#[derive(serde::Deserialize)]
#[serde(untagged)]
enum WireDetail {
    Text(String),
    List(Vec<String>),
}

impl Versioned for Wire {
    fn version(&self) -> u64 {
        self.v
    }
}

impl From<Wire> for Event {
    fn from(wire: Wire) -> Self {
        Self {
            id: wire.id,
            log: wire.log,
            index: wire.index.0,
            time_ns: wire.time_ns.0,
            tenant: wire.tenant,
            kind: wire.kind,
            agent: wire.agent,
            claimed: wire.claimed,
            owner: wire.owner,
            line: wire.line.into_iter().map(Hop::from).collect(),
            action: wire.action,
            resource: wire.resource,
            outcome: wire.outcome,
            reason: wire.reason,
            grant: wire.grant,
            obligations: wire.obligations,
            revision: wire.revision.0,
            request_id: wire.request_id,
            cost: wire.cost.map(|cost| cost.0),
            duration_ns: wire.duration_ns.map(|duration| duration.0),
            audience: wire.audience,
            args_hash: wire.args_hash.map(|hash| hash.0),
            token_ids: wire.token_ids,
            withdraws: wire.withdraws,
            private: wire.private.map(|hash| hash.0),
            detail: wire
                .detail
                .into_iter()
                .map(|(key, value)| (key, value.into()))
                .collect(),
        }
    }
}

impl From<WireHop> for Hop {
    fn from(
        WireHop {
            agent,
            at,
            delegation,
        }: WireHop,
    ) -> Self {
        Self {
            agent,
            delegation,
            at,
        }
    }
}

impl From<WireDetail> for Detail {
    fn from(wire: WireDetail) -> Self {
        match wire {
            WireDetail::Text(text) => Self::Text(text),
            WireDetail::List(list) => Self::List(list),
        }
    }
}

/// A number of 64 bits, as text.
pub(crate) struct Decimal(pub(crate) u64);

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&str>::deserialize(deserializer)?;
        text.parse()
            .map(Self)
            .map_err(|_| D::Error::custom("write decimal digits, below 2^64"))
    }
}

/// A hash, as text.
pub(crate) struct Hex(pub(crate) Hash);

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&str>::deserialize(deserializer)?;
        from_hex(text)
            .map(Self)
            .ok_or_else(|| D::Error::custom("write 64 lower-case hex digits"))
    }
}

fn kind<'de, D: Deserializer<'de>>(deserializer: D) -> Result<EventKind, D::Error> {
    let code = <&str>::deserialize(deserializer)?;
    EventKind::from_code(code).ok_or_else(|| unknown("an event kind", code))
}

fn outcome<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Outcome, D::Error> {
    let code = <&str>::deserialize(deserializer)?;
    Outcome::from_code(code).ok_or_else(|| unknown("an outcome", code))
}

fn unknown<E: Error>(what: &str, code: &str) -> E {
    E::custom(format_args!(
        "`{code}` is not {what} that this version knows; try a newer one"
    ))
}
