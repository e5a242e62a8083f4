//! How the records of the graph lie in a store: canonical JSON (RFC 8785) under keys that sort by tenant.

use kavach_core::{Record, RecordKey};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{StoreError, StoreErrorKind};
use crate::key::{Key, Space};

#[cfg(test)]
mod tests;

/// Owners' standing.
pub const OWNERS: Space = Space::graph("owner");
/// The host's names for subjects.
pub const SUBJECTS: Space = Space::graph("subject");
/// Agents.
pub const AGENTS: Space = Space::graph("agent");
/// Agents' names.
pub const AGENT_NAMES: Space = Space::graph("agent_name");
/// Delegations.
pub const DELEGATIONS: Space = Space::graph("delegation");

/// Guardrails.
pub const GUARDRAILS: Space = Space::graph("guardrail");

/// All spaces that make up the graph.
pub const GRAPH_SPACES: [Space; 6] = [
    OWNERS,
    SUBJECTS,
    AGENTS,
    AGENT_NAMES,
    DELEGATIONS,
    GUARDRAILS,
];

/// The version of the encoding that is written.
const VERSION: u32 = 1;

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

/// Where a record lies: the tenant in 16 bytes, then the id or the name.
///
/// A subject lies under the hash of its name, so that the name itself is only in the record, which
/// can be erased.
#[must_use]
pub fn key_of(key: &RecordKey) -> Key {
    let (space, tenant, rest) = match key {
        RecordKey::Owner(tenant, id) => (OWNERS, tenant, id.as_u128().to_be_bytes().to_vec()),
        RecordKey::Subject(tenant, subject) => {
            let mut hash = Sha256::new();
            hash.update(b"kavach subject v1\0");
            hash.update(tenant.as_u128().to_be_bytes());
            hash.update(subject.as_str());
            (SUBJECTS, tenant, hash.finalize().to_vec())
        }
        RecordKey::Agent(tenant, id) => (AGENTS, tenant, id.as_u128().to_be_bytes().to_vec()),
        RecordKey::Name(tenant, name) => (AGENT_NAMES, tenant, name.as_str().as_bytes().to_vec()),
        RecordKey::Delegation(tenant, id) => {
            (DELEGATIONS, tenant, id.as_u128().to_be_bytes().to_vec())
        }
        RecordKey::Guardrail(tenant, name) => {
            (GUARDRAILS, tenant, name.as_str().as_bytes().to_vec())
        }
    };
    let mut bytes = tenant.as_u128().to_be_bytes().to_vec();
    bytes.extend_from_slice(&rest);
    Key::new(space, bytes)
}

/// The bytes of a record.
///
/// # Errors
/// `InvalidInput`, if the record has no encoding; none of ours is so.
pub fn encode(record: &Record) -> Result<Vec<u8>, StoreError> {
    match record {
        Record::Owner(owner) => encode_value(owner),
        Record::Subject(subject) => encode_value(subject),
        Record::Agent(agent) => encode_value(agent),
        Record::Name(name) => encode_value(name),
        Record::Delegation(delegation) => encode_value(delegation),
        Record::Guardrail(guardrail) => encode_value(guardrail),
    }
}

fn encode_value<T: Serialize>(record: &T) -> Result<Vec<u8>, StoreError> {
    serde_json_canonicalizer::to_vec(&Envelope { v: VERSION, record }).map_err(|cause| {
        StoreError::new(StoreErrorKind::InvalidInput, "a record has no encoding").because(cause)
    })
}

/// The record that these bytes, found in the space of this name, stand for; `None` for a space that is
/// not one of [`GRAPH_SPACES`].
///
/// # Errors
/// `Corrupt` if the bytes are not a record; `SchemaTooNew` if a newer version wrote them.
pub fn decode(space: &str, bytes: &[u8]) -> Result<Option<Record>, StoreError> {
    let record = if space == OWNERS.name() {
        Record::Owner(decode_value(bytes)?)
    } else if space == SUBJECTS.name() {
        Record::Subject(decode_value(bytes)?)
    } else if space == AGENTS.name() {
        Record::Agent(decode_value(bytes)?)
    } else if space == AGENT_NAMES.name() {
        Record::Name(decode_value(bytes)?)
    } else if space == DELEGATIONS.name() {
        Record::Delegation(decode_value(bytes)?)
    } else if space == GUARDRAILS.name() {
        Record::Guardrail(decode_value(bytes)?)
    } else {
        return Ok(None);
    };
    Ok(Some(record))
}

fn decode_value<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    let corrupt = |cause| {
        let words = "a record in the store is not what was written there; restore a backup";
        StoreError::new(StoreErrorKind::Corrupt, words).because(cause)
    };
    match serde_json::from_slice::<Opened<T>>(bytes) {
        Ok(opened) if opened.v == VERSION => Ok(opened.record),
        Ok(_) | Err(_) => {
            let found: VersionOnly = serde_json::from_slice(bytes).map_err(corrupt)?;
            if found.v > VERSION {
                let words = format!(
                    "a record was written in encoding {}, and this version of Kavach knows {VERSION}; \
                     use a newer version",
                    found.v
                );
                return Err(StoreError::new(StoreErrorKind::SchemaTooNew, words));
            }
            // The version is ours, so the fault is in the rest.
            serde_json::from_slice::<Opened<T>>(bytes)
                .map(|opened| opened.record)
                .map_err(corrupt)
        }
    }
}
