//! The columns beside a record by which people look it up.
//!
//! A store does not look into the bytes of a record. These are for the views alone, which would
//! otherwise have to read every record: where the bytes are none of ours, the columns are empty, and
//! the views leave the record out.

use kavach_store::kavach_core;
use kavach_store::records::{AGENTS, DELEGATIONS, decode};
use kavach_store::{Key, Space};

/// What a record is looked up by.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Shown {
    pub(crate) id: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) owner: Option<String>,
    pub(crate) giver: Option<String>,
    pub(crate) receiver: Option<String>,
}

/// Whether records of this space have such columns.
pub(crate) fn is_shown(space: Space) -> bool {
    space == AGENTS || space == DELEGATIONS
}

impl Shown {
    pub(crate) fn of(key: &Key, bytes: &[u8]) -> Self {
        use kavach_core::Record;

        if !is_shown(key.space()) {
            return Self::default();
        }
        match decode(key.space().name(), bytes) {
            Ok(Some(Record::Agent(agent))) => Self {
                id: Some(agent.id.to_string()),
                name: Some(agent.name.to_string()),
                owner: Some(agent.owner.to_string()),
                ..Self::default()
            },
            Ok(Some(Record::Delegation(delegation))) => Self {
                id: Some(delegation.id.to_string()),
                giver: Some(delegation.from.to_string()),
                receiver: Some(delegation.to.to_string()),
                ..Self::default()
            },
            _ => Self::default(),
        }
    }
}
