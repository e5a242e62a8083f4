//! Reading one log, as it was written.

use kavach_store::kavach_audit::SealedEvent;
use kavach_store::kavach_core::LogId;
use redb::ReadTransaction;

use crate::error::Failure;
use crate::schema::{PLACES, ROWS};
use crate::trail::row::{Row, damaged};

/// At most `size` events of the log, from this index on.
pub(crate) fn of_log(
    transaction: &ReadTransaction,
    log: LogId,
    from: u64,
    size: usize,
) -> Result<Vec<SealedEvent>, Failure> {
    let (places, rows) = (
        transaction.open_table(PLACES)?,
        transaction.open_table(ROWS)?,
    );
    let log = log.as_u128();
    let mut events = Vec::new();
    for place in places.range((log, from)..=(log, u64::MAX))?.take(size) {
        let number = place?.1.value();
        let stored = rows.get(number)?.ok_or_else(|| damaged(number))?;
        events.push(Row::decode(number, stored.value())?.event(number)?);
    }
    Ok(events)
}
