//! An event in columns: what is searched, and the bytes that were hashed.

use kavach_store::kavach_audit::SealedEvent;
use kavach_store::kavach_core::Resource;
use kavach_store::{StoreError, StoreErrorKind};

use crate::error::Failure;
use crate::number::to_column;

/// One row of the table of events, and the rows beside it.
#[derive(Debug)]
pub(crate) struct Columns<'a> {
    pub(crate) log: Vec<u8>,
    pub(crate) index: i64,
    pub(crate) time_ns: i64,
    pub(crate) id: String,
    pub(crate) tenant: String,
    pub(crate) agent: Option<String>,
    pub(crate) owner: Option<String>,
    pub(crate) action: Option<&'a str>,
    pub(crate) resource: Option<&'a str>,
    /// The first two segments of the resource, such as `mcp:github`.
    pub(crate) place: Option<&'a str>,
    pub(crate) outcome: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) bytes: &'a [u8],
    /// Who else stands in the line, each once.
    pub(crate) ancestors: Vec<String>,
}

impl<'a> Columns<'a> {
    pub(crate) fn of(sealed: &'a SealedEvent) -> Self {
        let event = &sealed.event;
        let mut ancestors: Vec<_> = event
            .line
            .iter()
            .map(|hop| hop.agent)
            .filter(|agent| Some(*agent) != event.agent)
            .collect();
        ancestors.sort_unstable();
        ancestors.dedup();
        Self {
            log: event.log.as_u128().to_be_bytes().to_vec(),
            index: to_column(event.index),
            time_ns: to_column(event.time_ns),
            id: event.id.to_string(),
            tenant: event.tenant.to_string(),
            agent: event.agent.map(|agent| agent.to_string()),
            owner: event.owner.map(|owner| owner.to_string()),
            action: event.action.as_ref().map(|action| action.as_str()),
            resource: event.resource.as_ref().map(Resource::as_str),
            place: event
                .resource
                .as_ref()
                .map(|resource| place(resource.as_str())),
            outcome: event.outcome.code(),
            reason: event.reason.code(),
            kind: event.kind.code(),
            bytes: &sealed.bytes,
            ancestors: ancestors.iter().map(ToString::to_string).collect(),
        }
    }
}

/// The event that was stored as these bytes.
///
/// # Errors
/// If the bytes are none.
pub(crate) fn decode(stored: &[u8]) -> Result<SealedEvent, Failure> {
    SealedEvent::decode(stored).map_err(|cause| {
        let message = "an event in the store cannot be read; restore a backup";
        StoreError::new(StoreErrorKind::Corrupt, message)
            .because(cause)
            .into()
    })
}

/// `a:b` of `a:b:c`.
fn place(resource: &str) -> &str {
    let end = resource.match_indices(':').nth(1).map(|(end, _)| end);
    end.and_then(|end| resource.get(..end)).unwrap_or(resource)
}

/// How many rows the columns of each log add, the logs in order.
pub(crate) fn per_log<'a>(rows: &'a [Columns<'a>]) -> Vec<(&'a [u8], i64)> {
    let mut logs: Vec<&[u8]> = rows.iter().map(|row| &*row.log).collect();
    logs.sort_unstable();
    logs.chunk_by(|log, next| log == next)
        .filter_map(|run| Some((*run.first()?, i64::try_from(run.len()).ok()?)))
        .collect()
}
