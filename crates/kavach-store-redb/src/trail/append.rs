//! Writing events, and indexing the blocks that they complete.

use std::ops::Bound;

use kavach_store::kavach_audit::SealedEvent;
use kavach_store::{StoreError, StoreErrorKind};
use redb::{CursorError, ReadableTable, ReadableTableMetadata, Table, WriteTransaction};

use crate::error::Failure;
use crate::limits::BLOCK_EVENTS;
use crate::schema::{PLACES, ROWS, State, TERMS};
use crate::trail::row::Row;

/// Appends `events`, none of whose places may be taken, in the order of their times.
pub(crate) fn append(
    transaction: &WriteTransaction,
    state: &mut State,
    events: &[SealedEvent],
) -> Result<(), Failure> {
    if events.is_empty() {
        return Ok(());
    }
    let mut events: Vec<&SealedEvent> = events.iter().collect();
    events.sort_by_key(|sealed| (sealed.event.time_ns, sealed.event.log, sealed.event.index));

    let mut rows = transaction.open_table(ROWS)?;
    let first = rows.len()?;
    take_places(transaction, first, &events)?;
    let mut end = rows.upper_bound_mut(Bound::<u64>::Unbounded)?;
    for (number, sealed) in (first..).zip(&events) {
        let time_ns = sealed.event.time_ns;
        state.newest_ns = state.newest_ns.max(time_ns);
        state.lag_ns = state.lag_ns.max(state.newest_ns - time_ns);
        end.insert_before(number, Row::encode(sealed, state.newest_ns)?.as_slice())?;
    }
    end.close()?;
    index_blocks(transaction, &rows, first)
}

/// Notes where each event stands, the first of them having the number `first`.
fn take_places(
    transaction: &WriteTransaction,
    first: u64,
    events: &[&SealedEvent],
) -> Result<(), Failure> {
    let mut taken = transaction.open_table(PLACES)?;
    let mut places: Vec<((u128, u64), u64)> = events
        .iter()
        .map(|sealed| (sealed.event.log.as_u128(), sealed.event.index))
        .zip(first..)
        .collect();
    places.sort_unstable();
    let mut places = places.as_slice();
    while let Some(((log, index), _)) = places.first() {
        if taken.get((*log, *index))?.is_some() {
            let log = kavach_store::kavach_core::LogId::from_u128(*log);
            let message =
                format!("event {index} of `{log}` is there already; read the log's head again");
            return Err(StoreError::new(StoreErrorKind::Conflict(Vec::new()), message).into());
        }
        // One descent for a whole run: mostly, all of them continue one log.
        let mut gap = taken.upper_bound_mut(Bound::Included((*log, *index)))?;
        let mut run = 0;
        for (place, number) in places {
            match gap.insert_before(*place, *number) {
                Ok(()) => run += 1,
                Err(CursorError::UnorderedKey) => break,
                Err(error) => return Err(error.into()),
            }
        }
        gap.close()?;
        if run == 0 {
            return Err(Failure::corrupt(
                "the places of events are out of order; restore a backup",
            ));
        }
        places = places.get(run..).unwrap_or_default();
    }
    Ok(())
}

/// Indexes each block that is complete now and was not when there were `first` events.
///
/// INVARIANT (blocks): every complete block is indexed.
fn index_blocks(
    transaction: &WriteTransaction,
    rows: &Table<'_, u64, &'static [u8]>,
    first: u64,
) -> Result<(), Failure> {
    let complete = rows.len()? / BLOCK_EVENTS;
    if complete == first / BLOCK_EVENTS {
        return Ok(());
    }
    let mut terms = transaction.open_table(TERMS)?;
    for block in first / BLOCK_EVENTS..complete {
        let start = block * BLOCK_EVENTS;
        let mut found = Vec::new();
        for (place, row) in (0_u16..).zip(rows.range(start..start + BLOCK_EVENTS)?) {
            let (number, stored) = row?;
            let row = Row::decode(number.value(), stored.value())?;
            found.extend(row.terms().map(|term| (term, place)));
        }
        found.sort_unstable();
        let mut end = terms.upper_bound_mut(Bound::<(u64, u32)>::Unbounded)?;
        for events in found.chunk_by(|(term, _), (next, _)| term == next) {
            let Some((term, _)) = events.first() else {
                continue;
            };
            let places: Vec<u8> = events
                .iter()
                .flat_map(|(_, place)| place.to_be_bytes())
                .collect();
            end.insert_before((block, term.as_u32()), places.as_slice())?;
        }
        end.close()?;
    }
    Ok(())
}
