//! The audit trail.
//!
//! Events are numbered in the order of their arrival, and their rows only ever appended. A row says
//! which *terms* the event has: hashes of its agents, owner, action and so on. Every 1,024 events are a
//! *block*; the commit that completes a block writes down which of its events have which term, in
//! ascending order, so indexing costs each event a few bytes at the end of a table instead of a page in
//! the middle of one for each term. A query reads, block by block, only the events that have all its
//! terms, and the rows of the last, incomplete block one by one, so it finds everything committed
//! before it.

mod append;
mod log;
mod row;
mod scan;
mod term;
#[cfg(test)]
mod tests;

pub(crate) use append::append;
pub(crate) use log::of_log;
pub(crate) use scan::Scan;

use redb::{ReadTransaction, ReadableTableMetadata};

use crate::error::Failure;
use crate::schema::ROWS;

/// How many events there are.
pub(crate) fn len(transaction: &ReadTransaction) -> Result<u64, Failure> {
    Ok(transaction.open_table(ROWS)?.len()?)
}
