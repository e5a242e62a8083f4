//! One batch, in one transaction.

use kavach_store::{Batch, Committed, Expect, Key, Revision, StoreError, StoreErrorKind, Version};
use redb::{ReadableTable, WriteTransaction};

use crate::error::Failure;
use crate::schema::{RECORDS, State};
use crate::{feed, records, trail};

/// Does in `transaction` what a checked `batch` says; `tag` gives a revision its tag. On failure the
/// transaction must not be committed.
pub(crate) fn apply(
    transaction: &WriteTransaction,
    batch: &Batch,
    tag: impl FnOnce(u64) -> u64,
) -> Result<Committed, Failure> {
    check_expectations(transaction, &batch.expectations)?;
    State::update(transaction, |state| {
        // INVARIANT (versions): one for each commit, in the same transaction as what it is given to.
        state.version += 1;
        let version = Version::from_u64(state.version);
        write_records(transaction, batch, version)?;
        let changed = batch.graph_changes();
        if !changed.is_empty() {
            let number = state.revision.number() + 1;
            state.revision = Revision::new(number, tag(number));
            feed::append(transaction, state.revision, &changed)?;
        }
        trail::append(transaction, state, &batch.events)?;
        Ok(Committed {
            revision: state.revision,
            version,
        })
    })
}

fn check_expectations(
    transaction: &WriteTransaction,
    expectations: &[(Key, Expect)],
) -> Result<(), Failure> {
    if expectations.is_empty() {
        return Ok(());
    }
    let table = transaction.open_table(RECORDS)?;
    let mut failed = Vec::new();
    for (number, (key, expect)) in expectations.iter().enumerate() {
        let found = match records::place(key.space().name(), key.bytes()) {
            Some(place) => table.get(place.as_slice())?,
            None => None,
        };
        let version = match &found {
            Some(stored) => Some(records::decode(stored.value())?.0),
            None => None,
        };
        if !expect.holds(version) {
            failed.push(number);
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    let message = "an expectation of the batch does not hold; read again and decide anew";
    Err(StoreError::new(StoreErrorKind::Conflict(failed), message).into())
}

fn write_records(
    transaction: &WriteTransaction,
    batch: &Batch,
    version: Version,
) -> Result<(), Failure> {
    if batch.puts.is_empty() && batch.deletes.is_empty() {
        return Ok(());
    }
    let mut table = transaction.open_table(RECORDS)?;
    for (key, bytes) in &batch.puts {
        if let Some(place) = records::place(key.space().name(), key.bytes()) {
            table.insert(place.as_slice(), records::encode(version, bytes).as_slice())?;
        }
    }
    for key in &batch.deletes {
        if let Some(place) = records::place(key.space().name(), key.bytes()) {
            table.remove(place.as_slice())?;
        }
    }
    Ok(())
}
